"""A plugin of a model: Python that a person can read, compiled in the engine's pass like any other strategy.

Invariant: the plugin's score is the model's, bit by bit; its numbers are written so that they read back as they were.
"""

from __future__ import annotations

from pathlib import Path

from meridian.console import BadInput
from meridian.strategies.channels import channel
from meridian.strategies.new import name_errors
from meridian.strategies.signals.model import COMPILED_NODES_MAX, Model, Node

__all__ = ["source", "write"]

HEAD = '''"""{title}: a {kind} model of {count} features, published on the channel "{name}".

Made by `meridian strategy signal {name}` from {model}; made anew rather than edited.
"""

from meridian.strategies import Orders, channel
from meridian.strategies.signals.alpha import Alpha
'''
CLASS = '''

class {cls}(Alpha):
    """Publishes its score."""

    api = 1

    def score(self) -> float:
        """The model."""
        total = {bias!r}
{terms}
        return total

    def publish(self, value: float, orders: Orders) -> None:
        """To every strategy that listens."""
        orders.signal(channel("{name}"), value)
'''


def write(model: Model, name: str, origin: Path, directory: Path) -> Path:
    """Writes the plugin; its file. Raises BadInput with every error."""
    path = directory / f"{name.replace('-', '_')}.py"
    errors = name_errors(name)
    if model.nodes > COMPILED_NODES_MAX:
        errors.append(
            f"{origin}: {model.nodes:,} nodes; {COMPILED_NODES_MAX:,} are allowed: score it in batches instead"
        )
    if not directory.is_dir():
        errors.append(f"--directory = {directory}: there is no such directory")
    elif path.exists():
        errors.append(f"{path}: is there already; nothing was written")
    if errors:
        raise BadInput(errors)
    with path.open("x", encoding="utf-8") as file:
        file.write(source(model, name, origin.name))
    return path


def source(model: Model, name: str, origin: str) -> str:
    """The plugin's text."""
    channel(name)
    cls = "".join(part.capitalize() for part in name.split("-"))
    title = name.replace("-", " ").capitalize()
    head = HEAD.format(title=title, kind=model.kind, count=len(model.features), name=name, model=origin)
    if not model.trees:
        pairs = zip(model.weights, model.features, strict=True)
        terms = [f"        total += {weight!r} * self.{feature}" for weight, feature in pairs]
        return head + CLASS.format(cls=cls, bias=model.bias, terms="\n".join(terms), name=name)
    trees = []
    arguments = ", ".join(f"{feature}: float" for feature in model.features)
    for at, tree in enumerate(model.trees):
        body = "\n".join(_branch(tree, tree[0], model.features, 1))
        trees.append(f'\n\ndef tree_{at}({arguments}) -> float:\n    """Tree {at}."""\n{body}\n')
    given = ", ".join(f"self.{feature}" for feature in model.features)
    terms = [f"        total += tree_{at}({given})" for at in range(len(model.trees))]
    return head + "".join(trees) + CLASS.format(cls=cls, bias=model.bias, terms="\n".join(terms), name=name)


def _branch(tree: tuple[Node, ...], node: Node, features: tuple[str, ...], depth: int) -> list[str]:
    indent = "    " * depth
    if node.feature < 0:
        return [f"{indent}return {node.value!r}"]
    return [
        f"{indent}if {features[node.feature]} <= {node.at_most!r}:",
        *_branch(tree, tree[node.left], features, depth + 1),
        *_branch(tree, tree[node.right], features, depth),
    ]
