"""What is measured of a layer by a look into it, here by torch's kernels.

Notation as in `search.engines.stacked.stack`: n lanes, N rows, H units. A look at the units is
gathered over one or more passes of rows, in `UnitStatistics`, then concluded.
"""

from __future__ import annotations

#: A unit whose slope |f'(z)| stays below this on every row passes no gradient.
DEAD_SLOPE = 1e-3
#: Outputs of a unit that differ by less are the same. The tails of softsign, the slowest, differ by
#: 0.03 where its slope is below DEAD_SLOPE.
DEAD_RANGE = 0.05
#: A slope below which a unit is saturated on a row.
SATURATED_SLOPE = 0.01

#: What every layer has, in the order of a table.
STATISTICS = (
    "activation_mean",
    "activation_std",
    "dead_units",
    "saturated",
    "gradient_norm",
    "update_ratio",
)
