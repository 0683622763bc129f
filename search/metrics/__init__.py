"""The metrics of networks: scores of predictions, the share of each row in them, and their table.

Imports `study` and `errors`. Predictions of a stack of networks go in, a score a network comes out.
"""

from search.metrics.catalog import (
    CLASSIFICATION,
    MAX_OBJECTIVES,
    METRICS,
    REGRESSION,
    Direction,
    Metric,
    Source,
    check_objectives,
    default_objectives,
    get_metric,
    task_metrics,
)
from search.metrics.scores import chance_loss

__all__ = [
    "CLASSIFICATION",
    "MAX_OBJECTIVES",
    "METRICS",
    "REGRESSION",
    "Direction",
    "Metric",
    "Source",
    "chance_loss",
    "check_objectives",
    "default_objectives",
    "get_metric",
    "task_metrics",
]
