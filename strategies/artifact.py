"""Object code of strategies as files: built once, named by the hash of its bytes, found again by the hash of its inputs.

`<name>-<hash>.so` is what an engine loads, without numba and without Python; `<name>-<hash>.json` beside it says what it was
made of, for people and for the supervisor that turns parameters into records.

Invariant: the same inputs give the same bytes; a file is complete or not there (written beside its place, then renamed).
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian.strategies import entry
from meridian.strategies.api import negotiate
from meridian.strategies.fields import SCALAR_CODES, Table
from meridian.strategies.scope import StrategyRefused
from meridian.strategies.strategy import Strategy, program_of

__all__ = ["Artifact", "build", "default_directory", "read"]

SCHEMA = 1
HASH_CHARACTERS = 16
LINK = ("-shared", "-nostdlib", "-s", "-Wl,--build-id=none", "-Wl,-z,noexecstack")
BOUNDS = ("ge", "gt", "le", "lt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A built strategy."""

    name: str
    path: Path  # The object code.
    code_hash: str  # SHA-256 of its bytes, as in the slot's record.
    inputs_hash: str  # SHA-256 of what it was made of.
    record_bytes: int
    initial: bytes
    callbacks: tuple[str, ...]
    parameters: tuple[Mapping[str, Any], ...]  # name, offset, scalar, default, bounds, help.
    versions: Mapping[str, str]
    api: int = 1  # The version of the plugin API that it runs under.

    @property
    def code_hash_bytes(self) -> bytes:
        """The hash as the slot's record carries it."""
        return bytes.fromhex(self.code_hash)

    def bits(self, values: Mapping[str, Any]) -> list[tuple[str, int, int, int]]:
        """Name, offset, scalar code and bits of parameter values, as `Parameter` records carry them.

        Raises ParameterError with a sentence for each value that is not allowed.
        """
        return parameter_bits(self.name, self.parameters, values)


def default_directory() -> Path:
    """Where object code is kept: MERIDIAN_STRATEGIES_CACHE, else the user's cache."""
    configured = os.environ.get("MERIDIAN_STRATEGIES_CACHE")
    if configured:
        return Path(configured)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meridian" / "strategies"


