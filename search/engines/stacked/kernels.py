"""Every hidden activation as a forward and a backward pass over a stack.

KERNELS holds the passes written by hand, which need no autograd and no new memory. An activation
that is not there gets a kernel derived from the formula of its row.

Notation: n lanes, N rows, H units; z is a pre-activation (n, N, H), a = f(z) the activation, and a
parameter p["slope"] broadcasts against them, (n, 1, 1) or (n, 1, H) or, for noise, (n, N, H).

`forward(z, out, p, scratch)` writes f(z) into `out`; `backward(grad, z, a, p, scratch)` turns
dL/da in `grad` into dL/dz in place; `gradients[name](grad, z, a, p, scratch)` returns dL/dp
elementwise, before `backward` is called. A kernel is `in_place` where its derivative follows from
the output: the stack then passes z itself as `out` and keeps one buffer a layer, not two.
`scratch` is a pair of buffers shaped like z that a kernel may overwrite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias

import torch
from torch import Tensor

from search.activations import Activation
from search.activations import ActivationName as Name
from search.activations.formulas import SELU_ALPHA, SELU_SCALE
from search.networks.sequential import TORCH

Params: TypeAlias = Mapping[str, Tensor]
Scratch: TypeAlias = tuple[Tensor, Tensor]
Forward: TypeAlias = Callable[[Tensor, Tensor, Params, Scratch], object]
Backward: TypeAlias = Callable[[Tensor, Tensor, Tensor, Params, Scratch], object]
Gradient: TypeAlias = Callable[[Tensor, Tensor, Tensor, Params, Scratch], Tensor]

# Overloads are looked up once: finding one takes longer than running it.
_ELU = torch.ops.aten.elu.out
_ELU_BACKWARD = torch.ops.aten.elu_backward.grad_input
_GELU = torch.ops.aten.gelu.out
_GELU_BACKWARD = torch.ops.aten.gelu_backward.grad_input
_HARDSWISH = torch.ops.aten.hardswish.out
_HARDSWISH_BACKWARD = torch.ops.aten.hardswish_backward.out
_HARDTANH_BACKWARD = torch.ops.aten.hardtanh_backward.grad_input
_SIGMOID_BACKWARD = torch.ops.aten.sigmoid_backward.grad_input
_SILU = torch.ops.aten.silu.out
_SILU_BACKWARD = torch.ops.aten.silu_backward.grad_input
_SOFTPLUS = torch.ops.aten.softplus.out
_SOFTPLUS_BACKWARD = torch.ops.aten.softplus_backward.grad_input
_TANH_BACKWARD = torch.ops.aten.tanh_backward.grad_input
_THRESHOLD_BACKWARD = torch.ops.aten.threshold_backward.grad_input


@dataclass(frozen=True, slots=True)
class Kernel:
    """The passes of an activation over a stack; the module's docstring gives the signatures."""

    forward: Forward
    backward: Backward
    in_place: bool = False
    #: By the name of each parameter that training may change.
    gradients: Mapping[str, Gradient] = field(default_factory=dict)
    #: The numbers that the passes take as `p`, from the activation's own.
    numbers: Callable[[Mapping[str, float]], dict[str, float]] = dict
    #: A quicker kernel for parameters that are all at their defaults and not learned.
    plain: Kernel | None = None


