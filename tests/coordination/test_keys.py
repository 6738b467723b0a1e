"""The layout of keys: built and parsed in one place, documented, and what each role may write follows from it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meridian.coordination import keys, users
from tests.support import ROOT

FIELD = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())


@given(st.sampled_from(keys.KINDS), st.data())
def test_a_key_is_parsed_into_what_it_was_built_of(kind: keys.Kind, data: st.DataObject) -> None:
    fields = tuple(data.draw(FIELD) for _ in kind.fields)
    assert keys.parse(kind.key(*fields)) == (kind, fields)
    for count in range(len(fields)):
        assert kind.key(*fields).startswith(kind.prefix(*fields[:count]))


def test_no_kind_begins_as_another_so_that_a_key_has_one_meaning() -> None:
    names = [kind.name + "/" for kind in keys.KINDS]
    assert not [(one, other) for one in names for other in names if one != other and one.startswith(other)]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("/elsewhere", "is not below /meridian/v1/"),
        ("/meridian/v2/members/ny/1", "is not below /meridian/v1/"),
        ("/meridian/v1/strangers/ny", "is of no kind in this layout; kinds: members"),
        ("/meridian/v1/members/ny", "is no key of members; it takes region, engine"),
        ("/meridian/v1/members/ny/1/2", "is no key of members"),
        ("/meridian/v1/members//1", "is no key of members"),
        ("/meridian/v1/members/n%79/1", "is no key of members"),
        ("/meridian/v1/members/n y/1", "is no key of members"),
    ],
)
def test_a_strange_key_is_refused_with_a_sentence(key: str, why: str) -> None:
    with pytest.raises(keys.BadKey, match=re.escape(why)):
        keys.parse(key)


def test_fields_are_checked() -> None:
    with pytest.raises(keys.BadKey, match="takes region, engine, not ny"):
        keys.MEMBERS.key("ny")
    with pytest.raises(keys.BadKey, match="a field is empty"):
        keys.MEMBERS.key("ny", "")
    with pytest.raises(keys.BadKey, match="a prefix takes fewer"):
        keys.MEMBERS.prefix("ny", "1")


def test_the_generation_is_a_number_or_refused() -> None:
    assert keys.generation(None) == 0
    assert keys.generation(b" 12\n") == 12
    for text in (b"", b"-1", b"five", b"1.0", "٣".encode(), b"\xff"):
        with pytest.raises(keys.BadKey, match="allowed: a whole number"):
            keys.generation(text)


def test_the_subject_of_an_acknowledgement_is_a_key_again() -> None:
    part = keys.LIMIT_PARTS.key("firm net", "ny", "equities")
    applied = keys.APPLIED.key("ny", "equities", keys.subject_of(part))
    _, (region, shard, subject) = keys.parse(applied)
    assert (region, shard, keys.ROOT + subject) == ("ny", "equities", part)


def test_an_agent_writes_its_own_region_alone_and_nobody_but_the_api_limits() -> None:
    roles = {role.name: role for role in users.roles(["ny", "chicago"])}
    assert set(roles) == {"agent-ny", "agent-chicago", "limits-api", "operator", "viewer"}

    def writes(role: str, key: str) -> bool:
        return any(
            access != "read" and (key.startswith(part) if prefix else key == part)
            for part, prefix, access in roles[role].permissions
        )

    for role, key, allowed in [
        ("agent-ny", keys.POSITIONS.key("ny", "equities"), True),
        ("agent-ny", keys.POSITIONS.key("chicago", "futures"), False),
        ("agent-ny", keys.LIMIT_PARTS.key("net", "ny", "equities"), False),
        ("agent-ny", keys.KILLS.key("firm"), False),
        ("agent-ny", keys.GENERATION, False),
        ("limits-api", keys.LIMIT_PARTS.key("net", "ny", "equities"), True),
        ("limits-api", keys.POSITIONS.key("ny", "equities"), False),
        ("limits-api", keys.GENERATION, False),
        ("operator", keys.GENERATION, True),
        ("operator", keys.LIMIT_DEFINITIONS.key("net"), False),
        ("viewer", keys.APPROVALS.key("1"), False),
    ]:
        assert writes(role, key) is allowed, (role, key)
    assert all((keys.ROOT, True, "read") in role.permissions for role in roles.values())


def test_a_region_whose_name_begins_another_ones_gives_it_nothing() -> None:
    [ny, *_] = users.roles(["ny", "ny-2"])
    assert not [part for part, _, access in ny.permissions if access != "read" and "ny-2/".startswith(part[-4:])]
    other = keys.POSITIONS.key("ny-2", "equities")
    assert not any(access != "read" and other.startswith(part) for part, _, access in ny.permissions)


def test_the_page_documents_every_kind_as_it_is() -> None:
    page = (ROOT / "docs" / "coordination.md").read_text()
    for kind in keys.KINDS:
        fields = "/".join(field.upper() for field in kind.fields)
        row = f"| `{kind.name}/{fields}` | {kind.value} | {', '.join(kind.writers)} |"
        assert row in page, row
