"""The record: studies, trials and datasets in a relational database that Optuna can read too.

The modules here are repositories; `rows` maps values to rows, `sql` holds tables and connections,
`optuna_schema` Optuna's own tables. Imports `search.study` and `search.errors`, neither torch nor
HTTP. Frozen values enter and leave.
"""

from storage.confirmations import Confirmations
from storage.datasets import Datasets
from storage.keys import Keys
from storage.queue import Queue
from storage.recorder import Recorder
from storage.results import Results
from storage.sql.away import DatabaseAway
from storage.sql.database import Database, open_database, open_to_read
from storage.statistics import Statistics
from storage.studies import Studies
from storage.trials import Trials
from storage.wakeups import Wakeups
from storage.write_probe import WriteProbe

__all__ = [
    "Confirmations",
    "Database",
    "DatabaseAway",
    "Datasets",
    "Keys",
    "Queue",
    "Recorder",
    "Results",
    "Statistics",
    "Studies",
    "Trials",
    "Wakeups",
    "WriteProbe",
    "open_database",
    "open_to_read",
]
