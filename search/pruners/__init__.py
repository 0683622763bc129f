"""The pruners that end hopeless trials early, one row each, by Optuna's rules.

Imports `study` and `errors`. Scores of a trial at its rungs go in, the decision to prune it comes
out, made within an activation or over the whole study.
"""

from search.pruners.catalog import PRUNERS, get_pruner
from search.pruners.pruning import Pruning

__all__ = ["PRUNERS", "Pruning", "get_pruner"]
