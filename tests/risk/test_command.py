"""`meridian limits` and `kill`: what is wrong with the words and files that they are given, in sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meridian.console import BadInput
from meridian.risk.api import tokens
from meridian.risk.cli import kill, limits
from tests.risk.support import LIMITS, REFERENCE, write


def refused(*words: str) -> list[str]:
    """What `meridian limits` says to these words."""
    error = CliRunner().invoke(limits, list(words)).exception
    assert isinstance(error, BadInput), error
    return error.errors


@pytest.mark.parametrize("words", [["list"], ["remove", "jo"]])
def test_a_file_of_tokens_that_is_not_there_is_named(words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "absent.json"
    (sentence,) = refused("token", *words, "--tokens", str(path))
    assert sentence == f"tokens = {path}: there is no such file; allowed is one that `limits token create` made."
    assert list(tmp_path.iterdir()) == []


def test_a_check_of_the_api_reads_the_files_that_it_names(tmp_path: Path) -> None:
    holders = tmp_path / "tokens.json"
    reference, limits_file = write(tmp_path, "reference.toml", REFERENCE), write(tmp_path, "limits.toml", LIMITS)
    named = {"tokens": holders, "reference": reference, "limits": limits_file}
    lines = [*(f"{key} = {json.dumps(str(path))}" for key, path in named.items()), 'etcd = ["http://127.0.0.1:2379"]']
    path = write(tmp_path, "api.toml", "\n".join(lines))
    (absent,) = refused("serve", str(path), "--check")
    assert absent.startswith(f"tokens = {holders}: there is no such file")
    tokens.create(holders, "jo", "risk", [])
    done = CliRunner().invoke(limits, ["serve", str(path), "--check", "--json"])
    assert done.exit_code == 0, done.output
    limits_file.write_text(LIMITS.replace("version = 1", "version = 7"))
    assert refused("serve", str(path), "--check") == [f"{limits_file}: version = 7: allowed is 1."]
    tokens.remove(holders, "jo")
    assert "it holds no token" in refused("serve", str(path), "--check")[0]


def test_a_kill_at_the_socket_says_what_is_allowed_in_our_words() -> None:
    words = ["firm", "--local", "--socket", "absent", "--select", "color=red", "--select", "trader=jo"]
    error = CliRunner().invoke(kill, words).exception
    assert isinstance(error, BadInput)
    assert error.errors == [
        "selector.trader = jo: allowed is a trader's number, from 1.",
        "selector.color = red: allowed is one of instrument, underlying, sector, venue, trader.",
    ]
