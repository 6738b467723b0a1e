"""Reading a strategy's source: its functions' trees, names and order of calls; and the error that refuses a class.

Invariant: a name is used only where every way to it has set it, and no function calls itself, so that straight code ends.
"""

import ast
import inspect
import linecache
import os
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

__all__ = ["StrategyRefused"]


def sentence(file: str, line: int, words: str) -> str:
    """An error with the quant's own line; the file as seen from here, when it lies below."""
    shown = os.path.relpath(file) if Path(file).exists() else file
    return f"{file if shown.startswith('..') else shown}:{line}: {words}."


class StrategyRefused(ValueError):
    """A class cannot be loaded; `errors` holds one sentence for each thing that is wrong, with file and line."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(dict.fromkeys(errors))
        super().__init__("\n".join(self.errors))

    @classmethod
    def at(cls, file: str, line: int, words: str) -> "StrategyRefused":
        """One error at one line."""
        return cls([sentence(file, line, words)])


def function_tree(function: Callable[..., Any]) -> ast.FunctionDef:
    """The tree of a function, with the file's own lines."""
    code = function.__code__
    linecache.checkcache(code.co_filename)
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError:
        words = f"the source of {function.__name__} is not there: a strategy is read from a file"
        raise StrategyRefused.at(code.co_filename, code.co_firstlineno, words) from None
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise StrategyRefused.at(code.co_filename, first, f"{function.__name__} is no plain function")
    ast.increment_lineno(tree, first - 1)
    return tree


def assigned_names(tree: ast.FunctionDef) -> set[str]:
    """Names that a function sets; those inside comprehensions are their own (and comprehensions are refused)."""
    inner = {each.target for each in ast.walk(tree) if isinstance(each, ast.comprehension)}
    names = [each for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    return {each.id for each in names if each not in inner}


def as_load(target: ast.expr) -> ast.expr:
    """The same name or attribute, read."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    return target


def relocate(made: ast.stmt, node: ast.stmt) -> None:
    """Gives made statements that have no line their origin's."""
    for each in ast.walk(made):
        if isinstance(each, (ast.stmt, ast.expr)) and not hasattr(each, "lineno"):
            ast.copy_location(each, node)


def recursion(file: str, calls: dict[str, dict[str, int]]) -> list[str]:
    """A sentence for each call that leads back to its own function."""
    errors = []
    for start, targets in calls.items():
        for target, line in targets.items():
            reached, waiting = set(), [target]
            while waiting:
                name = waiting.pop()
                if name not in reached:
                    reached.add(name)
                    waiting.extend(calls.get(name, ()))
            if start in reached:
                errors.append(sentence(file, line, "a function that calls itself cannot be bounded; write a loop"))
    return errors


def unset_names(file: str, tree: ast.FunctionDef) -> list[str]:
    """A sentence for each use of a local name that some way to it has not set."""
    local = assigned_names(tree)
    errors: list[str] = []

    def uses(node: ast.AST, known: set[str]) -> None:
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and each.id in local - known:
                errors.append(sentence(file, each.lineno, f"{each.id} may not be set here; set it on every way before"))

    def walk(body: list[ast.stmt], known: set[str]) -> set[str] | None:
        """The names set after the block, or None when it never ends there."""
        for statement in body:
            if isinstance(statement, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
                uses(statement, known)
                return None
            if isinstance(statement, ast.If):
                uses(statement.test, known)
                ways = [walk(statement.body, set(known)), walk(statement.orelse, set(known))]
                open_ways = [way for way in ways if way is not None]
                if not open_ways:
                    return None
                known = set.intersection(*open_ways)
            elif isinstance(statement, ast.While):
                uses(statement.test, known)
                walk(statement.body, set(known))
            elif isinstance(statement, ast.For):
                uses(statement.iter, known)
                inner = set(known) | {each.id for each in ast.walk(statement.target) if isinstance(each, ast.Name)}
                walk(statement.body, inner)
            else:
                if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
                    uses(as_load_at(statement.target), known)
                uses(statement, known)
                known = known | {
                    each.id
                    for each in ast.walk(statement)
                    if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
                }
        return known

    walk(tree.body, {argument.arg for argument in tree.args.args})
    return errors


def as_load_at(name: ast.Name) -> ast.Name:
    """The name, read, at its own line."""
    return ast.copy_location(ast.Name(name.id, ast.Load()), name)
