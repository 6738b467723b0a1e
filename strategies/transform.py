"""The source of a strategy class, rewritten into the checked form that both modes run.

Every operation on numbers becomes a call of `checks`, every turn of a loop burns fuel, properties and methods of views become
calls of `views` and `orders`, constants of the module are written in. The lines stay the quant's own.

Invariant: the rewritten functions are made once from one source; plain and compiled mode differ only in who runs them. What
the rewriting does not know is refused with file, line and a sentence, never passed through.
"""

import ast
import enum
import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from meridian.strategies import checks, orders, scope, views
from meridian.strategies import math as strategy_math
from meridian.strategies.channels import channel, region_number
from meridian.strategies.fields import Table
from meridian.strategies.scope import StrategyRefused

__all__ = ["CALLBACKS", "Program", "StrategyRefused", "transform"]

# Callback → what stands between self and orders.
CALLBACKS: dict[str, str | None] = {
    "on_start": None, "on_book": "BookView", "on_trade": "TradeView", "on_status": "StatusView", "on_order": "OrderView",
    "on_fill": "FillView", "on_timer": "TimerView", "on_stop": None, "on_consolidated": "ConsolidatedView",
    "on_risk": "RiskView", "on_auction": "AuctionView", "on_signal": "SignalView",
    "on_multi_leg": "MultiLegView",
}  # fmt: skip

BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.LShift: "lshift", ast.RShift: "rshift",
}  # fmt: skip
BITWISE = {ast.BitAnd: "bit_and", ast.BitOr: "bit_or", ast.BitXor: "bit_xor"}
COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}
# Builtin → its check and whether that can fail (and so needs the view and the line).
CONVERSIONS: dict[Any, tuple[str, bool]] = {
    int: ("to_int", True), float: ("to_float", False), bool: ("to_bool", False), abs: ("absolute", True),
    round: ("rounded", True), len: ("length", False), strategy_math.floor: ("floor", True),
    strategy_math.ceil: ("ceil", True), strategy_math.trunc: ("to_int", True),
}  # fmt: skip
MATH = {getattr(strategy_math, name): name for name in strategy_math.__all__}
BUILTINS = {function.__name__: function for function in (int, float, bool, abs, round, len, min, max, range)}
PREFIX = "_m_"
CONTEXT = "_m_ctx"
QUANTS_ROOMS = (".plugins.", ".algorithms.", ".signals.")
"""Of the platform's modules, those whose functions are written as a quant's are."""
MISSING = object()

# Bit of what a class looks at (`engine::Wants::new`) → the functions that look there.
READS: dict[int, tuple[str, ...]] = {
    1: ("get_consolidated",),
    2: ("order_queue_ahead_lots", "order_queue_exact"),
    4: ("order_headroom_limit", "order_headroom_reason", *(
        f"get_{name}" for name in ("venue_up", "breaker", "throttle_left", "new_orders", "feed_latency_ns",
                                   "feed_latency_mean_ns", "order_latency_ns", "order_latency_mean_ns",
                                   "entry_latency_ns", "response_latency_ns"))),
    8: ("get_regions",),
}  # fmt: skip

