"""Peer B, an expert's way: two processes share one study, tensors sliced by hand, fused Adam.

One thread a process, the data in memory once, gradients freed instead of zeroed, no `DataLoader`.
"""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import optuna
import torch
from torch.nn import functional

from tests.benchmarks.peer_network import build, suggest
from tests.benchmarks.work import BATCH, PROCESSES, Split, evaluation_epochs


class Objective:
    """Trains one network; the tensors are made once a process."""

    def __init__(self, split: Split, epochs: int) -> None:
        self._x, self._y = torch.from_numpy(split.x_train), torch.from_numpy(split.y_train)
        self._x_validation = torch.from_numpy(split.x_validation)
        self._y_validation = torch.from_numpy(split.y_validation)
        self._classes = split.classes
        self._epochs = epochs
        self._evaluate_at = evaluation_epochs(epochs)

    def __call__(self, trial: optuna.Trial) -> float:
        """Return the validation log loss after the last epoch."""
        params = suggest(trial)
        model = build(params, self._x.shape[1], self._classes)
        optimizer = torch.optim.Adam(model.parameters(), lr=params["learning_rate"], fused=True)
        score = float("nan")
        for epoch in range(1, self._epochs + 1):
            order = torch.randperm(len(self._x))
            x, y = self._x[order], self._y[order]
            for x_batch, y_batch in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
                optimizer.zero_grad(set_to_none=True)
                functional.cross_entropy(model(x_batch), y_batch).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            if epoch not in self._evaluate_at:
                continue
            with torch.inference_mode():
                logits = model(self._x_validation)
                score = functional.cross_entropy(logits, self._y_validation).item()
            trial.report(score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return score


def search(
    split: Split, *, trials: int, epochs: int, seed: int, prune: bool, folder: Path
) -> optuna.Study:
    """Run the study in two processes and return it."""
    storage = f"sqlite:///{folder / 'peer_b.db'}"
    study = optuna.create_study(storage=storage, study_name="b", direction="minimize")
    context = get_context("spawn")
    ready = context.Barrier(PROCESSES)
    shares = [len(range(k, trials, PROCESSES)) for k in range(PROCESSES)]
    workers = [
        context.Process(
            target=_work, args=(split, storage, share, epochs, seed + 1000 * k, prune, ready)
        )
        for k, share in enumerate(shares)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode != 0:
            raise RuntimeError(f"a process of peer B ended with code {worker.exitcode}")
    return study


def _work(
    split: Split, storage: str, trials: int, epochs: int, seed: int, prune: bool, ready: Barrier
) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(
        study_name="b",
        storage=storage,
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner() if prune else optuna.pruners.NopPruner(),
    )
    objective = Objective(split, epochs)
    ready.wait()
    study.optimize(objective, n_trials=trials)