def _relu(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
    torch.clamp_min(z, 0, out=out)


def _relu_backward(grad: Tensor, _z: Tensor, a: Tensor, _p: Params, _s: Scratch) -> None:
    _THRESHOLD_BACKWARD(grad, a, 0, grad_input=grad)


def _leaky(z: Tensor, out: Tensor, p: Params, s: Scratch) -> None:
    # max(z, 0) + slope * min(z, 0): the slope may differ by lane. Interpolating between max(z, 0)
    # and z would save a pass, but take infinity from infinity.
    torch.clamp_max(z, 0, out=s[0])
    torch.clamp_min(z, 0, out=out)
    torch.addcmul(out, s[0], p["slope"], out=out)


def _leaky_backward(grad: Tensor, _z: Tensor, a: Tensor, p: Params, s: Scratch) -> None:
    # The sign of the output is the sign of the input as long as the slope is not negative.
    _THRESHOLD_BACKWARD(grad, a, 0, grad_input=s[0])
    torch.lerp(s[0], grad, p["slope"], out=grad)


def _prelu_backward(grad: Tensor, z: Tensor, _a: Tensor, p: Params, s: Scratch) -> None:
    # A learned slope may turn negative: the sign has to come from the input.
    _leaky_backward(grad, z, z, p, s)


def _slope_gradient(grad: Tensor, z: Tensor, _a: Tensor, _p: Params, s: Scratch) -> Tensor:
    torch.clamp_max(z, 0, out=s[0])
    return s[0].mul_(grad)


def _elu(z: Tensor, out: Tensor, p: Params, s: Scratch) -> None:
    # max(z, 0) + amplitude * (exp(rate * min(z, 0)) - 1)
    torch.clamp_max(z, 0, out=s[0])
    if "rate" in p:
        s[0].mul_(p["rate"])
    s[0].expm1_()
    torch.clamp_min(z, 0, out=out)
    torch.addcmul(out, s[0], p["amplitude"], out=out)


def _elu_backward(grad: Tensor, _z: Tensor, a: Tensor, p: Params, s: Scratch) -> None:
    # f' is 1 where a > 0, else a + amplitude = amplitude * (a / amplitude + 1)
    _leaky_backward(grad, a, a, {"slope": p["amplitude"]}, s)
    torch.clamp_max(a, 0, out=s[0])
    s[0].mul_(p["inverse"])
    torch.addcmul(grad, grad, s[0], out=grad)


def _celu_backward(grad: Tensor, _z: Tensor, a: Tensor, p: Params, s: Scratch) -> None:
    # f' = exp(rate * min(z, 0)) = 1 + rate * min(a, 0), since amplitude * rate is 1
    torch.clamp_max(a, 0, out=s[0])
    s[0].mul_(p["rate"])
    torch.addcmul(grad, grad, s[0], out=grad)


def _scaled_elu(scale: float, alpha: float) -> tuple[Forward, Backward]:
    """ELU with constants: scale * (z if z > 0 else alpha * (exp(z) - 1))."""

    def forward(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
        _ELU(z, alpha, scale, 1.0, out=out)

    def backward(grad: Tensor, _z: Tensor, a: Tensor, _p: Params, _s: Scratch) -> None:
        _ELU_BACKWARD(grad, alpha, scale, 1.0, True, a, grad_input=grad)

    return forward, backward


def _gelu(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
    _GELU(z, out=out)


def _gelu_backward(grad: Tensor, z: Tensor, _a: Tensor, _p: Params, _s: Scratch) -> None:
    _GELU_BACKWARD(grad, z, grad_input=grad)


def _silu(z: Tensor, out: Tensor, p: Params, s: Scratch) -> None:
    torch.mul(z, p["beta"], out=s[0])
    torch.sigmoid(s[0], out=s[0])
    torch.mul(z, s[0], out=out)


def _plain_silu(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
    _SILU(z, out=out)


def _plain_silu_backward(grad: Tensor, z: Tensor, _a: Tensor, _p: Params, _s: Scratch) -> None:
    _SILU_BACKWARD(grad, z, grad_input=grad)


def _silu_backward(grad: Tensor, z: Tensor, a: Tensor, p: Params, s: Scratch) -> None:
    # f' = sigma + beta * (a - a * sigma), where a = z * sigma
    torch.mul(z, p["beta"], out=s[0])
    torch.sigmoid(s[0], out=s[0])
    torch.addcmul(a, a, s[0], value=-1, out=s[1])
    torch.addcmul(s[0], s[1], p["beta"], out=s[1])
    grad.mul_(s[1])


def _beta_gradient(grad: Tensor, z: Tensor, a: Tensor, p: Params, s: Scratch) -> Tensor:
    # df/dbeta = z^2 * sigma * (1 - sigma) = z * (a - a * sigma)
    torch.mul(z, p["beta"], out=s[0])
    torch.sigmoid(s[0], out=s[0])
    torch.addcmul(a, a, s[0], value=-1, out=s[1])
    return s[1].mul_(z).mul_(grad)


#: exp(2 * 20) is still finite in float32, and tanh(softplus(20)) is 1 to float64 rounding.
_MISH_CEILING = 20.0


def _mish(z: Tensor, out: Tensor, _p: Params, s: Scratch) -> None:
    # tanh(log(1 + e)) = w / (w + 2) with e = exp(z), w = e * (e + 2): one exponential
    torch.clamp_max(z, _MISH_CEILING, out=s[0])
    torch.exp(s[0], out=s[0])
    torch.addcmul(s[0], s[0], s[0], value=0.5, out=s[0])  # w / 2
    torch.add(s[0], 1, out=s[1])
    torch.div(s[0], s[1], out=s[0])
    torch.mul(z, s[0], out=out)


def _mish_backward(grad: Tensor, z: Tensor, _a: Tensor, _p: Params, s: Scratch) -> None:
    # With h = w / 2 and i = 1 / (h + 1): f' = (h + z * e * (e + 1) * i) * i. What z adds is below
    # rounding above the ceiling, where e stays and z grows: there z is cut off too.
    torch.clamp_max(z, _MISH_CEILING, out=s[0])
    torch.exp(s[0], out=s[1])  # e
    torch.addcmul(s[0], s[0], s[1], out=s[0])
    s[0].mul_(s[1])  # z * (1 + e) * e
    torch.addcmul(s[1], s[1], s[1], value=0.5, out=s[1])  # h
    s[1].add_(1)
    s[0].div_(s[1])
    s[0].add_(s[1]).sub_(1)  # h + z * e * (e + 1) * i
    s[0].div_(s[1])
    grad.mul_(s[0])


def _hardswish(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
    _HARDSWISH(z, out=out)


def _hardswish_backward(grad: Tensor, z: Tensor, _a: Tensor, _p: Params, _s: Scratch) -> None:
    _HARDSWISH_BACKWARD(grad, z, out=grad)


def _tanh(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
    torch.tanh(z, out=out)


def _tanh_backward(grad: Tensor, _z: Tensor, a: Tensor, _p: Params, _s: Scratch) -> None:
    _TANH_BACKWARD(grad, a, grad_input=grad)


def _sigmoid(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
    torch.sigmoid(z, out=out)


def _sigmoid_backward(grad: Tensor, _z: Tensor, a: Tensor, _p: Params, _s: Scratch) -> None:
    _SIGMOID_BACKWARD(grad, a, grad_input=grad)


def _softplus(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
    _SOFTPLUS(z, out=out)


def _softplus_backward(grad: Tensor, z: Tensor, _a: Tensor, _p: Params, _s: Scratch) -> None:
    _SOFTPLUS_BACKWARD(grad, z, 1, 20, grad_input=grad)


def _softsign(z: Tensor, out: Tensor, _p: Params, s: Scratch) -> None:
    torch.abs(z, out=s[0])
    s[0].add_(1)
    torch.div(z, s[0], out=out)


def _softsign_backward(grad: Tensor, _z: Tensor, a: Tensor, _p: Params, s: Scratch) -> None:
    # f' = 1 / (1 + |z|)^2 = (1 - |a|)^2
    torch.abs(a, out=s[0])
    s[0].neg_().add_(1)
    grad.mul_(s[0]).mul_(s[0])


def _clamp(low: float, high: float) -> tuple[Forward, Backward]:
    def forward(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
        torch.clamp(z, low, high, out=out)

    def backward(grad: Tensor, _z: Tensor, a: Tensor, _p: Params, _s: Scratch) -> None:
        _HARDTANH_BACKWARD(grad, a, low, high, grad_input=grad)

    return forward, backward


def _identity(z: Tensor, out: Tensor, _p: Params, _s: Scratch) -> None:
    if out is not z:
        out.copy_(z)


def _identity_backward(_g: Tensor, _z: Tensor, _a: Tensor, _p: Params, _s: Scratch) -> None:
    """dL/dz is dL/da."""


KERNELS: dict[Name, Kernel] = {
    Name.RELU: Kernel(_relu, _relu_backward, in_place=True),
    Name.LEAKY_RELU: Kernel(_leaky, _leaky_backward, in_place=True),
    Name.PRELU: Kernel(_leaky, _prelu_backward, gradients={"slope": _slope_gradient}),
    Name.RRELU: Kernel(
        _leaky,
        _leaky_backward,
        in_place=True,
        numbers=lambda v: {"slope": 0.5 * (v["lower"] + v["upper"])} | dict(v),
    ),
    Name.ELU: Kernel(
        _elu,
        _elu_backward,
        in_place=True,
        numbers=lambda v: {"amplitude": v["alpha"], "inverse": 1.0 / v["alpha"]},
        plain=Kernel(*_scaled_elu(1.0, 1.0), in_place=True),
    ),
    Name.CELU: Kernel(
        _elu,
        _celu_backward,
        in_place=True,
        numbers=lambda v: {"amplitude": v["alpha"], "rate": 1.0 / v["alpha"]},
    ),
    Name.SELU: Kernel(*_scaled_elu(SELU_SCALE, SELU_ALPHA), in_place=True),
    Name.GELU: Kernel(_gelu, _gelu_backward),
    Name.SILU: Kernel(
        _silu,
        _silu_backward,
        gradients={"beta": _beta_gradient},
        plain=Kernel(_plain_silu, _plain_silu_backward),
    ),
    Name.MISH: Kernel(_mish, _mish_backward),
    Name.HARDSWISH: Kernel(_hardswish, _hardswish_backward),
    Name.TANH: Kernel(_tanh, _tanh_backward, in_place=True),
    Name.SIGMOID: Kernel(_sigmoid, _sigmoid_backward, in_place=True),
    Name.SOFTPLUS: Kernel(_softplus, _softplus_backward),
    Name.SOFTSIGN: Kernel(_softsign, _softsign_backward, in_place=True),
    Name.HARDTANH: Kernel(*_clamp(-1.0, 1.0), in_place=True),
    Name.RELU6: Kernel(*_clamp(0.0, 6.0), in_place=True),
    Name.IDENTITY: Kernel(_identity, _identity_backward, in_place=True),
}


@cache
def derived_kernel(row: Activation) -> Kernel:
    """Return the kernel that follows from the formula of a row, differentiated symbolically."""
    parts = row.derivatives

    def forward(z: Tensor, out: Tensor, p: Params, _s: Scratch) -> None:
        out.copy_(row.expression(TORCH, z, p))

    def backward(grad: Tensor, z: Tensor, _a: Tensor, p: Params, _s: Scratch) -> None:
        grad.mul_(parts.slope.run(TORCH, z, p)[0])

    def gradient(index: int) -> Gradient:
        return lambda grad, z, _a, p, _s: grad * parts.parameter_slopes.run(TORCH, z, p)[index]

    return Kernel(
        forward,
        backward,
        gradients={by: gradient(index) for index, by in enumerate(parts.by)},
    )


def get_kernel(row: Activation, *, plain: bool) -> Kernel:
    """Return the kernel of an activation; `plain` where its parameters are at their defaults."""
    kernel = (KERNELS.get(Name(row.name)) if row.listed else None) or derived_kernel(row)
    return kernel.plain if plain and kernel.plain else kernel
