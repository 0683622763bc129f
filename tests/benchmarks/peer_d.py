"""Peer D: scikit-learn's `MLPClassifier` under `OptunaSearchCV`.

It knows relu, tanh and the logistic sigmoid, draws its weights Xavier-uniform, and has no slopes:
it does a part of the reference work only, `PART_OF_D`, and ours is compared on that part.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna_integration import OptunaSearchCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import PredefinedSplit
from sklearn.neural_network import MLPClassifier

from tests.benchmarks.work import BATCH, DEPTHS, LEARNING_RATES, PROCESSES, WIDTH, Split

#: Our name of an activation -> scikit-learn's.
NAMES = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}


def search(
    split: Split, *, trials: int, epochs: int, seed: int, prune: bool, folder: Path
) -> optuna.Study:
    """Run the study on two threads, as `n_jobs` does, and return it."""
    if prune:
        raise ValueError("OptunaSearchCV prunes by folds and epochs of its own; run D unpruned")
    sizes: list[Any] = [(WIDTH,) * depth for depth in range(DEPTHS[0], DEPTHS[1] + 1)]
    network = MLPClassifier(
        batch_size=BATCH,
        max_iter=epochs,
        alpha=0.0,
        # All epochs, as everybody else: it would stop where the training loss stands still.
        n_iter_no_change=epochs + 1,
    )
    x = np.concatenate([split.x_train, split.x_validation])
    y = np.concatenate([split.y_train, split.y_validation])
    part = np.repeat([-1, 0], [len(split.y_train), len(split.y_validation)])
    with warnings.catch_warnings():
        # Tuples as choices cannot be stored, but nothing is stored; epochs are limited on purpose.
        warnings.simplefilter("ignore")
        warnings.simplefilter("ignore", ConvergenceWarning)
        searcher = OptunaSearchCV(
            network,
            {
                "activation": CategoricalDistribution(tuple(NAMES.values())),
                "hidden_layer_sizes": CategoricalDistribution(sizes),
                "learning_rate_init": FloatDistribution(*LEARNING_RATES, log=True),
            },
            cv=PredefinedSplit(part),
            scoring="neg_log_loss",
            n_trials=trials,
            n_jobs=PROCESSES,
            random_state=seed,
            refit=False,
            error_score=float("-inf"),
        )
        searcher.fit(x, y)
    study: optuna.Study = searcher.study_
    return study