REFUSALS: dict[type[ast.AST], str] = {
    ast.List: "a list allocates; a fixed list is declared as state: `window: list[float] = state([0.0] * 64)`",
    ast.ListComp: "a comprehension allocates; write a for loop over range(…)",
    ast.GeneratorExp: "a generator allocates; write a for loop over range(…)",
    ast.SetComp: "a comprehension allocates; write a for loop over range(…)",
    ast.DictComp: "a comprehension allocates; write a for loop over range(…)",
    ast.Dict: "a dictionary allocates; keep numbers in state fields",
    ast.Set: "a set allocates; keep numbers in state fields",
    ast.JoinedStr: "text allocates; strategies work on numbers",
    ast.Lambda: "a lambda is a Python object; write a function in the module",
    ast.FunctionDef: "a function inside a function is a Python object; write it in the module or the class",
    ast.ClassDef: "a class inside a callback is a Python object",
    ast.Try: "errors are not caught here: a failed check disables the slot; test before you compute",
    ast.With: "with works on Python objects",
    ast.Import: "import at the top of the file",
    ast.ImportFrom: "import at the top of the file",
    ast.Global: "module variables are constants here; keep what changes in a state field",
    ast.Nonlocal: "keep what changes in a state field",
    ast.Delete: "del is not known here",
    ast.Slice: "a slice makes a copy; index the elements",
    ast.Pow: "** is not known for whole numbers; math.pow(x, y) is the float's",
    ast.Match: "match works on Python objects; write if and elif",
    ast.Await: "callbacks do not wait", ast.Yield: "callbacks do not yield", ast.YieldFrom: "callbacks do not yield",
}  # fmt: skip


@dataclass(slots=True)
class Program:
    """The rewritten functions of a class."""

    name: str
    file: str
    tree: dict[str, ast.FunctionDef] = field(default_factory=dict)
    callbacks: list[str] = field(default_factory=list)
    calls: dict[str, dict[str, int]] = field(default_factory=dict)  # Function → called function → line.

    @property
    def reads(self) -> int:
        """What anything here looks at, of what is kept for those that look alone: bits, as `READS` gives them."""
        names = {each.id for tree in self.tree.values() for each in ast.walk(tree) if isinstance(each, ast.Name)}
        return sum(bit for bit, readers in READS.items() if any(PREFIX + reader in names for reader in readers))

    def source(self) -> str:
        """The rewritten source with its lines, for the hash and for reading."""
        return "\n\n".join(f"# line {tree.lineno}\n{ast.unparse(tree)}" for _, tree in sorted(self.tree.items()))

    def dump(self) -> str:
        """Everything that decides the code, lines included."""
        return "\n".join(ast.dump(tree, include_attributes=True) for _, tree in sorted(self.tree.items()))

    def namespace(self) -> dict[str, Any]:
        """What the rewritten functions call, by the names that they use."""
        names: dict[str, Any] = {PREFIX + name: getattr(checks, name) for name in CHECK_NAMES}
        names |= {f"{PREFIX}order_{name}": function for name, function in orders.METHODS.items()}
        names |= {f"{PREFIX}math_{name}": getattr(strategy_math, name) for name in strategy_math.__all__}
        names |= {f"{PREFIX}get_{name}": views.GETTERS[name] for name in views.PROPERTIES}
        names |= {f"{PREFIX}work_{name}": function for name, function in LOOPS.items()}
        return names

    def functions(self, wrap: Callable[[str, Callable[..., Any]], Any]) -> dict[str, Any]:
        """The functions, compiled; `wrap` decides what another function's call finds."""
        names = self.namespace()
        module = ast.Module(body=[self.tree[name] for name in sorted(self.tree)], type_ignores=[])
        exec(compile(ast.fix_missing_locations(module), self.file, "exec"), names)
        for name in self.tree:
            names[name] = wrap(name, names[name])
        return {name: names[name] for name in self.tree}


def first_place(iterable: Any) -> int:
    """The place before the first element."""
    return -1


def next_place(iterable: Any, place: int) -> int:
    """The next element's place, or -1."""
    if isinstance(iterable, views.WorkingBound):
        place += 1
        while place < iterable.memory.working_count and iterable.memory.working[place].listing != iterable.listing:
            place += 1
        return place if place < iterable.memory.working_count else -1
    place += 1
    return place if place < len(iterable) else -1


def element_at(iterable: Any, place: int) -> Any:
    """The element at a place that `next_place` gave."""
    return iterable.memory.working[place] if isinstance(iterable, views.WorkingBound) else iterable[place]


