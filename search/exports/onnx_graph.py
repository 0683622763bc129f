"""A graph of ONNX written as arithmetic: values with operators, and the functions of formulas.

Numbers are float64. What ONNX, or its usual runtime, has no float64 operator for is made of others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi, sqrt
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

#: Of the operators, and of those for text; both are read by runtimes from 2023 on.
OPSET, ML_OPSET, IR_VERSION = 18, 3, 9
_ML = "ai.onnx.ml"
#: Coefficients of Φ, highest power first: West (2005), Better Approximations to Cumulative Normal
#: Functions, after Hart (1968). Their ratio tends to 1/sqrt(2π), so that they serve everywhere.
_PHI = (
    (
        *(3.52624965998911e-02, 0.700383064443688, 6.37396220353165, 33.912866078383),
        *(112.079291497871, 221.213596169931, 220.206867912376),
    ),
    (
        *(8.83883476483184e-02, 1.75566716318264, 16.064177579207, 86.7807322029461),
        *(296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752),
    ),
)
_TAN_3_PI_8 = 2.41421356237309504880
#: Coefficients of the arc tangent below 0.66, highest power first (Moshier's Cephes, atan).
_ATAN = (
    (
        *(-8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1),
        *(-1.228866684490136173410e2, -6.485021904942025371773e1),
    ),
    (
        *(1.0, 2.485846490142306297962e1, 1.650270098316988542046e2),
        *(4.328810604912902668951e2, 4.853903996359136964868e2, 1.945506571482613964425e2),
    ),
)


class Graph:
    """Nodes and constants, in the order in which they were made."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._known: dict[bytes, Value] = {}

    def constant(self, array: Any, dtype: Any = np.float64) -> Value:
        """Return a constant; equal ones are stored once."""
        tensor = np.asarray(array, dtype)
        key = repr((tensor.dtype.str, tensor.shape)).encode() + tensor.tobytes()
        if tensor.dtype == object or key not in self._known:
            name = f"/constant {len(self.constants)}"
            self.constants.append(numpy_helper.from_array(tensor, name))
            self._known[key] = Value(self, name)
            return Value(self, name)
        return self._known[key]

    def value(self, other: Any) -> Value:
        """Return `other` as a value: itself, or a constant."""
        return other if isinstance(other, Value) else self.constant(other)

    def node(self, operator: str, *inputs: Any, domain: str = "", **attributes: Any) -> Value:
        """Add a node and return its only output."""
        name = f"/{operator} {len(self.nodes)}"
        names = [self.value(each).name for each in inputs]
        self.nodes.append(
            helper.make_node(operator, names, [name], name, domain=domain or None, **attributes)
        )
        return Value(self, name)

    def label_encoder(self, texts: Value, keys: Sequence[str], codes: Sequence[int]) -> Value:
        """Return the code of each text, as many as there are keys for others."""
        return self.node(
            "LabelEncoder",
            texts,
            domain=_ML,
            keys_strings=list(keys),
            values_int64s=list(codes),
            default_int64=max(codes, default=-1) + 1,
        )


