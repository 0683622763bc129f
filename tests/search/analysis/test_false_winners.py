"""The whole real procedure, trained by the engine, on twins: one function under two names.

`python -m tests.benchmarks.false_winners` runs it 200 times a case; here a few studies must do.
"""

from __future__ import annotations

import pytest

from tests.benchmarks.false_winners import CASES, judged


@pytest.mark.parametrize("case", ["twins", "luck"])
def test_one_function_under_two_names_has_no_winner(case: str) -> None:
    # at 5 % two winners in 8 studies have a chance of 5.7 %, three of 0.6 %
    outcomes = [judged(CASES[case], 1000 + seed)["outcome"] for seed in range(8)]
    assert outcomes.count("winner") <= 2


def test_a_linear_model_loses_to_a_network_where_it_must() -> None:
    found = [judged(CASES["better, more rows"], 1000 + seed) for seed in range(4)]
    assert [study["winner"] for study in found].count("tanh") >= 3
