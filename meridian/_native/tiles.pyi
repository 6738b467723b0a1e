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
