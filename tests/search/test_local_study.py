"""`search.run`: a study on a data frame, without any server."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import plotly.graph_objects as go
import pytest

import search
from search import Evaluation
from search.errors import Conflict, InvalidInput

SMALL: dict[str, Any] = {
    "space": {"activation": ["relu", "tanh"], "width": 16, "depth": {"low": 1, "high": 2}},
    "trials": 6,
    "epochs": 2,
    "evaluation": Evaluation(folds=2, confirm_top=1, confirm_repeats=2),
    "progress": False,
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rows = range(90)
    return pd.DataFrame(
        {"x": [n % 10 / 3 for n in rows], "row": rows, "kind": ["ab"[n % 10 > 4] for n in rows]}
    )


def test_a_frame_gives_a_verdict_trials_and_figures(frame: pd.DataFrame) -> None:
    before = optuna.logging.get_verbosity()
    study = search.run(frame, "kind", columns={"row": "ignore"}, **SMALL)
    assert optuna.logging.get_verbosity() == before
    verdict = study.verdict()
    assert verdict is not None
    assert repr(study) == verdict["sentence"]
    trials = study.trials_frame()
    assert set(trials["activation"]) == {"relu", "tanh"}
    assert set(trials["depth"]) <= {1, 2}
    assert len(trials) == 6
    assert isinstance(study.plot_scores(), go.Figure)
    assert isinstance(study.plot_curves(), go.Figure)


def test_the_recommended_network_predicts_and_goes_home(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    study = search.run(frame, "kind", columns={"row": "ignore"}, **{**SMALL, "epochs": 40})
    answers = study.predict(frame.drop(columns="kind"))
    assert list(answers) == ["prediction", "probability_a", "probability_b"]
    assert (answers["prediction"] == frame["kind"]).mean() > 0.7
    with pytest.warns(UserWarning, match="1 cells of column 'x', such as 'wide'"):
        study.predict(pd.DataFrame({"x": ["wide", "0.5"]}))
    folder = zipfile.ZipFile(study.export("pytorch", tmp_path / "out.zip"))
    assert "trained on table to predict 'kind'" in folder.read("model.py").decode()
    assert study.results()["verdict"]["sentence"] in folder.read("README.md").decode()
    with pytest.raises(InvalidInput, match="format 'json' is not known; choose one of pytorch"):
        study.export("json")


def test_without_a_confirmation_there_is_no_network_to_take_home(frame: pd.DataFrame) -> None:
    study = search.run(frame, "kind", **{**SMALL, "evaluation": Evaluation(folds=2, confirm_top=0)})
    with pytest.raises(Conflict, match="confirm_top is 1 or more"):
        study.predict(frame)


def test_the_same_seed_gives_the_same_study() -> None:
    values = [search.run("iris", seed=3, **SMALL).trials_frame()["value"] for _ in range(2)]
    pd.testing.assert_series_equal(*values)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"table": "iris", "target": "species"}, "built-in dataset"),
        ({"space": {"depth": {"low": 1}}}, "a range has low and high"),
        ({"target": "kid"}, "kind"),
    ],
)
def test_what_does_not_fit_is_a_sentence(
    frame: pd.DataFrame, arguments: dict[str, Any], words: str
) -> None:
    given = {"table": frame, "target": "kind", **SMALL, **arguments}
    with pytest.raises(InvalidInput, match=words):
        search.run(**given)