LOOPS: dict[str, Any] = {"first_place": first_place, "next_place": next_place, "element_at": element_at}
CHECK_NAMES = (
    "fail", "burn", "step", "minimum", "maximum", "neg", "pos", "invert", "get_item", "set_item", "store_int",
    "store_float", "store_bool", *BINARY.values(), *BITWISE.values(), *COMPARE.values(),
    *(name for name, _ in CONVERSIONS.values()),
)  # fmt: skip


def transform(cls: type, table: Table, base: type) -> Program:
    """Rewrites every callback and method of a class, and the module's functions that they call."""
    methods: dict[str, Callable[..., Any]] = {}
    for owner in cls.__mro__:
        if owner is base or owner is object:
            continue
        for name, value in vars(owner).items():
            if isinstance(value, types.FunctionType):
                methods.setdefault(name, value)
            elif isinstance(value, (staticmethod, classmethod)):
                code = value.__func__.__code__
                words = f"{owner.__name__}.{name}: methods are plain functions here"
                raise StrategyRefused.at(code.co_filename, code.co_firstlineno, words)
    if not any(name in CALLBACKS for name in methods):
        raise StrategyRefused([f"{cls.__name__} has no callback; these are known: {', '.join(CALLBACKS)}."])
    program = Program(cls.__name__, next(methods[name] for name in CALLBACKS if name in methods).__code__.co_filename)
    errors: list[str] = []
    waiting: list[tuple[str, Callable[..., Any], bool]] = []
    for name, function in methods.items():
        if name in CALLBACKS:
            program.callbacks.append(name)
            waiting.append((name, function, True))
        elif name.startswith("on_"):
            known = ", ".join(CALLBACKS)
            errors.append(scope.sentence(program.file, function.__code__.co_firstlineno,
                                         f"{name} is no callback; these are known: {known}"))  # fmt: skip
    program.callbacks.sort(key=list(CALLBACKS).index)
    seen = {name for name, _, _ in waiting}
    while waiting:
        name, function, bound = waiting.pop(0)
        rewriter = Rewriter(cls, table, function, name, bound, methods)
        try:
            program.tree[name] = rewriter.rewrite()
        except StrategyRefused as refused:
            errors.extend(refused.errors)
        program.calls[name] = {called: line for called, (_, _, line) in rewriter.called.items()}
        for called, (target, is_method, _) in rewriter.called.items():
            if called not in seen:
                seen.add(called)
                waiting.append((called, target, is_method))
    errors.extend(scope.recursion(program.file, program.calls))
    if errors:
        raise StrategyRefused(errors)
    return program


