"""docker-compose.yml as Docker would read it, and its services as processes of this machine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.service.processes import until

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "docker-compose.yml"
#: `${NAME:-default}`, the one form of interpolation that the file uses.
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def load() -> dict[str, Any]:
    """The file with the defaults of its variables."""
    read: dict[str, Any] = yaml.safe_load(VARIABLE.sub(r"\2", FILE.read_text()))
    return read


def services(profile: str) -> dict[str, Any]:
    """The services of a profile, each after those it depends on."""
    of_profile = {n: s for n, s in load()["services"].items() if profile in s["profiles"]}
    ordered: dict[str, Any] = {}
    while len(ordered) < len(of_profile):
        ready = [
            name
            for name, service in of_profile.items()
            if name not in ordered and set(service.get("depends_on", {})) <= set(ordered)
        ]
        assert ready, f"services wait for each other, or for some of another profile: {of_profile}"
        ordered |= {name: of_profile[name] for name in ready}
    return ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What stands in for the containers: names and places of theirs, and ours for them."""

    #: Texts of the file, such as the volume's folder, and what they are on this machine.
    places: Mapping[str, str]
    #: Variables that a container has without the file.
    environment: Mapping[str, str]

    def arguments(self, command: str | Sequence[str]) -> list[str]:
        words = shlex.split(command) if isinstance(command, str) else command
        # `$$` is how the file writes a dollar that Docker leaves alone.
        return [self.here(word).replace("$$", "$") for word in words]

    def variables(self, service: Mapping[str, Any]) -> dict[str, str]:
        """The service's own environment, and nothing of ours that its image lacks."""
        given = {name: self.here(value) for name, value in service.get("environment", {}).items()}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        kept = {n: os.environ[n] for n in ("HOME", "PYTHONPATH", "LANG") if n in os.environ}
        return {**kept, "PATH": path, **self.environment, **given}

    def here(self, text: str) -> str:
        for place, ours in self.places.items():
            text = text.replace(place, ours)
        return text

    @contextmanager
    def running(self, service: Mapping[str, Any], log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """The service's command as a process, from when its health check passes to SIGTERM."""
        variables = self.variables(service)
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.arguments(service["command"]),
                env=variables,
                cwd=log.parent,
                stdout=output,
                stderr=output,
            )
        try:
            until(lambda: self.is_healthy(service, process, log), seconds=120)
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def is_healthy(
        self, service: Mapping[str, Any], process: subprocess.Popen[bytes], log: Path
    ) -> bool:
        """Whether the service's own health check passes; AssertionError where it has ended."""
        assert process.poll() is None, log.read_text()
        kind, *check = service["healthcheck"]["test"]
        assert kind == "CMD"
        done = subprocess.run(
            self.arguments(check), env=self.variables(service), capture_output=True, check=False
        )
        return done.returncode == 0
