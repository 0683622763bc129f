"""Cases of schemathesis against the running server: all checks, stateful, with and without keys."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from storage import Keys, open_database
from storage.keys import KeyScope
from tests.torture.figures import Figure
from tests.torture.scales import Scale
from tests.torture.service import Service, running

#: A request that takes longer hangs; one may wait for 60 s if it asks to.
HANGS_S = 75
#: 422 is documented: rules between fields, and names that only a study knows, are in no schema.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "422", "429", "501", "503"]
"""
SMALL: dict[str, Any] = {
    "dataset": "iris",
    "space": {"activation": ["relu", "tanh"], "width": 8, "depth": 1},
    "budget": {"trials": 3, "epochs": 2},
    "evaluation": {"confirm_top": 1, "confirm_repeats": 2},
}
#: Phases of examples and coverage make so many cases, and each example of the others so many.
CASES_AT_LEAST, CASES_AN_EXAMPLE = 1000, 18
#: Cases sent at a time: those that wait cost no more than time.
AT_ONCE = 4


def measure(scale: Scale, folder: Path) -> Figure:
    """Run half of the cases without keys, half with one; gather what is not as documented."""
    reports = {}
    crashed = {}
    for name in ("without keys", "with keys"):
        place = folder / name.replace(" ", "-")
        headers: list[str] = []
        with running(place, processes=1) as service:
            service.post(**SMALL)
            if name == "with keys":
                headers = [f"Authorization: Bearer {_key(service)}"]
            reports[name] = _run(service, scale.cases // 2, headers, place)
            crashed[name] = _errors(service)
    generated = sum(report["test_cases"]["generated"] for report in reports.values())
    found = [
        f"{name}: {failure['code']} {failure['title']} at {failure['operations']}"
        for name, report in reports.items()
        for failure in report["failures"]
    ]
    # A "Runtime Error" is of the program that asks: Python 3.11's parser is not for many threads.
    errors = [
        _told(folder, name)
        for name, report in reports.items()
        if any(error["title"] != "Runtime Error" for error in report["errors"])
    ]
    crashes = sum(crashed.values())
    return Figure(
        shown=f"{generated} cases: {crashes} answers of 5xx, {len(found)} kinds of answers that "
        f"are not as documented, {len(errors)} requests without an answer",
        holds=not found and not errors and not crashes and generated >= scale.cases,
        details={"generated": generated, "found": found, "errors": errors, "crashes": crashes},
    )


def _run(service: Service, cases: int, headers: list[str], folder: Path) -> dict[str, Any]:
    """Return the report of one run of schemathesis."""
    config, report = folder / "schemathesis.toml", folder / "report.json"
    config.write_text(CONFIG)
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "--config-file", str(config), "run"]
    command += [f"{service.url.rstrip('/')}/openapi.json", "--checks", "all"]
    examples = 1 + max(0, cases - CASES_AT_LEAST) // CASES_AN_EXAMPLE
    if cases < CASES_AT_LEAST:
        command += ["--phases", "examples,fuzzing,stateful"]
    command += ["--max-examples", str(examples), "--continue-on-failure"]
    command += ["--request-timeout", str(HANGS_S), "--max-response-time", str(HANGS_S)]
    command += ["--workers", str(AT_ONCE), "--seed", "17", "--no-shrink"]
    command += ["--report", "json", "--report-json-path", str(report)]
    for header in headers:
        command += ["--header", header]
    with (folder / "schemathesis.log").open("wb") as log:
        subprocess.run(command, check=False, stdout=log, stderr=log, cwd=folder)
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def _told(folder: Path, name: str) -> str:
    """Return what schemathesis says of requests without an answer."""
    log = (folder / name.replace(" ", "-") / "schemathesis.log").read_text()
    return f"{name}: {log.partition(' ERRORS ')[2].partition(' WARNINGS ')[0].strip('= ')}"


def _key(service: Service) -> str:
    """Make a key; from then on nothing is answered without one."""
    database = open_database(f"sqlite:///{service.database}")
    try:
        return Keys(database).create("torture", KeyScope.WRITE)
    finally:
        database.close()


def _errors(service: Service) -> int:
    """Return how many answers of 5xx the server has logged, but for 501 and 503."""
    statuses = re.findall(r'"status": (5\d\d|null)', service.log.read_text())
    return sum(status not in ("501", "503", "null") for status in statuses)
