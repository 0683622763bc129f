"""The plain values of a study: what was asked for, what was tried, what happened.

Imports nothing of ours and neither torch, SQL nor HTTP; every layer may import it, storage nothing
else of the science but the errors. All values are frozen and all times aware UTC.
"""

from search.study.diagnosis import Finding, LayerSnapshot
from search.study.events import (
    ConfirmationsMade,
    Control,
    Event,
    PhaseStarted,
    ProgressMade,
    Stop,
    StudyEnded,
    TestsMade,
    TrialRequest,
    TrialsChanged,
)
from search.study.records import (
    ConfirmationRun,
    FoldCurve,
    Phase,
    Progress,
    Role,
    StudyState,
    TestRole,
    TestRun,
    TrialRecord,
    TrialSource,
)
from search.study.spec import (
    Axis,
    Budget,
    Choices,
    Evaluation,
    ParamValue,
    PrunerScope,
    PrunerSpec,
    Range,
    SamplerSpec,
    Scaling,
    StudySpec,
    Task,
)

__all__ = [
    "Axis",
    "Budget",
    "Choices",
    "ConfirmationRun",
    "ConfirmationsMade",
    "Control",
    "Evaluation",
    "Event",
    "Finding",
    "FoldCurve",
    "LayerSnapshot",
    "ParamValue",
    "Phase",
    "PhaseStarted",
    "Progress",
    "ProgressMade",
    "PrunerScope",
    "PrunerSpec",
    "Range",
    "Role",
    "SamplerSpec",
    "Scaling",
    "Stop",
    "StudyEnded",
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
]
