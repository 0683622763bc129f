"""The diagnosis of a training: the rules that apply to its evidence, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from search.diagnostics.evidence import TrainingEvidence
from search.diagnostics.rules import RULES
from search.study import Finding, FoldCurve, LayerSnapshot, TrialRecord


def diagnose(evidence: TrainingEvidence) -> tuple[Finding, ...]:
    """Return the findings of a training, the worst first."""
    found = {
        rule.name: finding
        for rule in RULES.values()
        if (finding := rule.apply(evidence)) is not None
    }
    hidden = {name for rule in RULES.values() if rule.name in found for name in rule.hides}
    return tuple(finding for name, finding in found.items() if name not in hidden)


def warn(
    record: TrialRecord,
    curve: FoldCurve,
    layers: Sequence[LayerSnapshot],
    chance: float,
    *,
    epochs: int,
) -> Finding | None:
    """Return why a fold of a trial under way is beyond hope; None where it is not.

    `curve` and `layers` are the fold's own; of the snapshots the last one counts.
    """
    evidence = TrainingEvidence(
        params=record.params,
        layers=layers,
        train_loss=curve.train_loss,
        validation_loss=curve.validation_loss,
        chance=chance,
        complete=False,
        epochs=epochs,
        evaluated_at=curve.epochs,
    )
    found = next(
        (f for rule in RULES.values() if rule.ends and (f := rule.apply(evidence)) is not None),
        None,
    )
    return found and replace(found, sentence=f"Fold {curve.fold}: {found.sentence}")
