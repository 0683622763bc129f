"""A PostgreSQL cluster of the tests' own, in a temporary folder, on a socket in that folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

from storage import open_database

#: Where distributions put the server's programs, which are often not in PATH.
FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
#: PostgreSQL refuses to run as root; this account comes with its package.
ACCOUNT = "postgres"
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    # Data of tests need not survive anything.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Far from UTC, so that a time that is stored in the session's zone is noticed.
    "timezone": "Asia/Kathmandu",
}
TEMPLATE = "template_search"
#: A role that needs a password; tests create it where they want it.
LOCKED = "locked"
#: Runs the server until standard input ends, as it does when the tests end, even if killed. SIGQUIT
#: stops a server at once, without a checkpoint. A shell's background processes read no input.
GUARD = '"$@" & cat >/dev/null; kill -QUIT $!; wait $!'
START_S = 60.0


def find_program(name: str) -> str | None:
    """Return the path of one of PostgreSQL's programs, of the newest release; None without one."""
    found = shutil.which(name)
    if found is not None:
        return found
    paths = [path for folder in FOLDERS for path in Path("/").glob(f"{folder[1:]}/{name}")]
    newest = max(paths, key=_release, default=None)
    return None if newest is None else str(newest)


def _release(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


class Cluster:
    """A running cluster; each test gets a database of its own."""

    def __init__(self, folder: Path, server: Sequence[str], account: Mapping[str, Any]) -> None:
        self._folder = folder
        self._server, self._account = server, account
        self._numbers = count()
        self._engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        #: Copying files takes a quarter of the time, where nothing waits for the disk.
        self._strategy = ""

    def start(self) -> None:
        """Start the server, again after `stop`, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._guard = subprocess.Popen(
                ["sh", "-c", GUARD, "sh", *self._server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                **self._account,
            )
        deadline = time.monotonic() + START_S
        while True:
            try:
                with self._engine.connect():
                    return
            except OperationalError:
                if self._guard.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """End the server at once, as a crash would; connections to it break."""
        self._engine.dispose()
        self._guard.communicate(timeout=START_S)

    def make_template(self) -> None:
        """Create the tables once; a copy of a database is made quicker than tables are."""
        with self._engine.connect() as connection:
            server = connection.execute(text("SHOW server_version_num")).scalar_one()
        self._strategy = "STRATEGY FILE_COPY" if int(server) >= 150_000 else ""
        self.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
        open_database(str_of(self._url(TEMPLATE))).close()

    @contextmanager
    def database(self, *, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a new database with our tables, or of an empty one with `template0`."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} {self._strategy}")
        try:
            with _disposed_engines():
                yield str_of(self._url(name))
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement))

    def _url(self, name: str) -> URL:
        query = {"host": str(self._folder)}
        return URL.create("postgresql+psycopg", username=ACCOUNT, database=name, query=query)


@contextmanager
def cluster(initdb: str, *, keeps_commits: bool = False) -> Iterator[Cluster]:
    """A cluster that is started with the context and removed with it.

    With `keeps_commits` what is committed outlives `stop`, as by PostgreSQL's defaults.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path must be short
    account: Mapping[str, Any] = {}
    if os.getuid() == 0:
        shutil.chown(folder, ACCOUNT)
        account = {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": [], "cwd": folder}
    data = folder / "data"
    options = ["--auth=trust", f"--username={ACCOUNT}", "--encoding=UTF8", "--locale=C.UTF-8"]
    command = [initdb, *options, "--no-sync", f"--pgdata={data}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **account)
    chosen = {**SETTINGS, "synchronous_commit": "on" if keeps_commits else "off"}
    settings = [f"--{name}={value}" for name, value in chosen.items()]
    server = [str(Path(initdb).with_name("postgres")), "-D", str(data), "-k", str(folder)]
    # Trusted, but for one role.
    access = (data / "pg_hba.conf").read_text()
    (data / "pg_hba.conf").write_text(f"local all {LOCKED} scram-sha-256\n{access}")
    running = Cluster(folder, [*server, *settings], account)
    try:
        running.start()
        running.make_template()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


@contextmanager
def _disposed_engines() -> Iterator[None]:
    """Close, at the end, whatever connections were opened within.

    A storage that Optuna opens by URL leaves that to the garbage collector, which psycopg warns of.
    """
    engines: set[Engine] = set()

    def remember(connection: Connection) -> None:
        engines.add(connection.engine)

    event.listen(Engine, "engine_connect", remember)
    try:
        yield
    finally:
        event.remove(Engine, "engine_connect", remember)
        for engine in engines:
            engine.dispose()


def str_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)
