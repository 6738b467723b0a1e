"""A copy of files at another site: what it has is what stood at one moment, whatever is killed, cut, full, changed or forged."""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from meridian import child
from meridian.coordination.certificates import Authority
from meridian.coordination.epochs import Claim, Place
from meridian.deploy.metrics import Collector
from meridian.deploy.runs import Run
from meridian.deploy.services import Service
from meridian.deploy.spare import copies, frames, keep, room, send
from meridian.deploy.spare.copies import State
from meridian.deploy.spare.frames import BLOCK_BYTES, BadFrame, Kind
from meridian.deploy.spare.look import Busy, Folder, Known
from meridian.ports import free_ports
from tests.deploy.support import until
from tests.support import ROOT, skip_unchecked

REGION = "new-york"
SEGMENT_BYTES = 16 * BLOCK_BYTES
STATE = State(region=REGION, site="a", mark="1" * 32, taken_ns=1, batch=1)


class Tiles:
    """Files as tiles have them: mapped segments that are appended to, slots of numbers, files that are replaced."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.chance = root, random.Random(seed)
        self.at = {"engine": (0, 0), "gateway": (0, 0)}
        for tile in self.at:
            (root / tile).mkdir(parents=True)
            self.segment(tile, 0)
            self.segment(tile, 1)

    def segment(self, tile: str, number: int) -> Path:
        """A segment, made ahead of need."""
        path = self.root / tile / f"journal-{number:08}.segment"
        if not path.exists():
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(bytes(SEGMENT_BYTES))
            part.rename(path)
        return path

    def append(self, tile: str, count: int) -> None:
        """So many bytes, a byte of the length last, into a mapped file; a segment that is full says so in its head."""
        number, offset = self.at[tile]
        if offset + count + 2 > SEGMENT_BYTES - 8:
            with mapped(self.segment(tile, number)) as memory:
                memory[0] = 255
            number, offset = number + 1, 8
            self.segment(tile, number + 1)
        with mapped(self.segment(tile, number)) as memory:
            memory[offset + 8 : offset + 8 + count] = self.chance.randbytes(count)
        self.at[tile] = (number, offset + count)

    def step(self) -> None:
        """One thing that a tile does."""
        tile = self.chance.choice(["engine", "gateway"])
        what = self.chance.random()
        if what < 0.7:
            self.append(tile, self.chance.choice([40, 200, 3_000, 40_000]))
        elif what < 0.9:
            path = self.root / tile / "state.json"
            path.with_name(".state.making").write_bytes(self.chance.randbytes(self.chance.randrange(1, 20_000)))
            path.with_name(".state.making").rename(path)
        elif what < 0.95:
            part = self.root / tile / ".snapshot.part"
            part.write_bytes(self.chance.randbytes(100_000))
            part.rename(self.root / tile / f"snapshot-{self.chance.randrange(4)}")
        else:
            (self.root / tile / f"snapshot-{self.chance.randrange(4)}").unlink(missing_ok=True)


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """A file as tiles write it."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        yield memory


def content(root: Path) -> dict[str, bytes]:
    """What stands in the files below a folder."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.parent != root and path.parent.name != "spare"
    }


def told(data: Path) -> dict[str, Known]:
    """What a keeper says that it has."""
    known: dict[str, Known] = {}
    for frame in copies.held(copies.root_of(data, REGION)):
        path, size, _, digests = frames.had(frame[frames.HEAD.size :])
        known.setdefault(path, Known(size, [])).digests += digests
    return known


def batch_of(folder: Folder) -> list[bytes]:
    """Frames up to where a batch may be committed."""
    found: list[bytes] = []
    for _ in range(100):
        try:
            for frame in folder.frames():
                found.append(frame)
            return found
        except (Busy, FileNotFoundError):
            continue
    raise AssertionError("it never rests")


def put(data: Path, batch: list[bytes], name: str, state: State = STATE) -> Path:
    """A batch on the keeper's disk."""
    (data / copies.FOLDER).mkdir(parents=True, exist_ok=True)
    commit = frames.told(Kind.COMMIT, **{key: getattr(state, key) for key in State.__dataclass_fields__})
    place = data / copies.FOLDER / name
    place.write_bytes(b"".join(batch) + (commit if name == copies.READY else b""))
    return place


