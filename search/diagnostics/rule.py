"""One kind of finding: what it is called, when it applies, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from search.diagnostics.advice import Advice, advise
from search.diagnostics.conditions import Condition, Measurement
from search.diagnostics.evidence import TrainingEvidence
from search.study import Finding


class FindingName(StrEnum):
    """Names are stored with every trial: values are only ever added."""

    DIVERGED = "diverged"
    DEAD_LAYER = "dead_layer"
    STUCK_AT_CHANCE = "stuck_at_chance"
    EXPLODING_GRADIENTS = "exploding_gradients"
    VANISHING_GRADIENTS = "vanishing_gradients"
    BORN_DEAD = "born_dead"
    DYING_RELU = "dying_relu"
    SATURATION = "saturation"
    DEAD_LEARNING_RATE = "dead_learning_rate"
    SLOPE_COLLAPSED = "slope_collapsed"
    UNDERFITTING = "underfitting"
    OVERFITTING = "overfitting"
    FADING_SIGNAL = "fading_signal"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of finding, all facts of it."""

    name: FindingName
    title: str
    #: The fault, in a sentence.
    meaning: str
    condition: Condition
    thresholds: Mapping[str, float]
    #: A template over the measured numbers and `layer`.
    sentence: str
    #: Remedies, the best first.
    advices: tuple[Advice, ...]
    #: Papers and measurements behind the rule and its thresholds.
    source: str
    #: Further sentences, by the variant of the measurement.
    variants: Mapping[str, str] = field(default_factory=dict)
    #: Whether it ends a training at the next rung, under every pruner but "none".
    ends: bool = False
    #: Rules that add nothing where this one applies.
    hides: tuple[FindingName, ...] = ()

    def apply(self, evidence: TrainingEvidence) -> Finding | None:
        """Return the finding, or None where the rule does not apply."""
        measured = self.condition(evidence, self.thresholds)
        if measured is None:
            return None
        return Finding(
            name=self.name.value,
            layer=measured.layer,
            numbers={**measured.numbers, **_marked(self.thresholds)},
            sentence=self._say(measured),
            remedy=advise(self.advices, evidence),
        )

    def _say(self, measured: Measurement) -> str:
        variant = measured.variant
        template = self.sentence if variant is None else self.variants[variant]
        return template.format(layer=measured.layer, **measured.numbers)


def _marked(thresholds: Mapping[str, float]) -> dict[str, float]:
    return {f"threshold_{name}": value for name, value in thresholds.items()}