class Rewriter(ast.NodeTransformer):
    """Rewrites one function."""

    def __init__(
        self, cls: type, table: Table, function: Callable[..., Any], name: str, bound: bool, methods: dict[str, Any]
    ) -> None:
        self.cls, self.table, self.function, self.name = cls, table, function, name
        self.bound, self.methods = bound, methods
        self.code = function.__code__
        self.file = self.code.co_filename
        self.called: dict[str, tuple[Callable[..., Any], bool, int]] = {}
        self.errors: list[str] = []
        self.locals: set[str] = set()
        self.me = ""
        self.loops = 0

    def rewrite(self) -> ast.FunctionDef:
        """The function in its checked form. Raises StrategyRefused with every error."""
        tree = scope.function_tree(self.function)
        arguments = [argument.arg for argument in tree.args.args]
        if tree.args.vararg or tree.args.kwarg or tree.args.kwonlyargs or tree.args.posonlyargs or tree.decorator_list:
            self.refuse(tree, f"{tree.name}: plain arguments without *, ** or / and no decorators are allowed")
        if self.bound:
            self.me = arguments[0] if arguments else "self"
            expected = 2 if CALLBACKS.get(self.name, "view") is None else 3
            if self.name in CALLBACKS and len(arguments) != expected:
                words = "(self, orders)" if expected == 2 else f"(self, {self.name[3:]}, orders)"
                self.refuse(tree, f"{self.name} takes {words}")
        self.locals = scope.assigned_names(tree) | set(arguments)
        for name in sorted(self.locals):
            if name.startswith("_m_"):
                self.refuse(tree, f"{name}: names that begin with _m_ are taken")
        self.errors += scope.unset_names(self.file, tree)
        body = tree.body[1:] if ast.get_docstring(tree, clean=False) is not None else tree.body
        out: list[ast.stmt] = []
        for statement in body:
            out.extend(self.statement(statement))
        if self.errors:
            raise StrategyRefused(self.errors)
        defaults = [self.expression(default) for default in tree.args.defaults]
        plain = ast.arguments(
            posonlyargs=[], args=[ast.arg(arg=name) for name in [CONTEXT, *arguments]], kwonlyargs=[], kw_defaults=[],
            defaults=defaults,
        )  # fmt: skip
        made = ast.FunctionDef(name=self.name, args=plain, body=out or [ast.Pass()], decorator_list=[])
        return ast.fix_missing_locations(ast.copy_location(made, tree))

    # Statements.

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """What a statement becomes."""
        method = getattr(self, f"statement_{type(node).__name__}", None)
        if method is None:
            self.refuse(node, REFUSALS.get(type(node), f"{type(node).__name__} is not known in strategies"))
            return []
        made: list[ast.stmt] = method(node)
        return [ast.fix_missing_locations(ast.copy_location(statement, node)) for statement in made]

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        made = [each for statement in body for each in self.statement(statement)]
        return made or [ast.copy_location(ast.Pass(), body[0])]

    def statement_Pass(self, node: ast.Pass) -> list[ast.stmt]:
        return [node]

    def statement_Break(self, node: ast.Break) -> list[ast.stmt]:
        return [node]

    def statement_Continue(self, node: ast.Continue) -> list[ast.stmt]:
        return [node]

    def statement_Expr(self, node: ast.Expr) -> list[ast.stmt]:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return []
        return [ast.Expr(self.expression(node.value))]

    def statement_Return(self, node: ast.Return) -> list[ast.stmt]:
        if node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None):
            return [ast.Return(None)]
        if self.name in CALLBACKS:
            self.refuse(node, f"{self.name} returns nothing")
        return [ast.Return(self.expression(node.value))]

    def statement_Raise(self, node: ast.Raise) -> list[ast.stmt]:
        return [self.call_statement("fail", self.context(node), ast.Constant(checks.RAISED), self.line(node))]

    def statement_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        failed = self.call_statement("fail", self.context(node), ast.Constant(checks.RAISED), self.line(node))
        return [ast.If(ast.UnaryOp(ast.Not(), self.expression(node.test)), [failed], [])]

    def statement_If(self, node: ast.If) -> list[ast.stmt]:
        otherwise = self.block(node.orelse) if node.orelse else []
        return [ast.If(self.expression(node.test), self.block(node.body), otherwise)]

    def statement_While(self, node: ast.While) -> list[ast.stmt]:
        if node.orelse:
            self.refuse(node, "else after a loop is not known in strategies")
        return [ast.While(self.expression(node.test), [self.burn(node), *self.block(node.body)], [])]

    def statement_For(self, node: ast.For) -> list[ast.stmt]:
        if node.orelse:
            self.refuse(node, "else after a loop is not known in strategies")
        if not isinstance(node.target, ast.Name):
            self.refuse(node, "a loop has one plain name")
            return []
        body = self.block(node.body)
        if isinstance(node.iter, ast.Call) and self.global_value(node.iter.func) is range:
            count = len(node.iter.args)
            if node.iter.keywords or not 1 <= count <= 3:
                self.refuse(node, "range takes one to three whole numbers")
            bounds = [self.call("store_int", self.expression(each)) for each in node.iter.args]
            if count == 3:
                bounds[2] = self.call("step", self.context(node), bounds[2], self.line(node))
            loop = ast.Call(ast.Name("range", ast.Load()), bounds, [])
            return [ast.For(ast.Name(node.target.id, ast.Store()), loop, [self.burn(node), *body], [])]
        # Anything else that can be looped over: the orders at work, the levels of a side, a list of the state.
        self.loops += 1
        over, place = f"_m_over_{self.loops}", f"_m_place_{self.loops}"
        head: list[ast.stmt] = [
            self.set_name(over, self.expression(node.iter)),
            self.set_name(place, self.call("work_first_place", self.get_name(over))),
        ]
        turn: list[ast.stmt] = [
            self.set_name(place, self.call("work_next_place", self.get_name(over), self.get_name(place))),
            ast.If(self.call("lt", self.get_name(place), ast.Constant(0)), [ast.Break()], []),
            self.burn(node),
            self.set_name(node.target.id, self.call("work_element_at", self.get_name(over), self.get_name(place))),
        ]
        made = [*head, ast.While(ast.Constant(True), [*turn, *body], [])]
        for statement in made:
            scope.relocate(statement, node)
        return made

    def statement_Assign(self, node: ast.Assign) -> list[ast.stmt]:
        if len(node.targets) != 1:
            self.refuse(node, "one target at a time is allowed")
        return [self.store(node.targets[0], self.expression(node.value))]

    def statement_AnnAssign(self, node: ast.AnnAssign) -> list[ast.stmt]:
        return [] if node.value is None else [self.store(node.target, self.expression(node.value))]

    def statement_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        if not isinstance(node.target, ast.Subscript):
            loaded = ast.copy_location(scope.as_load(node.target), node.target)
            return [self.store(node.target, self.binary(node, self.expression(loaded), self.expression(node.value)))]
        # Values and index are looked at once.
        self.loops += 1
        values, index = f"_m_values_{self.loops}", f"_m_index_{self.loops}"
        self.check_writable(node.target)
        old = self.call("get_item", self.context(node), self.get_name(values), self.get_name(index), self.line(node))
        new = self.binary(node, old, self.expression(node.value))
        return [
            self.set_name(values, self.expression(node.target.value)),
            self.set_name(index, self.expression(node.target.slice)),
            self.call_statement("set_item", self.context(node), self.get_name(values), self.get_name(index),
                                self.element(node.target, new), self.line(node)),
        ]  # fmt: skip

    def store(self, target: ast.expr, value: ast.expr) -> ast.stmt:
        """An assignment."""
        if isinstance(target, ast.Name):
            if target.id == self.me or (
                self.name in CALLBACKS and target.id in self.code.co_varnames[: self.code.co_argcount]
            ):
                self.refuse(target, f"{target.id} is an argument of the callback and stays what it is")
            return ast.Assign([ast.Name(target.id, ast.Store())], value)
        if isinstance(target, ast.Tuple):
            names: list[ast.expr] = [
                ast.Name(each.id, ast.Store()) for each in target.elts if isinstance(each, ast.Name)
            ]
            if len(names) == len(target.elts):
                return ast.Assign([ast.Tuple(names, ast.Store())], value)
        if isinstance(target, ast.Attribute) and self.is_me(target.value):
            declared = self.table.fields.get(target.attr)
            if declared is None or declared.is_parameter or declared.length:
                what = (
                    "a parameter" if declared and declared.is_parameter else "a list" if declared else "no state field"
                )
                self.refuse(target, f"self.{target.attr} is {what}: callbacks write scalar state fields")
            else:
                value = self.call(f"store_{declared.scalar.__name__}", value)
            return ast.Assign([ast.Attribute(ast.Name(self.me, ast.Load()), target.attr, ast.Store())], value)
        if isinstance(target, ast.Subscript):
            self.check_writable(target)
            return self.call_statement("set_item", self.context(target), self.expression(target.value),
                                       self.expression(target.slice), self.element(target, value), self.line(target))  # fmt: skip
        self.refuse(target, "names, state fields and elements of lists in the state can be written; views cannot")
        return ast.Pass()

    def check_writable(self, target: ast.Subscript) -> None:
        declared = self.list_field(target)
        if declared is None:
            self.refuse(target, "only elements of lists in the state can be written: self.<list>[index]")

    def list_field(self, target: ast.Subscript) -> Any:
        if isinstance(target.value, ast.Attribute) and self.is_me(target.value.value):
            declared = self.table.fields.get(target.value.attr)
            return declared if declared is not None and declared.length else None
        return None

    def element(self, target: ast.Subscript, value: ast.expr) -> ast.expr:
        declared = self.list_field(target)
        return self.call(f"store_{declared.scalar.__name__}", value) if declared else value

    # Expressions.

    def expression(self, node: ast.expr) -> ast.expr:
        """What an expression becomes."""
        method = getattr(self, f"expression_{type(node).__name__}", None)
        if method is None:
            self.refuse(node, REFUSALS.get(type(node), f"{type(node).__name__} is not known in strategies"))
            return ast.copy_location(ast.Constant(0), node)
        made: ast.expr = method(node)
        return ast.fix_missing_locations(ast.copy_location(made, node))

    def expression_Constant(self, node: ast.Constant) -> ast.expr:
        return self.constant(node, node.value)

    def constant(self, node: ast.expr, value: Any) -> ast.expr:
        if isinstance(value, enum.Enum):
            value = value.value
        if type(value) is int and not checks.INT_MIN <= value <= checks.INT_MAX:
            self.refuse(node, f"{value} does not fit 64 bits")
        elif type(value) not in (int, float, bool):
            self.refuse(node, f"{value!r} is no number; strategies work on numbers")
            return ast.Constant(0)
        return ast.Constant(value)

    def expression_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.locals:
            return ast.Name(node.id, ast.Load())
        value = self.global_value(node)
        if value is MISSING:
            self.refuse(node, f"{node.id} is not known")
            return ast.Constant(0)
        return self.constant(node, value)

    def expression_Attribute(self, node: ast.Attribute) -> ast.expr:
        if self.is_me(node.value):
            if node.attr in self.table.fields:
                return ast.Attribute(ast.Name(self.me, ast.Load()), node.attr, ast.Load())
            value = getattr(self.cls, node.attr, MISSING)
            if value is MISSING or callable(value):
                known = ", ".join(self.table.fields) or "none"
                self.refuse(node, f"self.{node.attr} is no field of {self.cls.__name__}; these are known: {known}")
                return ast.Constant(0)
            return self.constant(node, value)
        value = self.global_value(node)
        if value is not MISSING:
            return self.constant(node, value)
        if node.attr.startswith("_") or node.attr in ("memory", "reserved"):
            self.refuse(node, f".{node.attr} is not for strategies")
        if node.attr in orders.METHODS:
            self.refuse(node, f".{node.attr} is a method: call it")
        inner = self.expression(node.value)
        if node.attr in views.PROPERTIES:
            return self.call(f"get_{node.attr}", inner)
        return ast.Attribute(inner, node.attr, ast.Load())

    def expression_Subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.slice, ast.Slice):
            self.refuse(node, REFUSALS[ast.Slice])
            return ast.Constant(0)
        return self.call(
            "get_item", self.context(node), self.expression(node.value), self.expression(node.slice), self.line(node)
        )

    def expression_BinOp(self, node: ast.BinOp) -> ast.expr:
        return self.binary(node, self.expression(node.left), self.expression(node.right))

    def binary(self, node: ast.BinOp | ast.AugAssign, left: ast.expr, right: ast.expr) -> ast.expr:
        if type(node.op) in BINARY:
            return self.call(BINARY[type(node.op)], self.context(node), left, right, self.line(node))
        if type(node.op) in BITWISE:
            return self.call(BITWISE[type(node.op)], left, right)
        self.refuse(node, REFUSALS.get(type(node.op), f"{type(node.op).__name__} is not known in strategies"))
        return ast.Constant(0)

    def expression_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = node.operand
        if isinstance(node.op, ast.USub) and isinstance(operand, ast.Constant):
            number = operand.value
            if isinstance(number, (int, float)) and not isinstance(number, bool):
                return self.constant(node, -number)
        inner = self.expression(operand)
        if isinstance(node.op, ast.Not):
            return ast.UnaryOp(ast.Not(), inner)
        if isinstance(node.op, ast.USub):
            return self.call("neg", self.context(node), inner, self.line(node))
        return self.call("pos" if isinstance(node.op, ast.UAdd) else "invert", inner)

    def expression_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, [self.expression(value) for value in node.values])

    def expression_IfExp(self, node: ast.IfExp) -> ast.expr:
        return ast.IfExp(self.expression(node.test), self.expression(node.body), self.expression(node.orelse))

    def expression_Tuple(self, node: ast.Tuple) -> ast.expr:
        return ast.Tuple([self.expression(each) for each in node.elts], ast.Load())

    def expression_Compare(self, node: ast.Compare) -> ast.expr:
        if any(type(operator) not in COMPARE for operator in node.ops):
            self.refuse(node, "<, <=, >, >=, == and != of numbers are known; is and in are not")
            return ast.Constant(False)
        operands = [node.left, *node.comparators]
        for middle in operands[1:-1]:  # Looked at twice: reading is free, a call is not.
            if any(isinstance(each, ast.Call) for each in ast.walk(middle)):
                self.refuse(node, "a call between two comparisons would run twice; give its result a name first")
        parts: list[ast.expr] = [
            self.call(COMPARE[type(operator)], self.expression(left), self.expression(right))
            for operator, left, right in zip(node.ops, operands[:-1], operands[1:], strict=True)
        ]
        return parts[0] if len(parts) == 1 else ast.BoolOp(ast.And(), parts)

    def expression_Call(self, node: ast.Call) -> ast.expr:
        if any(isinstance(each, ast.Starred) for each in node.args) or any(each.arg is None for each in node.keywords):
            self.refuse(node, "* and ** are not known in strategies")
            return ast.Constant(0)
        function = node.func
        if isinstance(function, ast.Attribute) and self.is_me(function.value):
            return self.own_call(node, function.attr, self.methods.get(function.attr), method=True)
        value = self.global_value(function)
        if value is channel or value is region_number:
            return self.named_number(node, value)
        if value is not MISSING:
            return self.global_call(node, value)
        arguments = [self.expression(each) for each in node.args]
        keywords = [ast.keyword(each.arg, self.expression(each.value)) for each in node.keywords]
        if isinstance(function, ast.Attribute) and function.attr in orders.METHODS:
            receiver = self.expression(function.value)
            name = ast.Name(f"{PREFIX}order_{function.attr}", ast.Load())
            return ast.Call(name, [self.line(node), receiver, *arguments], keywords)
        if isinstance(function, ast.Name):
            self.refuse_call(node)
        else:
            self.refuse(node, f"{ast.unparse(function)}(…) is not known; orders has {', '.join(orders.METHODS)}")
        return ast.Constant(0)

    def named_number(self, node: ast.Call, number_of: Callable[[str], int]) -> ast.expr:
        """The number of a channel or a region that is named in place."""
        name: Any = node.args[0].value if len(node.args) == 1 and isinstance(node.args[0], ast.Constant) else None
        try:
            return ast.Constant(number_of(name))
        except ValueError as error:
            self.refuse(node, str(error).rstrip("."))
            return ast.Constant(0)

    def global_call(self, node: ast.Call, value: Any) -> ast.expr:
        spelled = ast.unparse(node.func)
        if value in (min, max):
            name = "minimum" if value is min else "maximum"
            if len(node.args) < 2 or node.keywords:
                self.refuse(node, f"{spelled} takes two or more numbers")
                return ast.Constant(0)
            made = self.expression(node.args[0])
            for each in node.args[1:]:
                made = self.call(name, made, self.expression(each))
            return made
        try:
            conversion, function_name = CONVERSIONS.get(value), MATH.get(value)
        except TypeError:
            conversion, function_name = None, None
        arguments = [self.expression(each) for each in node.args]
        if conversion is not None:
            name, fails = conversion
            if len(arguments) != 1 or node.keywords:
                self.refuse(node, f"{spelled} takes one number")
                return ast.Constant(0)
            if fails:
                return self.call(name, self.context(node), arguments[0], self.line(node))
            return self.call(name, arguments[0])
        if function_name is not None:
            return self.call(f"math_{function_name}", *arguments)
        if (isinstance(value, types.FunctionType) and not value.__module__.startswith("meridian.")) or (
            isinstance(value, types.FunctionType) and any(room in value.__module__ for room in QUANTS_ROOMS)
        ):
            return self.own_call(
                node, f"function_{value.__name__}_{value.__code__.co_firstlineno}", value, method=False
            )
        self.refuse_call(node)
        return ast.Constant(0)

    def refuse_call(self, node: ast.Call) -> None:
        self.refuse(node, f"{ast.unparse(node.func)}(…) is not known here: {', '.join(BUILTINS)}, the functions of "
                          "meridian.strategies.math, of the class and of the module are")  # fmt: skip

    def own_call(self, node: ast.Call, name: str, function: Any, *, method: bool) -> ast.expr:
        if not isinstance(function, types.FunctionType) or name in CALLBACKS:
            self.refuse(node, f"self.{name} is no method that a callback can call")
            return ast.Constant(0)
        target = f"{PREFIX}method_{name}" if method else f"{PREFIX}{name}"
        self.called.setdefault(target, (function, method, node.lineno))
        arguments = [self.expression(each) for each in node.args]
        keywords = [ast.keyword(each.arg, self.expression(each.value)) for each in node.keywords]
        receiver: list[ast.expr] = [ast.Name(self.me, ast.Load())] if method else []
        return ast.Call(ast.Name(target, ast.Load()), [self.context(node), *receiver, *arguments], keywords)

    # Helpers.

    def refuse(self, node: ast.AST, words: str) -> None:
        self.errors.append(scope.sentence(self.file, getattr(node, "lineno", self.code.co_firstlineno), words))

    def is_me(self, node: ast.expr) -> bool:
        return bool(self.me) and isinstance(node, ast.Name) and node.id == self.me

    def global_value(self, node: ast.expr) -> Any:
        """What a name of the module (or an attribute of one) stands for, or MISSING."""
        if isinstance(node, ast.Name):
            if node.id in self.locals:
                return MISSING
            closed = inspect.getclosurevars(self.function).nonlocals
            if node.id in closed:
                return closed[node.id]
            return self.function.__globals__.get(node.id, BUILTINS.get(node.id, MISSING))
        if isinstance(node, ast.Attribute):
            owner = self.global_value(node.value)
            return MISSING if owner is MISSING else getattr(owner, node.attr, MISSING)
        return MISSING

    def context(self, node: ast.AST) -> ast.expr:
        return ast.Name(CONTEXT, ast.Load())

    def line(self, node: ast.AST) -> ast.expr:
        return ast.Constant(getattr(node, "lineno", self.code.co_firstlineno))

    def call(self, name: str, *arguments: ast.expr) -> ast.expr:
        return ast.Call(ast.Name(PREFIX + name, ast.Load()), list(arguments), [])

    def call_statement(self, name: str, *arguments: ast.expr) -> ast.stmt:
        return ast.Expr(self.call(name, *arguments))

    def burn(self, node: ast.stmt) -> ast.stmt:
        made = self.call_statement("burn", self.context(node), self.line(node))
        return ast.fix_missing_locations(ast.copy_location(made, node))

    def set_name(self, name: str, value: ast.expr) -> ast.stmt:
        return ast.Assign([ast.Name(name, ast.Store())], value)

    def get_name(self, name: str) -> ast.expr:
        return ast.Name(name, ast.Load())
