"""The command line: help of every command, exit codes, and how fast it answers."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from meridian import console
from meridian.cli import cli, main, rooms_with_commands

Meridian = Callable[..., "subprocess.CompletedProcess[str]"]


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Full name and command of everything that can be typed."""
    context = click.Context(cli)
    waiting: list[tuple[str, click.Command]] = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        waiting.append((name, command))
    while waiting:
        name, command = waiting.pop()
        yield name, command
        if isinstance(command, click.Group):
            waiting += [(f"{name} {part}", inner) for part, inner in command.commands.items()]


def test_every_command_says_what_it_does_and_offers_json() -> None:
    wrong = []
    for name, command in every_command():
        text = command.get_help(click.Context(command, info_name=f"meridian {name}"))
        if not (command.help or command.short_help) or "--help" not in text:
            wrong.append(f"meridian {name} says nothing about itself")
        if not isinstance(command, click.Group) and "--json" not in text:
            wrong.append(f"meridian {name} has no --json")
    assert not wrong, "\n".join(wrong)


BAD_INPUT = {
    "backtest": ["inventory-maker", "--data", "absent.itch"],
    "bench": ["no-such-row"],
    "book": ["absent.csv"],
    "breaks adopt": ["1", "--run", "absent", "--by", "ann", "--reason", "x"],
    "breaks close": ["1", "--run", "absent", "--by", "ann", "--reason", "x"],
    "breaks dispute": ["1", "--run", "absent", "--by", "ann", "--reason", "x"],
    "breaks explain": ["1", "--run", "absent", "--by", "ann", "--reason", "x"],
    "breaks list": ["--state", "lost"],
    "demo": ["--flow", "absent.csv"],
    "down": ["one", "two"],
    "end-of-day check": ["absent"],
    "end-of-day file": ["absent", "--venue", "XNAS", "--out", "trades.xyz"],
    "exchange bust": ["first", "--data", "absent"],
    "exchange correct": ["M17A", "--data", "absent", "--price", "1e-10"],
    "exchange phase": ["dinner", "--data", "absent"],
    "exchange run": ["--listing", "AAPL"],
    "explain": ["5", "--run", "absent"],
    "fills": ["absent"],
    "fix acceptor": ["--port", "1", "--dictionaries", "absent"],
    "fix certify": ["absent.toml"],
    "fix connect": ["absent.toml"],
    "fix lint": ["absent.xml"],
    "fix log": ["absent.log"],
    "hand-over": [],
    "journal cat": ["absent"],
    "journal export": ["absent", "--out", "table.xyz", "--kind", "Timer"],
    "journal fetch": ["s3://books/a", "absent", "--credentials", "absent.ini"],
    "journal keep": ["absent"],
    "journal replay": ["absent"],
    "journal snapshot": ["absent"],
    "journal verify": ["absent"],
    "kill": ["firm", "--select", "venue"],
    "limits confirm": ["1", "--token-file", "absent"],
    "limits epochs": ["--token-file", "absent"],
    "limits health": ["--token-file", "absent"],
    "limits list": ["--token-file", "absent"],
    "limits permissions": ["--state", "deny"],
    "limits propagation": ["0"],
    "limits restricted": ["--token-file", "absent"],
    "limits serve": ["absent.toml"],
    "limits set": ["1", "5", "--part", "ny"],
    "limits show": ["0"],
    "limits token create": ["", "--role", "risk"],
    "limits token list": ["--tokens", "absent.json"],
    "limits token remove": ["jo", "--tokens", "absent.json"],
    "limits usage": ["--limit", "0"],
    "orders": ["absent"],
    "parity": ["absent"],
    "positions": ["absent"],
    "rearm": ["firm", "--reason", "x", "--select", "venue"],
    "reconcile": ["absent"],
    "release": ["absent"],
    "report": ["absent"],
    "roll": ["--reason", "x"],
    "session list": ["all"],
    "session reset": ["XNAS"],
    "spare keep": ["absent", "--listen", "127.0.0.1:0", "--certificates", "absent"],
    "status": ["one", "two"],
    "strategy available": ["all"],
    "strategy check": ["absent.py"],
    "strategy disable": [],
    "strategy list": ["all"],
    "strategy new": ["Not-A-Name"],
    "strategy set": ["maker", "size"],
    "strategy signal": ["lean", "absent.json"],
    "strategy start": [],
    "strategy stop": [],
    "sweep": ["inventory-maker", "--data", "absent.itch"],
    "top": ["--interval", "nan"],
    "up": ["absent.toml"],
    "wire decode": ["absent.pcap"],
}
"""Every command → words that it refuses."""


