"""Extension of a finished study by trials, searches or repeats of the confirmation."""

from __future__ import annotations

from dataclasses import replace

from search.errors import Conflict, InvalidInput
from search.samplers import get_sampler
from search.study import StudySpec
from search.study_checks import study_space
from service.api.schemas.study import MAX_REPEATS, MAX_SEARCHES, MAX_TRIALS, ExtensionModel
from service.api.study_size import StudyLimits
from storage.rows.study_rows import StudyRow


def extend_spec(
    row: StudyRow, more: ExtensionModel, done: int, limits: StudyLimits | None = None
) -> StudySpec:
    """Return the spec of the study `row` with `more` trials, searches, repeats, or several of them.

    `done` is the number of repeats that its verdict was made with, 0 without a verdict.

    Trials count from the number finished, so a study cancelled halfway does not first use up its
    old budget. Searches bring as many trials as those before had. The wall-clock limit is lifted,
    since it was meant for the first run. Raises InvalidInput where a limit, also one of `limits`,
    would be passed, Conflict where there is nothing to extend.
    """
    if more.trials == more.searches == more.repeats == 0:
        raise InvalidInput(
            "nothing to add: give 'trials', 'searches', 'repeats' or several of them, 1 at least"
        )
    spec, evaluation = row.spec, row.spec.evaluation
    searches = evaluation.searches + more.searches
    finished = row.progress.trials_finished
    each = -(-finished // evaluation.searches)
    trials = finished + more.trials + more.searches * each
    repeats = max(evaluation.confirm_repeats, done + more.repeats)
    _check_most("trials", more.trials or more.searches * each, trials, MAX_TRIALS)
    _check_most("searches", more.searches, searches, MAX_SEARCHES)
    _check_most("repeats", more.repeats, repeats, MAX_REPEATS)
    if more.trials or more.searches:
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
        evaluation=replace(evaluation, searches=searches, confirm_repeats=repeats),
        extensions=spec.extensions + 1,
        least_repeats=done + more.repeats if more.repeats else 0,
    )
    if limits is not None:
        limits.check_trials(grown)
    return grown


def _check_most(what: str, more: int, total: int, most: int) -> None:
    if total > most:
        raise InvalidInput(
            f"{more} more make {total} {what}, but {most} are the most a study can have; ask for "
            "fewer",
            pointer=f"/{what}",
        )


def _check_grid(row: StudyRow) -> None:
    sampler = row.spec.sampler.name
    size = study_space(row.spec).grid_size()
    if get_sampler(sampler).finite and size is not None and size <= row.progress.trials_finished:
        raise Conflict(
            f"study '{row.id}' has tried all {size} configurations of its grid; create a new study "
            f"with a larger space or another sampler than '{sampler}'"
        )
