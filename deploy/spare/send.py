"""The end of a copy that sends it: a service of a region's run, cold and beside everything, which reads the tiles' files.

    [services.spare]
    kind = "spare"
    restart = "always"
    settings = { to = "10.1.0.1:9070", certificates = "/etc/meridian/spare", leave_out = ["exchange_xnas"] }

Invariant: it writes nothing but its own `spare.json`, and nobody waits for it. What the keeper has said to be done is whole
and of one moment; how long ago that was is told by `meridian status`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event

import structlog
from pydantic import BaseModel, ConfigDict, Field, field_validator

from meridian.console import in_words
from meridian.coordination.agent_settings import address
from meridian.deploy.services import Service, run
from meridian.deploy.spare import frames, keep
from meridian.deploy.spare.frames import BadFrame, Kind
from meridian.deploy.spare.look import Busy, Folder, Known
from meridian.deploy.spare.room import STATE

NICE = 5
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 0.2, 2.0
ANSWER_SECONDS_MAX = 60.0
TELL_SECONDS = 1.0
LAST_SECONDS_MAX = 3.0
LOOKS_SHARE = 4
"""It rests for so many times a look."""
LINGER_SECONDS = 1.0
"""A batch without a change is sent so often: it says that there was none."""
log = structlog.get_logger("spare")


class Settings(BaseModel):
    """The settings of a service of the kind `spare`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str
    """Where the other site keeps the copy: address:port."""
    server_name: str | None = None
    """In the keeper's certificate, where it is not the address."""
    certificates: str
    """A folder with ca.pem, spare-sender.pem and spare-sender-key.pem."""
    every_ms: int = Field(default=20, ge=1, le=60_000)
    """From the begin of one look at the files to the next one's."""
    leave_out: list[str] = Field(default_factory=list)
    """Tiles whose files are not sent: stand-ins of venues."""
    last: list[str] = Field(default_factory=lambda: ["engine", "engine-standby"])
    """Tiles whose files are read after all others'."""
    region: str | None = None
    """Filled in by the platform, as are the two that follow."""
    site: str | None = None
    mark: str | None = None

    @field_validator("to")
    @classmethod
    def _to(cls, to: str) -> str:
        address(to)
        return to


@dataclass(slots=True)
class Told:
    """What it says of itself."""

    to: str
    connected: bool = False
    done_ns: int = 0
    """When the site had what the copy has."""
    lag_ms: float | None = None
    """From then to the keeper's word that it has it, of the last batch."""
    batches: int = 0
    bytes_sent: int = 0
    bytes_per_s: float = 0.0
    look_us: float = 0.0
    """How long a look at the files took, the last one."""
    apart: int = 0
    """Looks that found each tile at an instant of its own, and not all at one."""
    last_error: str | None = None


class CannotSend(Exception):
    """What the keeper refused, a sentence."""


