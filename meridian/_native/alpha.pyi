"""What an alpha tile is given (crate native, alpha.rs)."""

from os import PathLike

WORDS: int
"""Words of a row."""
LISTINGS_MAX: int
BOOK: int
TRADE: int
BEAT: int

class JournalTap:
    """Follows the journal of an engine that runs, and sees books and trades of listings as its strategies do."""

    @staticmethod
    def open(directory: str | PathLike[str], listings: list[tuple[int, int]], beat_ns: int) -> JournalTap | None: ...
    def poll(self) -> tuple[int, bytes]: ...
    def go_on(self, directory: str | PathLike[str]) -> bool: ...
    @property
    def last(self) -> int: ...
    @property
    def waits_for_start(self) -> bool: ...
