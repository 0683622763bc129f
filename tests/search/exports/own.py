"""Expressions of a person's own that every export has to write."""

from __future__ import annotations

from search.study import Expression, ExpressionParameter


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
    Expression(name="nested", expression="square(square(square(square(tanh(x) + 0.1*x)))) + x"),
)
