from typing import TypedDict

class LayoutEntry(TypedDict):
    name: str
    size: int
    kind: int
    version: int
    fields: tuple[tuple[str, int, str, tuple[int, ...]], ...]
    """Name, offset, innermost format (a numpy scalar with byte order, or another layout's name), shape around it."""

LAYOUTS: tuple[LayoutEntry, ...]
CODES: dict[str, tuple[int, str, dict[str, tuple[int, str]]]]
"""Enumeration → bytes of a stored code, what it is for, variant → (code, meaning)."""
CONSTANTS: dict[str, int]

def name_of(data: bytes) -> str: ...
def split(data: bytes) -> list[tuple[str, int]]: ...
