"""The samplers that propose configurations: one row each, after Optuna's.

Imports `space`, `metrics`, `study`, `seeds` and `errors`. A space goes in, an Optuna sampler comes
out; TPE is asked for a batch of proposals at a time.
"""

from search.samplers.catalog import SAMPLERS, check_sampler, get_sampler

__all__ = ["SAMPLERS", "check_sampler", "get_sampler"]
