"""The layout of keys: built and parsed in one place and documented; what each role may write follows from it, and what agents and
the limits API write is in it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meridian._native.coordination import agent_key
from meridian.coordination import keys, users
from tests.risk.api.harness import Api, run
from tests.support import ROOT

NAME = st.text("azAZ09 /%._-~=,+?#&\\é€😀", min_size=1, max_size=12)
NUMBER = st.integers(min_value=0, max_value=2**63).map(str)
SELECTOR = st.dictionaries(st.sampled_from(keys.SELECTED), NAME).map(keys.selector)
FIELDS: dict[str, st.SearchStrategy[str]] = {
    "limit": NUMBER,
    "sequence": st.integers(min_value=1, max_value=2**63).map("{:020}".format),
    "selector": SELECTOR,
    "subject": st.one_of(
        NUMBER.map(lambda number: f"limits/{number}"),
        st.tuples(NAME, SELECTOR).map(lambda fields: keys.subject(keys.KILL.key(*fields))),
        st.tuples(NUMBER, NAME).map(lambda fields: keys.subject(keys.PARTS.key(*fields))),
        st.just("reference"),
    ),
}


@given(st.sampled_from(keys.KINDS), st.data())
def test_a_key_is_parsed_into_what_it_was_built_of(kind: keys.Kind, data: st.DataObject) -> None:
    fields = tuple(data.draw(FIELDS.get(name, NAME)) for name in kind.fields)
    key = kind.key(*fields)
    assert keys.parse(key) == (kind, fields)
    for count in range(len(fields)):
        assert key.startswith(kind.prefix(*fields[:count]))
    assert keys.words(key)[0] == kind.name


def test_no_kind_begins_as_another_so_that_a_key_has_one_meaning() -> None:
    names = [kind.name for kind in keys.KINDS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("/elsewhere", "is not below /meridian/v1/"),
        ("/meridian/v2/limits/1", "is not below /meridian/v1/"),
        ("/meridian/v1/strangers/ny", "is of no kind in this layout; kinds: generation"),
        ("/meridian/v1/parts/7", "is no key of parts; allowed: /meridian/v1/parts/LIMIT/HOLDER"),
        ("/meridian/v1/parts/7/ny-1/2", "is no key of parts"),
        ("/meridian/v1/parts/7/", "is no key of parts"),
        ("/meridian/v1/parts/7/n%79", "is no key of parts"),
        ("/meridian/v1/parts/7/n y", "is no key of parts"),
        ("/meridian/v1/limits/007", "is no key of limits"),
        ("/meridian/v1/limits/-7", "is no key of limits"),
        ("/meridian/v1/limits/٣", "is no key of limits"),
        ("/meridian/v1/generation/1", "is no key of generation"),
        ("/meridian/v1/kill/firm/venue=A,instrument=B", "is no key of kill"),
        ("/meridian/v1/kill/firm/venue=", "is no key of kill"),
        ("/meridian/v1/kill/firm/color=red", "is no key of kill"),
        ("/meridian/v1/local/ny/arm/firm/all", "is no key of local"),
        ("/meridian/v1/audit/7", "is no key of audit"),
        ("/meridian/v1/acks/ny", "is no key of acks"),
        ("/meridian/v1/acks/ny/strangers/7", "is no key of acks"),
        ("/meridian/v1/acks/ny/acks/ny/limits/7", "is no key of acks"),
    ],
)
def test_a_strange_key_is_refused_with_a_sentence(key: str, why: str) -> None:
    with pytest.raises(keys.BadKey, match=re.escape(why)):
        keys.parse(key)


def test_fields_are_checked() -> None:
    with pytest.raises(keys.BadKey, match="takes limit, holder, not 7"):
        keys.PARTS.key("7")
    with pytest.raises(keys.BadKey, match="holder is empty"):
        keys.PARTS.key("7", "")
    with pytest.raises(keys.BadKey, match="limit is seven; allowed: a whole number"):
        keys.LIMITS.key("seven")
    with pytest.raises(keys.BadKey, match="a prefix takes fewer"):
        keys.PARTS.prefix("7", "ny-1")
    with pytest.raises(keys.BadKey, match="a selector names color; allowed: instrument"):
        keys.selector({"color": "red"})


def test_the_generation_is_a_number_or_refused() -> None:
    assert keys.generation(None) == 0
    assert keys.generation(b" 12\n") == 12
    value = keys.generation_value(7, by="operator", reason="restored", at_ns=1, cluster_id=0xAB)
    assert keys.generation(value.encode()) == 7
    assert json.loads(value)["cluster"] == "ab"
    for text in (b"", b"-1", b"five", b"1.0", "٣".encode(), b"\xff", b"[]", b"{}", b'{"generation": true}'):
        with pytest.raises(keys.BadKey, match="allowed: a generation"):
            keys.generation(text)


def test_the_subject_of_an_acknowledgement_is_a_key_again() -> None:
    part = keys.PARTS.key("7", "new york-1")
    _, (region, subject) = keys.parse(keys.ACKS.key("ny", keys.subject(part)))
    assert (region, keys.ROOT + subject) == ("ny", part)


PLACE = keys.selector({"instrument": "ES/Z6", "venue": "XCME", "trader": 9})
OF_AGENTS = [
    (agent_key("regions", "ny"), keys.REGIONS.key("ny"), "agent-ny"),
    (agent_key("positions", "ny"), keys.POSITIONS.key("ny"), "agent-ny"),
    (agent_key("usage", "ny"), keys.USAGE.key("ny"), "agent-ny"),
    (agent_key("slots", "ny"), keys.SLOTS.key("ny"), "agent-ny"),
    (agent_key("sessions", "ny"), keys.SESSIONS.key("ny"), "agent-ny"),
    (agent_key("local", "ny", f"desk%20a/{PLACE}"), keys.LOCAL.key("ny", "desk a", PLACE), "agent-ny"),
    (agent_key("acks", "ny", agent_key("limits", "7")), keys.ACKS.key("ny", "limits/7"), "agent-ny"),
    (agent_key("acks", "ny", agent_key("parts", "7", "ny-1")), keys.ACKS.key("ny", "parts/7/ny-1"), "agent-ny"),
    (agent_key("acks", "ny", agent_key("kill", "desk a", PLACE)), keys.ACKS.key("ny", f"kill/desk%20a/{PLACE}"), "agent-ny"),
    (agent_key("acks", "ny", keys.REFERENCE.key()), keys.ACKS.key("ny", "reference"), "agent-ny"),
    (agent_key("limits", "7"), keys.LIMITS.key("7"), "limits-api"),
    (agent_key("parts", "7", "ny/1-1"), keys.PARTS.key("7", "ny/1-1"), "limits-api"),
    (agent_key("kill", "desk a", PLACE), keys.KILL.key("desk a", PLACE), "limits-api"),
    (agent_key("epochs", "ny-1"), keys.EPOCHS.key("ny-1"), "operator"),
]  # fmt: skip
"""A key as an agent builds it, as the layout does, and who alone may write it."""


def writers(key: str) -> set[str]:
    """The users that may write a key, of two regions of which one's name begins the other's."""
    return {
        role.name
        for role in users.roles(["ny", "ny-2"])
        for part, prefix, access in role.permissions
        if access != "read" and (key.startswith(part) if prefix else key == part)
    }


@pytest.mark.parametrize(("built", "key", "writer"), OF_AGENTS)
def test_what_agents_build_is_in_the_layout_and_one_user_writes_it(built: str, key: str, writer: str) -> None:
    assert built == key
    kind, _ = keys.parse(key)
    assert (writer if not writer.startswith("agent") else "agent") in kind.writers
    assert writers(key) == {writer}


def test_every_key_of_an_agent_is_in_that_table() -> None:
    source = (ROOT / "crates" / "coordination" / "src" / "agent" / "publish.rs").read_text()
    own = re.search(r"matches!\(words\.next\(\), Some\(([^)]*)\)\)", source)
    assert own is not None
    named = {word.strip(' "') for word in own[1].split("|")}
    assert named == {kind.name for kind in keys.written_by("agent")}
    assert named == {keys.parse(key)[0].name for _, key, writer in OF_AGENTS if writer == "agent-ny"}


def test_every_key_that_the_api_writes_is_in_the_layout_and_nobody_elses(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        await api.make_global()
        done = await api.as_("risk").post("/v1/kill/desk", json={"level": "K3", "reason": "test"})
        assert done.status_code < 300, done.text
        done = await api.as_("risk").put("/v1/permissions/desk", json={"state": "deny", "reason": "test"})
        assert done.status_code == 200, done.text
        done = await api.as_("risk").put("/v1/restricted/ES", json={"new_orders": "none", "reason": "test"})
        assert done.status_code == 200, done.text
        waiting = await api.as_("risk").post("/v1/rearm/desk", json={"reason": "test"})
        assert waiting.status_code == 202, waiting.text
        seen = set()
        for write in [write for writes in api.store.transactions for write in writes]:
            kind, _ = keys.parse(write.key)
            seen.add(kind.name)
            assert writers(write.key) == ({"limits-api", "operator"} if kind is keys.GENERATION else {"limits-api"})
        unused = {"requests", "locks"}
        assert seen == {kind.name for kind in keys.written_by("limits-api")} - unused

    run(go, tmp_path)


def test_operators_write_what_nobody_decides_by_himself() -> None:
    assert writers(keys.GENERATION.key()) == {"operator", "limits-api"}
    assert writers(keys.REFERENCE.key()) == {"operator"}
    assert writers(keys.REQUESTS.key("ny", "1")) == {"operator", "limits-api"}
    assert writers(keys.LOCKS.key("restore", "5")) == {"operator", "limits-api"}
    assert writers("/elsewhere") == set()


def test_everybody_reads_everything_and_a_viewer_writes_nothing() -> None:
    roles = {role.name: role for role in users.roles(["ny"])}
    assert set(roles) == {"agent-ny", "limits-api", "operator", "viewer"}
    assert all((keys.ROOT, True, "read") in role.permissions for role in roles.values())
    assert roles["viewer"].permissions == ((keys.ROOT, True, "read"),)


def test_the_page_documents_every_kind_as_it_is() -> None:
    page = (ROOT / "docs" / "coordination.md").read_text()
    for kind in keys.KINDS:
        row = f"| `{kind.path}` | {kind.value} | {', '.join(kind.writers)} |"
        assert row in page, row
