"""The strategies of a running engine: what they are and do; starting, stopping, setting parameters.

A command is a file in the engine's inbox (crates/engine/src/inbox.rs): whoever may write there may command. Its answer is
the engine's own `Applied` output with the command's number, kept by the recorder.

Invariant: parameters are validated against the class, all errors at once, before anything is written; a command that this
module calls done is in force at the input sequence that it returns.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meridian import records
from meridian._native import journal as native
from meridian.console import BadInput, CheckFailed, Unreachable
from meridian.deploy import runs
from meridian.strategies.artifact import Artifact, read

RECORD = "record.json"
MESSAGE_BYTES = 4096
"""As in crates/engine/src/inbox.rs."""
ANSWER_SECONDS_MAX = 5.0
LOOK_SECONDS = 0.02
APPLIED = 1
FLOAT, BOOL = 2, 3
"""As `scalar` of a `Parameter` record."""
RUNNING, STOPPED, DISABLED = (
    int(records.SlotRun.RUNNING), int(records.SlotRun.STOPPED), int(records.SlotRun.DISABLED)
)  # fmt: skip

QUARANTINED = int(records.CallStatus.QUARANTINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSlot:
    """One slot of a run."""

    number: int
    name: str
    artifact: Artifact | None
    """None for an executor, which runs no code."""
    initial: Mapping[str, Any]
    listings: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class RunningEngine:
    """A running engine, by its run's record."""

    directory: Path
    document: Mapping[str, Any]

    @classmethod
    def find(cls, name: str | None = None) -> RunningEngine:
        """The engine of the one run that is up, or of the run of this name. Raises Unreachable or BadInput."""
        found = [run for run in runs.runs() if name is None or run.name == name]
        if not found:
            raise Unreachable("no run is up" if name is None else f"--run = {name}: no such run is up")
        if len(found) > 1:
            raise BadInput(f"several runs are up; choose with --run one of {', '.join(run.name for run in found)}")
        return cls.of(Path(found[0].data_directory).parent)

    @classmethod
    def of(cls, directory: Path) -> RunningEngine:
        """The engine of the run whose record lies here. Raises Unreachable."""
        path = directory / RECORD
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError:
            raise Unreachable(f"{path}: there is no such record; this run has no strategies") from None
        except ValueError as error:
            raise CheckFailed(f"{path}: is damaged, it is no JSON: {error}") from None
        if not isinstance(document, dict) or not {"engine", "slots"} <= set(document):
            raise CheckFailed(f"{path}: is damaged: it does not name its engine and slots")
        return cls(directory, document)

    def slots(self) -> list[RunningSlot]:
        """Its slots, by number."""
        return [
            RunningSlot(
                number=about["slot"],
                name=about["name"],
                artifact=None if about["artifact"] is None else read(about["artifact"]),
                initial=about["parameters"],
                listings=about["listings"],
            )
            for about in self.document["slots"]
        ]

    def slot(self, name: str) -> RunningSlot:
        """One slot by its name. Raises BadInput."""
        slots = self.slots()
        for slot in slots:
            if slot.name == name:
                return slot
        raise BadInput(f"NAME = {name}: no such strategy runs; allowed are {', '.join(slot.name for slot in slots)}")

    def states(self) -> dict[int, Any]:
        """The last `SlotState` of each slot that ever changed its state."""
        outputs = self.directory / self.document["engine"]["outputs"]
        return {int(one["slot"]): one for _, one in kept(outputs, "SlotState")}

    def parameters(self) -> dict[int, dict[str, Any]]:
        """Slot → its parameters as they are in force: those that it began with, and what was set since."""
        found = {int(about["slot"]): dict(about["parameters"]) for about in self.document["slots"]}
        engine = self.document["engine"]
        for _, applied in kept(self.directory / engine["outputs"], "Applied"):
            if int(applied["control"]) != records.Kind.PARAMETER or int(applied["outcome"]) != APPLIED:
                continue
            data = _input(self.directory / engine["journal"], int(applied["input"]))
            if data is not None and records.name_of(data) == "Parameter":
                one = records.parse(data)
                if int(one["slot"]) in found:
                    found[int(one["slot"])][records.text(one["name"])] = _value(int(one["scalar"]), int(one["bits"]))
        return found

    def runs(self, slot: RunningSlot) -> bool | None:
        """Whether a slot runs; None for one that was disabled."""
        state = self.states().get(slot.number)
        run = STOPPED if state is None else int(state["run"])
        return None if run not in (RUNNING, STOPPED) else run == RUNNING

    def quarantined(self, slot: RunningSlot) -> bool:
        """Whether a slot is disabled since its code ended the engine."""
        state = self.states().get(slot.number)
        return state is not None and (int(state["run"]), int(state["status"])) == (DISABLED, QUARANTINED)

    def command(self, commands: list[bytes], request: int) -> int:
        """Sends control records that carry this request number; returns the input sequence at which the last is in force."""
        after = self.recorded()
        self.tell(commands, request)
        answers = self.answers(lambda one: int(one["request"]) == request, len(commands), after)
        if refused := [one for one in answers if int(one["outcome"]) != APPLIED]:
            raise BadInput(f"the engine refused it at input {int(refused[0]['input'])}")
        return max(int(one["input"]) for one in answers)

    def tell(self, commands: list[bytes], request: int) -> None:
        """Puts control records into the inbox, all or none. Raises Unreachable with the place when they cannot be written."""
        inbox = self.directory / self.document["engine"]["inbox"]
        body = b"".join(commands)
        message = struct.pack("<Q", len(body)) + body
        making = inbox / f".{request:016x}"
        try:
            descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(message.ljust(MESSAGE_BYTES, b"\0"))
            making.rename(inbox / f"{time.time_ns():020d}-{request:016x}.control")
        except OSError as error:
            with contextlib.suppress(OSError):
                making.unlink()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                why = f"the disk is full; make room for {MESSAGE_BYTES} bytes there and ask again"
            else:
                why = f"{error.strerror or error}; the engine's user must be able to write there"
            raise Unreachable(f"{inbox}: {why}; nothing was sent") from None

    def recorded(self) -> int:
        """The last record that the recorder kept: an answer comes after it."""
        outputs = self.directory / self.document["engine"]["outputs"]

        def first_after(sequence: int) -> int | None:
            try:
                return next((at for at, _, _ in native.Reader(outputs, sequence)), None)
            except (OSError, ValueError):
                return None

        # A day's outputs are not read through for this: a command, a kill above all, must not wait for it.
        last, step = 0, 1
        while (found := first_after(last + step - 1)) is not None:
            last, step = found, step * 2
        while step > 1:
            step //= 2
            if (found := first_after(last + step - 1)) is not None:
                last = found
        return last

    def answers(self, is_mine: Callable[[Any], bool], count: int, after: int) -> list[Any]:
        """The engine's answers to a command. Raises Unreachable when they do not come."""
        outputs = self.directory / self.document["engine"]["outputs"]
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        found: list[Any] = []
        while time.monotonic() < deadline:
            for sequence, one in kept(outputs, "Applied", after):
                after = sequence
                found += [one] if is_mine(one) else []
            if len(found) >= count:
                return found
            time.sleep(LOOK_SECONDS)
        raise Unreachable(
            f"the engine did not answer within {ANSWER_SECONDS_MAX:.0f} s; the command may still take effect"
        )


