"""`meridian fix certify` against the house exchange in a process of its own: every case, the three files, what fails.

Invariant under test: a verdict is earned by messages that stand in the report; the same run says the same in all three files.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian.venues.fix import read_log
from meridian.venues.fix.certify import cases
from meridian.venues.fix.certify.run import chosen
from tests.support import ROOT
from tests.venues.fix_support import LINE, free_port, profile, running, typed

RATE = 200
PASSWORD = "a-secret-1"


@pytest.fixture(scope="module", params=["FIX.4.4", "FIX.4.2", "FIX.5.0SP2"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A house exchange's directory, with its profiles."""
    folder = tmp_path_factory.mktemp("house")
    password, port = folder / "password", free_port(3)
    password.write_text(PASSWORD)
    words = [
        "--fix-port",
        str(port),
        "--fix-version",
        request.param,
        "--password-file",
        str(password),
        "--throttle",
        str(RATE),
    ]
    with running("exchange", "run", "--data", str(folder / "data"), *words, port=port):
        yield folder / "data" / "profiles"


def test_the_house_exchange_conforms_and_the_report_says_why(house: Path, tmp_path: Path) -> None:
    text = (house / "profile.toml").read_text()
    # The sessions of all versions are one code; what takes its time is played in one of them.
    words = [] if "FIX.4.4" in text else ["--only", "S1,S2,S9,S10,orders,M"]
    code, documents, said = typed("fix", "certify", str(house / "profile.toml"), "--out", str(tmp_path), *words)
    last = documents[-1]
    assert code == 0, said
    verdicts = {one["number"]: one["verdict"] for one in documents[:-1]}
    assert list(verdicts) == [case.number for case in chosen(words[-1].split(",") if words else [])[0]]
    names = {case.number: case.name for case in cases()}
    unoffered = {names[number] for number, verdict in verdicts.items() if verdict == "not offered"}
    # FIX 4.2 has no requests for many orders at once, and no instruction for a lost connection.
    older = {"mass-status", "mass-cancel", "cancel-on-disconnect"} if "FIX.4.2" in text else set()
    assert unoffered <= {"bust-and-correct", "mass-quote"} | older, unoffered
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["schema"] == "meridian.fix.certify.report/1" and report["counts"] == last["counts"]
    for case in report["cases"]:
        assert case["standard"] and case["expected"] and case["reason"], case["number"]
        assert case["verdict"] == "not offered" or case["messages"], case["number"]
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"<script|src=|https?://", page)
    for case in report["cases"]:
        assert f'id="{case["number"]}"' in page
    log = read_log(tmp_path / "messages.log")
    kept = [entry for entry in log if entry.way in ("in", "out")]
    lost = sum(message["lost"] for case in report["cases"] for message in case["messages"])
    assert len(kept) == last["counts"]["sent"] + last["counts"]["received"] - lost - log.bad.get("checksum", 0)
    assert lost >= 2
    everything = page + (tmp_path / "report.json").read_text() + (tmp_path / "messages.log").read_text("latin-1")
    assert PASSWORD not in everything and "=" + "*" * len(PASSWORD) in everything


def test_a_case_that_fails_is_named_with_what_came_instead(house: Path, tmp_path: Path) -> None:
    text = (house / "profile.toml").read_text()
    # A venue that does not know the symbol rejects what should rest.
    wrong = house / "wrong.toml"
    wrong.write_text(re.sub(r'symbol = "\w+"', 'symbol = "NOSUCH"', text))
    code, documents, said = typed("fix", "certify", str(wrong), "--only", "new-order,cancel,S1", "--out", str(tmp_path))
    last = documents[-1]
    assert code == 1 and last["exit_code"] == 1 and last["counts"]["failed"] == 2 and last["counts"]["passed"] == 1
    assert all("order was rejected" in error and error in said for error in last["errors"])
    assert 'class="verdict failed"' in (tmp_path / "report.html").read_text()


