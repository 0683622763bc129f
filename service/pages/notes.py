"""Notes in Markdown, for places that show no pages of ours: a study's, and one of each trial."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from search.analysis.figures.style import short
from service.pages.study_document import StudyDocument

#: What Markdown or HTML would take for more than a letter.
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>&~-])")


#: Why the importances beside a study are not those of the dashboard's own evaluator.
_IMPORTANCES = (
    "The importances here are those of the report, by the first objective, known once the search "
    "has ended. Optuna's own would differ: they take every complete trial, which pruning has "
    "selected and the sampler has drawn near the best, and add up to 1 whatever is explained."
)


def study_note(document: StudyDocument) -> str:
    """Return what is known of a study: the sentence, the arms, the dataset, where to read on."""
    return "\n\n".join(_parts(document))


def trial_note(study_id: str, number: int, attributes: Mapping[str, str]) -> str:
    """Return what was found wrong with a trial, by the attributes that Optuna keeps of it."""
    found = [attributes[name] for name in ("error", "findings") if attributes.get(name)]
    told = [escaped(text) for text in found] or ["Nothing was found wrong with its training."]
    link = f"[Its curves, layers and what to do](/studies/{study_id}?trial={number})"
    return "\n\n".join([*told, link])


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _parts(document: StudyDocument) -> Iterator[str]:
    study = document.study
    page, api = f"/studies/{study['id']}", study["links"]["self"]
    first, *others = document.clauses
    yield f"**{escaped(first)}**"
    if others:
        yield "\n".join(f"- {escaped(clause)}" for clause in others)
    if document.rows:
        yield "\n".join(_table(document))
    if document.dataset is not None:
        facts = document.dataset
        yield escaped(
            f"{facts['name']}: {facts['rows']} rows, {facts['features']} features, "
            f"{facts['task']}, target {facts['target']}."
        )
        if facts["notes"]:
            yield "\n".join(f"- {escaped(note)}" for note in facts["notes"])
    note = document.results.get("importance_note")
    yield _IMPORTANCES + (f" Here: {escaped(note)}." if note else "")
    links = {
        "Report": page,
        "as one file": f"{page}/report.html",
        "results": f"{api}/results",
        "trials as CSV": f"{api}/trials.csv",
    }
    yield " · ".join(f"[{title}]({path})" for title, path in links.items())


def _table(document: StudyDocument) -> Iterator[str]:
    yield f"| arm | {escaped(document.view.metric_title)} | 95 % interval | |"
    yield "| --- | --: | --- | --- |"
    for row in document.rows:
        interval = f"{short(row.ci_low)} to {short(row.ci_high)}"
        standing = f"{row.standing.sign} {row.standing.words}"
        yield f"| {escaped(row.arm)} | {short(row.mean)} | {interval} | {standing} |"
