"""The plain values of a study: its specification, its records and its events.

Imports nothing else of `search`, and neither torch, SQL nor HTTP. Every package may import it;
`storage` imports nothing else of `search` but the errors. Values are frozen, times are aware UTC.
The parts of `StudyResults` are exported by `search.study.results`.
"""

from search.study.block_sums import BlockSums, to_float32
from search.study.diagnosis import Finding, LayerSnapshot
from search.study.events import (
    ConfirmationsMade,
    Control,
    Event,
    Noted,
    PhaseStarted,
    ProgressMade,
    Stop,
    StudyEnded,
    TestsMade,
    TrialRequest,
    TrialsChanged,
)
from search.study.expressions import Expression, ExpressionParameter
from search.study.records import (
    ConfirmationRun,
    FoldCurve,
    OutsideTrial,
    Phase,
    Progress,
    Role,
    Stage,
    StudyState,
    TestRole,
    TestRun,
    TrialRecord,
    TrialSource,
)
from search.study.results import StudyResults
from search.study.spec import (
    Axis,
    Budget,
    Choices,
    Evaluation,
    ParamValue,
    PrunerScope,
    PrunerSpec,
    Question,
    Range,
    SamplerSpec,
    Scaling,
    StudySpec,
    Task,
)

__all__ = [
    "Axis",
    "BlockSums",
    "Budget",
    "Choices",
    "ConfirmationRun",
    "ConfirmationsMade",
    "Control",
    "Evaluation",
    "Event",
    "Expression",
    "ExpressionParameter",
    "Finding",
    "FoldCurve",
    "LayerSnapshot",
    "Noted",
    "OutsideTrial",
    "ParamValue",
    "Phase",
    "PhaseStarted",
    "Progress",
    "ProgressMade",
    "PrunerScope",
    "PrunerSpec",
    "Question",
    "Range",
    "Role",
    "SamplerSpec",
    "Scaling",
    "Stage",
    "Stop",
    "StudyEnded",
    "StudyResults",
    "StudySpec",
    "StudyState",
    "Task",
    "TestRole",
    "TestRun",
    "TestsMade",
    "TrialRecord",
    "TrialRequest",
    "TrialSource",
    "TrialsChanged",
    "to_float32",
]