def test_what_the_profile_lacks_is_not_offered_and_never_passes(house: Path) -> None:
    text = (house / "profile.toml").read_text()
    lacking = house / "lacking.toml"
    lacking.write_text(text.replace("[orders]\n", '[orders]\nlacks = ["ioc"]\n'))
    code, documents, _ = typed("fix", "certify", str(lacking), "--only", "ioc")
    assert code == 0 and documents[-1]["counts"]["not offered"] == 1
    assert "orders.lacks names it" in documents[0]["reason"]


def test_cases_are_chosen_by_number_name_and_group() -> None:
    known = cases()
    assert len({case.number for case in known}) == len(known) == len({case.name for case in known})

    def numbers(*words: str) -> tuple[list[str], list[str]]:
        found, unknown = chosen(words)
        return [case.number for case in found], unknown

    assert numbers() == ([case.number for case in known], [])
    assert numbers("s1", "logon", "O2") == (["S1", "O2"], [])
    assert numbers("orders")[0] == [case.number for case in known if case.number[0] == "O"]
    assert numbers("S1", "nothing") == (["S1"], ["nothing"])


def test_unknown_cases_and_a_missing_profile_are_told_at_once(tmp_path: Path) -> None:
    code, documents, _ = typed("fix", "certify", "--only", "S1,X9", "--only", "nothing")
    told: list[Any] = documents[-1]["errors"]
    assert (
        code == 2 and [error.split(":")[0] for error in told[:2]] == ["--only X9", "--only nothing"] and len(told) == 3
    )
    code, documents, _ = typed("fix", "certify", "--list")
    assert code == 0 and len(documents[-1]["cases"]) == len(cases())


def test_an_interrupted_run_keeps_what_was_played(house: Path, tmp_path: Path) -> None:
    command = [*LINE, "fix", "certify", str(house / "profile.toml"), "--out", str(tmp_path), "--json"]
    process = subprocess.Popen(
        [*command, "--only", "O1,O2,throttle"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["number"] == "O1"
    process.send_signal(signal.SIGTERM)
    rest, said = process.communicate(timeout=60)
    last = json.loads(rest.splitlines()[-1])
    assert process.returncode == 1 and last["interrupted"] and "interrupted: " in said, (rest, said)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["interrupted"] and report["counts"] == last["counts"]
    assert [one["verdict"] for one in report["cases"]][0::2] == ["passed", "not played"]
    assert "interrupted" in (tmp_path / "report.html").read_text()
    assert list(read_log(tmp_path / "messages.log"))


def test_a_report_is_written_where_standard_output_takes_no_more(house: Path, tmp_path: Path) -> None:
    command = [*LINE, "fix", "certify", str(house / "profile.toml"), "--out", str(tmp_path), "--only", "S1"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 3 and "error: standard output: no space left on device" in done.stderr, done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["counts"]["passed"] == 1


def test_orders_from_before_the_run_are_no_fault_of_the_venue(house: Path, tmp_path: Path) -> None:
    path = house / "profile.toml"
    symbol = re.findall(r'symbol = "(\w+)"', path.read_text())[0]
    code, documents, said = typed("fix", "connect", str(path), lines=f"order buy 10 {symbol} 99.1\nexpect 8 150=0\n")
    assert code == 0, (said, documents)
    code, documents, said = typed("fix", "certify", str(path), "--only", "mass-status,mass-cancel")
    assert code == 0, said
    if "FIX.4.2" not in path.read_text():
        assert all("open before this run" in one["reason"] for one in documents[:-1]), documents


def test_a_session_that_a_profile_names_and_is_not_there_is_told_by_its_key(tmp_path: Path) -> None:
    path = profile(tmp_path, 1, more='[certify]\ncounterparty = "absent.toml"\ndrop_copy = "neither.toml"\n')
    code, documents, _ = typed("fix", "certify", str(path))
    told = documents[-1]["errors"]
    assert code == 2 and "certify.counterparty" in told[0] and "certify.drop_copy" in told[1] and len(told) == 2
