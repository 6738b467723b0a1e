"""`make tidy`: format, lints, types, rules of the house, generated files. A finding a line: `path:line: sentence`.

Invariant: it changes nothing; exit code 1 when anything was found. `--fast` leaves out what compiles Rust.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import house_rules, unchecked  # noqa: E402

BIN = Path(sys.executable).parent
PLACE = re.compile(r"^([\w./-]+):(\d+)(?::\d+)?: (.*)$")


def output(command: list[str]) -> tuple[int, list[str]]:
    """Exit code and lines of a program run in the tree."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def placed(lines: Iterable[str]) -> list[str]:
    """The lines that name a place."""
    return [f"{m[1]}:{m[2]}: {m[3]}" for m in map(PLACE.match, lines) if m and ": note:" not in m[0]]


def reported(code: int, lines: list[str], program: str) -> list[str]:
    """A program's findings; when it failed without naming a place, its last words."""
    found = placed(lines)
    if code and not found:
        found = [f"{program}:1: failed: {line}" for line in lines[-15:] if line.strip()] or [f"{program}:1: failed"]
    return found if code else []


def python_format() -> list[str]:
    """Whether the Python is formatted."""
    code, lines = output([str(BIN / "ruff"), "format", "--check", "--output-format", "concise", "."])
    return [
        line.replace("unformatted: File would be reformatted", "is not formatted; run `ruff format`")
        for line in reported(code, lines, "ruff")
    ]


def python_lints() -> list[str]:
    """What ruff finds."""
    return reported(*output([str(BIN / "ruff"), "check", "--output-format", "concise", "--quiet", "."]), "ruff")


def python_types() -> list[str]:
    """What mypy finds; it follows the links from `meridian` to the rooms."""
    targets = ["meridian", "tools", "tests"]
    command = [str(BIN / "mypy"), "--strict", "--no-error-summary", "--show-error-codes", "--no-color-output", *targets]
    return reported(*output(command), "mypy")


def rust_format() -> list[str]:
    """Whether the Rust is formatted."""
    code, lines = output(["cargo", "fmt", "--all", "--check", "--", "-l"])
    if any("is not installed" in line or "no such command" in line for line in lines):
        unchecked.not_checked("Rust formatting (rustfmt is not installed)")
        return []
    wrong = sorted({os.path.relpath(line, ROOT) for line in lines if line.endswith(".rs")})
    return [f"{path}:1: is not formatted; run `cargo fmt`" for path in wrong] or reported(code, lines, "cargo")


def rust_lints() -> list[str]:
    """What clippy finds; every warning counts."""
    command = [
        "cargo",
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
        "--message-format=short",
        "--",
        "-Dwarnings",
    ]
    code, lines = output(command)
    if any("is not installed" in line or "no such command" in line for line in lines):
        unchecked.not_checked("Rust lints (clippy is not installed)")
        return []
    return sorted(set(reported(code, lines, "clippy")))


def rules() -> list[str]:
    """What the rules of the house find."""
    return [str(finding) for finding in house_rules.check(ROOT)]


def generated() -> list[str]:
    """Generated files that are not what their generator writes."""
    found = []
    extension = any(ROOT.glob("meridian/_native*.so"))
    for script, needs in (("tools/gen_codes.py", extension), ("tools/gen.py", True), ("tools/gen_fix.py", True)):
        if needs and (ROOT / script).exists():
            code, lines = output([sys.executable, script, "--check"])
            found += reported(code, lines, script)
    return found


def main() -> int:
    """Runs every check, the ones that compile beside the others."""
    checks: list[Callable[[], list[str]]] = [rules, python_format, python_lints, generated, rust_format, python_types]
    if "--fast" not in sys.argv[1:]:
        checks.insert(0, rust_lints)
    with ThreadPoolExecutor(max_workers=2) as pool:
        findings = [line for found in pool.map(lambda check: check(), checks) for line in found]
    for line in findings:
        print(line)
    print(f"tidy: {len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
