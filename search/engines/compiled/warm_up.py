"""Loading of all compiled code, which compiles what this machine has not compiled yet.

Loading takes some milliseconds, compiling half a minute a precision.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from math import inf

import numpy as np
import torch
from scipy.linalg import get_blas_funcs

from search.activations import ACTIVATIONS, Activation, get_activation
from search.engines.compiled.activate import activation_loop
from search.engines.compiled.activation_functions import FUNCTIONS
from search.engines.compiled.buffers import LaneBuffers, NetworkSpec, OptimizerSpec
from search.engines.compiled.engine import make_workspace
from search.engines.compiled.training_loop import prediction, training_steps
from search.networks.dimensions import Dimensions

#: The parts of the compiled code.
PARTS = ("activations", "prediction", "training")


def warm(
    precision: str = "float32",
    parts: Sequence[str] = PARTS,
    activations: Sequence[Activation] | None = None,
) -> None:
    """Load the compiled `parts` in a precision; studies are trained in float32.

    The functions are called on no rows and for no steps. Activations compiled from their formula
    are loaded when a lane asks for them, unless `activations` names them.
    """
    if activations is None:
        activations = [get_activation(name) for name in FUNCTIONS]
    dtype = np.dtype(precision)
    get_blas_funcs("gemm")  # loads the library, whose threads can be limited from then on
    if "activations" in parts:
        for row in activations:
            activation_loop(row, dtype)
    network = NetworkSpec(
        activation=0,  # never called: there are no rows
        depth=1,
        width=1,
        features=1,
        outputs=1,
        normalization=0,
        learned_numbers=0,
        learned=0,
        loss=0,
    )
    optimizer = OptimizerSpec(
        numbers=np.zeros(0),
        noisy=False,
        lower=0.0,
        upper=0.0,
        dropout=0.0,
        clip=inf,
        adaptive=True,
        momentum=0.0,
        decay=0.0,
    )

    def zeros(*size: int) -> np.ndarray:
        return np.zeros(size, dtype)

    dimensions = Dimensions(features=1, outputs=1, dtype=torch.from_numpy(zeros()).dtype)
    work = make_workspace([network], 1, dimensions, numbers=0)
    lane = LaneBuffers(zeros(4), zeros(4), zeros(4), zeros(0, 2, 1))
    if "prediction" in parts:
        prediction()(network, optimizer, lane, work, zeros(0, 1), zeros(1, 0))
    if "training" in parts:
        training_steps()(
            network,
            optimizer,
            lane,
            work,
            zeros(0, 1, 1),
            zeros(0, 1),
            zeros(0, 0, 0, 0),
            zeros(0, 0, 0, 0),
            np.zeros(0),
            0,
            np.zeros(0, np.int64),
            zeros(0, 1, 1),
            zeros(0, 7, 1),
        )


def compile_all() -> None:
    """Compile everything in two processes: float32 for studies, float64 for the tests.

    The training loop takes as long as the other parts together. Each part is compiled in one
    process for both precisions, because Numba's index of a function has no lock.
    """
    shares = (("training",), ("activations", "prediction"))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(shares), mp_context=context) as executor:
        for future in [executor.submit(_warm_both, share) for share in shares]:
            future.result()


def _warm_both(parts: Sequence[str]) -> None:
    hidden = [row for row in ACTIVATIONS.values() if row.hidden]
    for precision in ("float32", "float64"):
        warm(precision, parts, hidden)
