"""The dashboard's answers, completed by what this service knows: notes, figures, artifacts.

They are added on the way out, so that they are true at every moment and Optuna's tables hold
nothing that only the dashboard reads. Importances are ours: two methods would contradict each
other. The forms are those that the dashboard's script reads, version 0.21.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from pydantic_core import from_json, to_json

from search.analysis.figures import FIGURES
from search.errors import NotFound
from search.exports.catalog import FORMATS
from search.space.axis_rules import distribution_of
from search.study_checks import study_space
from service.api.dependencies import Services
from service.api.study_documents import study_document
from service.pages.notes import study_note, trial_note
from service.pages.static_files import static_url
from storage import Confirmations
from storage.rows.study_rows import StudyRow

#: Name of an artifact of a study -> ending of its file, media type, and path below the study's.
_ARTIFACTS = {
    "report": (".html", "text/html", "/studies/{study}/report.html"),
    "trials": (".csv", "text/csv", "/v1/studies/{study}/trials.csv"),
    **{
        name.value: (
            f"-{name.value}{row.suffix}",
            row.media_type,
            f"/v1/studies/{{study}}/export/{name.value}",
        )
        for name, row in FORMATS.items()
    },
}
#: Of these, the ones that are there before a study keeps a network.
_ALWAYS = ("report", "trials")
_TRIAL = "trial"
#: Studies whose additions are kept until they change.
_MOST_KEPT = 16
_PLOT_PX = 450

#: Additions to the answer that shows a study: its own, and what trials are linked to.
Additions = dict[str, Any]


class CompletedDashboard:
    """A WSGI application around the dashboard's."""

    def __init__(self, dashboard: WSGIApplication, services: Services, *, writable: bool) -> None:
        """Without `writable`, buttons that would be refused are hidden."""
        self._dashboard = dashboard
        self._services = services
        self._writable = writable
        self._kept: dict[str, tuple[int, Additions]] = {}
        self._lock = Lock()
        self._answers: tuple[tuple[re.Pattern[str], Callable[..., Iterable[bytes]]], ...] = (
            (re.compile(r"/dashboard(/.*)?"), self._page),
            (re.compile(r"/api/meta"), self._meta),
            (re.compile(r"/api/studies/(\d+)"), self._study),
            (re.compile(r"/api/studies/(\d+)/param_importances"), self._importances),
            (re.compile(r"/artifacts/(\d+)/(\w+)"), self._study_artifact),
            (re.compile(rf"/artifacts/(\d+)/\d+/{_TRIAL}(\d+)"), self._trial_artifact),
        )

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"].rstrip("/")
        if environ["REQUEST_METHOD"] == "GET":
            for pattern, answer in self._answers:
                found = pattern.fullmatch(path)
                if found is not None:
                    try:
                        return answer(environ, start, *found.groups())
                    except NotFound:
                        break  # the dashboard says so in its own way
        return self._dashboard(environ, start)

    def _changed(
        self, environ: WSGIEnvironment, start: StartResponse, change: Callable[[bytes], bytes]
    ) -> Iterable[bytes]:
        """Return the dashboard's answer with its body changed; one that is no 200 as it is."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def begin(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[..., object]:
            started.append((status, headers))
            return lambda _: None

        # A body that may not have changed since would be one that lacks our additions.
        environ.pop("HTTP_IF_MODIFIED_SINCE", None)
        parts = self._dashboard(environ, begin)
        body = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        status, headers = started[-1]
        if status.startswith("200"):
            body = change(body)
        ours = {"content-length", "last-modified", "etag"}
        kept = [(name, value) for name, value in headers if name.lower() not in ours]
        start(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    def _page(self, environ: WSGIEnvironment, start: StartResponse, _: str) -> Iterable[bytes]:
        link = f'<link rel="stylesheet" href="{static_url("dashboard.css")}">'
        if self._writable:
            return self._dashboard(environ, start)
        return self._changed(
            environ, start, lambda body: body.replace(b"</head>", f"{link}</head>".encode(), 1)
        )

    def _meta(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def change(body: bytes) -> bytes:
            return to_json({**from_json(body), "artifact_is_available": True})

        return self._changed(environ, start, change)

    def _study(self, environ: WSGIEnvironment, start: StartResponse, place: str) -> Iterable[bytes]:
        row = self._services.studies.by_optuna_id(int(place))
        return self._changed(environ, start, lambda body: self._completed(from_json(body), row))

    def _completed(self, shown: Additions, row: StudyRow) -> bytes:
        added = dict(self._additions(row))
        if shown["note"]["body"]:
            del added["note"]  # a person wrote one
        for trial in (*shown["trials"], *shown["best_trials"]):
            number = trial["number"]
            if not trial["note"]["body"]:
                attributes = {each["key"]: each["value"] for each in trial["user_attrs"]}
                trial["note"] = {"version": 1, "body": trial_note(row.id, number, attributes)}
            trial["artifacts"] += [_artifact(f"{_TRIAL}{number}", f"trial-{number}.json", "json")]
        artifacts = [*shown["artifacts"], *added.pop("artifacts")]
        return to_json({**shown, **added, "artifacts": artifacts})

    def _additions(self, row: StudyRow) -> Additions:
        """Return what is added to a study; it is made anew when the study has changed."""
        version = self._services.results.version(row.id)
        with self._lock:
            before, kept = self._kept.get(row.id, (None, {}))
        if before == version:
            return kept
        document = study_document(self._services, row.id)
        has_network = Confirmations(self._services.database).winner(row.id) is not None
        made: Additions = {
            "note": {"version": version, "body": study_note(document)},
            "plotly_graph_objects": [
                {"id": name.value, "graph_object": json.dumps(_titled(figure, FIGURES[name].title))}
                for name, figure in document.figures.items()
            ],
            "artifacts": [
                _artifact(name, f"{row.id}{ending}", media_type)
                for name, (ending, media_type, _) in _ARTIFACTS.items()
                if has_network or name in _ALWAYS
            ],
        }
        with self._lock:
            self._kept[row.id] = version, made
            while len(self._kept) > _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return made

    def _importances(self, _: WSGIEnvironment, start: StartResponse, place: str) -> Iterable[bytes]:
        row = self._services.studies.by_optuna_id(int(place))
        shares = self._services.results.get(row.id).results.importances
        space = study_space(row.spec)
        ours = [
            {
                "name": name,
                "importance": share,
                "distribution": type(distribution_of(space.rows[name], space.axes[name])).__name__,
            }
            for name, share in shares.items()
        ]
        # Of a second objective none are computed.
        body = {"param_importances": [ours, *([] for _ in row.metric_names[1:])]}
        start("200 OK", [("Content-Type", "application/json")])
        return [to_json(body)]

    def _study_artifact(
        self, _: WSGIEnvironment, start: StartResponse, place: str, name: str
    ) -> Iterable[bytes]:
        if name not in _ARTIFACTS:
            raise NotFound("artifact", name)
        row = self._services.studies.by_optuna_id(int(place))
        return _elsewhere(start, _ARTIFACTS[name][2].format(study=row.id))

    def _trial_artifact(
        self, _: WSGIEnvironment, start: StartResponse, place: str, number: str
    ) -> Iterable[bytes]:
        row = self._services.studies.by_optuna_id(int(place))
        return _elsewhere(start, f"/v1/studies/{row.id}/trials/{number}")


def _artifact(name: str, filename: str, media_type: str) -> Additions:
    return {
        "artifact_id": name,
        "filename": filename,
        "mimetype": "application/json" if media_type == "json" else media_type,
        "encoding": None,
    }


def _titled(figure: Additions, title: str) -> Additions:
    """Return a figure as it stands by itself, on white in a dark page too."""
    layout = {
        **figure["layout"],
        "title": {"text": title},
        "height": _PLOT_PX,
        "margin": {**figure["layout"]["margin"], "t": 48},
        "paper_bgcolor": "#ffffff",
    }
    return {**figure, "layout": layout}


def _elsewhere(start: StartResponse, path: str) -> Iterable[bytes]:
    start("307 Temporary Redirect", [("Location", path), ("Content-Length", "0")])
    return []
