"""Reading a strategy's file where it can do no harm: first in a child process with bounded time and memory.

Invariant: a file is read in this process only after a child has read it to its end within the bounds; what the child met is
told in sentences. The platform's own plugins are read at once.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from meridian import child
from meridian.console import EXIT_BAD_INPUT, BadInput, CheckFailed, Failure, cut
from meridian.strategies import discover
from meridian.strategies.fields import ParameterError
from meridian.strategies.strategy import Strategy

__all__ = ["SECONDS_MAX", "classes_guarded", "find_guarded", "refusals"]

SECONDS_MAX = 20.0
"""Much longer than it takes to import numba."""
MESSAGE_MAX = 200
"""Characters of what a file raises that are shown."""
MEMORY_BYTES_MAX = 4 << 30
"""Of addresses; numba's libraries take one of them."""


def classes_guarded(spec: str) -> list[type[Strategy]]:
    """As `discover.classes`, after a child has read the file. Raises BadInput or CheckFailed with every error."""
    if spec not in discover.OWN:
        _try_in_child(spec)
    found, failure = _read(spec)
    if failure is not None:
        raise failure
    return found


def find_guarded(spec: str) -> type[Strategy]:
    """The one class that a spec names. Raises BadInput or CheckFailed."""
    found = classes_guarded(spec)
    if len(found) != 1:
        raise BadInput(f"{spec}: it defines {', '.join(cls.__name__ for cls in found)}; add :Class.")
    return found[0]


def refusals(cls: type[Strategy]) -> list[str]:
    """Why an engine would not take a class, by file and line; nothing where it would. Its object code is built meanwhile."""
    from meridian.strategies.artifact import build
    from meridian.strategies.scope import StrategyRefused

    try:
        build(cls)
    except StrategyRefused as refused:
        return list(refused.errors)
    return []


def _read(spec: str) -> tuple[list[type[Strategy]], Failure | None]:
    """Reads the file in this process; whatever it raises is a failure in words."""
    try:
        return discover.classes(spec), None
    except discover.NotFound as error:
        return [], BadInput(str(error))
    except ParameterError as error:
        return [], CheckFailed(error.errors)
    except SyntaxError as error:
        return [], CheckFailed(f"{error.filename}:{error.lineno}: {error.msg}.")
    except SystemExit:
        return [], CheckFailed(f"{spec}: it ends the process while it is read; a strategy's file must not.")
    except MemoryError:
        return [], CheckFailed(f"{spec}: reading it needs more than {MEMORY_BYTES_MAX >> 30} GiB of memory.")
    except Exception as error:  # Whatever the quant's own file raises while it is read.
        return [], CheckFailed(_raised(spec, error))


def _raised(spec: str, error: Exception) -> str:
    place = spec
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(spec.partition(":")[0]):
            place = f"{spec.partition(':')[0]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{place}: {type(error).__name__}: {cut(str(error), MESSAGE_MAX)}."


def _try_in_child(spec: str) -> None:
    """Raises what the child found, or a sentence for how it ended."""
    with tempfile.TemporaryDirectory(prefix="meridian-check-") as folder:
        answer = Path(folder) / "answer.json"
        command = [*child.module("meridian.strategies.guard"), spec, str(answer)]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=child.environment(), timeout=SECONDS_MAX, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise CheckFailed(
                f"{spec}: reading it takes longer than {SECONDS_MAX:.0f} s; a strategy's file defines classes and runs nothing."
            ) from None
        try:
            told = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            how = f"with signal {-done.returncode}" if done.returncode < 0 else f"with code {done.returncode}"
            raise CheckFailed(
                f"{spec}: it ends the process while it is read ({how}); a strategy's file must not."
            ) from None
    if told["errors"]:
        raise (BadInput if told["exit_code"] == EXIT_BAD_INPUT else CheckFailed)(told["errors"])


def _main(spec: str, answer: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, failure = _read(spec)
    errors, code = (failure.errors, failure.exit_code) if failure else ([], 0)
    answer.write_text(json.dumps({"errors": errors, "exit_code": code}), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