@pytest.mark.parametrize("seed", range(6))
def test_after_each_batch_the_copy_is_what_stood_there(tmp_path: Path, seed: int) -> None:
    tiles, data = Tiles(tmp_path / "a", seed), tmp_path / "b"
    folder = Folder(tiles.root, frozenset(["left_out"]), ("engine",))
    (tiles.root / "left_out").mkdir()
    (tiles.root / "left_out" / "file").write_text("a venue's")
    root, chance = copies.root_of(data, REGION), random.Random(seed)
    folder.begin({})
    for _ in range(60):
        for _ in range(chance.randrange(6)):
            tiles.step()
        if chance.random() < 0.1:
            folder.begin(told(data))  # A new connection: what is there is compared.
        put(data, batch_of(folder), copies.READY)
        assert copies.finish(data) == STATE
        expected = {path: text for path, text in content(tiles.root).items() if not path.startswith("left_out")}
        assert content(root) == expected


def test_what_a_look_keeps_does_not_grow_with_the_journal(tmp_path: Path) -> None:
    tiles, data = Tiles(tmp_path / "a", 1), tmp_path / "b"
    folder = Folder(tiles.root, frozenset(), ("engine",))
    folder.begin({})
    kept = []
    for _ in range(300):
        tiles.append("engine", 9_000)
        put(data, batch_of(folder), copies.READY)
        copies.finish(data)
        kept.append(sum(map(len, folder.seen.values())))
    assert content(copies.root_of(data, REGION)) == content(tiles.root)
    assert tiles.at["engine"][0] > 8, "segments were closed meanwhile"
    assert max(kept[150:]) <= max(kept[:50]) + 4 * BLOCK_BYTES


def test_a_folder_is_sent_as_it_was_at_one_instant_while_it_is_written(tmp_path: Path) -> None:
    """Two files of which the second one says what the first one has: a copy never has the word without the thing."""
    (tmp_path / "a" / "engine").mkdir(parents=True)
    for name in ("b-thing", "a-word"):
        (tmp_path / "a" / "engine" / name).write_bytes(bytes(BLOCK_BYTES))
    stop = threading.Event()

    def write() -> None:
        with mapped(tmp_path / "a/engine/b-thing") as thing, mapped(tmp_path / "a/engine/a-word") as word:
            number = 0
            while not stop.is_set():
                number += 1
                thing[100:108] = number.to_bytes(8, "little")
                word[100:108] = number.to_bytes(8, "little")
                if number % 50 == 0:
                    time.sleep(0.0001)

    writer, data = threading.Thread(target=write), tmp_path / "b"
    folder = Folder(tmp_path / "a", frozenset(), ())
    folder.begin({})
    root, seen = copies.root_of(data, REGION), set[int]()
    writer.start()
    try:
        for _ in range(150):
            put(data, batch_of(folder), copies.READY)
            copies.finish(data)
            thing, word = (
                int.from_bytes((root / "engine" / name).read_bytes()[100:108], "little")
                for name in ("b-thing", "a-word")
            )
            assert word <= thing <= word + 1
            seen.add(word)
    finally:
        stop.set()
        writer.join()
    assert len(seen) > 20, "it was written meanwhile"


