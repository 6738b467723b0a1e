"""The types that numba is taught: a pointer to a record, and a fixed array inside one.

Loads widen to 64-bit signed numbers, floats or bools; stores narrow. No reference counts, no copies: a value is an address.

Invariant: the offsets are those of the ctypes structures that plain mode runs over.
"""

import ctypes
import hashlib
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models, register_default
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic

__all__ = ["Fixed", "Pointer", "at", "pointer_to", "put"]

_BYTE = ir.IntType(8)
_POINTER = _BYTE.as_pointer()


def _digest(element: Any) -> str:
    # numba takes types of one name for one type, and the name goes into symbols: it follows from the layout alone.
    fields = getattr(element, "_fields_", [])
    spelled = repr([(name, kind.__name__, getattr(element, name).offset) for name, kind in fields])
    return hashlib.sha256(spelled.encode()).hexdigest()[:12]


class Pointer(types.Type):
    """The address of a structure."""

    def __init__(self, structure: type[ctypes.Structure]) -> None:
        self.structure = structure
        self.fields = {field[0]: field[1] for field in structure._fields_}
        super().__init__(name=f"Pointer({structure.__name__}, {_digest(structure)})")

    @property
    def kind(self) -> str:
        """The view's name."""
        return self.structure.__name__


class Fixed(types.Type):
    """The address of an array of a fixed length."""

    def __init__(self, array: Any) -> None:
        self.element = array._type_
        self.length = array._length_
        super().__init__(name=f"Fixed({self.element.__name__}, {self.length}, {_digest(self.element)})")


@register_default(Pointer)
@register_default(Fixed)
class AddressModel(models.PrimitiveModel):
    """An address."""

    def __init__(self, manager: Any, front_type: Any) -> None:
        super().__init__(manager, front_type, _POINTER)


_POINTERS: dict[Any, Pointer] = {}


def pointer_to(structure: type[ctypes.Structure]) -> Pointer:
    """The one pointer type of a structure."""
    return _POINTERS.setdefault(structure, Pointer(structure))


def type_of(element: Any) -> Any:
    """What numba sees of an element."""
    if issubclass(element, ctypes.Structure):
        return pointer_to(element)
    if issubclass(element, ctypes.Array):
        return Fixed(element)
    if element is ctypes.c_bool:
        return types.boolean
    return types.float64 if element is ctypes.c_double else types.int64


@infer_getattr
class PointerAttributes(AttributeTemplate):
    """Fields of a structure."""

    key = Pointer

    def generic_resolve(self, pointer: Pointer, name: str) -> Any:
        """The type of a field, or nothing."""
        element = pointer.fields.get(name)
        return None if element is None else type_of(element)


def _load(builder: Any, element: Any, address: Any) -> Any:
    if issubclass(element, (ctypes.Structure, ctypes.Array)):
        return address
    if element is ctypes.c_double:
        return builder.load(builder.bitcast(address, ir.DoubleType().as_pointer()))
    raw = ir.IntType(8 * ctypes.sizeof(element))
    value = builder.load(builder.bitcast(address, raw.as_pointer()))
    if element is ctypes.c_bool:
        return builder.icmp_unsigned("!=", value, ir.Constant(raw, 0))
    return builder.sext(value, ir.IntType(64)) if raw.width < 64 else value


def _store(builder: Any, element: Any, address: Any, value: Any) -> None:
    if element is ctypes.c_double:
        builder.store(value, builder.bitcast(address, ir.DoubleType().as_pointer()))
        return
    raw = ir.IntType(8 * ctypes.sizeof(element))
    if element is ctypes.c_bool:
        value = builder.zext(value, raw)
    elif raw.width < 64:
        value = builder.trunc(value, raw)
    builder.store(value, builder.bitcast(address, raw.as_pointer()))


def _moved(builder: Any, address: Any, offset: Any) -> Any:
    return cgutils.pointer_add(builder, address, offset, _POINTER)


@lower_getattr_generic(Pointer)
def _get(context: Any, builder: Any, pointer: Pointer, value: Any, name: str) -> Any:
    offset = getattr(pointer.structure, name).offset
    return _load(builder, pointer.fields[name], _moved(builder, value, offset))


@lower_setattr_generic(Pointer)
def _set(context: Any, builder: Any, signature: Any, arguments: Any, name: str) -> None:
    pointer = signature.args[0]
    element = pointer.fields[name]
    address = _moved(builder, arguments[0], getattr(pointer.structure, name).offset)
    value = context.cast(builder, arguments[1], signature.args[1], type_of(element))
    _store(builder, element, address, value)


@intrinsic
def at(typing_context: Any, array: Any, place: Any) -> Any:
    """The element at a place that was checked."""
    signature = type_of(array.element)(array, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        size = ir.Constant(ir.IntType(64), ctypes.sizeof(array.element))
        address = _moved(builder, arguments[0], builder.mul(arguments[1], size))
        return _load(builder, array.element, address)

    return signature, generate


@intrinsic
def put(typing_context: Any, array: Any, place: Any, value: Any) -> Any:
    """Writes the element at a place that was checked."""
    signature = types.void(array, types.int64, type_of(array.element))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        size = ir.Constant(ir.IntType(64), ctypes.sizeof(array.element))
        address = _moved(builder, arguments[0], builder.mul(arguments[1], size))
        _store(builder, array.element, address, arguments[2])
        return context.get_dummy_value()

    return signature, generate
