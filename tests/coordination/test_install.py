"""Finding and building etcd: an old one is ignored, what is missing is said in a sentence, the cache is only ever whole."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from meridian.console import Unreachable
from meridian.coordination import install


def program(folder: Path, name: str, says: str, code: int = 0) -> Path:
    """A stand-in that says so much."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but a shell on PATH and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("MERIDIAN_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.mark.parametrize(
    ("version", "taken"), [("3.4.23", False), ("3.5.25", False), ("3.5.26", True), ("3.6.1", True), ("3.7.3", True)]
)
def test_the_etcd_on_path_is_taken_when_it_is_new_enough(version: str, taken: bool, machine: Path) -> None:
    program(machine, "etcd", f"etcd Version: {version}\nGit SHA: x")
    assert install.on_path() is None, "its tool is missing"
    program(machine, "etcdutl", "etcdutl version: x")
    found = install.on_path()
    assert (found is not None) is taken
    if found:
        assert (found.server, found.version) == (machine / "etcd", version)


@pytest.mark.parametrize(
    ("says", "version"),
    [("go version go1.26.8 linux/amd64", "1.26.8"), ("go version go1.25.3 linux/amd64", None), ("nonsense", None)],
)
def test_the_go_on_path_is_taken_when_it_is_new_enough(says: str, version: str | None, machine: Path) -> None:
    program(machine, "go", says)
    found = install.go_on_path()
    assert (found and found[1]) == version


def test_without_sources_the_sentence_names_what_to_do(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "SOURCES", tmp_path / "none")
    with pytest.raises(Unreachable, match=r"etcd is missing; put etcd and etcdutl on PATH \(needed: 3\.5\.26"):
        install.built()


def test_a_failed_build_says_why_and_leaves_nothing(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go = program(machine, "go", "go version go1.26.8 linux/amd64")
    go.write_text(go.read_text().replace("exit 0", 'echo "no route to the modules" >&2; [ "$1" = version ]'))
    with pytest.raises(Unreachable, match="no route to the modules"):
        install.built()
    assert not [path for path in (tmp_path / "cache" / "etcd").iterdir() if path.is_dir()]
    assert "building" in capsys.readouterr().err


def test_go_that_cannot_be_fetched_is_one_sentence(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "installer", lambda: [program(machine, "installer", "", 1)])
    with pytest.raises(Unreachable, match="install Go or etcd by hand"):
        install.built()
    assert not [path for path in (tmp_path / "cache" / "go").iterdir() if path.is_dir()]


def test_a_built_etcd_is_used_again_and_a_broken_one_built_anew(machine: Path, tmp_path: Path) -> None:
    go = program(machine, "go", "go version go1.26.8 linux/amd64")
    count = tmp_path / "count"
    stand_in = tmp_path / "stand-in"
    program(tmp_path, "stand-in", "etcd Version: 3.7.3")
    # `go build … -o PATH .` puts the stand-in there.
    go.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = version ]; then echo "go version go1.26.8 linux/amd64"; exit; fi\n'
        f"echo built >>{count}\n"
        'while [ "$1" != -o ]; do shift; done\n'
        f'cat {stand_in} >"$2"\n'
        f'{_chmod()} 755 "$2"\n'
    )
    first = install.built()
    assert install.built() == first
    assert count.read_text() == "built\n"
    assert first.tool.resolve() == first.server
    assert re.fullmatch(r"3\.7\.\d+-go1\.26\.8-[0-9a-f]{8}", first.server.parent.name)
    first.server.write_text("cut off")
    assert install.built() == first
    assert count.read_text() == "built\nbuilt\n"


def _chmod() -> str:
    return "/bin/chmod"


def test_the_locked_sources_are_of_a_safe_version() -> None:
    from meridian._native.coordination import version_is_safe

    assert version_is_safe(install.etcd_version())
    assert tuple(int(part) for part in install.locked_go().split(".")[:2]) >= install.GO_MIN
