"""Lines of the log: JSON where a program reads them, words where a person does."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient

from service.logs import get_log, set_up_logs
from service.settings import LogFormat, LogLevel


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Reads what was written to standard error; the loggers are as before afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield lambda: capsys.readouterr().err
    root.handlers[:] = before
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def lines(stderr: Callable[[], str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr().splitlines()]


def test_a_line_is_a_json_object_with_time_level_name_event_and_fields(
    stderr: Callable[[], str],
) -> None:
    set_up_logs(LogLevel.INFO)
    get_log("a.b", worker="w1").info("claimed", study_id="st_1", trials=3)
    (line,) = lines(stderr)
    assert line.pop("timestamp", "").startswith("20")
    assert line == {
        "event": "claimed",
        "level": "info",
        "logger": "a.b",
        "study_id": "st_1",
        "trials": 3,
        "worker": "w1",
    }


def test_an_exception_stays_on_its_line(stderr: Callable[[], str]) -> None:
    set_up_logs(LogLevel.INFO)
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        get_log("a").error("failed", exc_info=error)
    (line,) = lines(stderr)
    assert "Traceback" in str(line["exception"])
    assert "two\nlines" in str(line["exception"])


def test_what_libraries_log_has_the_same_form_and_less_than_the_level_is_left_out(
    stderr: Callable[[], str],
) -> None:
    set_up_logs(LogLevel.INFO)
    logging.getLogger("uvicorn.error").info("started on %s", 80)
    get_log("a").debug("small")
    (line,) = lines(stderr)
    assert (line["event"], line["logger"], line["level"]) == (
        "started on 80",
        "uvicorn.error",
        "info",
    )


def test_people_read_words(stderr: Callable[[], str]) -> None:
    set_up_logs(LogLevel.INFO, LogFormat.TEXT)
    get_log("a").info("claimed", study_id="st_1")
    written = stderr()
    assert "claimed" in written
    with pytest.raises(json.JSONDecodeError):
        json.loads(written)


def test_a_request_is_one_line_with_its_id_and_that_of_the_study(
    client: TestClient, stderr: Callable[[], str]
) -> None:
    set_up_logs(LogLevel.INFO)
    made = client.post("/v1/studies", json={"dataset": "iris"}, headers={"X-Request-ID": "mine-1"})
    study = made.json()["id"]
    seen = client.get(f"/v1/studies/{study}", headers={"X-Request-ID": "not an id\x7f"})
    assert made.headers["X-Request-ID"] == "mine-1"
    first, second = (line for line in lines(stderr) if line["event"] == "request")
    assert (first["request_id"], first["method"], first["status"]) == ("mine-1", "POST", 202)
    assert "study_id" not in first
    assert second["study_id"] == study
    assert second["request_id"] == seen.headers["X-Request-ID"] != "not an id\x7f"
    assert second["path"] == f"/v1/studies/{study}"


def test_what_a_route_logs_carries_the_id_of_its_request(
    client: TestClient, stderr: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up_logs(LogLevel.INFO)

    def fail(*_: object) -> object:
        get_log("route").warning("looked")
        raise RuntimeError("broken")

    monkeypatch.setattr(client.app.state.services.studies, "get", fail)  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError):
        client.get("/v1/studies/st_abc", headers={"X-Request-ID": "r1"})
    found = {line["event"]: line for line in lines(stderr)}
    assert found["looked"]["request_id"] == "r1"
    assert found["looked"]["study_id"] == "st_abc"


def test_probes_of_machines_are_not_logged_at_the_usual_level(
    client: TestClient, stderr: Callable[[], str]
) -> None:
    set_up_logs(LogLevel.INFO)
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code == 200
    assert "request" not in {line["event"] for line in lines(stderr)}