@dataclass(slots=True)
class Sender:
    """Sends a region's files. `run` until the event is set."""

    settings: Settings
    service: Service
    told: Told
    folder: Folder
    _rate_at: tuple[float, int] = (0.0, 0)

    def write(self) -> None:
        """What `meridian status` reads. A disk that takes nothing keeps nobody from sending."""
        now = time.monotonic()
        if now - self._rate_at[0] < TELL_SECONDS and self._rate_at[0]:
            return
        before, self._rate_at = self._rate_at, (now, self.folder.bytes_sent)
        self.told.bytes_sent, self.told.apart = self.folder.bytes_sent, self.folder.apart
        self.told.bytes_per_s = (
            round((self.folder.bytes_sent - before[1]) / max(now - before[0], 1e-9)) if before[0] else 0.0
        )
        try:
            self.service.data_directory.mkdir(parents=True, exist_ok=True)
            path = self.service.data_directory / STATE
            making = path.with_name(f".{STATE}.making")
            making.write_text(json.dumps(asdict(self.told) | {"at_ns": time.time_ns()}), encoding="utf-8")
            making.replace(path)
        except OSError as error:
            log.warning("what the sender says of itself cannot be written", why=in_words(error))

    async def run(self, stop: Event) -> None:
        """Connects again and again."""
        again = AGAIN_SECONDS
        while not stop.is_set():
            begun = time.monotonic()
            try:
                await self._session(stop)
            except (OSError, CannotSend, BadFrame, asyncio.IncompleteReadError, TimeoutError) as error:
                why = _words(error)
                if why != self.told.last_error:
                    log.warning("nothing is copied to the other site", to=self.settings.to, why=why)
                self.told.last_error, self.told.connected = why, False
            self.write()
            again = AGAIN_SECONDS if time.monotonic() - begun > AGAIN_SECONDS_MAX else min(2 * again, AGAIN_SECONDS_MAX)
            deadline = time.monotonic() + again
            while time.monotonic() < deadline and not stop.is_set():
                await asyncio.sleep(0.05)

    async def _session(self, stop: Event) -> None:
        host, port = address(self.settings.to)
        tls = keep.context(Path(self.settings.certificates), keep.SENDER, server=False)
        name = self.settings.server_name or host
        opening = asyncio.open_connection(host, port, ssl=tls, server_hostname=name, limit=4 * frames.PAYLOAD_BYTES_MAX)
        reader, writer = await asyncio.wait_for(opening, ANSWER_SECONDS_MAX)
        try:
            if (shown := keep.common_name(writer)) != keep.KEEPER:
                raise CannotSend(
                    f"the keeper's certificate is that of {shown or 'nobody'}; needed is that of {keep.KEEPER}"
                )
            own = self.settings
            writer.write(
                frames.told(
                    Kind.HELLO, region=own.region or self.service.topology, site=own.site or "", mark=own.mark or ""
                )
            )
            await writer.drain()
            self.folder.begin(await self._had(reader))
            log.info("copies to the other site", to=own.to, files=len(self.folder.known))
            while not stop.is_set():
                await self._batch(reader, writer, stop)
            # What the tiles wrote when they were stopped: they are stopped first.
            await asyncio.wait_for(self._batch(reader, writer, None), LAST_SECONDS_MAX)
        finally:
            writer.close()

    async def _had(self, reader: asyncio.StreamReader) -> dict[str, Known]:
        """What the keeper has."""
        known: dict[str, Known] = {}
        while (payload := await self._answer(reader, Kind.HAVE, Kind.HAVE_END)) is not None:
            path, size, first, digests = frames.had(payload)
            one = known.setdefault(path, Known(size, []))
            if first != len(one.digests) or len(known) > frames.FILES_MAX:
                raise BadFrame("the keeper's files are not told in order")
            one.digests += digests
        for path, one in known.items():
            if len(one.digests) != -(-one.size // frames.BLOCK_BYTES):
                raise BadFrame(f"{path}: the keeper's digests are not those of its size")
        return known

    async def _answer(self, reader: asyncio.StreamReader, wanted: Kind, end: Kind | None = None) -> bytes | None:
        kind, payload = await asyncio.wait_for(frames.read(reader), ANSWER_SECONDS_MAX)
        if kind is Kind.REFUSED:
            raise CannotSend(f"the keeper says: {frames.words_of(payload, why=str)['why'][:500]}")
        if kind is end:
            return None
        if kind is not wanted:
            raise BadFrame(f"the keeper answers with {kind.name.lower()}")
        return payload

    async def _batch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stop: Event | None) -> None:
        """Sends what changed, and returns once the keeper has it; with None in place of the event also where nothing did."""
        lingers = time.monotonic() + LINGER_SECONDS
        sent = 0
        while stop is None or not stop.is_set():
            begun, taken_ns = time.monotonic(), time.time_ns()
            try:
                for frame in self.folder.frames():
                    sent += 1
                    writer.write(frame)
                    if writer.transport.get_write_buffer_size() > frames.PAYLOAD_BYTES_MAX:
                        await writer.drain()
            except (Busy, FileNotFoundError):
                await asyncio.sleep(0.001)
                continue
            self.told.look_us = round((time.monotonic() - begun) * 1e6, 1)
            if sent or stop is None or time.monotonic() > lingers:
                break
            await self._pause(begun)
        else:
            return
        writer.write(frames.told(Kind.COMMIT, taken_ns=taken_ns))
        await writer.drain()
        await self._answer(reader, Kind.DONE)
        self.told.connected, self.told.last_error = True, None
        self.told.done_ns, self.told.batches = taken_ns, self.told.batches + 1
        self.told.lag_ms = round((time.time_ns() - taken_ns) / 1e6, 3)
        self.write()
        await self._pause(begun)

    async def _pause(self, begun: float) -> None:
        """Until the next look is due; looks that take long are less frequent."""
        spent = time.monotonic() - begun
        await asyncio.sleep(max(self.settings.every_ms / 1e3 - spent, LOOKS_SHARE * self.told.look_us / 1e6))


def _words(error: Exception) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return "the keeper ended the connection"
    if isinstance(error, TimeoutError):
        return f"the keeper did not answer for {ANSWER_SECONDS_MAX:.0f} s"
    return in_words(error)


def main(service: Service, stop: Event) -> None:
    """Sends until the event is set. Raises ValueError, OSError."""
    settings = Settings.model_validate(service.settings)
    os.nice(NICE)
    keep.context(Path(settings.certificates), keep.SENDER, server=False)
    leave_out = frozenset([*settings.leave_out, service.name])
    folder = Folder(service.data_directory.parent, leave_out, tuple(settings.last))
    sender = Sender(settings, service, Told(settings.to), folder)
    sender.write()
    service.ready()
    asyncio.run(sender.run(stop))


if __name__ == "__main__":
    sys.exit(run(main))
