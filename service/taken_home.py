"""The trained network that a study keeps, between the API and the command line. No torch."""

from __future__ import annotations

from search.errors import Conflict
from search.networks.model_archive import load_model_archive
from storage import Confirmations, Studies, Trials


def trained_network(
    study_id: str,
    *,
    studies: Studies,
    trials: Trials,
    confirmations: Confirmations,
    trial: int | None = None,
) -> bytes:
    """Return the archive of the network that the study recommends.

    With `trial`, only where it is that trial's. Raises NotFound for an unknown study or trial,
    Conflict where the study keeps no network, or not that of the trial.
    """
    record = None if trial is None else trials.get(study_id, trial)
    archive = confirmations.winner(study_id)
    if archive is None:
        study = studies.get(study_id)
        raise Conflict(_why_there_is_none(study_id, study.state.is_finished))
    if record is not None and dict(load_model_archive(archive).params) != dict(record.params):
        raise Conflict(
            f"study '{study_id}' keeps the network that it recommends, which is not that of trial "
            f"{trial}; leave trial out, or train that one: start a study on the same dataset whose "
            f"space gives each axis the one value that GET "
            f"/v1/studies/{study_id}/trials/{trial} shows under params"
        )
    return archive


def _why_there_is_none(study_id: str, is_finished: bool) -> str:
    if is_finished:
        return (
            f"study '{study_id}' ended without a trained network, which the confirmation of its "
            f"best trials makes; extend it by repeats (POST /v1/studies/{study_id}/extend)"
        )
    return (
        f"study '{study_id}' has no trained network yet, since it has not ended; wait for its "
        f"results (GET /v1/studies/{study_id}/results?wait=60)"
    )
