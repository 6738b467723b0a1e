"""How the process starts: where it may listen, and what it is refused for, before anything starts."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from meridian.console import BadInput, Unreachable
from meridian.risk.api import server
from meridian.risk.api.client import Client


def settings(**more: Any) -> server.Settings:
    """The least there is."""
    return server.Settings.model_validate({"tokens": "tokens.json", "etcd": ["http://127.0.0.1:1"]} | more)


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:api.socket"])
def test_loopback_needs_no_certificate(listen: str) -> None:
    assert server.problems_of(settings(listen=listen)) == []


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "risk.example:1"])
def test_everything_else_does(listen: str, tmp_path: Path) -> None:
    (wrong,) = server.problems_of(settings(listen=listen))
    assert listen in wrong and "certificate" in wrong
    pem = tmp_path / "pem"
    pem.write_text("")
    pem.chmod(0o600)
    assert server.problems_of(settings(listen=listen, certificate=str(pem), key=str(pem))) == []
    pem.chmod(0o644)
    assert "600" in server.problems_of(settings(listen=listen, certificate=str(pem), key=str(pem)))[0]
    with pytest.raises(BadInput):
        server.build(settings(listen=listen))


def test_neither_store_nor_client_is_reached_in_plain_beyond_this_host() -> None:
    (wrong,) = server.problems_of(settings(etcd=["http://127.0.0.1:1", "http://10.0.0.5:2379"]))
    assert "etcd = http://10.0.0.5:2379: allowed beyond loopback is https" in wrong
    with pytest.raises(BadInput, match="a token sent there could be read on the way"):
        Client("http://risk.example:8420", "token")


def test_all_errors_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "api.toml"
    path.write_text('colour = 1\nholders = ["x y"]\nproposal_seconds = 0\n')
    with pytest.raises(BadInput) as told:
        server.load(path)
    text = "\n".join(told.value.errors)
    for key in ("colour", "holders", "proposal_seconds", "tokens is missing", "etcd is missing"):
        assert key in text
    wrong = server.problems_of(settings(certificate="no.pem", limits="no.toml"))
    assert len(wrong) == 4


def test_an_address_that_is_taken_is_said_and_a_socket_is_its_owners(tmp_path: Path) -> None:
    with server.bound("127.0.0.1:0") as one, pytest.raises(Unreachable, match="in use"):
        server.bound(f"127.0.0.1:{one.getsockname()[1]}")
    path = tmp_path / "api.socket"
    with server.bound(f"unix:{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
