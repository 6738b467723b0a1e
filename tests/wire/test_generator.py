"""The generator: committed codecs are fresh, wrong tables are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import gen

PROTOCOL = '[protocol]\nname = "p"\ntitle = "P"\nmodule = "p"\nabout = "P."\n'
GROUP = 'group = [{ name = "Any", decode = "decode", about = "Any." }]\n'


def test_the_committed_codecs_are_what_the_tables_give(root: Path) -> None:
    done = subprocess.run([sys.executable, "tools/gen.py", "--check"], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ('size = 4\nfields = [["a", "u16", "A"]]', "its fields make 3 bytes, its size says 4"),
        ('size = 3\nfields = [["a", "u24", "A"]]', "kind 'u24' is not one of"),
        ('size = 3\nfields = [["a", "u16", "A", "letters"]]', "no value set 'letters'"),
        ('size = 3\nfields = [["t", "tail", "T"], ["a", "u16", "A"]]', "a tail must be the last field"),
        ('size = 1\nfields = []\nappendage = "never"', "appendage 'never' must be"),
        ('size = 3\nfields = [["a", "u16"]]', "must be \\[name, kind, meaning\\]"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, message: str, sentence: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f'{PROTOCOL}{GROUP}[[message]]\nname = "M"\ncode = "M"\nabout = "M."\n{message}\n')
    with pytest.raises(gen.TableError, match=sentence):
        gen.read_table(path)
