"""Expressions of a person's own, and numbers of listed activations, that every export writes."""

from __future__ import annotations

from search.study import Expression, ExpressionParameter, ParamValue


def _learned(name: str, default: float) -> ExpressionParameter:
    return ExpressionParameter(name=name, default=default, learned=True)


EXPRESSIONS = (
    Expression(
        name="network",  # as the class of an exported module is called
        expression="scale*x*sigmoid(exp(beta) * x)\n + fixed*sin(x)",
        parameters=(
            _learned("scale", 0.9),
            _learned("beta", 0.3),
            ExpressionParameter(name="fixed", default=0.25),
        ),
    ),
    Expression(
        name="piecewise",
        expression="where(x > slope, max(min(x, 3), sign(x)), clip(x, -2, 0.5) * abs(x))"
        " + where(slope < 0, x, x**3/100)",
        parameters=(_learned("slope", 0.2),),
    ),
    Expression(
        name="every_function",
        expression="atan(x) + erf(x) + normal_cdf(x) + log1p(x*x) + expm1(min(x, 0)) + softplus(x)"
        " + cos(x)*tanh(x) + sqrt(1 + x**2) + log(2 + sin(x))",
    ),
    Expression(
        # Called as a word of Python and as attributes of all layers are.
        name="layer",
        expression="x * sigmoid(lambda * x) + training * forward",
        parameters=(_learned("lambda", 0.4), _learned("training", 0.2), _learned("forward", 0.1)),
    ),
    Expression(name="nested", expression="square(square(square(square(tanh(x) + 0.1*x)))) + x"),
)

#: Numbers and sharing other than the usual.
NUMBERS: list[dict[str, ParamValue]] = [
    {"activation": "prelu", "prelu_slope": 0.4, "prelu_sharing": "channel"},
    {"activation": "silu", "silu_beta": 2.5, "silu_learned": True},
    {"activation": "silu", "silu_beta": 0.3},
    {"activation": "celu", "celu_alpha": 0.7, "depth": 7},
    {"activation": "elu", "elu_alpha": 1.7},
    {"activation": "leaky_relu", "leaky_relu_slope": 0.031},
    {"activation": "rrelu", "rrelu_lower": 0.05, "rrelu_upper": 0.45},
    {"activation": "softshrink", "softshrink_lambda": 0.2},
    {"activation": "hardshrink", "hardshrink_lambda": 0.2},
    {"activation": "squareplus", "squareplus_b": 1.5},
    {"activation": "snake", "snake_alpha": 0.7, "snake_learned": True},
    {"activation": "acon", "acon_sharing": "layer"},
]
#: Those whose formula is no longer than a line.
SHORT = [params for params in NUMBERS if params["activation"] != "acon"]
