"""What only an agent's process knows is told in the store, too, and its machine never finds the store to differ for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meridian.coordination import EtcdServer, keys
from meridian.coordination.agent_settings import MEMORY
from meridian.coordination.membership import REMEMBERED, Membership
from meridian.deploy.supervisor import Supervisor
from tests.coordination.region import Region, generation, soon, topology, write_files

KEY = keys.REGIONS.key("ny")
CLOCK = "clock: the host's was set back by 7,200 s"


def value(**fields: object) -> str:
    """A membership as the machine writes it."""
    return json.dumps({"v": 1, "region": "ny", "status": ["store: away"], **fields}, separators=(",", ":"))


def test_what_goes_out_has_the_sentences_and_what_comes_back_has_not() -> None:
    member = Membership("ny")
    plain = value()
    member.want(KEY, plain)
    assert member.outgoing(KEY, plain, []) == plain and member.again([]) is None
    assert member.again([CLOCK]) == plain, "the process has something new to say"
    written = member.outgoing(KEY, plain, [CLOCK])
    assert written is not None and json.loads(written)["status"] == ["store: away", CLOCK]
    assert member.again([CLOCK]) is None
    assert member.incoming(KEY, written.encode()) == plain.encode()
    assert member.incoming(KEY, plain.encode()) == plain.encode()
    member.failed()
    assert member.again([CLOCK]) == plain, "it did not arrive"
    assert member.outgoing(KEY, None, [CLOCK]) is None
    edited = written.replace("away", "here").encode()
    assert member.incoming(KEY, edited) == edited, "what somebody else wrote is met as it is"


def test_other_keys_pass_as_they_are() -> None:
    member = Membership("ny")
    other = keys.REGIONS.key("chicago")
    member.want(other, value())
    assert member.outgoing(other, "no JSON", [CLOCK]) == "no JSON"
    assert member.again([CLOCK]) is None and member.incoming(other, b"no JSON") == b"no JSON"


def test_texts_that_may_come_back_are_few() -> None:
    member = Membership("ny")
    texts = [member.outgoing(KEY, value(epoch=at), [CLOCK]) for at in range(REMEMBERED + 2)]
    known = [text for text in texts if text and member.incoming(KEY, text.encode()) != text.encode()]
    assert known == texts[2:]


def test_a_disk_that_takes_nothing_is_told_to_all_regions_and_not_again_and_again(
    tmp_path_factory: pytest.TempPathFactory, stores: Callable[..., EtcdServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path_factory.mktemp("r")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    server = stores()
    write_files(short / "files")

    def told(region: Region) -> list[str]:
        found = region.etcd.get(KEY)
        return [] if found is None else list(json.loads(found.value)["status"])

    with Supervisor(topology("ny", short / "files", server.endpoints)) as supervisor:
        region = Region(supervisor, server)
        region.put("generation", generation(1))
        soon(lambda: region.etcd.get(KEY))
        soon(lambda: any(Path(supervisor.run.data_directory).rglob(MEMORY)))
        (memory,) = Path(supervisor.run.data_directory).rglob(MEMORY)
        memory.unlink()
        memory.mkdir()
        assert region.ask(command="kill", node="firm", new_orders="none", resting="keep", by="me", reason="test")["ok"]
        soon(lambda: any(sentence.startswith("disk: ") for sentence in told(region)))
        soon(lambda: any("from the local socket" in sentence for sentence in told(region)))
        assert any(sentence.startswith("disk: ") for sentence in told(region)), "beside what the machine says later"
        seen = region.etcd.get(KEY)
        soon(lambda: region.status()["store"]["revision"] >= (seen.mod_revision if seen else 0))
        revisions = set()
        for _ in range(20):
            time.sleep(0.1)
            found = region.etcd.get(KEY)
            assert found is not None
            revisions.add(found.mod_revision)
        assert len(revisions) <= 2, "it is written when something changes, not at every look"
        memory.rmdir()
        soon(lambda: not any(sentence.startswith("disk: ") for sentence in told(region)))
