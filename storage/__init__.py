"""The record: studies, trials and datasets in a relational database that Optuna can read too.

Imports of the science its plain values and errors only, and neither torch nor HTTP. Values go in
and come out; `rows` maps them, `sql` holds tables and connections, `optuna_schema` Optuna's part.
"""

from storage.datasets import Datasets
from storage.queue import Queue
from storage.recorder import Recorder
from storage.results import Results
from storage.sql.database import Database, open_database
from storage.studies import Studies
from storage.trials import Trials

__all__ = [
    "Database",
    "Datasets",
    "Queue",
    "Recorder",
    "Results",
    "Studies",
    "Trials",
    "open_database",
]
