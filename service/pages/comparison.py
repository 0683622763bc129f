"""Studies side by side: the facts that can be compared, and the figures that tell most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search.analysis.figures import FigureName
from search.analysis.figures.style import short
from service.pages.study_document import StudyDocument
from service.pages.study_list import winner_in_a_word
from service.pages.templating import render

FEWEST, MOST = 2, 4
_SHOWN = (FigureName.SCORES, FigureName.IMPORTANCES, FigureName.COST)


def comparison(documents: Sequence[StudyDocument]) -> str:
    """Return the page of some studies side by side."""
    figures = {
        f"{place}-{document.study['id']}": document.figures[name]
        for document in documents
        for place, name in enumerate(_SHOWN)
        if name in document.figures
    }
    values = {"documents": documents, "facts": facts(documents), "figure_names": _SHOWN}
    return render("compare.html", {**values, "figures": figures})


def facts(documents: Sequence[StudyDocument]) -> list[tuple[str, list[str]]]:
    """Return the rows of the table: what is compared, and a text of each study."""
    columns = [_facts(document) for document in documents]
    return [(title, [column[title] for column in columns]) for title in columns[0]]


def _facts(document: StudyDocument) -> dict[str, str]:
    study, verdict = document.study, document.results["verdict"] or {}
    best = document.results["best"]
    test = (verdict.get("test") or {}).get("winner") or {}
    evaluation, budget = study["spec"]["evaluation"], study["spec"]["budget"]
    return {
        "State": study["state"],
        "Dataset": document.dataset["name"] if document.dataset else study["dataset"],
        "Rows": str(document.dataset["rows"]) if document.dataset else "–",
        "Objective": document.view.metric_title,
        "Outcome": verdict.get("outcome", "–"),
        "Winner": winner_in_a_word(document.results["verdict"]) or "–",
        "Mean of the best arm": _with_interval(document),
        "Baseline": short((verdict.get("baseline") or {}).get("mean")),
        "Winner on the test rows": short(test.get("score")),
        "Best of the search": f"{short(best['values'][0])} ({best['activation']})" if best else "–",
        "Trials": f"{study['progress']['trials_finished']} of {budget['trials']}",
        "Epochs": str(budget["epochs"]),
        "Folds": str(evaluation["folds"]),
        "Sampler, seed": f"{study['spec']['sampler']['name']}, {study['spec']['sampler']['seed']}",
        "Activations": _activations(study["spec"]["space"].get("activation")),
    }


def _with_interval(document: StudyDocument) -> str:
    if not document.rows:
        return "–"
    row = document.rows[0]
    return f"{short(row.mean)} [{short(row.ci_low)}, {short(row.ci_high)}]"


def _activations(axis: Any) -> str:
    if axis is None:
        return "all by default"
    return ", ".join(map(_name, axis)) if isinstance(axis, list) else _name(axis)


def _name(entry: Any) -> str:
    return str(entry["name"]) if isinstance(entry, dict) and "name" in entry else str(entry)
