"""FIX sessions over TLS, ours on both ends and Python's on ours: who may come in, what is refused, in sentences.

Invariant under test: a session over TLS is the same session; whoever lacks the certificate that is asked for never reaches it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from meridian.venues.fix import read_log
from meridian.venues.fix_session import Initiator
from tests.venues.certificates import Files, make_files
from tests.venues.fix_support import HOST, free_port, profile, running, typed

PROFILE = {"begin_string": "FIX.4.4", "sender_comp_id": "TW44", "target_comp_id": "ISLD"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def acceptor(files: Files) -> Iterator[int]:
    """An acceptor that asks for the client's certificate, and writes down what passes."""
    port = free_port()
    words = ["--certificate", files["server.pem"], "--key", files["server.key"], "--client-ca", files["ca.pem"]]
    with running("fix", "acceptor", "--port", str(port), *words, "--log", "--directory", files["kept"], port=port):
        yield port


def context(files: Files, ca: str = "ca.pem", own: str | None = "client") -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=files[ca])
    if own is not None:
        made.load_cert_chain(files[f"{own}.pem"], files[f"{own}.key"])
    return made


def test_a_session_over_tls_is_the_same_session(acceptor: int, files: Files) -> None:
    with Initiator((HOST, acceptor), PROFILE, tls=context(files), server_name="venue.test") as session:
        for at in range(200):
            fields = {
                11: f"o{at}",
                21: "1",
                55: "AAPL",
                54: "1",
                60: "20260115-14:30:00",
                40: "1",
                38: "1",
                58: "x" * 2_000,
            }
            session.send("D", fields)
        names = [session.wait_message().get(11) for _ in range(200)]
    assert names == [f"o{at}" for at in range(200)]
    assert session.session.ended == "logged_out"
    logs = [path for path in Path(files["kept"]).rglob("*.log") if path.read_bytes()[:1] != b"\0"]
    (log,) = [read_log(path) for path in logs]
    ways = [entry.way for entry in log if entry.message.type == "D"]
    assert (ways.count("in"), ways.count("out"), log.bad) == (200, 200, {})


@pytest.mark.parametrize(
    ("ca", "own", "name"), [("ca.pem", None, "venue.test"), ("other.pem", "client", "venue.test"), ("ca.pem", "client", "x.test"),
                            ("ca.pem", "other", "venue.test")],
)  # fmt: skip
def test_whoever_lacks_the_certificate_does_not_come_in(
    acceptor: int, files: Files, ca: str, own: str | None, name: str
) -> None:
    session = Initiator((HOST, acceptor), PROFILE, tls=context(files, ca, own), server_name=name)
    with pytest.raises(OSError, match=r"certificate|closed|logon was not taken|TLS"):
        session.log_on()
    session.lose()
    with Initiator((HOST, acceptor), PROFILE, tls=context(files)):
        pass  # The others are not disturbed.


def test_what_speaks_no_tls_is_refused(acceptor: int) -> None:
    session = Initiator((HOST, acceptor), PROFILE)
    with pytest.raises(OSError, match="logon was not taken"):
        session.log_on()


def test_a_profile_says_it_all(acceptor: int, files: Files, tmp_path: Path) -> None:
    tls = "[session.tls]\nserver_name = 'venue.test'\n"
    known = f"{tls}ca_file = '{files['ca.pem']}'\n"
    own = f"certificate_file = '{files['client.pem']}'\nkey_file = '{files['client.key']}'\n"
    code, documents, _ = typed("fix", "connect", str(profile(tmp_path, acceptor, more=known + own)), lines="")
    assert code == 0 and documents[-1]["ended"] == "logged_out"
    code, documents, _ = typed("fix", "connect", str(profile(tmp_path, acceptor, more=tls)), lines="")
    assert code == 3 and "certificate is refused" in documents[-1]["errors"][0]
    wrong = f"{tls}ca_file = 'absent.pem'\ncertificate_file = '{files['client.pem']}'\n"
    code, documents, _ = typed("fix", "connect", str(profile(tmp_path, acceptor, more=wrong)), lines="")
    assert code == 2 and "key_file is missing" in documents[-1]["errors"][0]


def test_an_acceptors_files_are_looked_at_before_it_listens(files: Files, tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("this is none\n")
    text, absent = str(tmp_path / "text.pem"), str(tmp_path / "absent.pem")
    words = ["--certificate", text, "--key", absent, "--client-ca", text]
    code, documents, _ = typed("fix", "acceptor", "--port", "1", *words)
    told = documents[-1]["errors"]
    assert code == 2 and len(told) == 3 and all("PEM file" in error for error in told), told
    code, documents, _ = typed("fix", "acceptor", "--port", "1", "--certificate", files["server.pem"])
    assert code == 2 and "--key is missing" in documents[-1]["errors"][0]
    code, documents, _ = typed("fix", "acceptor", "--port", "1", "--log")
    assert code == 2 and "--directory" in documents[-1]["errors"][0]


def test_the_house_exchange_takes_orders_over_tls_and_writes_them_down(files: Files, tmp_path: Path) -> None:
    port, data = free_port(3), tmp_path / "house"
    words = [
        "--certificate",
        files["server.pem"],
        "--key",
        files["server.key"],
        "--fix-port",
        str(port),
        "--data",
        str(data),
    ]
    known = f"[session.tls]\nca_file = '{files['ca.pem']}'\n"
    with running("exchange", "run", *words, "--log", port=port):
        path = data / "profiles" / "profile.toml"
        path.write_text(path.read_text().replace("\n[orders]", f"\n{known}[orders]"))
        lines = "order buy 100 AAPL 100\nexpect 8 ExecType=0\ncancel last\nexpect 8 ExecType=4\n"
        code, documents, _ = typed("fix", "connect", str(path), lines=lines)
    assert code == 0, documents[-1]
    logs = [read_log(found) for found in data.rglob("messages11.*.log")]
    kinds = [entry.message.type for log in logs for entry in log if entry.way == "out"]
    assert kinds == ["A", "8", "8", "5"]