def new_request() -> int:
    """A number that no other command has."""
    return secrets.randbits(63) | 1


def start_stop(slot: RunningSlot, request: int, *, start: bool, quarantined: bool = False) -> list[bytes]:
    """The record that starts a slot, one that is `quarantined` too, or stops it and takes its orders back."""
    return [_control(slot, request, RUNNING if start else STOPPED, QUARANTINED if start and quarantined else 0)]


def disable(slot: RunningSlot, request: int) -> list[bytes]:
    """The record that disables a slot: its orders are taken back, nothing more is sent for it, its legs let go of reserve."""
    return [_control(slot, request, DISABLED)]


def _control(slot: RunningSlot, request: int, run: int, status: int = 0) -> bytes:
    fields = {"slot": slot.number, "run": run, "cancel": 1, "status": status, "request": np.uint64(request)}
    return records.new("StrategyControl", **fields).tobytes()


def settings(slot: RunningSlot, assignments: Mapping[str, str], request: int, *, runs: bool = False) -> list[bytes]:
    """The records that set parameters given as text. Raises BadInput with every error.

    While the slot `runs`, only parameters that the class declares live are allowed.
    """
    if slot.artifact is None:
        given = [f"{name} = {text}" for name, text in assignments.items()]
        raise BadInput([f"{one}: {slot.name} is an executor, which has no parameters" for one in given])
    live = {about["name"] for about in slot.artifact.parameters if about.get("live", True)}
    kinds = {about["name"]: about["type"] for about in slot.artifact.parameters}
    values: dict[str, Any] = {}
    errors = []
    for name, text in assignments.items():
        if name not in kinds:
            errors.append(
                f"{name} = {text}: {slot.artifact.name} has no such parameter; allowed are {', '.join(kinds)}"
            )
            continue
        try:
            values[name] = _parsed(kinds[name], text)
            if runs and name not in live:
                errors.append(
                    f"{name} = {text}: {slot.artifact.name} does not declare it live, so it is set only while {slot.name} is "
                    f"stopped (meridian strategy stop {slot.name}); live are {', '.join(sorted(live)) or 'none'}"
                )
        except ValueError:
            errors.append(f"{name} = {text}: must be {WORDS[kinds[name]]}")
    try:
        bits = slot.artifact.bits(values)
    except ValueError as error:
        errors += str(error).splitlines()
    if errors:
        raise BadInput(errors)
    return [
        records.new(
            "Parameter",
            name=name,
            bits=np.uint64(word),
            offset=offset,
            slot=slot.number,
            scalar=scalar,
            request=np.uint64(request),
        ).tobytes()
        for name, offset, scalar, word in bits
        if name in values
    ]


WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def _parsed(kind: str, text: str) -> Any:
    if kind == "bool":
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"
    return int(text) if kind == "int" else float(text)


def _value(scalar: int, bits: int) -> int | float | bool:
    """A parameter's value from its bits, as `Artifact.bits` made them."""
    word = bits.to_bytes(8, "little")
    return bool(bits) if scalar == BOOL else struct.unpack("<d" if scalar == FLOAT else "<q", word)[0]


def _input(directory: Path, sequence: int) -> bytes | None:
    """One input of an engine, from its journal; None where it is not there any more."""
    try:
        for found, _, data in native.Reader(directory, sequence - 1):
            return bytes(data) if found == sequence else None
    except (OSError, ValueError):
        return None
    return None


def kept(directory: Path, name: str, after: int = 0) -> Iterator[tuple[int, Any]]:
    """Sequence and record of those of one kind that a recorder kept so far, from the one after `after`."""
    try:
        kept = list(native.Reader(directory, after))
    except (OSError, ValueError):
        return
    for sequence, _, data in kept:
        if records.name_of(data) == name:
            yield sequence, records.parse(data)
