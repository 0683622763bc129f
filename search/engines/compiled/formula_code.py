"""Machine code of formulas: the steps of a program as instructions, and elementary functions.

An activation without a function written by hand is compiled from the tree of its formula. Each step
becomes an instruction of LLVM or a call of `search.engines.compiled.elementary`, which is inlined,
so that loops over it become vector instructions like those over a function written by hand. Nothing
is written out as Python and nothing of a person's text is ever run as such.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from llvmlite import ir
from numba import types

from search.activations.expression_tree import NUMBER, VARIABLE, Z
from search.activations.program import Derivatives, Program, Step
from search.engines.compiled import elementary
from search.engines.compiled.jit import literal_intrinsic, source_stamp

#: Formulas that can be compiled, with the names of their numbers, by key.
FORMULAS: dict[str, tuple[Derivatives, tuple[str, ...]]] = {}


def enter_formula(parts: Derivatives, numbers: tuple[str, ...]) -> str:
    """Return the key of a formula, the names of whose numbers are given in order."""
    text = f"{source_stamp()} {numbers} {parts.value_and_slope} {parts.parameter_slopes}"
    key = sha256(text.encode()).hexdigest()
    FORMULAS[key] = (parts, numbers)
    return key


#: As `_OPTIONS` of `search.engines.compiled.jit` allows.
_FLAGS = ("contract",)
#: Greatest whole exponent that is written out as products.
_LARGEST_POWER = 64

_Emit = Callable[..., Any]


def _infix(name: str) -> _Emit:
    return lambda code, *operands: getattr(code.builder, name)(*operands, flags=_FLAGS)


def _compare(sign: str) -> _Emit:
    return lambda code, x, y: code.builder.fcmp_ordered(sign, x, y)


def _extreme(code: _Code, x: Any, y: Any, *, greater: bool) -> Any:
    first, second = (x, y) if greater else (y, x)
    return code.builder.select(code.builder.fcmp_ordered("<", first, second), y, x)


def _unary(name: str) -> _Emit:
    def emit(code: _Code, x: Any) -> Any:
        function = code.builder.module.declare_intrinsic(f"llvm.{name}", [x.type])
        return code.builder.call(function, [x])

    return emit


def _sign(code: _Code, x: Any) -> Any:
    zero, one, minus = (ir.Constant(x.type, value) for value in (0.0, 1.0, -1.0))
    below = code.builder.select(code.builder.fcmp_ordered("<", x, zero), minus, x)
    # What is neither above nor below 0 is 0 or NaN, and comes out as it is.
    return code.builder.select(code.builder.fcmp_ordered(">", x, zero), one, below)


def _where(code: _Code, condition: Any, yes: Any, no: Any) -> Any:
    return code.builder.select(condition, yes, no)


def _elementary(name: str) -> _Emit:
    function = getattr(elementary, name)
    return lambda code, *operands: code.call(function, operands)


_EMIT: dict[str, _Emit] = {
    "add": _infix("fadd"),
    "subtract": _infix("fsub"),
    "multiply": _infix("fmul"),
    "divide": _infix("fdiv"),
    "negative": _infix("fneg"),
    "less": _compare("<"),
    "less_equal": _compare("<="),
    "where": _where,
    "maximum": lambda code, x, y: _extreme(code, x, y, greater=True),
    "minimum": lambda code, x, y: _extreme(code, x, y, greater=False),
    "abs": _unary("fabs"),
    "sqrt": _unary("sqrt"),
    "sign": _sign,
    **{
        name: _elementary(name)
        for name in ("exp", "expm1", "log", "log1p", "sin", "cos", "atan", "tanh", "sigmoid",
                     "softplus", "erf", "normal_cdf")
    },
}  # fmt: skip


class _Code:
    """The instructions of a program at one place of a function that Numba compiles."""

    def __init__(self, context: Any, builder: Any, kind: Any) -> None:
        self.context, self.builder, self.kind = context, builder, kind
        self._type = context.get_value_type(kind)

    def call(self, function: Callable[..., Any], operands: Sequence[Any]) -> Any:
        """Call a function of `elementary`."""
        typing = self.context.typing_context
        known = typing.resolve_value_type(function)
        signature = known.get_call_type(typing, (self.kind,) * len(operands), {})
        return self.context.get_function(known, signature)(self.builder, operands)

    def run(self, program: Program, z: Any, numbers: dict[str, Any]) -> list[Any]:
        """Return the values of `program`, which reads `z` and `numbers` by name."""
        values: list[Any] = []
        for step in program.steps:
            values.append(self._step(program, step, values, z, numbers))
        return [values[index] for index in program.results]

    def _step(
        self, program: Program, step: Step, values: list[Any], z: Any, numbers: dict[str, Any]
    ) -> Any:
        if step.operation == NUMBER:
            return ir.Constant(self._type, step.value)
        if step.operation == VARIABLE:
            return z if step.name == Z else numbers[step.name]
        operands = [values[index] for index in step.operands]
        if step.operation == "power":
            known = program.steps[step.operands[1]]
            value = known.value if known.operation == NUMBER else None
            return self._power(operands[0], operands[1], value)
        return _EMIT[step.operation](self, *operands)

    def _power(self, base: Any, exponent: Any, known: float | None) -> Any:
        """Return base**exponent; where the exponent is a `known` whole number, by products."""
        if known is not None and known == int(known) and abs(known) <= _LARGEST_POWER:
            product, square, rest = ir.Constant(self._type, 1.0), base, int(abs(known))
            while rest:
                if rest & 1:
                    product = self.builder.fmul(product, square)
                square, rest = self.builder.fmul(square, square), rest >> 1
            one = ir.Constant(self._type, 1.0)
            return product if known > 0 else self.builder.fdiv(one, product)
        if known in (0.5, -0.5):
            root = _EMIT["sqrt"](self, base)
            one = ir.Constant(self._type, 1.0)
            return root if known == 0.5 else self.builder.fdiv(one, root)
        logarithm = self.call(elementary.log, [base])
        return self.call(elementary.exp, [self.builder.fmul(exponent, logarithm)])


def _loaded(context: Any, builder: Any, pointer: Any, size: Any, unit: Any, count: int) -> Any:
    """Load the numbers of a unit, `count` of them, each `size` elements after the one before."""
    values = []
    for index in range(count):
        at = builder.add(builder.mul(size, ir.Constant(size.type, index)), unit)
        values.append(builder.load(builder.gep(pointer, [at])))
    return values


def _tuple(kind: Any, count: int) -> Any:
    made: Any = types.UniTuple
    return made(kind, count)


@literal_intrinsic
def own_numbers(typing: Any, key: Any, pointer: Any, units: Any, unit: Any) -> Any:
    """Return the numbers of a unit for the formula `key` as a tuple, at least one.

    `pointer` leads to (numbers, units) elements.
    """
    if not isinstance(key, types.StringLiteral):
        return None
    count = max(1, len(FORMULAS[key.literal_value][1]))
    result = _tuple(pointer.dtype, count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, at, size, unit = arguments
        return context.make_tuple(builder, result, _loaded(context, builder, at, size, unit, count))

    return result(key, pointer, units, unit), generate


def _named(context: Any, builder: Any, key: str, numbers: Any) -> dict[str, Any]:
    names = FORMULAS[key][1]
    return {name: builder.extract_value(numbers, index) for index, name in enumerate(names)}


@literal_intrinsic
def value_and_slope(typing: Any, key: Any, z: Any, numbers: Any) -> Any:
    """Return (f, f') at `z` of the formula `key`; `numbers` as `own_numbers` gives."""
    if not isinstance(key, types.StringLiteral):
        return None
    result = _tuple(z, 2)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        formula = key.literal_value
        named = _named(context, builder, formula, arguments[2])
        code = _Code(context, builder, z)
        values = code.run(FORMULAS[formula][0].value_and_slope, arguments[1], named)
        return context.make_tuple(builder, result, values)

    return result(key, z, numbers), generate


@literal_intrinsic
def store_parameter_slopes(
    typing: Any, key: Any, z: Any, numbers: Any, pointer: Any, table: Any, place: Any
) -> Any:
    """Write df/dp at `z` for each number that the formula `key` may learn.

    The j-th goes to element `place` of the j-th table at `pointer`, each of `table` elements.
    """
    if not isinstance(key, types.StringLiteral):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        formula = key.literal_value
        _, at_z, own, at, size, place = arguments
        named = _named(context, builder, formula, own)
        code = _Code(context, builder, z)
        values = code.run(FORMULAS[formula][0].parameter_slopes, at_z, named)
        for index, value in enumerate(values):
            element = builder.add(builder.mul(size, ir.Constant(size.type, index)), place)
            builder.store(value, builder.gep(at, [element]))
        return context.get_dummy_value()

    return types.void(key, z, numbers, pointer, table, place), generate