class Value:
    """An output of a node; operators on it make nodes."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.name = name

    def apply(self, operator: str, *others: Any, **attributes: Any) -> Value:
        """Return the output of a node whose first input this is."""
        return self.graph.node(operator, self, *others, **attributes)

    def cast(self, dtype: int) -> Value:
        """Return the same as another type, of `onnx.TensorProto`."""
        return self.apply("Cast", to=dtype)

    # NumPy leaves operators between its arrays and values to the methods below.
    __array_ufunc__ = None

    def __neg__(self) -> Value:
        return self.apply("Neg")

    def __add__(self, other: Any) -> Value:
        return self.apply("Add", other)

    def __sub__(self, other: Any) -> Value:
        return self.apply("Sub", other)

    def __mul__(self, other: Any) -> Value:
        return self.apply("Mul", other)

    def __truediv__(self, other: Any) -> Value:
        return self.apply("Div", other)

    def __pow__(self, other: Any) -> Value:
        return self.apply("Pow", other)

    def __matmul__(self, other: Any) -> Value:
        return self.apply("MatMul", other)

    def __radd__(self, other: Any) -> Value:
        return self.graph.node("Add", other, self)

    def __rsub__(self, other: Any) -> Value:
        return self.graph.node("Sub", other, self)

    def __rmul__(self, other: Any) -> Value:
        return self.graph.node("Mul", other, self)

    def __rtruediv__(self, other: Any) -> Value:
        return self.graph.node("Div", other, self)

    def __gt__(self, other: Any) -> Value:
        return self.apply("Greater", other)

    def __ge__(self, other: Any) -> Value:
        return self.apply("GreaterOrEqual", other)

    def __lt__(self, other: Any) -> Value:
        return self.apply("Less", other)

    def __le__(self, other: Any) -> Value:
        return self.apply("LessOrEqual", other)


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """Return a polynomial in `x`, its coefficients from the highest power down, by Horner."""
    first, second, *others = coefficients
    value = x * first + second
    for coefficient in others:
        value = value * x + coefficient
    return value


class OnnxFunctions:
    """The functions of formulas (`search.activations.formulas`) over values of a graph."""

    #: Functions that are one operator each.
    _SAME = {
        "abs": "Abs",
        "exp": "Exp",
        "expit": "Sigmoid",
        "log": "Log",
        "sqrt": "Sqrt",
        "tanh": "Tanh",
        "sin": "Sin",
        "cos": "Cos",
        "sign": "Sign",
        "floor": "Floor",
    }

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        """Return the function of that name; AttributeError where there is none."""
        if name not in self._SAME:
            raise AttributeError(f"a formula uses {name!r}, for which there is no ONNX here")
        return lambda z: z.apply(self._SAME[name])

    def clip(self, z: Any, low: float | None, high: float | None) -> Any:
        """Cut off below and above."""
        z = z if low is None else z.apply("Max", low)
        return z if high is None else z.apply("Min", high)

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """Choose elementwise."""
        return condition.apply("Where", yes, no)

    def zeros_like(self, _: Any) -> float:
        """Return 0, which takes any shape."""
        return 0.0

    def expm1(self, z: Any) -> Any:
        """Return exp(z) - 1."""
        return z.apply("Exp") - 1.0

    def log1p(self, z: Any) -> Any:
        """Return log(1 + z)."""
        return (z + 1.0).apply("Log")

    def logaddexp(self, a: Any, b: Any) -> Any:
        """Return log(exp(a) + exp(b)); of numbers where `b` is no value of a graph."""
        if not isinstance(b, Value):
            return np.logaddexp(a, b)
        distance = (b - a).apply("Abs")
        return b.apply("Max", a) + ((-distance).apply("Exp") + 1.0).apply("Log")

    def ndtr(self, z: Any) -> Any:
        """Return the standard normal distribution function."""
        far = z.apply("Abs")
        tail = (far * far * -0.5).apply("Exp") * polynomial(far, _PHI[0])
        tail = tail / polynomial(far, _PHI[1])
        return self.where(z > 0.0, 1.0 - tail, tail)

    def arctan(self, z: Any) -> Any:
        """Return the arc tangent (Moshier's Cephes, atan)."""
        size = z.apply("Abs")
        large, middle = size > _TAN_3_PI_8, size > 0.66
        near = self.where(middle, (size - 1.0) / (size + 1.0), size)
        r = self.where(large, -1.0 / (size + 1e-300), near)
        base = self.where(large, pi / 2.0, self.where(middle, pi / 4.0, 0.0 * size))
        q = r * r
        value = base + r + r * q * polynomial(q, _ATAN[0]) / polynomial(q, _ATAN[1])
        return self.where(z < 0.0, -value, value)

    def erf(self, z: Any) -> Any:
        """Return the error function, by the normal distribution function."""
        return self.ndtr(z * sqrt(2.0)) * 2.0 - 1.0

    def softmax(self, z: Any, axis: int) -> Any:
        """Return shares along an axis."""
        return z.apply("Softmax", axis=axis)
