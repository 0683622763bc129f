"""The files in deploy/ are valid: by KubeRay's definition of its resources, and by Ray's schema."""

from __future__ import annotations

import json
import lzma
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from service.cli.main import app
from service.settings import PREFIX, Settings
from tests.deployment.compose import ROOT

#: Of KubeRay 1.7.0, the schema of RayJob's version v1.
KUBERAY = Path(__file__).parent / "kuberay_spec" / "rayjob-v1.json.xz"


def manifest(name: str) -> Any:
    return yaml.safe_load((ROOT / "deploy" / name).read_text())


def strict(schema: Any) -> Any:
    """The schema as `kubectl --validate=strict` reads it: a field it does not name is wrong."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(part) for name, part in schema.items()}
    named = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if named and not {"additionalProperties", "x-kubernetes-preserve-unknown-fields"} & set(schema):
        closed["additionalProperties"] = False
    return closed


@pytest.fixture(scope="module")
def kuberay() -> jsonschema.Draft202012Validator:
    schema = json.loads(lzma.decompress(KUBERAY.read_bytes()))
    checked = strict(schema)
    # What every resource has, and the definition leaves to Kubernetes.
    checked["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    return jsonschema.Draft202012Validator(checked)


def test_kuberay_takes_the_manifest(kuberay: jsonschema.Draft202012Validator) -> None:
    kuberay.validate(manifest("kuberay.yaml"))


def test_kuberays_schema_refuses_a_slip(kuberay: jsonschema.Draft202012Validator) -> None:
    slip = manifest("kuberay.yaml")
    slip["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replica"] = 2
    with pytest.raises(jsonschema.ValidationError, match="replica"):
        kuberay.validate(slip)
    slip = manifest("kuberay.yaml")
    del slip["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["name"]
    with pytest.raises(jsonschema.ValidationError, match="'name' is a required property"):
        kuberay.validate(slip)


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra ray)")
def test_ray_takes_the_file_of_ray_up() -> None:
    import ray.autoscaler  # noqa: PLC0415 - Ray may be missing

    schema = json.loads((Path(ray.autoscaler.__path__[0]) / "ray-schema.json").read_text())
    jsonschema.validate(manifest("ray-up.yaml"), schema)
    with pytest.raises(jsonschema.ValidationError, match="head_ips"):
        jsonschema.validate({**manifest("ray-up.yaml"), "head_ips": "192.0.2.1"}, schema)


@pytest.mark.parametrize("name", ["kuberay.yaml", "ray-up.yaml"])
def test_the_commands_and_settings_in_a_file_are_ours(name: str) -> None:
    text = (ROOT / "deploy" / name).read_text()
    assert "activation-search worker --executor ray" in text
    # Worn down to its options, the command is one that the command line knows.
    help_text = CliRunner().invoke(app, ["worker", "--help"], env={"COLUMNS": "200"}).output
    assert "--executor" in re.sub(r"\x1b\[[0-9;]*m", "", help_text)
    named = {variable.lower() for variable in re.findall(rf"{PREFIX}(\w+)", text)}
    assert named
    assert named <= set(Settings.model_fields)
