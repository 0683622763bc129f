"""What this project depends on: `python -m` this module, as `make check` does.

Writes `build/dependencies.cdx.json` (CycloneDX), holds what is installed to constraints.txt, and
asks PyPI by pip-audit for known vulnerabilities. Without a network it says that it could not.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LIST = ROOT / "build" / "dependencies.cdx.json"
CONSTRAINTS = ROOT / "constraints.txt"


def main() -> None:
    """List, compare and audit; end with 1 where something is wrong."""
    write_list(LIST)
    found = strays(installed(json.loads(LIST.read_text())), pinned(CONSTRAINTS.read_text()))
    report = audit()
    faults = [*found, *vulnerable(report)]
    for fault in faults:
        print(fault)
    print(f"{LIST.relative_to(ROOT)} is written; {told(report)}")
    sys.exit(1 if faults else 0)


def write_list(path: Path) -> None:
    """Write all that is installed here, with versions, licenses and who needs whom."""
    path.parent.mkdir(exist_ok=True)
    program = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"]
    subprocess.run([*program, *options, "--output-file", str(path), sys.executable], check=True)


def installed(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the version of each component of a CycloneDX document, by its normal name."""
    return {normal(part["name"]): part.get("version", "") for part in document["components"]}


def pinned(constraints: str) -> dict[str, str]:
    """Return the version of each line of constraints, by its normal name."""
    lines = re.findall(r"^([\w.-]+)(?:\[[^]]*])?==([^\s;]+)", constraints, re.MULTILINE)
    return {normal(name): version for name, version in lines}


def strays(installed: Mapping[str, str], pinned: Mapping[str, str]) -> list[str]:
    """Return a sentence for each package that is installed in another version than is pinned."""
    return [
        f"{name} {version} is installed, and constraints.txt says {pinned[name]}; install that, or "
        f"change the line"
        for name, version in sorted(installed.items())
        if name in pinned and version.partition("+")[0] != pinned[name].partition("+")[0]
    ]


def audit() -> Mapping[str, Any]:
    """Return what pip-audit found of the pinned versions; nothing audited without a network."""
    program = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    options = ["--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip"]
    run = subprocess.run([*program, *options], capture_output=True, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(run.stdout)
    except ValueError:
        return {"dependencies": []}  # it ends without a word where nobody answers
    return report


def vulnerable(report: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each known vulnerability."""
    return [
        f"{part['name']} {part['version']} has {flaw['id']}; "
        f"{'it is mended in ' + ', '.join(flaw['fix_versions']) if flaw['fix_versions'] else ''}"
        for part in report["dependencies"]
        for flaw in part.get("vulns", ())
    ]


def told(report: Mapping[str, Any]) -> str:
    """Return how much of the audit could be made."""
    parts = report["dependencies"]
    audited = sum("skip_reason" not in part for part in parts)
    if not audited:
        return "no list of vulnerabilities can be reached from here, and nothing was audited"
    return f"{audited} of {len(parts)} pinned packages were audited"


def normal(name: str) -> str:
    """Return the name of a package as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
