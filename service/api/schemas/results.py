"""The results of a study on the wire; its parts stand in modules named like those of the analysis.

A field of the wire is filled from an attribute of `search.study.results` by name, here and in those
modules only, so that a renamed attribute is a type error.
"""

from pydantic import Field, TypeAdapter

from search.study import Phase, StudyState
from search.study.results import StudyResults
from service.api.schemas.base import ResponseModel
from service.api.schemas.interactions import InteractionOut, SlopeEffectOut
from service.api.schemas.search_summary import ActivationRowOut, TrialSummaryOut
from service.api.schemas.study_out import LinksOut, ProgressOut
from service.api.schemas.verdict import VerdictOut
from storage.results import StoredResults
from storage.rows.study_rows import StudyRow

_STUDY_RESULTS = TypeAdapter(StudyResults)


class ResultsOut(ResponseModel):
    """Best configurations, a row an activation, and what matters."""

    study_id: str = Field(description="Of the study.")
    state: StudyState = Field(description="As in the study.")
    phase: Phase | None = Field(description="As in the study.")
    progress: ProgressOut = Field(description="As in the study.")
    best: TrialSummaryOut | None = Field(
        description="The trial of the recommended network once there is a verdict, `best_trial` "
        "until then."
    )
    best_trial: TrialSummaryOut | None = Field(
        default=None,
        description="The best complete trial of the search: the luckiest of many noisy scores.",
    )
    front: list[TrialSummaryOut] = Field(description="With two objectives, the Pareto front.")
    by_activation: list[ActivationRowOut] = Field(description="A row an activation, best first.")
    importances: dict[str, float] = Field(
        description="Axis -> share of the variance of ranks that it explains, among trials that "
        "were drawn at random and never pruned; at the end."
    )
    importance_intervals: dict[str, list[float]] = Field(
        default={}, description="Axis -> ends of the 95 % interval of its share."
    )
    importance_explained: float | None = Field(
        default=None, description="Share that the axes explain by themselves, all together."
    )
    importance_trials: int = Field(default=0, description="Trials that the shares follow from.")
    importance_note: str = Field(
        default="", description="What the shares mean, or that there is too little to say."
    )
    interactions: dict[str, InteractionOut] = Field(
        description="`activation x initializer` and `activation x depth`, at the end."
    )
    slope_effect: list[SlopeEffectOut] = Field(
        description="A row a searched slope, alpha or beta, at the end."
    )
    verdict: VerdictOut | None = Field(description="null until confirmed.")
    links: LinksOut = Field(description="Where to go from here.")

    @classmethod
    def from_stored(cls, row: StudyRow, stored: StoredResults) -> "ResultsOut":
        """Return the stored results of the study `row` in the wire format."""
        results = stored.results
        return cls(
            study_id=row.id,
            state=row.state,
            phase=row.phase,
            progress=ProgressOut.from_progress(row.progress),
            best=TrialSummaryOut.from_summary(results.best) if results.best else None,
            best_trial=(
                TrialSummaryOut.from_summary(results.best_trial) if results.best_trial else None
            ),
            front=[TrialSummaryOut.from_summary(trial) for trial in results.front],
            by_activation=[ActivationRowOut.from_summary(row) for row in results.by_activation],
            importances=dict(results.importances),
            importance_intervals={
                axis: list(ends) for axis, ends in results.importance_intervals.items()
            },
            importance_explained=results.importance_explained,
            importance_trials=results.importance_trials,
            importance_note=results.importance_note,
            interactions={
                axes: InteractionOut.from_interaction(table)
                for axes, table in results.interactions.items()
            },
            slope_effect=[SlopeEffectOut.from_effect(effect) for effect in results.slope_effect],
            verdict=VerdictOut.from_verdict(results.verdict) if results.verdict else None,
            links=LinksOut.from_row(row),
        )

    def to_results(self) -> StudyResults:
        """Return the results that a client reads from this answer."""
        return _STUDY_RESULTS.validate_python(self.model_dump())
