"""Optuna's own tables, as Core tables, with ids that are never reused.

SQLite hands the highest deleted row id out again, so a study created after a deletion could get
the id of the deleted one, and every reader that caches by id (the dashboard, Optuna's cached
storage) would show the old trials under the new name. `AUTOINCREMENT` on the two tables whose ids
leave the database prevents that; the columns stay exactly Optuna's.
"""

from __future__ import annotations

# The schema has no public name; Optuna versions it with Alembic, and a contract test reads our
# rows back through the public RDBStorage. No other module of `storage` uses a private name of it.
from optuna.storages._rdb import models
from sqlalchemy import MetaData, Table

_KEEP_IDS = ("studies", "trials")


def _copy() -> MetaData:
    metadata = MetaData()
    for table in models.BaseModel.metadata.sorted_tables:
        copy = table.to_metadata(metadata)
        if copy.name in _KEEP_IDS:
            copy.dialect_options["sqlite"]["autoincrement"] = True
    return metadata


#: How Optuna stores a number: (number or None, its kind), since not every database holds infinity.
encode_value = models.TrialValueModel.value_to_stored_repr
decode_value = models.TrialValueModel.stored_repr_to_value
encode_intermediate_value = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr

METADATA: MetaData = _copy()

STUDIES: Table = METADATA.tables["studies"]
DIRECTIONS: Table = METADATA.tables["study_directions"]
STUDY_USER_ATTRIBUTES: Table = METADATA.tables["study_user_attributes"]
STUDY_SYSTEM_ATTRIBUTES: Table = METADATA.tables["study_system_attributes"]
TRIALS: Table = METADATA.tables["trials"]
PARAMS: Table = METADATA.tables["trial_params"]
VALUES: Table = METADATA.tables["trial_values"]
INTERMEDIATE_VALUES: Table = METADATA.tables["trial_intermediate_values"]
TRIAL_USER_ATTRIBUTES: Table = METADATA.tables["trial_user_attributes"]
