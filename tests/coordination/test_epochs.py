"""Epochs over a real etcd: each number goes to one life, none goes back, and what is no epoch is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meridian import records
from meridian.coordination import Etcd, EtcdError, EtcdServer, epochs, keys
from meridian.deploy import epochs as lives

HOLDER = "ny-1"


@pytest.fixture(autouse=True)
def fresh(etcd: Etcd) -> None:
    """No epoch of another test."""
    etcd.delete(keys.EPOCHS.prefix(), prefix=True)


def test_many_at_once_get_numbers_of_their_own(store: EtcdServer, etcd: Etcd) -> None:
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: epochs.advance(store.client(), HOLDER), range(24)))
    assert sorted(given) == list(range(1, 25))
    assert epochs.current(etcd, HOLDER) == 24 and epochs.current(etcd, "chicago-2") == 0


def test_a_store_that_is_behind_is_passed_and_a_newer_epoch_confirms_nothing(etcd: Etcd) -> None:
    assert epochs.advance(etcd, HOLDER, after=7) == 8
    assert epochs.confirm(etcd, HOLDER, 8)
    assert epochs.confirm(etcd, HOLDER, 10), "a store that was restored learns it"
    assert epochs.current(etcd, HOLDER) == 10
    assert not epochs.confirm(etcd, HOLDER, 9)
    assert epochs.current(etcd, HOLDER) == 10, "it never falls"


@pytest.mark.parametrize(
    "value",
    ["", "{", "[]", '{"epoch": -1}', '{"epoch": "3"}', '{"epoch": 65536}', '{"epoch": true}', '{"epoch": 3, "site": "a"}',
     '{"epoch": 3, "site": {"name": "a"}}', '{"epoch": 3, "site": {"name": "a", "data": "1", "epoch": 3, "since_ns": -1}}'],
)  # fmt: skip
def test_what_is_no_epoch_is_refused_and_left_alone(etcd: Etcd, value: str) -> None:
    key = keys.EPOCHS.key(HOLDER)
    etcd.put(key, value)
    with pytest.raises(epochs.BadEpoch, match=key):
        epochs.advance(etcd, HOLDER)
    with pytest.raises(epochs.BadEpoch, match=key):
        epochs.confirm(etcd, HOLDER, 3)
    found = etcd.get(key)
    assert found is not None and bytes(found.value) == value.encode()


def test_the_last_epoch_is_the_last(etcd: Etcd) -> None:
    etcd.put(keys.EPOCHS.key(HOLDER), f'{{"v": 1, "epoch": {epochs.EPOCH_MAX}}}')
    with pytest.raises(epochs.BadEpoch, match="no epoch is left"):
        epochs.advance(etcd, HOLDER)


def test_a_life_without_the_store_keeps_the_last_epoch_and_is_not_confirmed(store: EtcdServer, tmp_path: Path) -> None:
    reached = [store.client()]
    given = lives.Epochs(lambda: reached[0], tmp_path / lives.FILE)
    assert [given.take(HOLDER) for _ in range(2)] == [(1, True), (2, True)]
    reached[0] = Etcd(["http://127.0.0.1:1"], timeout_s=0.2)
    assert given.take(HOLDER) == (2, False) and given.unconfirmed == {HOLDER: 2}
    assert lives.Epochs(lambda: reached[0], tmp_path / lives.FILE).take(HOLDER) == (2, False), "it is kept in the file"
    given.confirm()
    assert given.unconfirmed == {HOLDER: 2}, "the store is still away"
    reached[0] = store.client()
    given.confirm()
    assert given.unconfirmed == {} and given.take(HOLDER) == (3, True)
    reached[0].delete(keys.EPOCHS.key(HOLDER))
    assert given.take(HOLDER) == (4, True), "an emptied store gives nothing that was given before"


def test_an_epoch_is_put_into_the_first_record_alone(tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.rec"
    rest = records.new("Node", node=1, level=1).tobytes()
    path.write_bytes(records.new("EngineStart", day=2_000, shard=3, epoch=1, firm=1).tobytes() + rest)
    lives.write(path, 9, unconfirmed=True)
    start = records.parse(path.read_bytes())
    assert [int(start[name]) for name in ("epoch", "unconfirmed", "shard", "day")] == [9, 1, 3, 2_000]
    lives.write(path, 10, unconfirmed=False)
    start = records.parse(path.read_bytes())
    assert [int(start[name]) for name in ("epoch", "unconfirmed")] == [10, 0] and path.read_bytes().endswith(rest)


def test_of_a_pair_one_leads_by_the_store(store: EtcdServer, etcd: Etcd, tmp_path: Path) -> None:
    given = lives.Epochs(store.client, tmp_path / lives.FILE)
    assert given.leader(HOLDER) is None, "no pair ever led"
    assert given.take(HOLDER, "engine") == (1, True) and not given.alone(HOLDER)
    assert epochs.office(etcd, HOLDER) == epochs.Office(1, "engine")
    assert given.promote(HOLDER, "engine-standby") == 2
    assert epochs.office(etcd, HOLDER) == epochs.Office(2, "engine-standby") and epochs.current(etcd, HOLDER) == 2
    assert given.leader(HOLDER) == "engine-standby"
    assert (given.led(HOLDER, "engine"), given.led(HOLDER, "engine-standby")) == (1, 2)
    assert given.alone(HOLDER), "the one that led does not follow yet"
    given.forget_led(HOLDER, "engine")
    assert given.led(HOLDER, "engine") is None and given.leader(HOLDER) == "engine-standby"
    given.set_alone(HOLDER, alone=False)
    assert given.take(HOLDER, "engine-standby") == (3, True)
    again = lives.Epochs(store.client, tmp_path / lives.FILE)
    assert (again.leader(HOLDER), again.led(HOLDER, "engine-standby"), again.alone(HOLDER)) == (
        "engine-standby",
        3,
        False,
    )


def test_without_the_store_nobody_is_promoted(store: EtcdServer, tmp_path: Path) -> None:
    reached = [store.client()]
    given = lives.Epochs(lambda: reached[0], tmp_path / lives.FILE)
    given.take(HOLDER, "engine")
    reached[0] = Etcd(["http://127.0.0.1:1"], timeout_s=0.2)
    with pytest.raises(EtcdError):
        given.promote(HOLDER, "engine-standby")
    assert given.leader(HOLDER) == "engine", "by the file"
    assert given.take(HOLDER, "engine") == (1, False)
    reached[0] = store.client()
    given.confirm()
    assert epochs.office(reached[0], HOLDER) == epochs.Office(1, "engine")


def test_a_file_that_is_behind_the_store_does_not_say_who_leads(store: EtcdServer, etcd: Etcd, tmp_path: Path) -> None:
    given = lives.Epochs(store.client, tmp_path / lives.FILE)
    given.take(HOLDER, "engine")
    assert epochs.advance(etcd, HOLDER, leads="engine-standby") == 2, "from a host whose files are lost"
    assert given.leader(HOLDER) == "engine-standby"
    given.promote(HOLDER, "engine")
    given.fall_back(HOLDER, "engine-standby")
    assert given.leader(HOLDER) == "engine-standby" and given.led(HOLDER, "engine") == 3


def test_many_that_would_lead_at_once_get_epochs_of_their_own(store: EtcdServer, etcd: Etcd) -> None:
    def lead(number: int) -> int:
        return epochs.advance(store.client(), HOLDER, leads=f"engine-{number}")

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lead, range(24)))
    assert sorted(given) == list(range(1, 25))
    last = given.index(24)
    assert epochs.office(etcd, HOLDER) == epochs.Office(24, f"engine-{last}")


A, B = epochs.Place("a", "1" * 32), epochs.Place("b", "2" * 32)


def test_one_site_leads_and_another_gets_no_epoch_until_it_takes_the_engine(etcd: Etcd) -> None:
    assert epochs.advance(etcd, HOLDER, own=A) == 1
    for other in (B, epochs.Place("a", "3" * 32), None):
        with pytest.raises(epochs.OtherSite, match=r"ny-1 is led from site a since .* UTC, epoch 1"):
            epochs.advance(etcd, HOLDER, own=other)
        with pytest.raises(epochs.OtherSite):
            epochs.confirm(etcd, HOLDER, 9, own=other)
    assert epochs.advance(etcd, HOLDER, leads="engine-standby", own=A) == 2
    first = epochs.office(etcd, HOLDER).claim
    assert first is not None and (first.place, first.epoch) == (A, 1), (
        "a further life of its engine is no further claim"
    )
    assert epochs.claim(etcd, HOLDER, B) == 3
    office = epochs.office(etcd, HOLDER)
    assert office.claim is not None and (office.claim.place, office.claim.epoch) == (B, 3)
    assert office.leads == "engine-standby", "which of a pair led is not changed by where it is led"
    with pytest.raises(epochs.OtherSite):
        epochs.advance(etcd, HOLDER, own=A)
    assert epochs.advance(etcd, HOLDER, own=B) == 4


def test_of_many_sites_that_take_an_engine_at_once_each_has_a_number_and_the_last_has_it(
    store: EtcdServer, etcd: Etcd
) -> None:
    places = [epochs.Place(f"s{at}", f"{at:032x}") for at in range(12)]
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda place: epochs.claim(store.client(), HOLDER, place), places))
    assert sorted(given) == list(range(1, 13))
    claim = epochs.office(etcd, HOLDER).claim
    assert claim is not None and claim.place == places[given.index(12)] and claim.epoch == 12


def test_a_life_at_another_site_is_none_and_not_one_that_only_reduces_positions(
    store: EtcdServer, tmp_path: Path
) -> None:
    reached = [store.client()]

    def client() -> Etcd:
        return reached[0]

    here = lives.Epochs(client, tmp_path / "a.json", own=A)
    there = lives.Epochs(client, tmp_path / "b.json", own=B)
    assert here.take(HOLDER) == (1, True) and here.elsewhere(HOLDER) is None
    away = Etcd(["http://127.0.0.1:1"], timeout_s=0.2)
    reached[0] = away
    assert here.take(HOLDER) == (1, False), "the store is away: as without sites"
    reached[0] = store.client()
    assert there.claim(HOLDER) == 2
    here.confirm()
    assert here.unconfirmed == {HOLDER: 1}, "nothing of it is confirmed any more"
    found = here.elsewhere(HOLDER)
    assert found is not None and found.place == B
    with pytest.raises(epochs.OtherSite):
        here.take(HOLDER)
    with pytest.raises(epochs.OtherSite):
        here.promote(HOLDER, "engine-standby")
    assert there.take(HOLDER) == (3, True)
