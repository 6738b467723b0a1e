"""`make kill`: every process of a real system is harmed in turn, by a seeded plan, and nothing may be lost."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from meridian.console import EXIT_BAD_INPUT, BadInput, CheckFailed, Failure, fail, note, show
from meridian.coordination.install import installed
from tests.kill import apart, report
from tests.kill.plan import Kind, plan
from tests.kill.runner import Runner

KILLS_MAX = 100_000
SECONDS_MAX = 86_400.0
ROOT = Path(__file__).resolve().parent.parent.parent


@click.command()
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of the plan; default: another one each time.")
@click.option("--kills", type=click.IntRange(1, KILLS_MAX), default=50, show_default=True, help="Harms in all.")
@click.option("--seconds", type=click.FloatRange(1, SECONDS_MAX), help="No harm is begun later.")
@click.option(
    "--kinds", default="", help="Kinds of harm, by their names in the report, separated by commas; default: all."
)
@click.option(
    "--system-kills", type=click.IntRange(1, KILLS_MAX), default=50, show_default=True, help="Harms of one system."
)
@click.option("--standby/--no-standby", default=None, help="New York's engine has one; default: where the seed is odd.")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Where the report goes, for programs."
)
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Where it goes, to be kept.")
def main(
    seed: int | None,
    kills: int,
    seconds: float | None,
    kinds: str,
    system_kills: int,
    standby: bool | None,
    json_path: Path | None,
    markdown: Path | None,
) -> None:
    """Harm every process of a real system in turn and compare everybody's journals."""
    chosen, wrong = _kinds(kinds)
    places = {"--json": json_path, "--markdown": markdown}
    missing = {key: path for key, path in places.items() if path and not path.absolute().parent.is_dir()}
    wrong += [f"{key} = {path}: its directory does not exist" for key, path in missing.items()]
    if wrong:
        raise BadInput(wrong)
    if seed is None:
        seed = secrets.randbits(31)
        sys.orig_argv += ["--seed", str(seed)]
    standby = seed % 2 == 1 if standby is None else standby
    installed()  # Outside there is a network.
    means = apart.entered()
    if not means.own:
        chosen -= {Kind.NETWORK}
    folder = Path(tempfile.mkdtemp(prefix="mrdn-kill-"))
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    for name in ("MERIDIAN_TOKEN", "MERIDIAN_API"):
        os.environ.pop(name, None)
    begun = time.monotonic()
    runner = Runner(
        seed=seed, means=means, plan=plan(seed, kills, chosen, standby=standby), standby=standby, folder=folder,
        tell=note, system_kills=system_kills,
        deadline=None if seconds is None else begun + seconds,
    )  # fmt: skip
    runner.run()
    again = _again(seed, kills, kinds, system_kills, standby=standby)
    found = report.facts(runner, commit=_commit(), seconds=time.monotonic() - begun, again=again)
    for path, text in ((json_path, json.dumps(found, indent=1) + "\n"), (markdown, report.markdown(found))):
        if path is not None:
            path.write_text(text, encoding="utf-8")
    if runner.kept is None:
        shutil.rmtree(folder, ignore_errors=True)
    show("kill", found, False, lambda: report.print_report(found), errors=report.errors(found))


def _kinds(text: str) -> tuple[frozenset[Kind], list[str]]:
    """The kinds of harm that are named, and what is wrong with the names."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = {kind.value: kind for kind in Kind}
    wrong = [f"--kinds = {name}: allowed are {', '.join(known)}" for name in names if name not in known]
    return frozenset(known[name] for name in names if name in known) or frozenset(Kind), wrong


def _commit() -> str:
    """The tree's commit, with + where it was changed since."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+" if git("status", "--porcelain", "-uno") else "")


def _again(seed: int, kills: int, kinds: str, system_kills: int, *, standby: bool) -> str:
    """The command that does the same again."""
    words = [f"SEED={seed}", f"KILLS={kills}"]
    words += [f'KINDS="{kinds}"'] if kinds else []
    words += [f"STANDBY={int(standby)}"]
    words += [f"SYSTEM_KILLS={system_kills}"] if system_kills != 50 else []
    return " ".join(["make kill", *words])


if __name__ == "__main__":
    try:
        main.main(prog_name="make kill", standalone_mode=False)
    except Failure as failure:
        fail(failure, as_json=False)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_BAD_INPUT)
    except OSError as error:
        fail(CheckFailed(str(error)), as_json=False)
