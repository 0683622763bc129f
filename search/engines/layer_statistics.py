"""Names and thresholds of the statistics that every engine measures of a layer.

`search.engines.probe_schedule` defines each statistic and says when it is measured.
"""

from __future__ import annotations

#: A unit whose slope |f'(z)| stays below this on every row passes no gradient.
DEAD_SLOPE = 1e-3
#: Outputs of a unit that differ by less count as equal. The tails of softsign, the slowest,
#: differ by 0.03 where its slope is below DEAD_SLOPE.
DEAD_RANGE = 0.05
#: A slope below which a unit is saturated on a row.
SATURATED_SLOPE = 0.01

#: Statistics of every layer, in the order of the engines' tables.
STATISTICS = (
    "activation_mean",
    "activation_std",
    "dead_units",
    "saturated",
    "gradient_norm",
    "update_ratio",
)
