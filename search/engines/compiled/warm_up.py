"""Loads all compiled code, compiling what this machine has not compiled yet.

Loading takes some milliseconds, compiling half a minute.
"""

from __future__ import annotations

from math import inf

import numpy as np
from scipy.linalg import get_blas_funcs

from search.engines.compiled.activate import activation
from search.engines.compiled.activation_functions import SCALARS
from search.engines.compiled.buffers import LaneBuffers, NetworkSpec, OptimizerSpec
from search.engines.compiled.engine import make_workspace
from search.engines.compiled.training_loop import prediction, training_steps
from search.networks.dimensions import Dimensions


def warm() -> None:
    """Predict no rows and make no steps, in the precision that studies are trained in."""
    get_blas_funcs("gemm")  # loads the library, whose threads can be limited from then on
    shape = Dimensions(features=1, outputs=1)
    addresses = [activation(name, np.float32).address for name in SCALARS]
    net = NetworkSpec(
        activation=addresses[0],
        depth=1,
        width=1,
        features=1,
        outputs=1,
        normalization=0,
        learned=0,
        loss=0,
    )
    rules = OptimizerSpec(
        number=0.0,
        noisy=False,
        lower=0.0,
        upper=0.0,
        dropout=0.0,
        clip=inf,
        adaptive=True,
        momentum=0.0,
        decay=0.0,
    )
    work = make_workspace([net], 1, shape)

    def none(*size: int) -> np.ndarray:
        return np.zeros(size, np.float32)

    memory = LaneBuffers(none(4), none(4), none(4), none(0, 2, 1))
    prediction()(net, rules, memory, work, none(0, 1), none(1, 0))
    training_steps()(
        net,
        rules,
        memory,
        work,
        none(0, 1, 1),
        none(0, 1),
        none(0, 0, 0, 0),
        none(0, 0, 0, 0),
        np.zeros(0),
        0,
        np.zeros(0, np.int64),
        none(0, 1, 1),
        none(0, 7, 1),
    )