def build(cls: type[Strategy], *, directory: Path | str | None = None) -> Artifact:
    """Builds the object code of a class, or finds it. Raises StrategyRefused with every error, by file and line."""
    folder = Path(directory) if directory is not None else default_directory()
    versions = _versions()
    inputs = _inputs_hash(cls, versions)
    pointer = folder / f"{cls.__name__}-{inputs[:HASH_CHARACTERS]}.built"
    found = _built(folder, pointer, inputs)
    if found is not None:
        return found
    from meridian.strategies.compiled import TARGET_CPU, compile_class

    compiled = compile_class(cls)
    content = link(compiled.object_code)
    code_hash = _sha256(content)
    path = folder / f"{cls.__name__}-{code_hash[:HASH_CHARACTERS]}.so"
    about = {
        "schema": SCHEMA,
        "abi_version": entry.ABI_VERSION,
        "name": cls.__name__,
        "api": negotiate(cls),
        "code_hash": code_hash,
        "inputs_hash": inputs,
        "record_bytes": cls.table.record_bytes,
        "initial": cls.table.initial().hex(),
        "callbacks": list(compiled.callbacks),
        "parameters": [_described(field) for field in cls.table.fields.values() if field.is_parameter],
        "state": [_described(field) for field in cls.table.fields.values() if not field.is_parameter],
        "target_cpu": TARGET_CPU,
        "versions": versions,
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(path, content)
    description = (json.dumps(about, indent=2) + "\n").encode()
    _write(path.with_suffix(".json"), description)
    _write(pointer, f"{path.name} {_sha256(description)}\n".encode())
    return read(path)


def _built(folder: Path, pointer: Path, inputs: str) -> Artifact | None:
    """What was built of these inputs before; None where it is not there, or where any of its files is damaged."""
    try:
        name, described = pointer.read_text(encoding="ascii").split()
        found = folder / Path(name).name
        if _sha256(found.with_suffix(".json").read_bytes()) != described:
            return None
        artifact = read(found)
        whole = artifact.inputs_hash == inputs and artifact.code_hash == _sha256(found.read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return artifact if whole else None


def read(path: Path | str) -> Artifact:
    """The artifact of an object file, from the description beside it."""
    file = Path(path)
    about = json.loads(file.with_suffix(".json").read_text())
    return Artifact(
        name=about["name"], path=file, code_hash=about["code_hash"], inputs_hash=about["inputs_hash"],
        record_bytes=about["record_bytes"], initial=bytes.fromhex(about["initial"]), callbacks=tuple(about["callbacks"]),
        parameters=tuple(about["parameters"]), versions=about["versions"], api=about.get("api", 1),
    )  # fmt: skip


def parameter_bits(
    owner: str, parameters: tuple[Mapping[str, Any], ...], values: Mapping[str, Any]
) -> list[tuple[str, int, int, int]]:
    """As `Artifact.bits`; works without the class, from its description."""
    import struct

    from meridian.strategies.fields import Field

    kinds: dict[str, Any] = {"int": int, "float": float, "bool": bool}
    fields = [
        Field(
            name=each["name"], scalar=kinds[each["type"]], length=0, default=each["default"], is_parameter=True,
            help=each["help"], **{bound: each[bound] for bound in BOUNDS},
        )
        for each in parameters
    ]  # fmt: skip
    table = Table(owner, fields)
    checked = table.validate(values)
    offsets = {each["name"]: each["offset"] for each in parameters}
    made = []
    for name, value in checked.items():
        code = SCALAR_CODES[type(value)]
        form = {1: "<q", 2: "<d", 3: "<Q"}[code]
        made.append((name, offsets[name], code, struct.unpack("<Q", struct.pack(form, value))[0]))
    return made


def link(object_code: bytes) -> bytes:
    """A shared object of an object file. Needs a C compiler (`CC`, cc, gcc or clang)."""
    compiler = next((found for name in (os.environ.get("CC"), "cc", "gcc", "clang")
                     if name and (found := shutil.which(name))), None)  # fmt: skip
    if compiler is None:
        raise StrategyRefused(["No C compiler is found to link a strategy: install cc, gcc or clang, or set CC."])
    with tempfile.TemporaryDirectory(prefix="meridian-strategy-") as folder:
        # Fixed names and the folder itself as working directory: no path enters the bytes.
        (Path(folder) / "strategy.o").write_bytes(object_code)
        done = subprocess.run(
            [compiler, *LINK, "-o", "strategy.so", "strategy.o"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StrategyRefused([f"{Path(compiler).name} cannot link a strategy: {done.stderr.strip()}"])
        return (Path(folder) / "strategy.so").read_bytes()


def _described(field: Any) -> dict[str, Any]:
    return {
        "name": field.name, "type": field.scalar.__name__, "length": field.length, "offset": field.offset,
        "scalar": SCALAR_CODES[field.scalar], "default": field.default, "help": field.help, "live": field.live,
        "keep": field.keep,
        **{bound: getattr(field, bound) for bound in BOUNDS},
    }  # fmt: skip


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("numba", "llvmlite", "numpy")}


def _inputs_hash(cls: type[Strategy], versions: Mapping[str, str]) -> str:
    program = program_of(cls)
    # The path of the file does not enter: the same class elsewhere is the same code.
    fields = [_described(field) for field in cls.table.fields.values()]
    parts = [
        SCHEMA,
        entry.ABI_VERSION,
        cls.__name__,
        program.dump(),
        fields,
        dict(versions),
        platform.machine(),
        _sources(),
    ]
    return _sha256(json.dumps(parts).encode())


def _sources() -> str:
    """Hash of what decides how a class becomes code."""
    own = (
        "channels",
        "checks",
        "compiled",
        "entry",
        "layouts",
        "math",
        "numba_checks",
        "numba_types",
        "orders",
        "scope",
        "transform",
        "views",
    )
    content = b"".join((Path(__file__).parent / f"{name}.py").read_bytes() for name in own)
    from meridian.strategies.layouts import STRUCTURES

    shapes = repr([(name, [(f[0], f[1].__name__) for f in kind._fields_]) for name, kind in STRUCTURES.items()])
    return _sha256(content + shapes.encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