def test_a_batch_that_ends_at_any_byte_changes_nothing_and_one_that_is_done_in_part_is_done(tmp_path: Path) -> None:
    tiles, data = Tiles(tmp_path / "a", 3), tmp_path / "b"
    folder = Folder(tiles.root, frozenset(), ("engine",))
    folder.begin({})
    put(data, batch_of(folder), copies.READY)
    copies.finish(data)
    before = content(copies.root_of(data, REGION))
    for _ in range(12):
        tiles.step()
    batch = batch_of(folder)
    whole = put(data, batch, copies.COMING).read_bytes()
    for cut in sorted({*range(0, len(whole), max(len(whole) // 60, 1)), 1, 15, 16, 17, len(whole) - 1}):
        (data / copies.FOLDER / copies.COMING).write_bytes(whole[:cut])
        assert copies.finish(data) == STATE and content(copies.root_of(data, REGION)) == before
    after = content(tiles.root)
    ready = put(data, batch, copies.READY).read_bytes()
    for done in range(0, len(batch), max(len(batch) // 20, 1)):
        # So much of it is done when the keeper is killed; who starts next does it again.
        part = data / copies.FOLDER / "part"
        part.write_bytes(b"".join(batch[:done]))
        copies._apply(part, copies.root_of(data, REGION))
        (data / copies.FOLDER / copies.READY).write_bytes(ready)
        assert copies.finish(data) == STATE and content(copies.root_of(data, REGION)) == after
    flipped = bytearray(ready)
    flipped[len(ready) // 2] ^= 4
    (data / copies.FOLDER / copies.READY).write_bytes(flipped)
    with pytest.raises(BadFrame):
        copies.finish(data)
    assert content(copies.root_of(data, REGION)) == after, "nothing of a batch that the disk gives back changed is done"


@pytest.mark.parametrize(
    "path", ["a", "../a/b", "a/../b", "/a/b", "a//b", "a/.hidden", "a/b/c/d/e", "a/b\n", "a/" + "x" * 200, ""]
)
def test_no_path_leads_out_of_the_copy(path: str) -> None:
    with pytest.raises(BadFrame, match="is no path of a tile's file"):
        frames.path_of(path)


def test_frames_of_strangers_are_refused() -> None:
    good = frames.file_range("engine/a", 5, b"bytes")
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1
        with pytest.raises(BadFrame):
            kind, length, checksum = frames.head_of(bytes(bad[: frames.HEAD.size]))
            if length != len(good) - frames.HEAD.size:
                raise BadFrame("of another length")
            frames.checked(kind, bytes(bad[frames.HEAD.size :]), checksum)
            assert at in (5, 6, 7), "padding is no part of it"
            raise BadFrame("padding")
    for payload in (
        b"",
        b"[]",
        b"{}",
        b'{"path": "engine/a", "size": -1}',
        b'{"path": "engine/a", "size": true}',
        b"[" * 9_000,
    ):
        with pytest.raises(BadFrame):
            frames.file_of(payload)
    with pytest.raises(BadFrame):
        frames.file_of(json.dumps({"path": "engine/a", "size": frames.FILE_BYTES_MAX + 1}).encode())
    with pytest.raises(BadFrame):
        frames.range_of(frames.RANGE_HEAD.pack(900, 0) + b"engine/a")


def test_a_copy_is_led_from_only_where_it_is_whole_and_of_the_site_that_leads(tmp_path: Path) -> None:
    claim = Claim(Place("a", "1" * 32), 3, 1_000)
    assert list(copies.problems(tmp_path, STATE, {REGION: claim})) == []
    assert list(copies.problems(tmp_path, STATE, {REGION: None})) == []
    (never,) = copies.problems(tmp_path, None, {REGION: claim})
    assert "has never been whole" in never
    (other,) = copies.problems(tmp_path, STATE, {"chicago": claim})
    assert "is the copy of region new-york, not of chicago" in other
    (older,) = copies.problems(tmp_path, STATE, {REGION: Claim(Place("c", "3" * 32), 9, 1_000)})
    assert "is the copy of site a, and new-york is led from site c since 1970-01-01 00:00:00 UTC, epoch 9" in older
    assert not copies.is_copy(tmp_path)
    put(tmp_path, [], copies.READY)
    assert copies.finish(tmp_path) == STATE and copies.is_copy(tmp_path)
    assert copies.lead(tmp_path) == STATE and not copies.is_copy(tmp_path) and copies.lead(tmp_path) is None
    with pytest.raises(keep.Refused, match="a region was led from there"):
        keep.Keeper(tmp_path).prepare()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "file").touch()
    with pytest.raises(keep.Refused, match="holds something that is no copy"):
        keep.Keeper(tmp_path / "more").prepare()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Both ends' certificates, and that of another component of the same authority."""
    authority = Authority.in_folder(tmp_path / "certificates")
    authority.issue(keep.KEEPER, server_names=["127.0.0.1"])
    authority.issue(keep.SENDER)
    authority.issue("agent-new-york", server_names=["127.0.0.1"])
    return authority.folder


class Line:
    """The way between both ends: it may be cut, and one byte of what goes to the keeper changed."""

    def __init__(self, to: int) -> None:
        self.to, self.flip_at = to, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.server.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                if self.server.fileno() < 0:
                    return
                near.close()
                continue
            self.open += [near, far]
            threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket, forth: bool) -> None:
        try:
            while data := here.recv(1 << 16):
                if forth and self.flip_at:
                    self.flip_at -= min(len(data), self.flip_at)
                    if self.flip_at == 0:
                        data = bytes([data[0] ^ 1]) + data[1:]
                there.sendall(data)
        except OSError:
            pass
        self.close(here, there)

    def cut(self) -> None:
        """Ends what is open."""
        self.close(*self.open)
        self.open.clear()

    def close(self, *ends: socket.socket) -> None:
        """Ends these."""
        for one in ends:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def keeping(data: Path, port: int, certificates: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A keeper, as a person starts it."""
    words = ["spare", "keep", str(data), "--listen", f"127.0.0.1:{port}", "--certificates", str(certificates), "--json"]
    popen = subprocess.Popen(
        [*child.module("meridian"), *words], stdout=subprocess.PIPE, env=child.environment(), cwd=ROOT
    )
    try:
        assert popen.stdout is not None and json.loads(popen.stdout.readline())["directory"] == str(data)
        yield popen
    finally:
        popen.kill()
        popen.wait()


class Sending:
    """The service's work, in a thread of this test."""

    def __init__(self, root: Path, port: int, certificates: Path, **more: Any) -> None:
        settings = send.Settings(to=f"127.0.0.1:{port}", certificates=str(certificates), every_ms=5, **more)
        service = Service(
            name="spare", topology=REGION, settings={}, data_directory=root / "spare", ready_path=root / "ready",
            socket_path=root / "socket", links={},
        )  # fmt: skip
        self.told = send.Told(settings.to)
        self.sender = send.Sender(settings, service, self.told, Folder(root, frozenset(["spare"]), ("engine",)))
        self.stop = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.sender.run(self.stop)))

    def __enter__(self) -> Sending:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def failed(self) -> str | None:
        """Why nothing is copied."""
        return self.told.last_error

    def caught_up(self) -> None:
        """Waits until the keeper has what stood there when this was called."""
        now = time.time_ns()
        until(lambda: self.told.done_ns > now)


def same(tiles: Tiles, data: Path) -> bool:
    """Whether the copy is what stands at the other site."""
    return content(tiles.root) == content(copies.root_of(data, REGION))


def test_a_copy_goes_on_whatever_becomes_of_either_end_and_of_the_line(tmp_path: Path, certificates: Path) -> None:
    tiles, data = Tiles(tmp_path / "a", 11), tmp_path / "b"
    (port,) = free_ports(1, "127.0.0.1")
    line = Line(port)
    with Sending(tiles.root, line.port, certificates, mark="1" * 32, site="a") as sending:
        for round_ in range(5):
            with keeping(data, port, certificates) as keeper:
                for _ in range(40):
                    tiles.step()
                    time.sleep(0.002)
                sending.caught_up()
                assert same(tiles, data)
                if round_ == 1:
                    line.flip_at = 30_000
                    tiles.append("engine", 60_000)
                    until(lambda: line.flip_at == 0)
                    sending.caught_up()
                    assert same(tiles, data), "what was changed on its way is nothing that is done"
                if round_ == 2:
                    line.cut()
                tiles.append("engine", 90_000)
                if round_ % 2:
                    keeper.send_signal(signal.SIGKILL)
    state = copies.finish(data)
    assert state is not None and (state.region, state.site, state.mark) == (REGION, "a", "1" * 32)
    shown = room.sent(tiles.root, "spare")
    assert shown is not None and shown["batches"] >= 5 and shown["bytes_sent"] > 0
    run = Run(
        name="t", topology="t", state="running", supervisor_pid=1, run_directory=str(tmp_path), shared_directory=str(tmp_path),
        data_directory=str(tiles.root), metrics_port=None, ports={},
        processes={"spare": {"pid": 1, "restarts": 0, "service": room.KIND}},
    )  # fmt: skip
    samples = {one.labels.get("name"): one.value for family in Collector(run).collect() for one in family.samples}
    assert samples["spare.batches"] == shown["batches"] and samples["spare.lag_ms"] == shown["lag_ms"]
    assert samples["spare.age_ms"] >= shown["age_ms"] and samples["spare.connected"] in (0, 1)
    # An end that begins anew compares what is there, and sends no more than what differs.
    tiles.append("gateway", 10)
    with keeping(data, port, certificates), Sending(tiles.root, port, certificates, mark="1" * 32, site="a") as again:
        again.caught_up()
        assert same(tiles, data) and again.sender.folder.bytes_sent <= 20 * BLOCK_BYTES
        pid = int((data / copies.FOLDER / "lock").read_text())
        os.kill(pid, 0)
        copies.end_keeper(data)
    with keeping(data, port, certificates), Sending(tiles.root, port, certificates, mark="2" * 32, site="c") as other:
        until(lambda: other.told.last_error)
        assert "the copy is of region new-york of site a, not of new-york of site c with its data" in str(
            other.told.last_error
        )
        assert other.told.batches == 0


def test_who_has_another_certificate_is_neither_sender_nor_keeper(tmp_path: Path, certificates: Path) -> None:
    tiles, data = Tiles(tmp_path / "a", 12), tmp_path / "b"
    strangers = Authority.in_folder(tmp_path / "strangers")
    strangers.issue(keep.SENDER)
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (port,) = free_ports(1, "127.0.0.1")
    with keeping(data, port, certificates):
        cases = [
            ("agent-new-york", certificates, "the certificate is that of agent-new-york"),
            (keep.SENDER, strangers.folder, ""),
        ]
        for name, folder, sentence in cases:
            for part in (".pem", "-key.pem"):
                (wrong / f"{keep.SENDER}{part}").write_bytes((folder / f"{name}{part}").read_bytes())
            (wrong / "ca.pem").write_bytes((certificates / "ca.pem").read_bytes())
            with Sending(tiles.root, port, wrong) as sending:
                until(sending.failed)
                assert sentence in str(sending.told.last_error) and sending.told.batches == 0
        plain = socket.create_connection(("127.0.0.1", port))
        plain.sendall(frames.told(Kind.HELLO, region=REGION, site="", mark=""))
        plain.settimeout(20)
        assert not plain.recv(1 << 16).startswith(frames.MAGIC)
        plain.close()
    assert copies.state_of(data) is None and not copies.root_of(data, REGION).exists()
    for part in (".pem", "-key.pem"):
        (wrong / f"{keep.KEEPER}{part}").write_bytes((certificates / f"agent-new-york{part}").read_bytes())
    with keeping(data, port, wrong), Sending(tiles.root, port, certificates) as sending:
        until(lambda: sending.told.last_error)
        assert "the keeper's certificate is that of agent-new-york" in str(sending.told.last_error)
    assert copies.state_of(data) is None


def test_a_keeper_whose_disk_is_full_keeps_what_it_has_and_goes_on_when_there_is_room(
    tmp_path: Path, certificates: Path
) -> None:
    tiles, disk = Tiles(tmp_path / "a", 13), tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", disk], check=False).returncode
    ):
        skip_unchecked("a copy on a full disk", "a disk of our own needs root")
    try:
        data, (port,) = disk / "b", free_ports(1, "127.0.0.1")
        with keeping(data, port, certificates), Sending(tiles.root, port, certificates) as sending:
            sending.caught_up()
            before = content(copies.root_of(data, REGION))
            (disk / "ballast").write_bytes(bytes(40 << 20))
            (tiles.root / "engine" / "large").write_bytes(os.urandom(8 << 20))
            until(lambda: sending.told.last_error)
            assert "the keeper says: " in str(sending.told.last_error)
            assert content(copies.root_of(data, REGION)) == before, "nothing of a batch that does not fit is done"
            (disk / "ballast").unlink()
            sending.caught_up()
            assert same(tiles, data)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
