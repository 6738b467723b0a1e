"""Finding strategies: by file (`path.py:Class`), by the name of a plugin, by module (`package.module:Class`).

Plugins are the entry points of the group `meridian.strategies` of every installed distribution, and those that come with the
platform.

Invariant: nothing of a plugin is imported before it is asked for; what cannot be found is told in a sentence.
"""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

from meridian.strategies.api import declared_in
from meridian.strategies.strategy import Strategy

__all__ = ["ENTRY_POINTS", "NotFound", "Plugin", "available", "classes", "find"]

ENTRY_POINTS = "meridian.strategies"
OWN = {
    "inventory-maker": "meridian.strategies.plugins.market_maker:InventoryMaker",
    "cross-taker": "meridian.strategies.plugins.cross_taker:CrossTaker",
    "futures-basis": "meridian.strategies.plugins.futures_basis:FuturesBasis",
    "opening-auction": "meridian.strategies.plugins.opening_auction:OpeningAuction",
    "order-flow": "meridian.strategies.plugins.order_flow:OrderFlow",
    "pairs": "meridian.strategies.plugins.pairs:Pairs",
    **{
        name: f"meridian.strategies.algorithms.{name}:{name.capitalize()}"
        for name in ("twap", "vwap", "pov", "iceberg", "pegged", "sniper", "router")
    },
}


class NotFound(LookupError):
    """There is no such file, class or plugin; the text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin that can be asked for by name."""

    name: str
    target: str  # module:Class
    origin: str  # The distribution that offers it.
    api: str = ""  # The version that it declares, as spelled in its file; empty where that cannot be read.


def available() -> list[Plugin]:
    """Every plugin, by name; an installed one stands before the platform's own of the same name."""
    found = {
        name: Plugin(name=name, target=target, origin="meridian", api=_declared(target, _own_file))
        for name, target in OWN.items()
    }
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        dist = point.dist
        origin = dist.name if dist is not None else "unknown"
        api = "" if dist is None else _declared(point.value, partial(_file_of, dist))
        found[point.name] = Plugin(name=point.name, target=point.value, origin=origin, api=api)
    return sorted(found.values(), key=lambda plugin: plugin.name)


def _file_of(dist: importlib.metadata.Distribution, file: str) -> Path:
    return Path(str(dist.locate_file(file)))


def _own_file(file: str) -> Path:
    return Path(__file__).parent / file.removeprefix("meridian/strategies/")


def _declared(target: str, locate: Callable[[str], Path]) -> str:
    """The API version that a plugin declares, read from its file without running it."""
    module, _, name = target.partition(":")
    place = module.replace(".", "/")
    found = (declared_in(locate(file), name) for file in (f"{place}.py", f"{place}/__init__.py"))
    return next((each for each in found if each is not None), "")


def classes(spec: str) -> list[type[Strategy]]:
    """The classes that a spec names: one, or with a file alone every strategy that the file defines.

    Raises NotFound; what the file itself raises on import comes through.
    """
    place, _, name = spec.partition(":")
    if place.endswith(".py"):
        module = load_file(Path(place))
    else:
        plugin = next((plugin for plugin in available() if plugin.name == spec), None)
        place, _, name = (plugin.target if plugin else spec).partition(":")
        if not name:
            known = ", ".join(plugin.name for plugin in available())
            raise NotFound(
                f"{spec}: no such plugin; a file (path.py:Class), module:Class or one of {known} is allowed."
            )
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError as error:
            raise NotFound(f"{spec}: there is no module {error.name}.") from None
    defined = {cls.__name__: cls for cls in _defined(module)}
    if name and name not in defined:
        known = ", ".join(defined) or "none"
        raise NotFound(f"{spec}: {place} defines no strategy {name}; these it defines: {known}.")
    if not defined:
        raise NotFound(f"{spec}: {place} defines no strategy (a class that derives from meridian.strategies.Strategy).")
    return [defined[name]] if name else list(defined.values())


def find(spec: str) -> type[Strategy]:
    """The one class that a spec names. Raises NotFound."""
    found = classes(spec)
    if len(found) != 1:
        raise NotFound(f"{spec}: it defines {', '.join(cls.__name__ for cls in found)}; add :Class.")
    return found[0]


def load_file(path: Path) -> ModuleType:
    """A file as a module, under a name that follows from where it lies. Raises NotFound."""
    try:
        there = path.is_file()
    except OSError:  # A name that no file system takes.
        there = False
    if not there:
        raise NotFound(f"{path}: there is no such file.")
    place = path.resolve()
    # One module a file: a class asked for twice is one class.
    name = f"meridian_strategy_{path.stem}_{hashlib.sha256(str(place).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise NotFound(f"{path}: it cannot be read as a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _defined(module: ModuleType) -> Iterator[type[Strategy]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module.__name__:
            yield value
