"""A person's program on a client that openapi-python-client generated: python use_client.py URL.

Run in an environment that holds neither this project nor any of its libraries but httpx and attrs.
"""

from __future__ import annotations

import io
import sys
import time
import zipfile

from activation_search_client import Client
from activation_search_client.api.datasets import add_dataset
from activation_search_client.api.results import get_results
from activation_search_client.api.studies import create_study, delete_study
from activation_search_client.api.the_winner_taken_home import export, get_trials_table, predict
from activation_search_client.api.trials import list_trials
from activation_search_client.models.body_add_dataset import BodyAddDataset
from activation_search_client.models.format_name import FormatName
from activation_search_client.models.problem_out import ProblemOut
from activation_search_client.models.rows_model import RowsModel
from activation_search_client.models.study_model import StudyModel
from activation_search_client.types import File

ROWS = [(1.5 + n % 9 / 7, ("red", "blue")[n % 2], ("long", "short")[n % 9 > 4]) for n in range(120)]
TABLE = "height,colour,leaf\n" + "".join(f"{h:.3f},{c},{leaf}\n" for h, c, leaf in ROWS)
STUDY = {
    "space": {"activation": ["relu", "tanh"], "width": 8, "depth": [1, 2]},
    "budget": {"trials": 6, "epochs": 3},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}


def main() -> None:
    client = Client(base_url=sys.argv[1], timeout=60.0)
    table = File(payload=io.BytesIO(TABLE.encode()), file_name="plants.csv", mime_type="text/csv")
    dataset = add_dataset.sync(client=client, body=BodyAddDataset(file=table, target="leaf"))
    print("dataset", dataset.name, dataset.rows, dataset.task)
    asked = StudyModel.from_dict({"dataset": dataset.id, **STUDY})
    study = create_study.sync(client=client, body=asked)
    print("study", study.spec.budget.trials, study.spec.budget.epochs)
    results = get_results.sync(study.id, client=client)
    while results.state not in ("completed", "failed"):
        time.sleep(0.2)
        results = get_results.sync(study.id, client=client)
    print("state", results.state)
    print("sentence", results.verdict.sentence)
    trials = list_trials.sync(study.id, client=client)
    print("trials", [trial.number for trial in trials.items])
    answer = predict.sync(
        study.id,
        client=client,
        body=RowsModel.from_dict({"rows": [{"height": 1.6, "colour": "red"}]}),
    )
    print("prediction", answer.predictions[0].prediction)
    print("lines", len(get_trials_table.sync(study.id, client=client).splitlines()))
    network = export.sync(study.id, FormatName.PYTORCH, client=client)
    with zipfile.ZipFile(network.payload) as folder:
        print("network", "model.py" in folder.namelist())
    refused = create_study.sync(client=client, body=StudyModel(dataset="digit"))
    assert isinstance(refused, ProblemOut)
    print("refused", refused.errors[0].pointer)
    print("deleted", delete_study.sync_detailed(study.id, client=client).status_code.value)


if __name__ == "__main__":
    main()
