"""Releases: an installation's name follows from its bytes, every process says which it is of before anything trades, and one that
says another keeps everything from trading."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import struct
from pathlib import Path
from typing import Any

import pytest

import meridian
from meridian import release
from meridian._native import engine as native
from meridian.console import BadInput
from meridian.coordination.install import installed
from meridian.deploy import condition, endings, installations, runs
from meridian.deploy import platform as platforms
from meridian.deploy.platform import Platform
from meridian.deploy.supervisor import CannotStart, Child, Supervisor
from tests.deploy.installed import EXTENSION, installation, said
from tests.deploy.support import command, own_runtime, until
from tests.deploy.test_runs import counter, gone, probes, unique
from tests.engine.keep_journal import inputs

SAYS_NOTHING_OF_IT = {
    "release.py": ("    if found.name != expected:\n", "    if found.name != expected and not found.name:\n")
}
"""What a build leaves out that does not look whether it is the one that is expected."""
OF_ANOTHER_SPECIFICATION = json.dumps(
    {"schema": "meridian.release/1", "release": "a", "version": "9", "records_schema": 1, "process_spec": 99}
)
SCHEMA_AT = 48
"""In the head of a journal's segment (crates/journal/src/head.rs)."""


def spoilt(path: Path, text: str, other: str) -> None:
    before = path.read_text(encoding="utf-8")
    assert text in before
    path.write_text(before.replace(text, other, 1), encoding="utf-8")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another installation, of another release."""
    return installation(tmp_path_factory.mktemp("second") / "two", SAYS_NOTHING_OF_IT)


def test_a_release_is_named_by_what_runs_and_by_nothing_else(tmp_path: Path) -> None:
    own = Path(meridian.__file__).parent
    copy = tmp_path / "elsewhere"
    shutil.copytree(own, copy, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (copy / EXTENSION).symlink_to((own / EXTENSION).resolve())
    name = release.own().name
    assert release.name_of(copy) == name and len(name) == 64
    (copy / "deploy" / "__pycache__").mkdir()
    (copy / "deploy" / "__pycache__" / "cli.py").write_text("made on the way")
    (copy / "deploy" / "README.md").write_text("for people")
    assert release.name_of(copy) == name
    names = {name}
    topology = copy / "deploy" / "topologies" / "chicago.toml"
    for path in (copy / "deploy" / "hand.py", topology):
        path.write_bytes(path.read_bytes() + b"\n")
        names.add(release.name_of(copy))
    (copy / "deploy" / "hand.py").rename(copy / "deploy" / "hand_2.py")
    names.add(release.name_of(copy))
    (copy / EXTENSION).unlink()
    (copy / EXTENSION).write_bytes(b"another one")
    names.add(release.name_of(copy))
    assert len(names) == 5


def test_a_file_that_is_as_it_was_is_not_read_again_and_one_that_changed_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "package" / "library.so"
    library.parent.mkdir()
    library.write_bytes(b"one")
    (library.parent / "source.py").write_text("first = 1\n", encoding="utf-8")
    seen: release.Hashes = {}
    name = release.name_of(library.parent, seen)
    assert seen == {}, "what was changed just now may change again within the same time"
    monkeypatch.setattr(release, "SETTLED_NS", 0)
    assert release.name_of(library.parent, seen) == name and len(seen) == 2
    about, _ = seen[str(library)]
    assert release.name_of(library.parent, seen | {str(library): (about, "00" * 32)}) != name, "it is not read"
    before = library.stat()
    library.write_bytes(b"two")
    os.utime(library, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert release.name_of(library.parent, seen) == release.name_of(library.parent) != name


def test_its_schema_is_the_one_that_journals_are_written_with(tmp_path: Path) -> None:
    native.run(tmp_path, inputs())
    (segment,) = tmp_path.glob("*.segment")
    assert struct.unpack_from("<I", segment.read_bytes(), SCHEMA_AT) == (release.own().schema,)


def test_another_installation_is_asked_what_it_is(second: Path, tmp_path: Path) -> None:
    found = installations.examined(second, "--to")
    assert found.release.name != release.own().name and found.release.schema == release.own().schema
    same = installations.examined(installation(tmp_path / "same"), "--to")
    assert same.release == release.own() and same.prefix != installations.own().prefix
    told, own_word = (
        json.loads(one.stdout) for one in (command("release", str(second), "--json"), said(second, "release", "--json"))
    )
    keys = ("release", "version", "records_schema", "process_spec")
    assert [told[key] for key in keys] == [own_word[key] for key in keys] and told["prefix"] == str(second)
    own = json.loads(command("release", "--json").stdout)
    assert own["release"] == release.own().name in command("release").stderr + command("release").stdout


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (None, "is no folder; needed is an installation of Meridian"),
        ([], "has no bin/python and no .venv/bin/python; needed is an installation of Meridian"),
        (["#!/no/such/interpreter"], "does not run: "),
        (["#!/bin/sh", "echo 'it is on \033[2J fire' >&2", "exit 9"], 'exit code 9; its last words: "it is on \\x1b[2J fire"'),
        (["#!/bin/sh", "echo '[1]'"], "is no installation of Meridian whose release can be asked"),
        (["#!/bin/sh", 'echo \'{"schema": "meridian.release/1", "release": 5}\''], "whose release can be asked"),
        (
            ["#!/bin/sh", f"echo '{OF_ANOTHER_SPECIFICATION}'"],
            "it reads specifications of processes of version 99; this release writes 1",
        ),
    ],
)  # fmt: skip
def test_what_is_no_installation_is_refused_with_a_sentence(tmp_path: Path, made: list[str] | None, why: str) -> None:
    prefix = tmp_path / "none"
    if made is not None:
        (prefix / "bin").mkdir(parents=True)
    if made:
        python = prefix / "bin" / "python"
        python.write_text("\n".join(made) + "\n")
        python.chmod(0o700)
    with pytest.raises(BadInput) as refused:
        installations.examined(prefix, "--to")
    (sentence,) = refused.value.errors
    assert sentence.startswith(f"--to = {prefix}: ") and why in sentence and "\n" not in sentence


def lying(second: Path, name: str) -> Any:
    """A supervisor's way to make a child, one of which is started from another installation than it thinks."""
    make = Supervisor._child

    def made(self: Supervisor, process: str, spec: dict[str, object], policy: str) -> Child:
        child = make(self, process, spec, policy)
        if process == name:
            there = installations.examined(second, "--to")
            child.installation = dataclasses.replace(there, release=release.own())
        return child

    return made


