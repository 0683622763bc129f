"""`make demo`: a real server, a real study on digits over HTTP, its progress and its results."""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console

from service.api.schemas.results import ResultsOut
from service.cli.console_tables import progress_bar, results_table, show_progress

STUDY = {"name": "digits, which activation?", "dataset": "digits"}
#: A worker that starts a Ray cluster takes most of a minute on two busy cores.
_START_S = 180.0
_END_S = 30.0
#: Exit codes that a shell reports for a command ended by these signals.
_INTERRUPTED, _TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


def main() -> int:
    """Run the demo; return 0 where the study completed.

    The server ends with the demo, unless that is killed; an interrupted study is cancelled, so that
    the next demo does not begin with it.
    """
    # A shell that starts a program in the background makes it ignore Ctrl-C; this undoes that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the server up")
    parser.add_argument("--data-dir", default="data/demo", help="folder of the database")
    arguments = parser.parse_args()
    console = Console()
    port = _free_port()
    log = Path(arguments.data_dir) / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # -P: a folder called `service` where the demo was started must not stand in for ours.
    command = [sys.executable, "-P", "-m", "service.cli", "serve", "--port", str(port)]
    with log.open("ab") as output:
        server = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--data-dir", arguments.data_dir],
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches this process, which still needs the server
        )
    done = False
    try:
        base = f"http://127.0.0.1:{port}"
        with httpx2.Client(base_url=base, timeout=60) as client:
            _wait_until_ready(client, server, log)
            console.print(f"server at {base}, log in {log}")
            done = _run(client, console, log.parent)
        if arguments.keep:
            console.print(f"the server stays up; stop it with: kill {server.pid}")
    except KeyboardInterrupt:
        console.print("interrupted")
        return _INTERRUPTED
    finally:
        if not (arguments.keep and done):
            server.send_signal(signal.SIGTERM)
            server.wait(_END_S)
    return 0 if done else 1


def _run(client: httpx2.Client, console: Console, folder: Path) -> bool:
    started = time.monotonic()
    answer = client.post("/v1/studies", json=STUDY)
    try:  # from here on an interrupt must cancel the study
        answer.raise_for_status()
        study = answer.json()
        console.print(f"posted {STUDY}, study {study['id']}")
        results = _watch(client, study["id"])
    except BaseException:
        if answer.is_success:
            with suppress(httpx2.HTTPError):  # by a new client: the old one may be mid-answer
                httpx2.post(f"{client.base_url}{answer.headers['Location']}/cancel", timeout=60)
        raise
    seconds = time.monotonic() - started
    console.print(results_table(ResultsOut.model_validate(results).to_results()))
    finished = results["progress"]["trials_finished"]
    rate = finished / seconds
    console.print(f"{finished} trials in {seconds:.0f} s, {rate:.1f} trials a second")
    written = folder / "report.html"
    written.write_bytes(client.get(f"/studies/{study['id']}/report.html").content)
    console.print(f"results:   {client.base_url}/v1/studies/{study['id']}/results")
    console.print(f"dashboard: {client.base_url}/dashboard")
    console.print(f"report:    {client.base_url}/studies/{study['id']}, as one file {written}")
    return bool(results["state"] == "completed")


def _watch(client: httpx2.Client, study_id: str) -> dict[str, Any]:
    """Follow the study to its end by long polling."""
    etag = ""
    with progress_bar() as bar:
        task = bar.add_task("trials", total=None, best="-", rate="")
        while True:
            answer = client.get(
                f"/v1/studies/{study_id}/results",
                params={"wait": 10},
                headers={"If-None-Match": etag} if etag else {},
            )
            if answer.status_code == httpx2.codes.NOT_MODIFIED:
                continue
            answer.raise_for_status()
            etag = answer.headers["ETag"]
            results: dict[str, Any] = answer.json()
            show_progress(bar, task, results["phase"], results["progress"])
            if results["state"] in ("completed", "failed", "cancelled"):
                return results


def _wait_until_ready(client: httpx2.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"the server ended with code {server.returncode}; see {log}")
        try:
            if client.get("/readyz").status_code == httpx2.codes.OK:
                return
        except httpx2.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    sys.exit(f"the server was not ready after {_START_S:.0f} s; see {log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
