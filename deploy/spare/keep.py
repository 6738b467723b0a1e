"""The end of a copy that keeps it: a process at the site that is to go on, which takes batches of one sender and does them.

Invariant: nothing is taken of who shows no certificate of the authority for a sender, nothing of another region or site than
the copy is of, and no batch changes a file before it is whole on the disk (`copies`). An end of either side, or of the line,
ends the batch that was under way, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from io import BufferedWriter
from pathlib import Path

import structlog

from meridian import files
from meridian.console import in_words
from meridian.deploy.spare import copies, frames
from meridian.deploy.spare.copies import State
from meridian.deploy.spare.frames import BadFrame, Kind

SENDER, KEEPER = "spare-sender", "spare-keeper"
"""Common names of the certificates of both ends."""
CA = "ca.pem"
QUIET_SECONDS_MAX = 60.0
"""A sender says something each second."""
log = structlog.get_logger("spare")


class Refused(Exception):
    """Why a batch, or a sender, is not taken; a sentence that it is told."""


def context(folder: Path, name: str, *, server: bool) -> ssl.SSLContext:
    """TLS for one end, where both show a certificate of the folder's authority. Raises OSError (ssl.SSLError is one)."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_verify_locations(folder / CA)
    made.load_cert_chain(folder / f"{name}.pem", folder / f"{name}-key.pem")
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def common_name(writer: asyncio.StreamWriter) -> str:
    """Of the certificate that the other end showed."""
    shown = writer.get_extra_info("peercert") or {}
    return next((value for part in shown.get("subject", ()) for key, value in part if key == "commonName"), "")


