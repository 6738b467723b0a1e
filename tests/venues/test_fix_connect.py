"""`meridian fix connect`: scripts against our acceptor, the log that is written, backup hosts, TLS, what is refused.

Invariant under test: nothing is sent before profile and script are sound; what fails is in the exit code and in a sentence.
"""

from __future__ import annotations

import datetime
import json
import os
import pty
import re
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meridian.console import Unreachable
from meridian.exchange.alone import Alone
from meridian.venues import fix_commands, fix_profile
from meridian.venues.fix import Dictionary, build, read_log
from meridian.venues.fix.ends import HINTS, TAKEN
from meridian.venues.fix.log import Logs, in_folder
from meridian.venues.fix_hours import DAYS
from meridian.venues.fix_session import Initiator
from tests.support import ROOT
from tests.venues.fix_support import LINE, free_port, profile, running, typed


@pytest.fixture(scope="module")
def acceptor() -> Iterator[int]:
    """The port of an acceptor."""
    port = free_port()
    with running("fix", "acceptor", "--port", str(port), port=port):
        yield port


def kinds(documents: list[dict[str, Any]], way: str) -> list[str]:
    return [one["name"] for one in documents if one["schema"] == "meridian.fix.connect.message/1" and one["way"] == way]


def test_a_script_sends_expects_and_logs_out(acceptor: int, tmp_path: Path) -> None:
    lines = "order buy 100 AAPL 187.25\nexpect D 55=AAPL OrderQty=100\ntest hello\nexpect Heartbeat 112=hello\n"
    path = profile(tmp_path, acceptor, more='log = "log"\nstore = "store"\n')
    code, documents, _ = typed("fix", "connect", str(path), lines=lines + "resend 2\nexpect SequenceReset\norders\n")
    last = documents[-1]
    assert code == 0 and last["schema"] == "meridian.fix.connect/1" and last["ended"] == "logged_out"
    assert kinds(documents, "out") == ["Logon", "NewOrderSingle", "TestRequest", "ResendRequest", "Logout"]
    assert kinds(documents, "in") == [
        "Logon",
        "NewOrderSingle",
        "Heartbeat",
        "NewOrderSingle",
        "SequenceReset",
        "Logout",
    ]
    log = read_log(tmp_path / "log" / "messages.00000001.log")
    entries = list(log)
    assert [entry.way for entry in entries if entry.message.name == "NewOrderSingle"] == ["out", "in", "in"]
    assert (len(entries), log.bad) == (last["messages"]["in"] + last["messages"]["out"], {})
    code, documents, _ = typed("fix", "log", str(tmp_path / "log"), "--type", "D")
    assert (code, [one["way"] for one in documents[:-1]]) == (0, ["out", "in", "in"])
    # Numbers go on: the other side of an acceptance run resets, and says so.
    assert list((tmp_path / "store").iterdir())


def test_a_log_of_several_files_is_read_as_one_and_followed_into_the_next(tmp_path: Path) -> None:
    def line(at: int) -> bytes:
        raw = build("0", {}, sender="A", target="B", sequence=at).raw
        return b"20260115-14:30:00.%09d out %b\n" % (at, raw)

    for at in (1, 2):
        (tmp_path / f"messages.{at:08}.log").write_bytes(line(at) + bytes(4096))
    (tmp_path / "messages.00000003.log").write_bytes(bytes(4096))
    assert list(in_folder(tmp_path)) == ["messages"]
    paths = in_folder(tmp_path)["messages"]
    assert [entry.message.get(34) for entry in Logs(paths)] == ["1", "2"]
    followed = iter(logs := Logs(paths, follow=True))
    assert [next(followed).message.get(34) for _ in range(2)] == ["1", "2"]
    with (tmp_path / "messages.00000002.log").open("r+b") as file:
        file.seek(len(line(2)))
        file.write(line(3))
    assert next(followed).message.get(34) == "3"
    (tmp_path / "messages.00000003.log").write_bytes(line(4) + bytes(4096))
    assert next(followed).message.get(34) == "4"
    logs.stop = lambda: True
    assert list(followed) == [] and (logs.messages, logs.bad) == (4, {})


