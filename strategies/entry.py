"""The outer face of a strategy's object code, as LLVM assembly: what a host finds by name.

`meridian_on_<callback>(record, event, orders view) → u32` calls numba's function and turns its outcome into 0 or the status
that the failed check left in the view. Beside it stand the layout of the record, its initial bytes and the parameters.

Invariant: the names and types here are those that `crates/strategies/src/compiled.rs` reads; `ABI_VERSION` changes with them.
"""

import struct

from meridian.strategies import checks, layouts
from meridian.strategies.fields import SCALAR_CODES, Field, Table

__all__ = ["ABI_VERSION", "entry_points", "settable_code"]

ABI_VERSION = 3
LIVE, FIXED = 0x100, 0x200
"""In a parameter's scalar code: it may be set in a running slot, or may not."""

# numba's convention: (result, error, arguments…) → 0 or -2 (None) when it returned. The error's text stays unread.
_CALLBACK = """
declare i32 @{native}(ptr, ptr, ptr, ptr, ptr) alwaysinline
define i32 @meridian_{name}(ptr noalias %record, ptr noalias %event, ptr noalias %view) nounwind {{
  %result = alloca ptr
  %error = alloca ptr
  %status = call i32 @{native}(ptr %result, ptr %error, ptr %record, ptr %event, ptr %view)
  %ok = icmp eq i32 %status, 0
  %none = icmp eq i32 %status, -2
  %returned = or i1 %ok, %none
  br i1 %returned, label %done, label %failed
done:
  ret i32 0
failed:
  %place = getelementptr i8, ptr %view, i64 {failure}
  %left = load i64, ptr %place
  %code = trunc i64 %left to i32
  %told = icmp ne i32 %code, 0
  %answer = select i1 %told, i32 %code, i32 {raised}
  ret i32 %answer
}}
"""


def _bytes(name: str, content: bytes) -> str:
    spelled = "".join(f"\\{each:02X}" for each in content)
    return f'@{name} = constant [{len(content)} x i8] c"{spelled}", align 8\n'


def settable_code(field: Field) -> int:
    """A parameter's scalar code, with whether it may be set in a running slot."""
    return SCALAR_CODES[field.scalar] | (LIVE if field.live else FIXED)


def entry_points(table: Table, symbols: dict[str, str], *, reads: int) -> str:
    """The module's text: data about the record and what the class looks at, and a function for each callback's symbol."""
    parameters = b"".join(
        struct.pack("<32sII", field.name.encode(), field.offset, settable_code(field))
        for field in table.parameters.values()
    )
    kept = b"".join(
        struct.pack("<32sIIII", field.name.encode(), field.offset, SCALAR_CODES[field.scalar], field.length, 0)
        for field in table.kept
    )
    text = f"@meridian_abi_version = constant i64 {ABI_VERSION}\n"
    text += f"@meridian_record_bytes = constant i64 {table.record_bytes}\n"
    text += f"@meridian_state_offset = constant i64 {table.state_offset}\n"
    text += f"@meridian_parameters_count = constant i64 {len(table.parameters)}\n"
    text += f"@meridian_reads = constant i64 {reads}\n"
    text += f"@meridian_kept_count = constant i64 {len(table.kept)}\n"
    text += _bytes("meridian_kept", kept or bytes(48))
    text += _bytes("meridian_initial", table.initial())
    text += _bytes("meridian_parameters", parameters or bytes(40))
    failure = layouts.structure("OrdersView").failure.offset
    for name, native in symbols.items():
        text += _CALLBACK.format(name=name, native=f'"{native}"', failure=failure, raised=checks.RAISED)
    return text
