"""Loads every compiled loop, compiling what this machine has not compiled yet.

A loop is loaded at its first call, some milliseconds each; compiling takes half a second.
"""

from __future__ import annotations

import numpy as np
import torch

from search.compiled.functions import SCALARS
from search.compiled.looks import CompiledLooks
from search.compiled.loops import load, loops
from search.compiled.update import update
from search.looks import Gathered
from search.parameters import Shape


def warm() -> None:
    """Call every loop once, on a few numbers in the precision that studies are trained in."""
    shape = Shape(features=1, outputs=1, compiled=True)
    tensor = torch.ones(1, 2, 8)
    z, own, rows = tensor.numpy(), np.ones((1, 1, 8), np.float32), np.zeros((1, 16), np.float32)
    for name in SCALARS:
        passes = loops(name)
        passes.forward(z, rows, 0, own, z.copy())
        passes.backward(z.copy(), z, rows, 0, own, z, rows.copy())
        if passes.learn is not None:
            passes.learn(z, z, rows, 0, own, z, rows.copy(), 8, 8, np.empty(8, np.float32))
    load(rows, 8, 8, own)
    numbers, adaptive = np.ones((1, 5), np.float32), np.ones(1, np.bool_)
    banks = (rows.copy(), rows.copy(), rows.copy(), rows.copy())
    update(*banks, adaptive, numbers, (0.9, 0.9), (0.1, 0.1), 1.0, True)
    looks, seen, out = CompiledLooks(), Gathered(1, 8, shape), torch.empty(4, 1)
    looks.gather(tensor, tensor, seen)
    looks.conclude(seen, out)
    looks.norm(tensor, out[0])
    looks.step(tensor, tensor, out[0])