def test_what_does_not_come_fails_the_run(acceptor: int, tmp_path: Path) -> None:
    code, documents, said = typed("fix", "connect", str(profile(tmp_path, acceptor)), lines="expect 8 within 0.2\n")
    assert code == 1 and documents[-1]["exit_code"] == 1
    assert documents[-1]["errors"] == ["expected ExecutionReport within 0.2 s, and none came"]
    assert documents[-1]["errors"][0] in said


def test_a_script_is_read_whole_before_anything_is_sent(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("order buy 100 AAPL 187.25\nordr\norder buy none AAPL 1\n# a remark\nresend 0\nraw 35=D|34=7\n")
    path = profile(tmp_path, 1)
    with script.open() as lines:
        done = subprocess.run(
            [*LINE, "fix", "connect", str(path)], cwd=ROOT, stdin=lines, capture_output=True, text=True
        )
    assert done.returncode == 2
    assert [line.partition(":")[0] + line.partition(":")[2][:7] for line in done.stderr.splitlines()] == [
        f"error line {number}" for number in (2, 3, 5, 6)
    ]
    assert "did you mean order?" in done.stderr and "field 34 is the session's own" in done.stderr


def test_the_next_address_is_tried_and_nobody_is_told(acceptor: int, tmp_path: Path) -> None:
    path = profile(tmp_path, acceptor)
    text = path.read_text().replace('addresses = ["', f'addresses = ["127.0.0.1:{free_port()}", "')
    path.write_text(text)
    code, documents, _ = typed("fix", "connect", str(path), lines="")
    assert code == 0 and documents[-1]["address"] == f"127.0.0.1:{acceptor}"
    code, documents, _ = typed("fix", "connect", str(profile(tmp_path, 1)), lines="")
    assert code == 3 and "127.0.0.1:1: connection refused" in documents[-1]["errors"][0]


def test_a_refused_logon_says_what_may_be_wrong(acceptor: int, tmp_path: Path) -> None:
    code, documents, _ = typed("fix", "connect", str(profile(tmp_path, acceptor, us="NOBODY")), lines="")
    assert code == 3 and "names, version" in documents[-1]["errors"][0]


def test_nothing_is_sent_while_the_profiles_hours_are_closed(acceptor: int, tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    days = [DAYS[(now.weekday() + 3) % 7]]
    hours = f'[session.hours]\nstart = "09:30"\nend = "16:00"\nzone = "America/New_York"\nweekdays = {days}\n'
    code, documents, _ = typed("fix", "connect", str(profile(tmp_path, acceptor, more=hours)), lines="")
    assert code == 3 and "hours are closed now" in documents[-1]["errors"][0], documents
    assert not kinds([one for one in documents if "way" in one], "out")
    always = hours.replace('"09:30"', '"00:00"').replace('"16:00"', '"00:00"').replace(str(days), str(list(DAYS)))
    code, documents, _ = typed("fix", "connect", str(profile(tmp_path, acceptor, more=always)), lines="")
    assert code == 0 and documents[-1]["ended"] == "logged_out"


def test_everything_that_is_wrong_with_a_profile_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        '[session]\naddresses = ["x"]\nbegin_string = "FIX.4.9"\nsender_comp_id = 3\nheartbeat_s = -4\nwrong = 1\n'
        'password_file = "absent"\n[session.hours]\nstart = "9"\nend = "16:00"\nzone = "Atlantis"\n'
        '[session.tls]\ncertificate_file = "absent.pem"\n[orders]\nlots = 1.5\n[more]\n'
    )
    code, documents, _ = typed("fix", "connect", str(path), lines="")
    told = documents[-1]["errors"]
    assert code == 2 and len(documents) == 1
    for key in (
        "more", "orders.lots", "session.addresses[0]", "session.begin_string", "session.sender_comp_id", "session.wrong",
        "session.target_comp_id", "session.heartbeat_s", "session.password_file", "session.hours.start", "session.hours.zone",
    ):  # fmt: skip
        assert any(key in one for one in told), (key, told)


def test_profiles_of_venues_are_found_by_name_and_sound() -> None:
    assert {"house", "house/drop-copy", "house/counterparty"} <= set(fix_profile.names())
    for name in fix_profile.names():
        assert fix_profile.load(name).addresses


GOOD = """
order sell 5 ESM4 market ioc ExecInst=6 1=x; cancel last; cancel all; replace last 200 187.3; status; status x; mass cancel;
mass-cancel AAPL; quote AAPL 1 2 100; quote cancel; quote-cancel AAPL; subscribe AAPL 0; orders;
test; resend 3 9; raw 35=D|11=a; sequence; sequence 4 5;
reset; logon; logout; disconnect; wait 0.5; expect 8 150=F within 3; help; quit
"""
BAD = """
order; order buy 0 AAPL 1; order up 1 AAPL 1; order buy 1 AAPL nan; order buy 1 AAPL 1 soon; order buy 1 AAPL 1 day x=y;
cancel; replace last; quote AAPL market 2 3; subscribe AAPL -1; resend x; raw 11=a; sequence 1; wait -1; wait nan; expect;
expect Nothing; order 'buy
"""


def test_help_shows_every_command_and_each_is_read() -> None:
    dictionary = Dictionary.of("FIX.4.4")
    lines = fix_commands.help_lines()
    assert len(lines) == len(fix_commands.COMMANDS)
    good = GOOD.split(";")
    assert {line.split()[0] for line in good} == set(fix_commands.COMMANDS) | {"mass"}
    for line in good:
        assert fix_commands.read(line, dictionary) is not None
    assert fix_commands.read("  # nothing", dictionary) is None
    bad = BAD.split(";")
    for line in bad:
        with pytest.raises(ValueError, match=r"\w"):
            fix_commands.read(line, dictionary)


@pytest.mark.parametrize(
    "line",
    [
        "order buy ² AAPL 1",
        "order buy 1 AAPL 1e999999999",
        "order buy 1 AAPL 1e-999999999",
        f"order buy {'9' * 5_000} AAPL 1",
        "order buy 1 AAPL 1 11=€",
        "test €",
        f"resend {2**64}",
        f"sequence {2**64} 1",
        "sequence 1 ²",
        "subscribe AAPL ²",
    ],
)
def test_numbers_and_letters_that_no_message_holds_are_refused_in_words(line: str) -> None:
    with pytest.raises(ValueError, match=r"must be|allowed") as refused:
        fix_commands.read(line, Dictionary.of("FIX.4.4"))
    said = str(refused.value)
    assert "codec" not in said and "literal" not in said and len(said) < 400, said


def test_a_venue_that_stops_reading_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.venues.fix_session.WRITE_S_MAX", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def venue() -> None:
            stream, _ = server.accept()
            stream.recv(4096)
            stream.sendall(build("A", [(98, 0), (108, 30), (141, "Y")], sender="ISLD", target="TW44", sequence=1).raw)
            kept.append(stream)

        threading.Thread(target=venue, daemon=True).start()
        path = profile(tmp_path, server.getsockname()[1])
        with Initiator.of(fix_profile.load(str(path)), reset_on_logon=True) as session:
            begun = time.monotonic()
            with pytest.raises(RuntimeError, match="not sent"):
                while True:
                    session.send("D", {11: "A", 58: "x" * 4_000})
            assert session.stream is None and time.monotonic() - begun < 30


def test_a_person_at_a_terminal_sees_messages_and_types_commands(acceptor: int, tmp_path: Path) -> None:
    near, far = pty.openpty()
    command = [*LINE, "fix", "connect", str(profile(tmp_path, acceptor))]
    process = subprocess.Popen(command, cwd=ROOT, stdin=far, stdout=far, stderr=far, close_fds=True)
    os.close(far)
    seen = ""

    def until(pattern: str) -> None:
        nonlocal seen
        end = time.monotonic() + 60
        while not re.search(pattern, seen):
            assert time.monotonic() < end, seen
            seen += os.read(near, 4096).decode(errors="replace")

    try:
        until("logged on to ISLD")
        os.write(near, b"ordr\n")
        until("did you mean order")
        os.write(near, b"order buy 100 AAPL 187.25\n")
        until(r"◀ ISLD → TW44 #\d+ NewOrderSingle: buy 100 AAPL")
        os.write(near, b"quit\n")
        until("the session is down: logged out")
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(near)


def test_own_output_and_closed_streams_are_not_blamed_on_the_venue(acceptor: int, tmp_path: Path) -> None:
    path = profile(tmp_path, acceptor)
    connect = " ".join(shlex.quote(word) for word in [*LINE, "fix", "connect", str(path)])

    def shell(line: str) -> tuple[int, str]:
        done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    code, said = shell(f"{connect} </dev/null | head -0; exit ${{PIPESTATUS[0]}}")
    assert (code, said.replace("logged", "")) == (0, said) and "error" not in said
    code, said = shell(f"{connect} </dev/null >/dev/full")
    assert code == 3 and said.startswith("error: standard output: no space left on device"), said
    for closing, name in (("<&-", "input"), (">&-", "output")):
        code, said = shell(f"{connect} {closing}")
        assert code == 2 and said == f"error: standard {name} is closed; allowed is a terminal, a file or a pipe\n"


def test_a_logout_that_nobody_answers_fails_the_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def venue() -> None:
            stream, _ = server.accept()
            stream.recv(4096)
            logon = build("A", {98: "0", 108: "30", 141: "Y"}, sender="ISLD", target="TW44", sequence=1)
            stream.sendall(logon.raw)
            while stream.recv(4096):
                pass
            stream.close()

        threading.Thread(target=venue, daemon=True).start()
        path = profile(tmp_path, server.getsockname()[1], more="logout_ns_max = 1000000000\n")
        code, documents, said = typed("fix", "connect", str(path), lines="")
    assert code == 1 and "our logout was not answered" in said, documents
    assert documents[-1]["exit_code"] == 1


def test_what_a_profile_names_is_bounded_and_its_password_is_never_told(tmp_path: Path) -> None:
    (tmp_path / "dictionary.xml").write_bytes(b"\xff\xfe\x00")
    path = profile(
        tmp_path,
        1,
        more='password = "hunter2"\npassword_file = "/dev/zero"\nheartbeat_s = nan\ndictionary = "dictionary.xml"\n'
        '[orders]\nlacks = ["nix", "ioc"]\n',
    )
    code, documents, said = typed("fix", "connect", str(path), lines="")
    told = documents[-1]["errors"]
    assert code == 2 and "hunter2" not in said + str(documents)
    for key in (
        "session.password =",
        "session.password_file =",
        "session.heartbeat_s =",
        "session.dictionary =",
        "lacks[0]",
    ):
        assert sum(key in one for one in told) == 1, (key, told)
    path = profile(tmp_path, 1, more='store = "/proc/x"\nlog = "/proc/y"\n')
    code, documents, _ = typed("fix", "connect", str(path), lines="")
    assert (
        code == 2 and ["session.store" in one or "session.log" in one for one in documents[-1]["errors"]] == [True] * 2
    )
    code, documents, _ = typed("fix", "lint", "/dev/zero")
    assert code == 2 and "no regular file" in documents[-1]["errors"][0]
    code, documents, _ = typed("fix", "log", "/dev/zero")
    assert code == 2 and "is a device, which never ends" in documents[-1]["errors"][0]
    (tmp_path / "giant.pem").touch()
    os.truncate(tmp_path / "giant.pem", 10 << 30)
    tls = '[session.tls]\ncertificate_file = "/dev/zero"\nkey_file = "giant.pem"\n'
    for key, why in (("certificate_file", "is no regular file"), ("key_file", "has 10737418240 bytes")):
        code, documents, _ = typed("fix", "connect", str(profile(tmp_path, 1, more=tls)), lines="")
        told = documents[-1]["errors"]
        assert code == 2 and len(told) == 1 and f"session.tls.{key}" in told[0] and why in told[0], told
        tls = tls.replace('certificate_file = "/dev/zero"', f'certificate_file = "{Path(__file__)}"')


@pytest.mark.parametrize("takes", [False, True])
def test_numbers_that_the_venue_refuses_are_no_matter_of_passwords(tmp_path: Path, takes: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def venue() -> None:
            stream, _ = server.accept()
            stream.recv(4096)
            text = {58: "MsgSeqNum too low, expecting 9 but received 1"}
            stream.sendall(build("5", text, sender="ISLD", target="TW44", sequence=9).raw)
            stream.close()

        threading.Thread(target=venue, daemon=True).start()
        more = f'store = "store"\ntakes_expected = {str(takes).lower()}\n'
        path = profile(tmp_path, server.getsockname()[1], more=more)
        code, documents, _ = typed("fix", "connect", str(path), lines="")
    told = documents[-1]["errors"][0]
    assert code == 3 and "password_file" not in told, told
    # What was done already is no advice.
    assert (TAKEN in told, "set takes_expected = true" in told) == (takes, not takes), told


def test_quotes_are_pulled_at_the_house_exchange(tmp_path: Path) -> None:
    port = free_port(3)
    lines = "quote AAPL 187.20 187.30 100\nexpect b 297=0\nquote cancel AAPL\nexpect b 297=1\nquote cancel\nexpect b 297=4\n"
    with running("exchange", "run", "--fix-port", str(port), "--data", str(tmp_path), port=port):
        code, documents, _ = typed("fix", "connect", str(tmp_path / "profiles" / "profile.toml"), lines=lines)
    assert code == 0, documents[-1]


def test_what_is_no_message_is_shown_in_part_with_its_length_and_reason(tmp_path: Path) -> None:
    giant = b"8=FIX.4.4\x019=85000000\x0135=D\x0158=" + b"x" * (8 << 20)

    with socket.create_server(("127.0.0.1", 0)) as server:

        def venue() -> None:
            stream, _ = server.accept()
            stream.recv(4096)
            body = {148: "y" * 50_000, 33: "1", 58: "z"}
            for raw in (
                build("A", {98: "0", 108: "30", 141: "Y"}, sender="ISLD", target="TW44", sequence=1).raw,
                giant,
                build("0", {}, sender="ISLD", target="TW44", sequence=2).raw,
                build("B", body, sender="ISLD", target="TW44", sequence=3).raw,
            ):
                stream.sendall(raw)
            stream.recv(4096)
            stream.sendall(build("5", {}, sender="ISLD", target="TW44", sequence=4).raw)
            stream.close()

        threading.Thread(target=venue, daemon=True).start()
        path = profile(tmp_path, server.getsockname()[1], more="message_bytes_max = 60000\n")
        line = [*LINE, "fix", "connect", str(path), "--json"]
        done = subprocess.run(
            line, cwd=ROOT, input="wait 2\n", capture_output=True, text=True, timeout=100, check=False
        )
    documents = [json.loads(one) for one in done.stdout.splitlines()]
    parts = [one for one in documents if one["schema"] == "meridian.fix.connect.part/1"]
    assert len(done.stdout) < 200_000, f"{len(done.stdout)} letters"
    assert "no message (" in parts[0]["reason"] and parts[0]["text"].startswith("8=FIX.4.4\\x019=85000000"), parts[0]
    further = [one["text"] for one in documents if one["schema"] == "meridian.fix.connect.note/1"]
    assert len(further) == 1 and further[0].endswith(" further bytes that are no message"), further
    assert parts[0]["bytes"] + int(further[0].split()[0]) == len(giant)
    assert parts[1]["reason"] == "News, too long to be shown" and parts[1]["bytes"] > 50_000
    assert kinds(documents, "in")[:2] == ["Logon", "Heartbeat"], "what comes behind is heard"


def test_each_end_that_a_person_must_do_something_about_has_a_hint_and_its_place_in_the_guide(tmp_path: Path) -> None:
    source = (ROOT / "crates" / "sessions" / "src" / "fix" / "counts.rs").read_text()
    ends = set(re.findall(r'Self::\w+ => "(\w+)"', source))
    nothing = {"logged_out", "logout_unanswered", "unexpected", "no_number"}
    assert set(HINTS) == ends - nothing
    guide = (ROOT / "docs" / "fix.md").read_text().partition("## A session that is not let in")[2]
    missing = [end for end in HINTS if end.replace("_", " ") not in guide]
    assert missing == []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def venue() -> None:
            stream, _ = server.accept()
            stream.recv(4096)
            stream.sendall(build("A", {98: "0", 108: "30"}, sender="ISLD", target="TW44", sequence=5).raw)
            stream.recv(4096)
            stream.close()

        threading.Thread(target=venue, daemon=True).start()
        code, documents, _ = typed("fix", "connect", str(profile(tmp_path, server.getsockname()[1])), lines="")
    told = documents[-1]["errors"][0]
    assert code == 3 and "reset_disagreed" in told and told.endswith(HINTS["reset_disagreed"]), told


def test_an_empty_password_file_is_no_open_door(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    words = ["exchange", "run", "--fix-port", str(free_port(3)), "--data", str(tmp_path / "data")]
    code, documents, _ = typed(*words, "--password-file", str(tmp_path / "empty"), lines="")
    assert code == 2, documents
    (error,) = documents[-1]["errors"]
    assert error.startswith(f"--password-file {tmp_path}") and "is empty" in error


def test_a_password_file_of_any_name_makes_a_profile_that_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "\N{KEY}\N{SNOWMAN}"
    secret.write_text("secret")
    alone = Alone(directory=tmp_path / "house", listings={"AAPL": Decimal("0.01")}, password_file=secret)
    alone.make_files()
    (found,) = [fix_profile.load(str(alone.profile(one))) for one in alone.sessions[:1]]
    assert found.session["password_file"] == str(secret)


def test_a_store_is_one_process_s_at_a_time(tmp_path: Path) -> None:
    path = profile(tmp_path, 9, more='store = "store"\n')
    mine = fix_profile.load(str(path))
    mine.make_folders()
    mine.make_folders()
    with pytest.raises(Unreachable, match="another process keeps its numbers there"):
        fix_profile.load(str(path)).make_folders()
    del mine
    fix_profile.load(str(path)).make_folders()


def test_numbers_beyond_any_session_are_refused_in_words() -> None:
    session = Initiator(("127.0.0.1", 9), {"begin_string": "FIX.4.4", "sender_comp_id": "A", "target_comp_id": "B"})
    session.set_numbers(2**53 - 1, 7)
    for incoming, outgoing in ((2**53, 1), (1, 2**53), (1, 2**64 - 1)):
        with pytest.raises(ValueError, match="allowed are those below 9007199254740992"):
            session.set_numbers(incoming, outgoing)
    assert session.session.numbers == (2**53 - 1, 7)


def test_a_message_that_is_too_long_is_told_of(tmp_path: Path) -> None:
    about = {"begin_string": "FIX.4.4", "sender_comp_id": "A", "target_comp_id": "B", "message_bytes_max": 1_024}
    with socket.create_server(("127.0.0.1", 0)) as server:
        session = Initiator(server.getsockname(), about)
        session.connect()
        stream, _ = server.accept()
        with stream:
            stream.sendall(build("A", {98: 0, 108: 30}, sender="B", target="A", sequence=1).raw)
            stream.sendall(build("B", {148: "x" * 2_000}, sender="B", target="A", sequence=2).raw)
            while not session.texts:
                session.step()
    assert session.texts == ["a message longer than message_bytes_max = 1024 was left behind"]


def test_a_drop_copy_that_was_long_away_is_given_room(tmp_path: Path) -> None:
    alone = Alone(directory=tmp_path, listings={"AAPL": Decimal("0.01")}, reports_waiting_max=1 << 20)
    alone.make_files()
    rooms = {port["role"]: port.get("reports_waiting_max") for port in alone.settings()["fix_ports"]}
    assert rooms == {"orders": 1 << 20, "drop_copy": 1 << 20, "market_data": None} and alone.errors() == []
