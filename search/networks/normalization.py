"""Normalization of pre-activations over a stack, forward and backward, without autograd.

Notation: n lanes, N rows, H units; z (n, N, H). Both kinds subtract a mean and divide by a standard
deviation: batch normalization over the rows (dim 1; Ioffe & Szegedy 2015), layer normalization over
the units (dim 2; Ba, Kiros & Hinton 2016). The affine part, scale and shift, belongs to the layer
that normalizes. Epsilon and momentum are those of torch.nn.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EPSILON = 1e-5
MOMENTUM = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalization:
    """A row of the table below."""

    title: str
    #: Dimension of z along which means are taken; 0 where nothing is normalized.
    dim: int
    #: Whether predictions use running statistics accumulated during training.
    running: bool = False
    paper: str = ""

    @property
    def normalizes(self) -> bool:
        """Whether pre-activations are changed at all."""
        return self.dim > 0

    def normalize(self, z: Tensor, scratch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Standardise `z` in place; return (mean, variance, 1 / deviation) with `dim` kept."""
        mean = z.mean(self.dim, keepdim=True)
        z.sub_(mean)
        torch.mul(z, z, out=scratch)
        variance = scratch.mean(self.dim, keepdim=True)
        inverse = torch.rsqrt(variance + EPSILON)
        z.mul_(inverse)
        return mean, variance, inverse

    def backward(self, grad: Tensor, normal: Tensor, inverse: Tensor, scratch: Tensor) -> None:
        """Turn dL/d(normal) in `grad` into dL/dz in place.

        dz = inverse * (g - mean(g) - normal * mean(g * normal)), means along `dim`.
        """
        torch.mul(grad, normal, out=scratch)
        projection = scratch.mean(self.dim, keepdim=True)
        grad.sub_(grad.mean(self.dim, keepdim=True))
        torch.mul(normal, projection, out=scratch)
        grad.sub_(scratch).mul_(inverse)


NORMALIZATIONS: dict[str, Normalization] = {
    "none": Normalization(title="none", dim=0),
    "batch": Normalization(
        title="batch normalization",
        dim=1,
        running=True,
        paper="Ioffe & Szegedy (2015), Batch Normalization",
    ),
    "layer": Normalization(
        title="layer normalization",
        dim=2,
        paper="Ba, Kiros & Hinton (2016), Layer Normalization",
    ),
}
