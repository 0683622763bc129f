"""Activation functions of a person's own: rows made from expressions, and the rules for them."""

from __future__ import annotations

import copyreg
import re
from collections.abc import Callable
from functools import lru_cache
from math import isfinite

from search.activations.activation import Activation
from search.activations.catalog import ACTIVATIONS, get_activation
from search.activations.operations import OPERATIONS
from search.activations.parameter import Parameter
from search.activations.parser import X, parse
from search.activations.program import Program, TreeFormula, program
from search.activations.simplify import simplify
from search.activations.written_functions import CONSTANTS, FUNCTIONS
from search.errors import InvalidInput
from search.study import Expression, ExpressionParameter

#: Parameters of an expression, and cost of one element going forward, at most: five mish.
MOST_PARAMETERS, LARGEST_COST = 8, 160
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED = {"discover", "none"}
#: Names that trials on record have for something else: statistics of layers, and options.
_TAKEN = {
    "activation_mean",
    "activation_std",
    "dead_units",
    "saturated",
    "gradient_norm",
    "update_ratio",
    "sharing",
    "learned",
}


@lru_cache(maxsize=1024)
def own_activation(expression: Expression) -> Activation:
    """Return the row of an expression.

    Raises InvalidInput where its name, text or parameters break a rule; `search.activations.check`
    tells whether it is any good as an activation.
    """
    _check_name(expression.name)
    names = [parameter.name for parameter in expression.parameters]
    if len(names) > MOST_PARAMETERS:
        raise InvalidInput(
            f"the expression has {len(names)} parameters, but at most {MOST_PARAMETERS} are "
            f"allowed; fix some of them as numbers",
            pointer="/parameters",
        )
    for parameter in expression.parameters:
        _check_parameter(parameter)
    try:
        tree = simplify(parse(expression.expression, names))
    except InvalidInput as error:
        error.pointer = "/expression"
        raise
    formula = program(tree)
    _check_cost(formula)
    used = {step.name for step in formula.steps}
    unused = [name for name in names if name not in used]
    if unused:
        raise InvalidInput(
            f"the parameter '{unused[0]}' does not stand in the expression; use it or leave it out",
            pointer=f"/parameters/{unused[0]}",
        )
    return Activation(
        name=expression.name,
        title=expression.name,
        formula=expression.expression,
        expression=TreeFormula(tree, formula),
        operations=cost(formula),
        paper="an expression of one's own",
        # Those that may be learned come first.
        parameters=tuple(
            _parameter(parameter)
            for parameter in sorted(expression.parameters, key=lambda p: not p.learned)
        ),
        own=expression,
    )


def _restored(source: Expression | str) -> Activation:
    return get_activation(source) if isinstance(source, str) else own_activation(source)


def _reduced(row: Activation) -> tuple[Callable[[Expression | str], Activation], tuple[object]]:
    return _restored, (row.own or row.name,)


# Rows hold formulas in code, which cannot be pickled: what they are made from is.
copyreg.pickle(Activation, _reduced)


def cost(formula: Program) -> int:
    """Return the cost of one element, as `Activation.operations` counts."""
    return sum(OPERATIONS[step.operation].cost for step in formula.steps if step.operands)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"'{name[:60]}' cannot be the name of an activation; take up to 40 small letters, "
            f"digits and _, beginning with a letter",
            pointer="/name",
        )
    listed = {word for row in ACTIVATIONS.values() for word in (row.name, *row.aliases)}
    if name in listed | _RESERVED:
        raise InvalidInput(
            f"'{name}' is the name of a listed activation; give the expression another name",
            pointer="/name",
        )
    if any(name.startswith(f"{word}_") or word.startswith(f"{name}_") for word in listed):
        raise InvalidInput(
            f"'{name}' begins like a listed activation or the other way round, so that axes of "
            f"their parameters could not be told apart; give the expression another name, such as "
            f"'my_{name}'",
            pointer="/name",
        )


def _check_parameter(parameter: ExpressionParameter) -> None:
    broken = _broken_name(parameter) or _broken_range(parameter)
    if broken:
        raise InvalidInput(
            f"the parameter '{parameter.name[:60]}' {broken}",
            pointer=f"/parameters/{parameter.name[:60]}",
        )


def _broken_name(parameter: ExpressionParameter) -> str | None:
    if not _NAME.fullmatch(parameter.name):
        return "needs another name: small letters, digits and _, beginning with a letter"
    if parameter.name in {X, "z", *FUNCTIONS, *CONSTANTS, *_TAKEN}:
        return "has the name of the variable, a function, a constant or a statistic; rename it"
    return None


def _broken_range(parameter: ExpressionParameter) -> str | None:
    low, high = parameter.low, parameter.high
    if not all(isfinite(number) for number in (parameter.default, low or 0.0, high or 0.0)):
        return "must have finite numbers"
    if low is None and high is None:
        return "is not searched, so log means nothing; give low and high" if parameter.log else None
    if low is None or high is None:
        return "has one end of a range only; give both low and high, or neither"
    rules = (
        (low < high, f"has low {low:g}, which must be less than high {high:g}"),
        (
            low <= parameter.default <= high,
            f"has the default {parameter.default:g}, which must lie in [{low:g}, {high:g}]",
        ),
        (
            low > 0.0 or not parameter.log,
            f"is searched by its logarithm, so low must be above 0, not {low:g}",
        ),
    )
    return next((sentence for kept, sentence in rules if not kept), None)


def _parameter(parameter: ExpressionParameter) -> Parameter:
    searched = parameter.low is not None
    return Parameter(
        name=parameter.name,
        description="initial value; training changes it" if parameter.learned else "fixed value",
        default=parameter.default,
        low=parameter.default if parameter.low is None else parameter.low,
        high=parameter.default if parameter.high is None else parameter.high,
        log=parameter.log,
        searched=searched,
        learned=parameter.learned,
    )


def _check_cost(formula: Program) -> None:
    found = cost(formula)
    if found > LARGEST_COST:
        raise InvalidInput(
            f"the expression costs {found} operations an element, more than the {LARGEST_COST} "
            f"allowed (an exponential counts 10, a sum 1); simplify it",
            pointer="/expression",
        )
