"""The FIX dictionaries: fresh, and of the same contents as those of others where these stand beside the tree."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from meridian.venues.fix.dictionary import VERSIONS, Dictionary
from tests.support import ROOT, need_data
from tools import gen_fix

OURS = ROOT / "venues" / "fix" / "dictionaries"

Flat = dict[int, tuple[bool, "Flat | None"]]
"""Tag → required, and what an entry holds where it counts a group; in order."""


class Model:
    """A dictionary with components laid into what names them."""

    def __init__(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        fields = root.find("fields")
        assert fields is not None
        self.tags = {each.attrib["name"]: int(each.attrib["number"]) for each in fields}
        self.types = {int(each.attrib["number"]): each.attrib["type"] for each in fields}
        self.values = {
            int(each.attrib["number"]): {value.attrib["enum"] for value in each}
            for each in fields
            if each.get("allowOtherValues") is None
        }
        self.components = {each.attrib["name"]: each for each in root.findall("components/component")}
        self.messages = {each.attrib["msgtype"]: self.flat(each, True) for each in root.findall("messages/message")}
        for part in ("header", "trailer"):
            element = root.find(part)
            self.messages[part] = {} if element is None else self.flat(element, True)

    def flat(self, element: ElementTree.Element, required: bool) -> Flat:
        """Members of an element, those of components in their place."""
        found: Flat = {}
        for child in element:
            needed = required and child.attrib.get("required") == "Y"
            if child.tag == "component":
                found.update(self.flat(self.components[child.attrib["name"]], needed))
            else:
                entries = self.flat(child, True) if child.tag == "group" else None
                found[self.tags[child.attrib["name"]]] = (needed, entries)
        return found


def differences(ours: Flat, theirs: Flat, path: str) -> list[str]:
    """What differs, a line each."""
    found = []
    for tag in sorted(ours.keys() | theirs.keys()):
        where = f"{path}/{tag}"
        if tag not in ours or tag not in theirs:
            found.append(f"{where} is only {'theirs' if tag in theirs else 'ours'}")
            continue
        if ours[tag][0] != theirs[tag][0]:
            found.append(f"{where} is required in one")
        mine, other = ours[tag][1], theirs[tag][1]
        if mine is not None and other is not None:
            if next(iter(mine)) != next(iter(other)):
                found.append(f"{where} begins with another field")
            found += differences(mine, other, where)
        elif mine is not other:
            found.append(f"{where} is a group in one")
    return found


def test_committed_dictionaries_are_what_the_tables_make() -> None:
    done = subprocess.run([sys.executable, "tools/gen_fix.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("message D Order app", "version 'app' is unknown"),
        ("message D Order other @44-", "expected `header`"),
        ("header @44-\n   8 BeginString", "deeper than the line above"),
        ("header @44-\n 8 BeginString @43", "in versions that its parent does not have"),
        ("header @44-\n 8 BeginString !43", "in versions that its parent does not have"),
        ("header @44-\n What", "neither a tag nor a component"),
    ],
)
def test_wrong_tables_are_refused(line: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "messages.txt"
    path.write_text(line + "\n")
    with pytest.raises(gen_fix.TableError, match=sentence):
        gen_fix.read_blocks(path)


@pytest.mark.parametrize("name", ["FIX42", "FIX44", "FIXT11"])
def test_early_versions_hold_what_those_of_others_hold(name: str) -> None:
    spec = need_data("fix/spec", "FIX dictionaries compared with those of others")
    ours, theirs = Model(OURS / f"{name}.xml"), Model(spec / f"{name}.xml")
    assert ours.messages.keys() == theirs.messages.keys()
    found = [line for kind in ours.messages for line in differences(ours.messages[kind], theirs.messages[kind], kind)]
    assert found == []
    assert ours.types.keys() == theirs.types.keys()
    assert {tag for tag in ours.types if ours.types[tag] != theirs.types[tag]} == set()
    # Theirs leave the values of SettlCurrFxRateCalc open in 4.2, and know no version but the last.
    compared = ours.values.keys() & theirs.values.keys() - {156, 1128}
    assert {tag for tag in compared if ours.values[tag] and ours.values[tag] != theirs.values[tag]} == set()


def test_the_latest_version_is_part_of_what_its_extensions_make_of_it() -> None:
    """Theirs is of a later extension pack: it adds; it requires fewer counts of groups, and six other fields less."""
    spec = need_data("fix/spec", "FIX dictionaries compared with those of others")
    ours, theirs = Model(OURS / "FIX50SP2.xml"), Model(spec / "FIX50SP2.xml")
    assert ours.messages.keys() <= theirs.messages.keys()
    assert ours.types.keys() <= theirs.types.keys()
    lines = [line for kind in ours.messages for line in differences(ours.messages[kind], theirs.messages[kind], kind)]
    others = (31, 32, 53, 295, 722, 863)
    counts = {tag for tag, name in ours.types.items() if name == "NUMINGROUP"}
    unexpected = []
    for line in lines:
        place, _, what = line.partition(" ")
        tags = [int(part) for part in place.split("/")[1:]]
        added = what == "is only theirs"
        count = what == "is required in one" and (tags[-1] in counts or tags[-1] in others)
        affected = 534 in tags and tags[0] == 534
        if not (added or count or affected):
            unexpected.append(line)
    assert unexpected == []


def test_a_dictionary_says_which_extension_pack_it_holds(tmp_path: Path) -> None:
    packs = [Dictionary.of(version).extension_pack for version in VERSIONS[4:]]
    assert packs == [0, 40, 75, 97]
    assert Dictionary.of("FIX.5.0SP2").tag("StreamAsgnType") == 1617, "what extension pack 97 brought"
    overlay = tmp_path / "later.xml"
    head = '<fix type="FIX" major="5" minor="0" servicepack="2" extensionpack="{}"><header/><trailer/>'
    body = '<messages/><components/><fields><field number="2836" name="OrderOriginationFirmID" type="STRING"/></fields></fix>'
    overlay.write_text(head.format(259) + body)
    later = Dictionary.of("FIX.5.0SP2", [overlay])
    assert (later.extension_pack, later.name(2836)) == (259, "OrderOriginationFirmID")
    assert repr(later).startswith("Dictionary('FIX.5.0SP2' EP259, ")
    overlay.write_text(head.format("259a") + body)
    with pytest.raises(ValueError, match="extensionpack = '259a': a number from 1 to 65535 is needed"):
        Dictionary.of("FIX.5.0SP2", [overlay])
