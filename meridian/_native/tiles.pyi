# What the extension offers this room; the room's package re-exports it.

class Stop:
    """A request to stop, raised by a signal handler or another thread."""

    def __init__(self) -> None: ...
    def ask(self) -> None: ...
    def asked(self) -> bool: ...

def run(spec_json: str, stop: Stop) -> None:
    """Runs one process of a topology until `stop` is asked; ValueError for a wrong specification, RuntimeError when a
    tile could not start or died."""

def kinds() -> list[str]:
    """The kinds of tile that this build knows, sorted."""

def check(tile_json: str, publications: list[str], subscriptions: list[str]) -> list[str]:
    """Everything that is wrong with one tile, given as a process's specification has it, with the links that it produces and
    consumes; a sentence each. The tile's own constructor refuses by the same code."""

def disk_bytes(tile_json: str) -> int:
    """Bytes of the files that a tile makes below the data directory when it starts."""
