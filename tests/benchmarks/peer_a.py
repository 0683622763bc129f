"""Peer A, the tutorial way: one process, `study.optimize`, SQLite, `DataLoader`, Adam.

After Optuna's own PyTorch example, with the reference work's network and ten validations.
"""

from __future__ import annotations

from pathlib import Path

import optuna
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.benchmarks.peer_network import build, suggest
from tests.benchmarks.work import BATCH, Split, evaluation_epochs


def search(
    split: Split, *, trials: int, epochs: int, seed: int, prune: bool, folder: Path
) -> optuna.Study:
    """Run the study and return it."""
    train_loader = DataLoader(
        TensorDataset(torch.from_numpy(split.x_train), torch.from_numpy(split.y_train)),
        batch_size=BATCH,
        shuffle=True,
    )
    validation_loader = DataLoader(
        TensorDataset(torch.from_numpy(split.x_validation), torch.from_numpy(split.y_validation)),
        batch_size=BATCH,
    )
    evaluate_at = evaluation_epochs(epochs)

    def objective(trial: optuna.Trial) -> float:
        params = suggest(trial)
        model = build(params, split.x_train.shape[1], split.classes)
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=params["learning_rate"])
        score = float("nan")
        for epoch in range(1, epochs + 1):
            model.train()
            for x, y in train_loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
            if epoch not in evaluate_at:
                continue
            model.eval()
            total = 0.0
            with torch.no_grad():
                for x, y in validation_loader:
                    total += criterion(model(x), y).item() * len(x)
            score = total / len(split.y_validation)
            trial.report(score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return score

    # The tutorial leaves torch its default, one thread a core: slower for networks of this size.
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / 'peer_a.db'}",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner() if prune else optuna.pruners.NopPruner(),
        direction="minimize",
    )
    study.optimize(objective, n_trials=trials)
    return study
