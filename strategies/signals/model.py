"""Linear and tree models over the features, from a JSON file.

    {"schema": "meridian.model/1", "kind": "linear", "features": ["queue", "flow"], "weights": [0.7, 0.2], "bias": 0.0}
    {"schema": "meridian.model/1", "kind": "trees", "features": ["queue"], "bias": 0.1, "trees": [
        {"feature": 0, "at_most": 0.2, "left": {"value": -1.0}, "right": {"value": 1.0}}]}

`left` is where the feature is at most the threshold. A score is the bias and then each term or tree, added in order, so that
every way to compute it gives the same bits.

Invariant: a model that exists is sound: known features, finite numbers, within the sizes below; all errors are told at once.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian import files
from meridian.console import BadInput, cut, in_words
from meridian.strategies.signals.features import FEATURES

__all__ = ["Model", "Node", "load"]

SCHEMA = "meridian.model/1"
BYTES_MAX = 64 << 20
TREES_MAX = 10_000
DEPTH_MAX = 16
COMPILED_NODES_MAX = 2_000
"""Of a model that becomes code; a larger one goes through the batch path."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a tree: a leaf has no feature (-1) and a value."""

    feature: int
    at_most: float
    left: int
    right: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model; a linear one has weights, the other trees, each a list of nodes with its root first."""

    features: tuple[str, ...]
    bias: float
    weights: tuple[float, ...] = ()
    trees: tuple[tuple[Node, ...], ...] = ()

    @property
    def kind(self) -> str:
        """Linear or trees."""
        return "trees" if self.trees else "linear"

    @property
    def nodes(self) -> int:
        """Nodes of all trees."""
        return sum(len(tree) for tree in self.trees)

    def score(self, values: dict[str, float]) -> float:
        """The score of one set of features: the definition that the others are tested against."""
        row = [values[name] for name in self.features]
        total = self.bias
        for weight, value in zip(self.weights, row, strict=False):
            total += weight * value
        for tree in self.trees:
            node = tree[0]
            while node.feature >= 0:
                node = tree[node.left if row[node.feature] <= node.at_most else node.right]
            total += node.value
        return total


def load(path: Path) -> Model:
    """Reads a model. Raises BadInput with every error."""
    fault = files.fault_of(path, BYTES_MAX)
    if fault:
        raise BadInput(f"{path}: {fault}; a model of at most {BYTES_MAX >> 20} MiB is allowed")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(in_words(error)) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: is no JSON: {cut(str(error))}") from None
    return _model(path, told)


def _model(path: Path, told: Any) -> Model:
    errors: list[str] = []
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        raise BadInput(f'{path}: schema: "{SCHEMA}" is allowed')
    named = told.get("features")
    names = tuple(named) if isinstance(named, list) and all(isinstance(name, str) for name in named) else ()
    if not names or len(set(names)) < len(names) or set(names) - set(FEATURES):
        errors.append(f"{path}: features = {cut(repr(named))}: some of {', '.join(FEATURES)}, each once, are allowed")
    bias = _number(path, "bias", told.get("bias", 0.0), errors)
    weights: tuple[float, ...] = ()
    trees: tuple[tuple[Node, ...], ...] = ()
    if told.get("kind") == "linear":
        given = told.get("weights")
        if not isinstance(given, list) or len(given) != len(named if isinstance(named, list) else ()):
            errors.append(f"{path}: weights = {cut(repr(given))}: a number for each feature is allowed")
        else:
            weights = tuple(_number(path, f"weights[{at}]", each, errors) for at, each in enumerate(given))
    elif told.get("kind") == "trees":
        given = told.get("trees")
        if not isinstance(given, list) or not 1 <= len(given) <= TREES_MAX:
            errors.append(f"{path}: trees: a list of 1 to {TREES_MAX:,} trees is allowed")
        else:
            trees = tuple(_tree(path, f"trees[{at}]", each, len(names), errors) for at, each in enumerate(given))
    else:
        errors.append(f"{path}: kind = {told.get('kind')!r}: linear or trees is allowed")
    if errors:
        raise BadInput(errors[:50])
    return Model(features=names, bias=bias, weights=weights, trees=trees)


def _number(path: Path, key: str, value: Any, errors: list[str]) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > 1e300:
        errors.append(f"{path}: {key} = {cut(repr(value))}: a finite number is allowed")
        return 0.0
    return float(value)


def _tree(path: Path, key: str, told: Any, features: int, errors: list[str]) -> tuple[Node, ...]:
    nodes: list[Node] = []

    def add(where: str, node: Any, depth: int) -> int:
        at = len(nodes)
        nodes.append(Node(-1, 0.0, 0, 0, 0.0))
        if not isinstance(node, dict) or depth > DEPTH_MAX:
            errors.append(f"{path}: {where}: a node, at most {DEPTH_MAX} deep, is allowed")
        elif "value" in node:
            nodes[at] = Node(-1, 0.0, 0, 0, _number(path, f"{where}.value", node["value"], errors))
        else:
            feature = node.get("feature")
            if type(feature) is not int or not 0 <= feature < features:
                errors.append(f"{path}: {where}.feature = {cut(repr(feature))}: a place among the features is allowed")
                feature = 0
            threshold = _number(path, f"{where}.at_most", node.get("at_most"), errors)
            left, right = (add(f"{where}.{side}", node.get(side), depth + 1) for side in ("left", "right"))
            nodes[at] = Node(feature, threshold, left, right, 0.0)
        return at

    add(key, told, 0)
    return tuple(nodes)
