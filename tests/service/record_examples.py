"""Record the examples of the OpenAPI document from a real study: `python -m` this module.

Lists are cut to two items and numbers to five digits; everything else is what the server said.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from search.data.datasets import load_builtin
from tests.service.processes import Server, served, until

EXAMPLES = Path("service/api/examples.json")
CSV = "height,colour,kind\n" + "".join(
    f"{k * k % 11},{('red', 'blue')[k % 2]},{'ab'[k % 3 == 0]}\n" for k in range(40)
)
STUDY: dict[str, Any] = {
    "name": "wine, which activation?",
    "dataset": "wine",
    "space": {"activation": ["relu", "leaky_relu", "tanh"], "depth": {"low": 1, "high": 3}},
    "budget": {"trials": 90, "epochs": 20},
    "evaluation": {"searches": 3, "folds": 3, "confirm_top": 2, "confirm_repeats": 4},
}
EXPRESSION: dict[str, Any] = {
    "name": "my_swish",
    "expression": "x * sigmoid(beta * x)",
    "parameters": {"beta": {"default": 1.0, "low": 0.1, "high": 3.0, "log": True, "learned": True}},
}
FINISHED = ("", "/results", "/trials", "/trials/{number}")
COLLECTIONS = ("activations", "initializers", "samplers", "pruners", "findings", "datasets")


def record(server: Server) -> dict[str, Any]:
    answers: dict[str, Any] = {}

    def keep(method: str, path: str, route: str, **arguments: Any) -> Any:
        answer = server.client.request(method, path, **arguments)
        assert answer.is_success, answer.text
        answers[f"{method} {route}"] = cut(answer.json())
        return answer.json()

    for path in ("/healthz", "/readyz", *(f"/v1/{name}" for name in COLLECTIONS)):
        keep("GET", path, path)
    keep("POST", "/v1/activations/check", "/v1/activations/check", json=EXPRESSION)
    form = {"target": "kind", "name": "plants"}
    dataset = keep(
        "POST", "/v1/datasets", "/v1/datasets", files={"file": ("plants.csv", CSV)}, data=form
    )
    keep("GET", f"/v1/datasets/{dataset['id']}", "/v1/datasets/{dataset_id}")
    path = "/v1/datasets/{dataset_id}/preview"
    keep("GET", path.format(dataset_id=dataset["id"]), path)
    one = "/v1/studies/{study_id}"
    study = keep("POST", "/v1/studies", "/v1/studies", json=STUDY)["id"]
    server.finish(study)
    keep("GET", "/v1/studies", "/v1/studies")
    for path in FINISHED:
        keep("GET", f"/v1/studies/{study}{path.format(number=3)}", f"{one}{path}")
    rows = load_builtin("wine").features.drop(columns="ash").head(2).to_dict("records")
    keep("GET", f"/v1/studies/{study}/export/json", f"{one}/export/{{format}}")
    keep("POST", f"/v1/studies/{study}/predict", f"{one}/predict", json={"rows": rows})
    keep("POST", f"/v1/studies/{study}/extend", f"{one}/extend", json={"repeats": 2})
    server.finish(study)
    long = server.start(**STUDY | {"budget": {"trials": 5000, "epochs": 500}})
    other = server.start(**STUDY)
    for action in ("pause", "resume"):
        keep("POST", f"/v1/studies/{other}/{action}", f"{one}/{action}")
    request = {"params": {"activation": "leaky_relu", "leaky_relu_slope": 0.2}}
    keep("POST", f"/v1/studies/{other}/trials", f"{one}/trials", json=request)
    keep("POST", f"/v1/studies/{other}/cancel", f"{one}/cancel")
    until(lambda: server.look(long)["progress"]["best_value"] is not None)
    keep("POST", f"/v1/studies/{long}/finish", f"{one}/finish")
    return answers


def cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: cut(each) for name, each in value.items()}
    if isinstance(value, list):
        return [cut(each) for each in value[:2]]
    return float(f"{value:.5g}") if isinstance(value, float) else value


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        answers = record(server)
    EXAMPLES.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n", "utf-8")
