"""Who is let in: certificates, users, roles; and what a person is told who is not."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian.coordination import (
    Access,
    CertificateRefused,
    Etcd,
    EtcdError,
    EtcdServer,
    Forbidden,
    Unauthenticated,
    Unreachable,
    keys,
    users,
)
from meridian.coordination.certificates import Authority
from tests.coordination.conftest import Stores
from tests.coordination.support import empty_the_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """One member that speaks TLS and lets in known users alone."""
    with EtcdServer(tmp_path_factory.mktemp("guarded"), tls=True, users_of_regions=["ny", "chicago"]) as server:
        yield server


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the store knows nothing of."""
    return Authority.in_folder(tmp_path_factory.mktemp("foreign"))


def refused(access: Access, endpoints: list[str]) -> EtcdError:
    """What a caller with this access is told."""
    with pytest.raises(EtcdError) as told:
        Etcd(endpoints, access, timeout_s=1.5).get(keys.GENERATION.key())
    return told.value


def test_each_role_reads_everything_and_writes_what_the_table_says(guarded: EtcdServer) -> None:
    own = {
        "agent-ny": keys.POSITIONS.key("ny"),
        "agent-chicago": keys.SESSIONS.key("chicago"),
        "limits-api": keys.LIMITS.key("7"),
        "operator": keys.REFERENCE.key(),
        "viewer": None,
    }
    for user, writes in own.items():
        etcd = guarded.client(user)
        assert etcd.range(keys.ROOT) is not None
        for key in filter(None, own.values()):
            if key == writes:
                assert etcd.put(key, "1") > 0
            else:
                with pytest.raises(Forbidden):
                    etcd.put(key, "1")
        with pytest.raises(Forbidden):
            etcd.get("/elsewhere")
        with etcd.watch(keys.ROOT, prefix=True) as watch:
            assert watch.next(5) is not None
        with etcd.watch("/elsewhere") as watch, pytest.raises(Forbidden):
            watch.next(20)
        with pytest.raises(Forbidden):
            etcd.add_user("me-too", ["root"])


def test_an_agent_renews_its_lease_and_locks_need_rights(guarded: EtcdServer) -> None:
    agent, operator = guarded.client("agent-ny"), guarded.client("operator")
    lease = agent.lease(2)
    agent.put(keys.REGIONS.key("ny"), "1", lease=lease)
    time.sleep(3)
    lease.check()
    assert operator.get(keys.REGIONS.key("ny")) is not None
    with operator.locked(keys.lock_name("restore")) as lock:
        kind, (name, _) = keys.parse(lock.key)
        assert (kind, name) == (keys.LOCKS, "restore")
    with pytest.raises(Forbidden):
        agent.lock(keys.lock_name("restore"), lease)
    lease.revoke()


def test_setting_up_again_changes_nothing(guarded: EtcdServer) -> None:
    made = users.set_up(guarded.client(), ["ny", "chicago"])
    assert made == ["root", "agent-ny", "agent-chicago", "limits-api", "operator", "viewer"]
    with pytest.raises(Forbidden):
        guarded.client("viewer").put(keys.KILL.key("firm", "all"), "1")


