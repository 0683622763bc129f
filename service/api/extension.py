"""Extension of a finished study by trials, repeats of the confirmation, or both."""

from __future__ import annotations

from dataclasses import replace

from search.errors import Conflict, InvalidInput
from search.samplers import get_sampler
from search.study import StudySpec
from search.study_checks import study_space
from service.api.schemas.study import MAX_REPEATS, MAX_TRIALS, ExtensionModel
from service.api.study_size import StudyLimits
from storage.rows.study_rows import StudyRow


def extend_spec(
    row: StudyRow, more: ExtensionModel, limits: StudyLimits | None = None
) -> StudySpec:
    """Return the spec of the study `row` with `more` trials, repeats, or both.

    Trials count from the number finished, so a study cancelled halfway does not first use up its
    old budget. The wall-clock limit is lifted, since it was meant for the first run. Raises
    InvalidInput where a limit, also one of `limits`, would be passed, Conflict where there is
    nothing to extend.
    """
    if more.trials == more.repeats == 0:
        raise InvalidInput("nothing to add: give 'trials', 'repeats' or both, 1 at least")
    spec, evaluation = row.spec, row.spec.evaluation
    trials = row.progress.trials_finished + more.trials
    repeats = evaluation.confirm_repeats + more.repeats
    if trials > MAX_TRIALS:
        raise InvalidInput(
            f"{more.trials} more make {trials} trials, but {MAX_TRIALS} are the most a study can "
            "have; ask for fewer",
            pointer="/trials",
        )
    if repeats > MAX_REPEATS:
        raise InvalidInput(
            f"{more.repeats} more make {repeats} repeats, but {MAX_REPEATS} are the most a study "
            "can have; ask for fewer",
            pointer="/repeats",
        )
    if more.trials:
        _check_grid(row)
    elif evaluation.confirm_top == 0:
        raise Conflict(
            f"study '{row.id}' has no confirmation to repeat, its confirm_top is 0; create a new "
            "study with confirm_top 1 or more"
        )
    elif row.progress.best_value is None:
        raise Conflict(
            f"study '{row.id}' has no complete trial that could be confirmed; extend it by trials"
        )
    grown = replace(
        spec,
        budget=replace(spec.budget, trials=trials, seconds=None),
        evaluation=replace(evaluation, confirm_repeats=repeats),
    )
    if limits is not None:
        limits.check_trials(grown)
    return grown


def _check_grid(row: StudyRow) -> None:
    sampler = row.spec.sampler.name
    size = study_space(row.spec).grid_size()
    if get_sampler(sampler).finite and size is not None and size <= row.progress.trials_finished:
        raise Conflict(
            f"study '{row.id}' has tried all {size} configurations of its grid; create a new study "
            f"with a larger space or another sampler than '{sampler}'"
        )
