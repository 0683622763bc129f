"""The report as one file, and the content security policies of pages and report."""

from __future__ import annotations

from service.pages.static_files import script_hash, static_file
from service.pages.study_document import StudyDocument
from service.pages.templating import render

#: The scripts of a report, in the order in which they run.
_SCRIPTS = ("vendor/plotly-cartesian.min.js", "figures.js", "tables.js")

#: Policy of the pages: scripts from this server only. Plotly writes style elements of its own.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def report(document: StudyDocument) -> str:
    """Return the report of a study: HTML that asks nothing of any server.

    Styles, scripts and data stand within. The file carries its own policy, which lets its scripts
    run, by their hashes, and nothing else.
    """
    return render(
        "report.html",
        {
            **document.values(),
            "styles": _text("pages.css"),
            "scripts": [_text(name) for name in _SCRIPTS],
            "policy": report_policy(),
        },
    )


def report_policy() -> str:
    """Return the content security policy of a report."""
    hashes = " ".join(script_hash(_text(name)) for name in _SCRIPTS)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _text(name: str) -> str:
    found = static_file(name)
    if found is None:
        raise KeyError(name)
    return found.content.decode()