def test_every_process_says_its_release_and_status_tells_it(runs_apart: None) -> None:
    with Supervisor(probes(unique("says"))) as supervisor:
        until(lambda: counter(supervisor, "sink", "sink.received") > 100)
        (run,) = json.loads(command("status", "--json").stdout)["runs"]
        assert {row["name"]: row["release"] for row in run["processes"]} == dict.fromkeys(
            supervisor.run.processes, release.own().name
        )
        assert run["releases"] == []
        assert release.own().short in command("status").stdout
        # One that says another one stands out.
        said_there = supervisor.places.release("sink")
        said_there.write_text(json.dumps({"pid": supervisor.run.processes["sink"]["pid"], "release": "b" * 64}))
        one, two = condition.releases(supervisor.run)
        assert one.startswith("process sink is of release bbbbbbbbbbbb; expected is " + release.own().short)
        assert two.startswith("2 releases stand in this run: ") and two.endswith("bbbbbbbbbbbb (sink)")


def test_o1_a_process_of_another_release_keeps_every_tile_from_beginning(
    runs_apart: None, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that does not look itself whether it is the one that is expected."""
    monkeypatch.setattr(Supervisor, "_child", lying(second, "sink"))
    supervisor = Supervisor(probes(unique("lies")))
    supervisor.launch()
    until(lambda: (supervisor.places.run_directory / "releases" / "source").exists())
    with pytest.raises(CannotStart) as refused:
        supervisor.wait()
    (sentence,) = refused.value.errors
    theirs = installations.examined(second, "--to").release
    assert sentence.startswith(
        f"process sink is of release {theirs.short}; expected is {release.own().short}: nothing trades on two releases"
    )
    assert not (supervisor.places.run_directory / "releases" / release.ARMED).exists() and gone(supervisor.run)


def test_an_installation_that_changed_under_a_run_is_not_started_from(runs_apart: None, tmp_path: Path) -> None:
    """Whoever puts a newer release over the one that runs finds that nothing of it starts unasked."""
    prefix = installation(tmp_path / "one")
    topology = tmp_path / "probes.toml"
    name = unique("changes")
    topology.write_text(PROBES.format(name=name), encoding="utf-8")
    up = said(prefix, "up", str(topology), "--detach", "--json")
    assert up.returncode == 0, up.stderr
    run = runs.read(Path(json.loads(up.stdout)["run_directory"]))
    assert run is not None
    spoilt(prefix / "package" / "meridian" / "ports.py", '"""', '# Changed.\n"""')
    os.kill(run.processes["sink"]["pid"], signal.SIGKILL)
    (ending,) = until(lambda: list(endings.endings()))
    assert ending.name == name and "process sink is of release" in ending.why[0], ending.why
    assert gone(run)


PROBES = """
name = "{name}"
restart = "always"
[metrics]
enabled = false
[tiles.source]
kind = "probe-source"
settings = {{ link = "source_sink", rate_per_second = 1000 }}
[tiles.sink]
kind = "probe-sink"
settings = {{ link = "source_sink" }}
[links.source_sink]
producer = "source"
depth = 256
consumers = {{ sink = "lossy" }}
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_o1_a_gateway_of_another_release_keeps_its_region_from_arming(
    second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the engine nor any other tile of the region begins; what ran before is left as it was."""
    installed()
    monkeypatch.setattr(Supervisor, "_child", lying(second, "gateway_xcme"))
    with own_runtime() as home:
        platform = Platform(platforms.load(["chicago"]), home / "data")
        with pytest.raises(CannotStart) as refused:
            platform.start()
        (sentence,) = refused.value.errors
        assert sentence.startswith("chicago: process gateway_xcme is of release ") and release.own().short in sentence
        data = home / "data" / "regions" / "chicago" / "data"
        begun = sorted(path for path in data.rglob("*.segment"))
        assert begun == [], "no tile wrote a record"
        monkeypatch.undo()
