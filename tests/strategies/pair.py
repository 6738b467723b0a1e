"""Two runners of one class, compiled and plain, called with the same bytes and compared bit by bit."""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian._native import strategies as native
from meridian.codes import Callback
from meridian.strategies import Plain, Strategy, build
from meridian.strategies.layouts import structure


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call left behind."""

    status: int
    line: int
    intents: tuple[bytes, ...]
    view: bytes
    record: bytes


class Pair:
    """A class in both modes."""

    def __init__(self, cls: type[Strategy], directory: Path) -> None:
        self.cls = cls
        self.artifact = build(cls, directory=directory)
        self.compiled = native.SlotRunner.compiled(self.artifact.path)
        self.plain = native.SlotRunner.plain(Plain(cls))

    def set(self, **values: Any) -> None:
        """Sets parameters in both."""
        for bits in self.artifact.bits(values):
            self.compiled.set_parameter(*bits)
            self.plain.set_parameter(*bits)

    def call(self, callback: Callback, event: Any, orders: Any) -> Answer:
        """Calls both and requires equal answers, to the last byte of view and record."""
        answers = [self._one(runner, callback, event, orders) for runner in (self.compiled, self.plain)]
        compiled, plain = answers
        assert (compiled.status, compiled.line) == (plain.status, plain.line)
        assert compiled.record == plain.record
        assert compiled.intents == plain.intents
        assert compiled.view == plain.view
        return compiled

    def _one(self, runner: native.SlotRunner, callback: Callback, event: Any, orders: Any) -> Answer:
        status, after = runner.call(int(callback), bytes(event), bytes(orders))
        view = structure("OrdersView").from_buffer_copy(after)
        size = ctypes.sizeof(structure("OrderIntent"))
        start = structure("OrdersView").intents.offset
        intents = tuple(after[start + size * place : start + size * (place + 1)] for place in range(view.intents_count))
        return Answer(status & 0xFF, status >> 8, intents, after, runner.record())
