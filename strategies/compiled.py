"""Compiled mode: numba turns the checked form of a class into machine code without Python in it.

Every callback gets a native function (record, event, orders view) → numba's status. The object file holds that code alone,
linked of its parts and optimised once, as a whole; `artifact` makes a shared object of it. What numba infers is looked at before
it is taken: no Python objects, no allocation, no name that is sometimes a whole number and sometimes a float.

Invariant: one baseline processor (`TARGET_CPU`), no fast-math, no vector math library, no fused multiply-add: the same
object code, and the same bits out of it, on every machine.
"""

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from numba.core import compiler, config, ir, types
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target

from meridian.strategies import layouts, numba_checks, scope, transform
from meridian.strategies.entry import entry_points
from meridian.strategies.numba_types import Fixed, Pointer, pointer_to
from meridian.strategies.scope import StrategyRefused
from meridian.strategies.strategy import Strategy, program_of
from meridian.strategies.views import OrdersBound

__all__ = ["TARGET_CPU", "Compiled", "compile_class"]

TARGET_CPU = "x86-64-v2" if llvm.get_process_triple().startswith("x86_64") else "generic"
_generators: list[Any] = []
# What the object may call: the memory moves that LLVM writes for itself.
ALLOWED_SYMBOLS = {"memset", "memcpy", "memmove"}
# numba's library that counts references.
_COUNTING = "nrt"
# numba's texts of errors: never read here, and they hold paths of the machine that builds.
_ERRORS = re.compile(r"(@\.const\.picklebuf\.[\w.]+ = internal constant \{[^}]*\}) \{[^}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Machine code of a class."""

    object_code: bytes
    callbacks: tuple[str, ...]


class _Unrun(JITCodeLibrary):
    """A function's code as numba writes it: nothing of it runs in this process, and `_emit` alone links and optimises.

    numba would link into each function all that it calls, and optimise the whole, at every level of calls again.
    """

    def get_pointer_to_function(self, name: str) -> int:
        """No address; the code is complete all the same."""
        self._ensure_finalized()
        return 0

    def finalize(self) -> None:
        """Takes nothing more in."""
        self._raise_if_finalized()
        self._finalized = True

    def parts(self, seen: dict[int, JITCodeLibrary]) -> None:
        """Adds this library and all that it calls to `seen`, those that are called first.

        numba links its counting of references everywhere; what would call it is refused.
        """
        if id(self) in seen:
            return
        for called in self._linking_libraries:
            if called.name == _COUNTING:
                continue
            if isinstance(called, _Unrun):
                called.parts(seen)
            else:
                seen[id(called)] = called  # Compiled for this process before: whole in itself.
        seen[id(self)] = self

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout


class _Generator(JITCPUCodegen):
    """numba's code generator, without machine code for this process."""

    _library_class = _Unrun

    def set_env(self, env_name: str, env: Any) -> None:
        """Nothing: no code is there that would look at it."""


@contextmanager
def _own_generator() -> Iterator[None]:
    """numba's code generator for `TARGET_CPU`, in the place of the process's own, which may serve this machine alone."""
    context = cpu_target.target_context
    before = config.CPU_NAME, config.CPU_FEATURES, context._internal_codegen, context.cached_internal_func
    config.CPU_NAME, config.CPU_FEATURES = TARGET_CPU, ""
    if not _generators:
        _generators.append(_Generator("meridian.strategies"))
    context._internal_codegen, context.cached_internal_func = _generators[0], {}
    try:
        yield
    finally:
        config.CPU_NAME, config.CPU_FEATURES, context._internal_codegen, context.cached_internal_func = before


def compile_class(cls: type[Strategy]) -> Compiled:
    """The object code of a class. Raises StrategyRefused with what is wrong, by file and line."""
    # A compilation makes very many objects and few of them in circles: looking for those takes a fifth of its time.
    collects = gc.isenabled()
    gc.disable()
    try:
        with _own_generator():
            return _compile_class(cls)
    finally:
        if collects:
            gc.enable()


def _compile_class(cls: type[Strategy]) -> Compiled:
    numba_checks.install()
    program = program_of(cls)
    record = pointer_to(cls.table.structure)
    view = pointer_to(layouts.structure("OrdersView"))
    dispatchers: dict[str, Any] = {}

    def wrap(name: str, function: Any) -> Any:
        from numba import njit

        dispatchers[name] = njit(**numba_checks.OPTIONS)(function)
        return dispatchers[name]

    functions = program.functions(wrap)
    libraries, symbols, errors = [], {}, []
    for name in program.callbacks:
        structure = transform.CALLBACKS[name]
        event = pointer_to(layouts.structure(structure or "TimerView"))
        try:
            result = _compile(_trampoline(functions[name], structure is not None), (record, event, view))
        except NumbaError as error:
            errors += _explain(program.file, error)
            continue
        symbols[name] = result.fndesc.llvm_func_name
        libraries.append(result.library)
    if not errors:
        errors = [error for name, found in dispatchers.items() for error in _inferred(program.file, name, found)]
    if errors:
        raise StrategyRefused(errors)
    return Compiled(object_code=_emit(cls, libraries, symbols), callbacks=tuple(symbols))


def _trampoline(function: Any, has_event: bool) -> Any:
    def with_event(record: Any, event: Any, view: Any) -> None:
        function(view, record, event, OrdersBound(view, view.current))

    def without_event(record: Any, event: Any, view: Any) -> None:
        function(view, record, OrdersBound(view, view.current))

    return with_event if has_event else without_event


def _compile(function: Any, arguments: tuple[Any, ...]) -> Any:
    flags = compiler.Flags()
    flags.enable_pyobject = False
    flags.error_model = "numpy"
    flags.nrt = False
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    target = cpu_target
    return compiler.compile_extra(
        target.typing_context, target.target_context, function, arguments, types.none, flags, {}
    )  # fmt: skip


def _emit(cls: type[Strategy], libraries: list[Any], symbols: dict[str, str]) -> bytes:
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=TARGET_CPU, features="", opt=3, reloc="pic", codemodel="default"
    )
    whole = llvm.parse_assembly(entry_points(cls.table, symbols, reads=program_of(cls).reads))
    parts: dict[int, JITCodeLibrary] = {}
    for library in libraries:
        library.parts(parts)
    for part in parts.values():
        whole.link_in(llvm.parse_assembly(_ERRORS.sub(r"\1 zeroinitializer", part.get_llvm_str())))
    for each in (*whole.functions, *whole.global_variables):
        if not each.is_declaration and not each.name.startswith("meridian_"):
            each.linkage = "internal"
    whole.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(whole, builder)
    outside = {f.name for f in whole.functions if f.is_declaration and not f.name.startswith("llvm.")}
    outside |= {v.name for v in whole.global_variables if v.is_declaration}
    unknown = sorted(outside - ALLOWED_SYMBOLS)
    if unknown:
        raise StrategyRefused([f"The code would call {', '.join(unknown)}: Python objects or memory."])
    return machine.emit_object(whole)