@pytest.mark.parametrize(
    ("case", "kind", "sentence"),
    [
        ("no certificate", CertificateRefused, "the server wants a client certificate: give certificate and key"),
        ("another authority's", CertificateRefused, "the server refused the client certificate"),
        ("another ca", CertificateRefused, "comes from another authority than the one given as ca"),
        ("an unknown user's", Forbidden, "this user may not do this"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    case: str, kind: type[EtcdError], sentence: str, guarded: EtcdServer, foreign: Authority
) -> None:
    good = guarded.access("viewer")
    theirs = foreign.issue("viewer")
    access = {
        "no certificate": Access(ca=good.ca),
        "another authority's": Access(ca=good.ca, certificate=theirs.certificate, key=theirs.key),
        "another ca": Access(ca=foreign.certificate, certificate=good.certificate, key=good.key),
        "an unknown user's": guarded.access("stranger"),
    }[case]
    told = refused(access, guarded.endpoints)
    assert type(told) is kind
    assert sentence in str(told)


def test_a_wrong_name_and_plain_http_are_told(guarded: EtcdServer, stores: Stores) -> None:
    [member] = guarded.members
    wrong_name = [f"https://127.0.0.2:{member.client_port}"]
    assert isinstance(refused(guarded.access("viewer"), wrong_name), CertificateRefused | Unreachable)
    plain = [endpoint.replace("https", "http") for endpoint in guarded.endpoints]
    assert "its endpoints begin with https://" in str(refused(Access(), plain))
    [endpoint] = stores().endpoints
    told = refused(guarded.access("viewer"), [endpoint.replace("http", "https")])
    assert "does not speak TLS, its endpoints begin with http://" in str(told)


def test_users_with_passwords_and_tokens_that_run_out(stores: Stores) -> None:
    store = stores(flags=["--auth-token-ttl=2"])
    etcd = store.client()
    etcd.add_role("viewer", [(keys.ROOT, True, "read")])
    etcd.add_user("root", ["root"], password="secret of root")
    etcd.add_user("eve", ["viewer"], password="right")
    etcd.require_users()
    assert isinstance(refused(Access(), store.endpoints), Unauthenticated)
    assert "does not know this user" in str(refused(Access(user="eve", password="wrong"), store.endpoints))
    eve = Etcd(store.endpoints, Access(user="eve", password="right"))
    with eve.watch(keys.ROOT, prefix=True, silence_max_s=0.5) as watch:
        assert watch.next(5)
        assert eve.get(keys.GENERATION.key()) is None
        time.sleep(5)
        assert eve.get(keys.GENERATION.key()) is None, "a new token is fetched by itself"
        root = Etcd(store.endpoints, Access(user="root", password="secret of root"))
        root.put(keys.KILL.key("firm", "all"), "1")
        assert watch.next(10), "the watch outlives its token"
    with pytest.raises(Forbidden):
        eve.put(keys.KILL.key("firm", "all"), "0")


def test_a_user_whose_rights_end_is_told_by_its_watch(stores: Stores) -> None:
    store = stores(tls=True, users_of_regions=["ny"])
    viewer = store.client("viewer")
    with viewer.watch(keys.ROOT, prefix=True, silence_max_s=0.3) as watch:
        assert watch.next(5)
        empty_the_store(store)
        root = store.client()
        root.add_role("root", [])
        root.add_user("root", ["root"])
        root.require_users()
        with pytest.raises(Forbidden):
            watch.next(30)


def test_keys_are_private_and_an_authority_is_kept(tmp_path: Path) -> None:
    first = Authority.in_folder(tmp_path / "tls")
    issued = first.issue("agent-ny")
    before = first.certificate.read_bytes()
    again = Authority.in_folder(tmp_path / "tls")
    assert again.certificate.read_bytes() == before
    for path in (first.key, first.certificate, issued.key, issued.certificate):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    assert b"BEGIN PRIVATE KEY" in issued.key.read_bytes()


def test_a_store_with_users_starts_again_from_its_folder(tmp_path: Path) -> None:
    with EtcdServer(tmp_path, tls=True, users_of_regions=["ny"]) as store:
        store.client("agent-ny").put(keys.POSITIONS.key("ny"), "1")
        endpoints = store.endpoints
    with EtcdServer(tmp_path, tls=True, users_of_regions=["ny"]) as store:
        found = store.client("viewer").get(keys.POSITIONS.key("ny"))
        assert found is not None
        assert found.value == b"1"
        assert store.endpoints == endpoints
        with pytest.raises(Forbidden):
            store.client("viewer").put(keys.POSITIONS.key("ny"), "2")
