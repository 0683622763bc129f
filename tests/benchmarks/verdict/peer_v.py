"""Peer V: an expert's Optuna and PyTorch, two processes, doing what one of our studies has done.

The peer trains the same configurations for the same epochs: the trials of the search up to where
each ended, the runs of the confirmation, the refits. It trains a part of them, drawn at random, and
its seconds are scaled to all; Optuna's own time, and what an expert would write to compare the
arms, are left out, which favours it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from time import monotonic

import torch
from torch import nn
from torch.nn import functional

from search.data.fold_arrays import TrainingData
from search.driver.plan import StudyPlan
from search.networks.lane import NetworkConfig
from search.networks.sequential import build_network
from search.study import ConfirmationsMade, Event, TestsMade, TrialRecord, TrialsChanged
from search.training.stores import SavedData
from search.training.worker_files import FileStore

#: Trainings that a part has: enough that its mean is known to some percent.
PART = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One training: a configuration, a fold of the search, and epochs."""

    config: NetworkConfig
    split: int
    epochs: int


def work_of(events: Iterable[Event], plan: StudyPlan) -> Iterator[Work]:
    """Yield every training that a study has made, a fold of a trial each."""
    trials: dict[int, TrialRecord] = {}
    whole, folds = plan.rungs[-1], plan.data.splits
    for event in events:
        if isinstance(event, TrialsChanged):
            trials |= {record.number: record for record in event.trials}
        elif isinstance(event, ConfirmationsMade):
            for run in event.runs:
                config = NetworkConfig.from_params(run.params)
                split = plan.data.place(config.scaling, run.fold % folds)
                yield Work(config=config, split=split, epochs=whole)
        elif isinstance(event, TestsMade):
            for test in event.runs:
                if "activation" in test.params:
                    config = NetworkConfig.from_params(test.params)
                    split = plan.data.place(config.scaling, 0)
                    yield from [Work(config=config, split=split, epochs=whole)] * test.repeats
    for record in trials.values():
        config = NetworkConfig.from_params(record.params)
        for fold in range(folds):
            curve = next((c for c in record.curves if c.fold == fold), None)
            epochs = curve.epochs[-1] if curve and curve.epochs else plan.rungs[0]
            yield Work(config=config, split=plan.data.place(config.scaling, fold), epochs=epochs)


def seconds_of(
    work: Sequence[Work], data: TrainingData, executor: Executor, folder: str, seed: int
) -> tuple[int, float]:
    """Return how many trainings the peer was timed on, and its seconds for all of `work`.

    `executor` has the peer's processes; `folder` takes a file that they read.
    """
    part = random.Random(seed).sample(list(work), min(PART, len(work)))
    saved = FileStore(Path(folder)).save(data)
    list(executor.map(_train, [saved] * 2, part[:2]))  # a process's first call loads what it needs
    began = monotonic()
    list(executor.map(_train, [saved] * len(part), part))
    return len(part), (monotonic() - began) * len(work) / len(part)


def _train(saved: SavedData, work: Work) -> float:
    """Train one network as an expert writes it; return its validation loss."""
    torch.set_num_threads(1)
    data, config = saved.load(), work.config
    fold = data.folds[work.split]
    x, y = torch.tensor(fold.x_train), torch.tensor(fold.y_train)
    model = build_network(config, features=data.features_in, outputs=data.outputs)
    optimizer: torch.optim.Optimizer = (
        torch.optim.AdamW(
            model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        if config.optimizer == "adamw"
        else torch.optim.SGD(
            model.parameters(), lr=config.learning_rate, momentum=config.momentum, fused=True
        )
    )
    scheduler = None
    steps = -(-len(x) // config.batch_size)
    if config.schedule == "cosine":
        total = work.epochs * steps
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 * (1.0 + cos(pi * step / total))
        )
    for _ in range(work.epochs):
        order = torch.randperm(len(x))
        model.train()
        for rows in torch.split(order, config.batch_size):
            optimizer.zero_grad(set_to_none=True)
            _loss(data, model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
            if config.gradient_clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
    model.eval()
    with torch.inference_mode():
        logits = model(torch.tensor(fold.x_validation))
        return _loss(data, logits, torch.tensor(fold.y_validation)).item()


def _loss(data: TrainingData, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    if data.outputs > 1:
        return functional.cross_entropy(logits, y)
    return functional.binary_cross_entropy_with_logits(logits.squeeze(1), y)
