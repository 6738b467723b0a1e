"""What an engine says of the disk that its journal lies on, read from its counters.

Invariant: as long as an engine sends no new orders because its disk refused what the journal wrote, there is a sentence that says
so and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

FAILED = ".journal_flush_failed"


def sentences(counters: Mapping[str, object], data: Path) -> Iterator[str]:
    """One for each engine whose disk refused; `data`: where that is."""
    for name, value in counters.items():
        if name.endswith(FAILED) and value == 1:
            tile = name.removesuffix(FAILED)
            yield (
                f"{tile}: sends no new orders: the disk of {data} refused what its journal wrote, and is not believed again; "
                f"cancels go on; put {tile} on a disk that works, `meridian journal verify` its journal there, and start again"
            )
