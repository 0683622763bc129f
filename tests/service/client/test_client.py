"""The client against the app: what it sends, what it makes of answers and of refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pandas as pd
import plotly.graph_objects as go
import pytest
from fastapi.testclient import TestClient

from search.analysis.figures import FigureName
from search.errors import InvalidInput, UnknownChoice
from search.prediction.predict import predict_rows
from search.training.executors import InlineExecutor
from service.client import Client, ServiceError
from service.client.connection import Connection
from service.settings import Settings
from service.worker.worker import Worker
from storage import Database
from storage.sql.tables import WINNERS
from tests.search.archives import make_archive
from tests.service.recorded import ANSWERS, STUDY, recorded_settings

VERDICT = ANSWERS[f"/v1/studies/{STUDY}/results"]["verdict"]
TINY = {
    "space": {"activation": ["relu", "tanh"], "width": 16, "depth": 1},
    "budget": {"trials": 4, "epochs": 2},
    "evaluation": {"folds": 2, "confirm_top": 0},
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return recorded_settings(tmp_path)


@pytest.fixture
def ours(client: TestClient) -> Iterator[Client]:
    """A client whose requests go to the app of this process."""
    ours = Client("http://testserver")
    ours._connection.http.close()
    ours._connection = Connection(client)
    return ours


def test_a_study_is_read_as_the_service_tells_it(ours: Client) -> None:
    study = ours.study(STUDY)
    verdict = study.verdict()
    assert verdict is not None
    assert verdict["sentence"] == VERDICT["sentence"]
    frame = study.trials_frame()
    assert list(frame.index) == list(range(6))
    assert frame.loc[0, "activation"] == ANSWERS[f"/v1/studies/{STUDY}/trials/0"]["activation"]
    assert {"value", "learning_rate", "metric_log_loss", "flags"} <= set(frame.columns)
    assert STUDY in [each["id"] for each in ours.studies(state="completed")]


@pytest.mark.parametrize("name", ["scores", "shapes", "curves", "cost"])
def test_a_figure_is_the_one_of_the_report(ours: Client, name: str) -> None:
    figure = getattr(ours.study(STUDY), f"plot_{name}")()
    assert isinstance(figure, go.Figure)
    assert len(figure.layout.meta["summary"]) > 20


def test_every_figure_has_a_method_of_its_own(ours: Client) -> None:
    study = ours.study(STUDY)
    assert all(hasattr(study, f"plot_{name.value}") for name in FigureName)
    with pytest.raises(UnknownChoice, match="did you mean 'scores'"):
        study.plot("score")


def test_a_figure_that_has_nothing_to_show_says_so(ours: Client) -> None:
    study = ours.start("iris", **TINY)
    with pytest.raises(InvalidInput, match="nothing to show"):
        study.plot_scores()
    assert study.trials_frame().empty


def test_a_frame_is_uploaded_started_waited_for_and_read(
    ours: Client, settings: Settings, database: Database
) -> None:
    rows = range(60)
    frame = pd.DataFrame({"x": rows, "when": "2026-01-01", "kind": ["ab"[n % 2] for n in rows]})
    dataset = ours.upload(frame, "kind", name="mine", columns={"when": "ignore"})
    assert (dataset["name"], dataset["task"], dataset["features"]) == ("mine", "binary", 1)
    study = ours.start("mine", **TINY)
    Worker(settings, database, InlineExecutor()).run(until_idle=True)
    assert study.wait(seconds=30, progress=False) is study
    assert study.describe()["state"] == "completed"
    assert len(study.trials_frame()) == 4
    study.delete()
    with pytest.raises(ServiceError) as gone:
        ours.study(study.id)
    assert gone.value.status == 404


def test_a_file_is_uploaded(ours: Client, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("x,y\n" + "\n".join(f"{n},{n * n % 7}.5" for n in range(40)))
    assert ours.upload(path, "y")["name"] == "mine.csv"


def test_waiting_ends_when_the_time_does(ours: Client) -> None:
    study = ours.start("iris")
    with pytest.raises(TimeoutError, match=r"has not ended after 0\.2 s"):
        study.wait(seconds=0.2, progress=False)
    study.cancel()
    assert study.wait(progress=False).describe()["state"] == "cancelled"


def test_the_report_is_saved(ours: Client, tmp_path: Path) -> None:
    path = ours.study(STUDY).report(tmp_path / "report.html")
    assert all(clause in path.read_text() for clause in VERDICT["sentence"].split("; "))


def test_predictions_come_as_a_frame_with_warnings(ours: Client, database: Database) -> None:
    made = make_archive()
    with database.writing() as connection:
        connection.execute(WINNERS.delete().where(WINNERS.c.study_id == STUDY))
        connection.execute(WINNERS.insert().values(study_id=STUDY, content=made.blob))
    rows = made.table.drop(columns=["id", "target"]).head(5)
    rows.loc[2, "open"] = "maybe"
    with pytest.warns(UserWarning, match="1 cells of column 'open', such as 'maybe'"):
        answers = ours.study(STUDY).predict(rows)
    expected = predict_rows(made.blob, rows.to_dict("records"))["predictions"]
    assert answers["prediction"].tolist() == [each["prediction"] for each in expected]


def test_a_refusal_is_the_sentence_of_the_service(ours: Client) -> None:
    with pytest.raises(ServiceError, match="did you mean 'iris'") as refused:
        ours.start("irsi")
    assert refused.value.status == 422
    assert refused.value.errors[0]["pointer"] == "/dataset"


def test_no_service_is_a_sentence_too() -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    with (
        Client("http://nowhere", transport=httpx2.MockTransport(fail)) as client,
        pytest.raises(ServiceError, match="is the server up"),
    ):
        client.studies()


def test_a_proxys_answer_is_told_as_it_is_and_a_key_is_sent() -> None:
    seen: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx2.Response(502, text="<h1>Bad gateway</h1>")

    with (
        Client("http://proxy", key="secret", transport=httpx2.MockTransport(answer)) as client,
        pytest.raises(ServiceError, match="answers 502: <h1>Bad gateway"),
    ):
        client.studies()
    assert seen == ["Bearer secret"]
