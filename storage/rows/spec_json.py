"""A StudySpec as JSON text and back, exactly.

What an older version did not write gets its default. An axis that a study does not mention is not
written, and had the default of the day: where that has changed since, an old study keeps its own,
because Optuna refuses another list of choices in the same study.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from search.study import (
    Axis,
    Budget,
    Choices,
    Evaluation,
    Expression,
    ExpressionParameter,
    PrunerScope,
    PrunerSpec,
    Question,
    Range,
    SamplerSpec,
    StudySpec,
    Task,
)

#: Raised with every change of a default axis.
_DEFAULTS = 1
#: Version of the defaults -> what each axis that has changed since then was before.
_FORMER_AXES: dict[int, dict[str, Axis]] = {
    0: {
        "initializer": Choices(
            values=("xavier_uniform", "kaiming_normal", "lecun_normal", "orthogonal")
        )
    },
}


#: What the evaluation of a study did before its fields of later versions were there.
_FORMER_EVALUATION = {"searches": 1}


def write_spec(spec: StudySpec) -> str:
    """Return `spec` as JSON text, the axes in the order given."""
    document: dict[str, Any] = {
        "defaults": _DEFAULTS,
        "dataset": spec.dataset,
        "name": spec.name,
        "question": spec.question,
        "extensions": spec.extensions,
        "history": spec.history,
        "outside": spec.outside,
        "least_repeats": spec.least_repeats,
        "task": spec.task,
        "space": {axis: _write_axis(spec.space[axis]) for axis in spec.space},
        "sampler": asdict(spec.sampler),
        "pruner": asdict(spec.pruner),
        "budget": asdict(spec.budget),
        "evaluation": asdict(spec.evaluation),
        "objectives": spec.objectives,
    }
    if spec.expressions:
        document["expressions"] = [asdict(expression) for expression in spec.expressions]
    return json.dumps(document)


def read_spec(text: str) -> StudySpec:
    """Return the spec of a text by `write_spec`."""
    document = json.loads(text)
    former = _FORMER_AXES.get(document.pop("defaults", 0), {})
    given = {axis: _read_axis(value) for axis, value in document.pop("space", {}).items()}
    task = document.pop("task", None)
    pruner = document.pop("pruner", {})
    if "scope" in pruner:
        pruner["scope"] = PrunerScope(pruner["scope"])
    expressions = tuple(map(_read_expression, document.pop("expressions", ())))
    return StudySpec(
        expressions=expressions,
        task=None if task is None else Task(task),
        space={**former, **given},
        sampler=SamplerSpec(**document.pop("sampler", {})),
        pruner=PrunerSpec(**pruner),
        budget=Budget(**document.pop("budget", {})),
        evaluation=Evaluation(**{**_FORMER_EVALUATION, **document.pop("evaluation", {})}),
        question=Question(document.pop("question", Question.ACTIVATION)),
        objectives=tuple(document.pop("objectives", ())),
        **document,
    )


def _read_expression(document: dict[str, Any]) -> Expression:
    parameters = document.pop("parameters")
    return Expression(
        **document, parameters=tuple(ExpressionParameter(**parameter) for parameter in parameters)
    )


def _write_axis(axis: Axis) -> dict[str, Any]:
    return {"kind": "choices" if isinstance(axis, Choices) else "range", **asdict(axis)}


def _read_axis(document: dict[str, Any]) -> Axis:
    kind = document.pop("kind")
    if kind == "choices":
        return Choices(values=tuple(document["values"]))
    return Range(**document)