def test_bad_input_is_known_of_every_command() -> None:
    leaves = {name for name, command in every_command() if not isinstance(command, click.Group)}
    assert leaves == set(BAD_INPUT), "a new command needs a row of bad input; one that is gone needs none"


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_sentence_and_exit_code_2(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("MERIDIAN_TOKEN", raising=False)
    monkeypatch.setattr(sys, "argv", ["meridian", *name.split(), *BAD_INPUT[name], "--json"])
    with pytest.raises(SystemExit) as ending:
        main()
    printed = capsys.readouterr()
    assert ending.value.code == console.EXIT_BAD_INPUT, printed.err
    told = json.loads(printed.out)
    assert told["exit_code"] == console.EXIT_BAD_INPUT
    (sentence,) = told["errors"]
    assert " " in sentence and "\n" not in sentence and sentence in printed.err


def test_long_values_are_cut_and_paths_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert console.cut("x" * 80) == "x" * 80
    assert console.cut("x" * 81) == "x" * 79 + "…"
    path = "/".join(["folder"] * 30)
    assert console.BadInput(f"{path}: there is no such file.").errors == [f"{path}: there is no such file."]
    (sentence,) = console.BadInput(f"FILE = {'x' * 1_000}: there is none.").errors
    assert len(sentence) < 280 and "…" in sentence and sentence.endswith(" there is none.")
    for words in (["kill", "firm", "--level", "x" * 1_000], ["strategy", "check", "x" * 1_000 + ".py"]):
        monkeypatch.setattr(sys, "argv", ["meridian", *words])
        with pytest.raises(SystemExit) as ending:
            main()
        assert ending.value.code == console.EXIT_BAD_INPUT
        assert max(map(len, capsys.readouterr().err.splitlines())) < 400


def test_every_room_can_be_loaded(meridian: Meridian) -> None:
    done = meridian("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for name, command in every_command():
        assert " " in name or command.hidden or name in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from meridian.cli import cli; cli.main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"numpy", "numba", "matplotlib", "pydantic", "rich"}


def test_help_answers_at_once(meridian: Meridian) -> None:
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        meridian("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    # 150 ms on a quiet machine; processor time, with room for what other programs do to caches.
    assert min(spent) < 0.4, spent


def test_version(meridian: Meridian) -> None:
    import meridian as package

    assert meridian("--version").stdout.strip() == f"meridian, version {package.__version__}"


def test_an_unknown_command_is_bad_input(meridian: Meridian) -> None:
    done = meridian("no-such-command")
    assert done.returncode == console.EXIT_BAD_INPUT
    assert "no-such-command" in done.stderr


@pytest.mark.parametrize(
    ("failure", "code"),
    [(console.CheckFailed, 1), (console.BadInput, 2), (console.Unreachable, 3)],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_every_error_has_a_line_and_the_kind_has_its_exit_code(
    failure: type[console.Failure], code: int, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        console.fail(failure(["first sentence", "second sentence"]), as_json=as_json)
    assert ending.value.code == code
    printed = capsys.readouterr()
    assert printed.err.splitlines() == ["error: first sentence", "error: second sentence"]
    if as_json:
        assert json.loads(printed.out)["errors"] == ["first sentence", "second sentence"]


def test_a_broken_room_does_not_take_the_others_away(tmp_path: Path) -> None:
    package = tmp_path / "meridian"
    package.mkdir()
    source = Path(console.__file__).parent
    for name in ("__init__.py", "__main__.py", "cli.py", "console.py"):
        (package / name).symlink_to(source / name)
    for room, text in (
        ("engine", "raise ImportError('not today')"),
        ("venues", GOOD_ROOM),
        ("risk", GROUP),
        ("web", GROUP_TOO),
    ):
        (package / room).mkdir()
        (package / room / "__init__.py").touch()
        (package / room / "cli.py").write_text(text)
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import meridian.cli as c; c.main()",
            "--help",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "decode" in done.stdout
    assert done.stdout.count("measure") == 1, "two rooms' groups of one name are one group"
    assert "the commands of engine cannot be loaded: ImportError: not today" in done.stderr


GOOD_ROOM = """
import click
@click.command()
def decode() -> None:
    "Decode."
COMMANDS = [decode]
"""
GROUP = """
import click
@click.group()
def measure() -> None:
    "Measure."
@measure.command()
def one() -> None:
    "One."
COMMANDS = [measure]
"""
GROUP_TOO = GROUP.replace("def one", "def two")


def test_rooms_are_in_the_order_of_the_help() -> None:
    assert rooms_with_commands() == list(dict.fromkeys(rooms_with_commands()))