@dataclass(slots=True)
class Keeper:
    """A copy in a folder. `serve` until it is cancelled."""

    data: Path
    tell: Callable[[dict[str, object]], None] = lambda facts: None
    """Hears of each sender that came and went, and of what was refused."""
    batches: int = 0
    busy: bool = False
    why: str = ""

    def prepare(self) -> int:
        """Takes the folder, and does what an earlier life left; returns the lock. Raises OSError, ValueError, Refused."""
        folder = self.data / copies.FOLDER
        if not folder.exists() and self.data.exists() and any(self.data.iterdir()):
            raise Refused(f"{self.data}: holds something that is no copy; name an empty folder")
        if folder.exists() and not copies.is_copy(self.data):
            raise Refused(f"{self.data}: a region was led from there; keep the new copy in an empty folder")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (descriptor := files.lock(folder)) is None:
            raise Refused(f"{self.data}: another process keeps a copy there; end it first")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
        copies.finish(self.data)
        return descriptor

    async def serve(self, host: str, port: int, tls: ssl.SSLContext, ready: Callable[[int], None]) -> None:
        """Takes senders, one at a time, until it is cancelled. Raises OSError where the address is not to be had."""
        server = await asyncio.start_server(self._connected, host, port, ssl=tls, limit=4 * frames.PAYLOAD_BYTES_MAX)
        async with server:
            ready(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = f"{(writer.get_extra_info('peername') or ('?',))[0]}"
        try:
            await self._session(reader, writer, who)
        except (Refused, BadFrame) as error:
            self._said(who, str(error))
            await _answer(writer, frames.told(Kind.REFUSED, why=str(error)))
        except TimeoutError:
            self._said(who, f"it said nothing for {QUIET_SECONDS_MAX:.0f} s")
        except (OSError, asyncio.IncompleteReadError) as error:
            self._said(who, f"the connection ended: {in_words(error) if isinstance(error, OSError) else 'cut'}")
        except asyncio.CancelledError:
            return  # The keeper ends: asyncio would tell of this as of a fault.
        finally:
            writer.close()

    def _said(self, who: str, why: str) -> None:
        if why != self.why:
            log.warning("a sender was let go", sender=who, why=why)
        self.why = why
        self.tell({"sender": who, "ended": why, "batches": self.batches})

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str) -> None:
        if (name := common_name(writer)) != SENDER:
            raise Refused(f"the certificate is that of {name or 'nobody'}; needed is that of {SENDER}")
        if self.busy:
            raise Refused("another sender is connected")
        self.busy = True
        try:
            hello = frames.words_of(await self._next(reader, Kind.HELLO), region=str, site=str, mark=str)
            if frames.REGION.fullmatch(hello["region"]) is None:
                raise Refused(f"{hello['region'][:40]!r} is no region")
            known = self._known(hello)
            root = copies.root_of(self.data, hello["region"])
            for frame in copies.held(root):
                writer.write(frame)
                await writer.drain()
            writer.write(frames.told(Kind.HAVE_END))
            await writer.drain()
            self.tell({"sender": who, "region": hello["region"], "site": hello["site"]})
            batch = known.batch if known is not None else 0
            while True:
                batch += 1
                state = await self._batch(reader, root, batch, hello)
                writer.write(frames.told(Kind.DONE, taken_ns=state.taken_ns))
                await writer.drain()
                self.why = ""
        finally:
            self.busy = False

    def _known(self, hello: dict[str, str]) -> State | None:
        known = copies.finish(self.data)
        if known is not None and (known.region, known.mark) != (hello["region"], hello["mark"]):
            raise Refused(
                f"the copy is of region {known.region} of site {known.site or 'without a name'}, not of {hello['region']} of "
                f"site {hello['site'] or 'without a name'} with its data; keep that in a folder of its own"
            )
        return known

    async def _next(self, reader: asyncio.StreamReader, *kinds: Kind) -> bytes:
        kind, payload = await asyncio.wait_for(frames.read(reader), QUIET_SECONDS_MAX)
        if kind not in kinds:
            raise BadFrame(f"a frame of kind {kind.name.lower()} is not due now")
        return payload

    async def _batch(self, reader: asyncio.StreamReader, root: Path, number: int, hello: dict[str, str]) -> State:
        """Takes one batch to the disk, and does it."""
        folder = self.data / copies.FOLDER
        coming, bytes_seen = folder / copies.COMING, 0
        try:
            with coming.open("wb") as file:
                while True:
                    kind, payload = await asyncio.wait_for(frames.read(reader), QUIET_SECONDS_MAX)
                    if kind is Kind.COMMIT:
                        break
                    _take(kind, payload, file)
                    bytes_seen += len(payload)
                taken_ns = frames.words_of(payload, taken_ns=int)["taken_ns"]
                state = State(
                    region=hello["region"], site=hello["site"], mark=hello["mark"], taken_ns=taken_ns, batch=number
                )
                if bytes_seen:
                    file.write(frames.encoded(Kind.COMMIT, json.dumps(asdict(state)).encode()))
            if bytes_seen:
                if (why := copies.room_for(coming, root)) is not None:
                    raise Refused(f"there is no room: {why}")
                coming.replace(folder / copies.READY)
                copies.finish(self.data)
            else:
                copies.write_state(self.data, state)
        except OSError as error:
            coming.unlink(missing_ok=True)
            if isinstance(error, ConnectionError | TimeoutError | ssl.SSLError):
                raise
            raise Refused(f"{self.data}: it cannot be written: {in_words(error)}") from None
        self.batches += 1
        return state


def _take(kind: Kind, payload: bytes, file: BufferedWriter) -> None:
    """A frame of a batch that is coming, looked at before it is kept. Raises BadFrame, OSError."""
    if kind is Kind.RANGE:
        frames.range_of(payload)
    elif kind is Kind.FILE:
        frames.file_of(payload)
    elif kind is Kind.REMOVE:
        frames.path_of(str(frames.words_of(payload, path=str)["path"]))
    else:
        raise BadFrame(f"a frame of kind {kind.name.lower()} is not due in a batch")
    file.write(frames.encoded(kind, payload))


async def _answer(writer: asyncio.StreamWriter, frame: bytes) -> None:
    try:
        writer.write(frame)
        await asyncio.wait_for(writer.drain(), 1.0)
    except (OSError, TimeoutError):
        return


def age_s(state: State) -> float:
    """How old the newest of a copy is, by this host's clock."""
    return max(time.time_ns() - state.taken_ns, 0) / 1e9
