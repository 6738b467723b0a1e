"""ITCH 5.0 files for tests of backtests, message by message; fields as in venues/nasdaq/wire/itch50.toml."""

import struct
from pathlib import Path

SECOND_NS = 10**9
OPEN_NS = 34_200 * SECOND_NS
MIDNIGHT_NS = 1_546_473_600 * SECOND_NS + 5 * 3600 * SECOND_NS
"""New York's of 2019-01-03, which stands in the file's name."""


class Day:
    """One symbol's messages. Prices in ten-thousandths; times in ns after the open."""

    def __init__(self, symbol: str = "TEST") -> None:
        self.symbol = symbol.encode().ljust(8)
        self.messages: list[bytes] = []
        self.match = 0

    def _head(self, kind: bytes, after_ns: int) -> bytes:
        return kind + struct.pack(">HH", 1, 0) + (OPEN_NS + after_ns).to_bytes(6, "big")

    def add(self, after_ns: int, reference: int, side: str, lots: int, price4: int) -> None:
        """A new order."""
        body = struct.pack(">QcI8sI", reference, side.encode(), lots, self.symbol, price4)
        self.messages.append(self._head(b"A", after_ns) + body)

    def execute(self, after_ns: int, reference: int, lots: int) -> None:
        """Lots of it trade."""
        self.match += 1
        self.messages.append(self._head(b"E", after_ns) + struct.pack(">QIQ", reference, lots, self.match))

    def delete(self, after_ns: int, reference: int) -> None:
        """It goes."""
        self.messages.append(self._head(b"D", after_ns) + struct.pack(">Q", reference))

    def imbalance(
        self, after_ns: int, letter: str, *, paired: int, left: int, side: str, far4: int, near4: int, reference4: int
    ) -> None:
        """Where an auction stands."""
        body = struct.pack(">QQc8sIIIcc", paired, left, side.encode(), self.symbol, far4, near4, reference4,
                           letter.encode(), b" ")  # fmt: skip
        self.messages.append(self._head(b"I", after_ns) + body)

    def cross(self, after_ns: int, letter: str, lots: int, price4: int) -> None:
        """An auction."""
        self.match += 1
        body = struct.pack(">Q8sIQc", lots, self.symbol, price4, self.match, letter.encode())
        self.messages.append(self._head(b"Q", after_ns) + body)

    def save(self, directory: Path, name: str = "01032019.TEST_ITCH50") -> Path:
        """Writes the file."""
        path = directory / name
        path.write_bytes(b"".join(struct.pack(">H", len(message)) + message for message in self.messages))
        return path