def _explain(file: str, error: NumbaError) -> list[str]:
    """numba's error as sentences with the quant's lines."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    tail = re.escape(_tail(file))
    mentions = re.findall(rf'(?:{tail}", line (\d+))|(?:{tail} \((\d+)\))', text)
    lines = [int(one or other) for one, other in mentions]  # The innermost call is named first.
    location = getattr(error, "loc", None)
    if location is not None and _tail(location.filename or "") == _tail(file):
        lines.append(location.line)
    line = lines[0] if lines else 0
    ours = list(dict.fromkeys(re.findall(rf"{numba_checks.REFUSED}(.*)\.", text)))
    if ours:
        return [scope.sentence(file, line, words) for words in ours]
    known = re.search(r"Unknown attribute '(\w+)' of type Pointer\((\w+)", text)
    if known:
        return [scope.sentence(file, line, f"{known.group(2).removesuffix('View').lower()} has no {known.group(1)}")]
    if "Cannot unify" in text:
        found = re.search(r"Cannot unify (.*?) and (.*?) for '([\w.]+?)(?:\.\d+)?'", text)
        words = f"{found.group(3)} is of two kinds" if found else "a name is of two kinds"
        return [scope.sentence(file, line, f"{words}; give every name one kind")]
    if (
        "got an unexpected keyword argument" in text
        or "missing a required argument" in text
        or "too many positional" in text
    ):
        found = re.search(r"((?:got an unexpected|missing a required|too many positional)[^\n]*)", text)
        return [scope.sentence(file, line, f"the call does not fit: {found.group(1) if found else ''}")]
    said = (each.strip() for each in text.splitlines())
    first = next((each for each in said if each and not each.startswith("Failed in nopython")), "it does not compile")
    return [scope.sentence(file, line, f"this cannot be compiled ({first.rstrip('.')})")]


def _tail(file: str) -> str:
    return "/".join(file.split("/")[-2:])


def _is_known(kind: Any) -> bool:
    if isinstance(kind, types.BaseTuple):
        return all(_is_known(each) for each in kind)
    return isinstance(
        kind, (Pointer, Fixed, types.NoneType, types.Boolean, types.Integer, types.Float)
    ) and not isinstance(kind, types.Optional)


def _inferred(file: str, name: str, dispatcher: Any) -> list[str]:
    """Sentences for names whose inferred kind would differ from what plain mode computes with."""
    errors = []
    for result in dispatcher.overloads.values():
        annotation = result.type_annotation
        kinds = annotation.typemap
        for block in annotation.blocks.values() if hasattr(annotation, "blocks") else []:
            for statement in block.body:
                if isinstance(statement, ir.Assign):
                    errors += _assignment(file, statement, kinds)
    return errors


def _assignment(file: str, statement: Any, kinds: Any) -> list[str]:
    target, value = kinds.get(statement.target.name), statement.value
    line = statement.loc.line
    spelled = statement.target.name.split(".")[0]
    shown = "a value" if spelled.startswith(("$", "_m_")) else spelled
    if isinstance(target, types.Optional):
        return [scope.sentence(file, line, f"{shown} is sometimes nothing; return a number on every way")]
    incoming: list[Any] = []
    if isinstance(value, ir.Var):
        incoming = [kinds.get(value.name)]
    elif isinstance(value, (ir.Const, ir.Global, ir.FreeVar)):
        incoming = [types.int64 if type(value.value) is int else None]
    elif isinstance(value, ir.Expr) and value.op == "phi":
        incoming = [kinds.get(each.name) for each in value.incoming_values if isinstance(each, ir.Var)]
    elif isinstance(value, ir.Expr) and value.op == "cast":
        incoming = [kinds.get(value.value.name)]
    if isinstance(target, types.Float) and any(isinstance(each, (types.Integer, types.Boolean)) for each in incoming):
        return [
            scope.sentence(
                file, line, f"{shown} is sometimes a whole number and sometimes a float; write float(…) or 0.0"
            )
        ]
    return []
