"""Every command and every Python example in the documents runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

DOCUMENTS = [
    path for path in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted(ROOT.glob("docs/**/*.md"))] if path.exists()
]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    """Place and text of every block of a language."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text()
        for match in BLOCK.finditer(text):
            if match[1] == language:
                line = text[: match.start()].count("\n") + 2
                found.append((f"{path.relative_to(ROOT)}:{line}", match[2]))
    return found


def commands() -> list[tuple[str, str]]:
    """Place and text of every command line."""
    return [
        (place, line) for place, text in blocks("sh") for line in text.splitlines() if line and not line.startswith("#")
    ]


@pytest.mark.parametrize(("place", "line"), commands())
def test_a_command_in_a_document_runs(place: str, line: str) -> None:
    words = shlex.split(line)
    if words[0] == "make":
        # Setup, demo and the tests run by themselves; here the target must exist and its options be understood.
        words.insert(1, "--dry-run")
    elif words[0] == ".venv/bin/meridian":
        words[:1] = [sys.executable, "-m", "meridian"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"{place}: {line}\n{done.stdout}{done.stderr}"


def examples() -> dict[str, str]:
    """Document → its Python examples, one after the other: a later one may use the names of an earlier one."""
    found: dict[str, str] = {}
    for place, text in blocks("python"):
        document = place.partition(":")[0]
        found[document] = f"{found.get(document, '')}\n# {place}\n{text}"
    return found


@pytest.mark.parametrize("document", examples())
def test_the_examples_in_a_document_run(document: str, tmp_path: Path) -> None:
    # A file, not a text: a strategy's source is read.
    program = tmp_path / "examples.py"
    program.write_text(examples()[document])
    done = subprocess.run(
        [sys.executable, str(program)], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, f"{document}\n{done.stderr}"


def test_every_link_in_a_document_leads_somewhere() -> None:
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
            assert target.startswith("http") or (path.parent / target).exists(), f"{path.name}: {target}"
