"""A trial is shown with its layers and findings, whatever numbers they hold."""

from __future__ import annotations

import json

from service.api.schemas.trial import TrialDetailOut
from tests.storage.records import KINDS


def test_layers_and_findings_are_shown_and_nan_is_null() -> None:
    shown = json.loads(TrialDetailOut.from_record(KINDS[9]).model_dump_json())
    assert shown["layers"] == [
        {"epoch": 0, "statistics": {"dead_units": [0.0, 0.25], "slope": [0.1, 1e-300]}},
        {"epoch": 3, "statistics": {"dead_units": [0.5, None]}},
    ]
    assert shown["findings"] == [
        {
            "name": "dying_relu",
            "layer": 2,
            "numbers": {"dead_units": 0.9, "threshold": 0.5},
            "sentence": "In layer 2, 90 % of the units are dead.",
            "remedy": "Use leaky_relu.",
        }
    ]
