"""Peer C: Ray Tune with `OptunaSearch`, one processor a trial, actors reused.

The tensors are shared through Ray's object store; the training loop is peer B's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import optuna
import ray
import torch
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.optuna import OptunaSearch
from torch.nn import functional

from tests.benchmarks.peer_network import build, suggest
from tests.benchmarks.work import BATCH, PROCESSES, Split, evaluation_epochs


def train(config: dict[str, Any], *, split: Split, epochs: int) -> None:
    """Train one network, reporting the validation log loss ten times."""
    torch.set_num_threads(1)
    x_train, y_train = torch.tensor(split.x_train), torch.tensor(split.y_train)
    x_validation, y_validation = torch.tensor(split.x_validation), torch.tensor(split.y_validation)
    model = build(config, x_train.shape[1], split.classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=config["learning_rate"], fused=True)
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(x_train))
        x, y = x_train[order], y_train[order]
        for x_batch, y_batch in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(model(x_batch), y_batch).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        if epoch in evaluation_epochs(epochs):
            with torch.inference_mode():
                score = functional.cross_entropy(model(x_validation), y_validation).item()
            tune.report({"log_loss": score, "epoch": epoch})


def search(
    split: Split, *, trials: int, epochs: int, seed: int, prune: bool, folder: Path
) -> optuna.Study:
    """Run the study on a local Ray of two processors and return it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    storage = optuna.storages.InMemoryStorage()

    scheduler: TrialScheduler = (
        AsyncHyperBandScheduler(time_attr="epoch", max_t=epochs, grace_period=max(1, epochs // 10))
        if prune
        else FIFOScheduler()
    )
    ray.init(num_cpus=PROCESSES, include_dashboard=False, log_to_driver=False)
    try:
        searcher = OptunaSearch(
            space=suggest, metric="log_loss", mode="min", seed=seed, storage=storage, study_name="c"
        )
        tuner = tune.Tuner(
            tune.with_resources(
                tune.with_parameters(train, split=split, epochs=epochs), {"cpu": 1}
            ),
            tune_config=tune.TuneConfig(
                metric="log_loss",
                mode="min",
                num_samples=trials,
                search_alg=ConcurrencyLimiter(searcher, max_concurrent=PROCESSES),
                scheduler=scheduler,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(storage_path=str(folder / "ray"), verbose=0),
        )
        tuner.fit()
    finally:
        ray.shutdown()
    return optuna.load_study(study_name="c", storage=storage)
