"""The reference work that ours and every peer do: one space, one split, one budget.

Digits, a single holdout split, 10 activations x slope x initializer x depth 1-6, width 64, learning
rate log 1e-4..1e-1, batch 64, Adam, 30 epochs, TPE. The score is the validation log loss after the
last epoch; lower is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.datasets import load_builtin
from search.driver.plan import StudyPlan, evaluations, plan_study
from search.study import StudySpec
from service.api.schemas.study import StudyModel

ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "tanh",
    "sigmoid",
)
INITIALIZERS = ("xavier_uniform", "kaiming_normal", "lecun_normal", "orthogonal")
#: The part of the space that scikit-learn's MLPClassifier can search (see `peer_d`).
PART_OF_D: Mapping[str, Any] = {
    "activation": ["relu", "tanh", "sigmoid"],
    "initializer": "xavier_uniform",
}
#: Activations with a slope to search; prelu's is where learning starts.
SLOPES = {"leaky_relu": "leaky_relu_slope", "prelu": "prelu_slope"}
SLOPE_RANGE = (0.0, 0.5)
DEPTHS = (1, 6)
LEARNING_RATES = (1e-4, 1e-1)
WIDTH = 64
BATCH = 64
EPOCHS = 30
TRIALS = 200
#: Trials that each activation gets in any case: half of the budget, as by default.
SHARE = 10
PROCESSES = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """The rows of the reference work, standardised on the training rows; N rows, D features."""

    x_train: NDArray[np.float32]  # (N, D)
    y_train: NDArray[np.int64]  # (N,)
    x_validation: NDArray[np.float32]
    y_validation: NDArray[np.int64]
    classes: int


def study_body(
    *,
    trials: int = TRIALS,
    epochs: int = EPOCHS,
    seed: int = 0,
    pruner: str = "none",
    folds: int = 1,
    fair: bool = True,
    space: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the reference work as POST /v1/studies takes it; `space` replaces axes.

    One fold is a holdout split; `folds` is the one thing that peers cannot be given. `fair` gives
    every activation its share and has it pruned among its like, as by default; without, the sampler
    and the pruner care for nothing but the best score, as those of peers do.
    """
    low, high = SLOPE_RANGE
    axes = {
        "activation": list(ACTIVATIONS),
        "initializer": list(INITIALIZERS),
        "depth": {"low": DEPTHS[0], "high": DEPTHS[1]},
        "width": WIDTH,
        "learning_rate": {"low": LEARNING_RATES[0], "high": LEARNING_RATES[1], "log": True},
        "weight_decay": 0.0,
        "batch_size": BATCH,
        "schedule": "constant",
        **(space or {}),
    }
    slopes = {
        slope: {"low": low, "high": high}
        for activation, slope in SLOPES.items()
        if activation in axes["activation"]
    }
    return {
        "name": "reference work",
        "dataset": "digits",
        "space": {**axes, **slopes},
        "sampler": {
            "name": "tpe",
            "seed": seed,
            "min_trials_per_activation": SHARE if fair else 0,
        },
        "pruner": {"name": pruner, "scope": "activation" if fair else "study"},
        "budget": {"trials": trials, "epochs": epochs},
        # One search, as peers make.
        "evaluation": {"searches": 1, "folds": folds, "test_fraction": 0.0, "confirm_top": 0},
        "objectives": ["log_loss"],
    }


def to_spec(body: dict[str, Any]) -> StudySpec:
    """Read a study's JSON as the service does."""
    return StudyModel.model_validate(body).to_spec()


def reference_plan(**budget: Any) -> StudyPlan:
    """Return the plan of `study_body(**budget)`."""
    spec = to_spec(study_body(**budget))
    return plan_study(spec, load_builtin(spec.dataset))


@cache
def reference_split(seed: int = 0) -> Split:
    """Return the rows that our study with `seed` trains and validates on."""
    data = reference_plan(seed=seed).data
    (fold,) = data.folds
    return Split(
        x_train=fold.x_train,
        y_train=np.asarray(fold.y_train, dtype=np.int64),
        x_validation=fold.x_validation,
        y_validation=np.asarray(fold.y_validation, dtype=np.int64),
        classes=data.outputs,
    )


def evaluation_epochs(epochs: int) -> tuple[int, ...]:
    """Return the epochs, counted from 1, after which the validation rows are scored."""
    return evaluations(epochs, (epochs,))
