"""docker-compose.yml is valid, and its services do natively what they are there for.

No container engine is needed: the file is held to the Compose specification's schema, and every
service is started by its own command with its own environment.
"""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from storage import open_database
from storage.queue import Queue
from tests.deployment.compose import ROOT, Machine, load, services
from tests.postgresql import Cluster
from tests.service.processes import free_port, until

SCHEMA = json.loads((Path(__file__).parent / "compose_spec" / "compose-spec.json").read_text())
PROFILES = ("single", "cluster")
OURS = sorted(name for name, service in load()["services"].items() if "build" in service)
STUDY = {
    "dataset": "iris",
    "space": {"activation": ["relu", "tanh"], "width": 16, "depth": 1},
    "budget": {"trials": 8, "epochs": 4},
    "evaluation": {"folds": 2, "confirm_top": 1, "confirm_repeats": 2},
}


def test_the_file_is_valid_by_the_specification() -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(load())


def test_the_schema_refuses_what_compose_would() -> None:
    wrong = load()
    wrong["services"]["api"]["depend_on"] = ["worker"]
    with pytest.raises(jsonschema.ValidationError, match="depend_on"):
        jsonschema.Draft7Validator(SCHEMA).validate(wrong)


def test_a_plain_up_starts_the_small_profile() -> None:
    assert "COMPOSE_PROFILES=single" in (ROOT / ".env").read_text().splitlines()
    assert set(services("single")) == {"api", "worker"}
    assert {p for service in load()["services"].values() for p in service["profiles"]} == {
        *PROFILES
    }


@pytest.mark.parametrize("name", sorted(load()["services"]))
def test_every_service_is_watched_limited_and_started_again(name: str) -> None:
    service = load()["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["healthcheck"]["start_period"]
    assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert all(
        of["condition"] == "service_healthy" for of in service.get("depends_on", {}).values()
    )


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_few_rights(name: str) -> None:
    service = load()["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"user", "privileged", "cap_add"} & set(service)


def test_the_recipe_of_the_image_is_clean() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    command = [linter, "Dockerfile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    (user,) = (line.split()[1] for line in lines if line.startswith("USER "))
    assert int(user) > 0
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    assert any(line.startswith("USER ") for line in lines[last:])


def test_what_the_recipe_copies_reaches_the_builder() -> None:
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = {
        name
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_every_version_in_the_image_is_fixed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    fixed = {
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    wanted = [*project["dependencies"], *project["optional-dependencies"]["postgres"]]
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        requirement = Requirement(wanted.pop())
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for text in requires(name) or []:
            marker = Requirement(text).marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras)):
                wanted.append(text)
    # Libraries of CUDA come with other builds of torch than the image's.
    free = {name for name, _ in seen if not name.startswith(("nvidia-", "cuda-", "triton"))} - fixed
    assert free == set()
    assert len(seen) > 50
    assert "uv" in fixed


def test_the_cluster_finds_its_database() -> None:
    file = load()["services"]
    given = file["postgres"]["environment"]
    expected = (
        f"postgresql://{given['POSTGRES_USER']}:{given['POSTGRES_PASSWORD']}@postgres:5432/"
        f"{given['POSTGRES_DB']}"
    )
    for name in services("cluster"):
        if name in OURS:
            assert file[name]["environment"]["ACTIVATION_SEARCH_DATABASE_URL"] == expected
    assert not file["postgres"].get("ports")  # nobody outside reaches it


def machine(data: Path, port: int, database_url: str) -> Machine:
    variables = load()["services"]["cluster-api"]["environment"]
    written = variables["ACTIVATION_SEARCH_DATABASE_URL"]
    return Machine(
        places={"/data": str(data), ":8000/": f":{port}/", written: database_url},
        environment={
            "ACTIVATION_SEARCH_PORT": str(port),
            "ACTIVATION_SEARCH_PROCESSES": "1",
            "OMP_NUM_THREADS": "1",
        },
    )


def replicas(service: dict[str, Any]) -> int:
    return int(service["deploy"].get("replicas", 1))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_services_of_a_profile_run_a_study(
    profile: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    data, port = tmp_path / "data", free_port()
    data.mkdir()
    with ExitStack() as stack:
        url = f"sqlite:///{data / 'activation-search.db'}"
        if profile == "cluster":
            cluster: Cluster = request.getfixturevalue("postgresql")
            url = stack.enter_context(cluster.database(template="template0"))
        here = machine(data, port, url)
        processes = []
        for name, service in services(profile).items():
            if name in OURS:
                for number in range(replicas(service)):
                    log = tmp_path / f"{name}-{number}.log"
                    processes.append(stack.enter_context(here.running(service, log)))
        assert stat.S_IMODE((data / "key").stat().st_mode) == 0o600
        headers = {"Authorization": f"Bearer {(data / 'key').read_text().strip()}"}
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert client.get("/v1/studies").status_code == 401
            client.headers.update(headers)
            assert client.get("/dashboard/").status_code == 200
            until(lambda: client.get("/readyz").json()["workers"] == len(processes) - 1)
            ids = [
                client.post("/v1/studies", json={**STUDY, "name": f"{number}"}).json()["id"]
                for number in range(len(processes) - 1)
            ]
            states = lambda: {client.get(f"/v1/studies/{i}").json()["state"] for i in ids}  # noqa: E731
            until(lambda: states() == {"completed"}, seconds=120)
        assert [process.poll() for process in processes] == [None] * len(processes)
        for process in processes:
            process.terminate()
        # Docker's stop: the API ends with code 0, and so do workers, by their own decision.
        assert [process.wait(30) for process in processes] == [0] * len(processes)
        if profile == "cluster":
            assert not (data / "activation-search.db").exists()
        database = open_database(url)
        assert Queue(database).live_workers(3600) != ()
        database.close()


def test_a_worker_that_is_gone_is_not_healthy(tmp_path: Path) -> None:
    here = machine(tmp_path, free_port(), "")
    worker = services("single")["worker"]
    variables = {**here.variables(worker), "ACTIVATION_SEARCH_LEASE_SECONDS": "1"}
    _, *check = worker["healthcheck"]["test"]
    command = here.arguments(check)
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no worker of this machine" in " ".join(done.stderr.split())
