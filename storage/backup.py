"""A whole database as one file, and back: online for SQLite, by PostgreSQL's own programs there.

A backup is written beside its final name and moved there once it is whole and was read through, so
that a file with that name is never half of one.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import DBAPIError

from search.errors import Conflict, InvalidInput
from storage.sql.database import open_database
from storage.sql.database_url import parse_url, shown

_HEADER = b"SQLite format 3\0"
_ARCHIVE = b"PGDMP"
#: Where distributions put PostgreSQL's programs, which are often not in PATH.
_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")
_OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
#: Seconds that a connection may take to end after its program has.
_ENDING_S = 3.0
_REVISION = "SELECT version_num FROM activation_search_version"


def back_up(url: str, file: Path) -> int:
    """Write the database at `url` to `file`, while others use it; return the bytes written.

    What is written is one moment of the database. Raises Conflict where `file` exists, InvalidInput
    where there is no database or the copy could not be made.
    """
    parsed = parse_url(url)
    if file.exists():
        raise Conflict(f"{file} exists already; name another file, or remove it")
    partial = file.with_name(f"{file.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if parsed.get_backend_name() == "sqlite":
            _copy_sqlite(_existing(parsed), partial)
            _read_through(partial)
        else:
            _run(parsed, "pg_dump", ["--format=custom", f"--file={partial}"])
        _sync(partial)
        partial.replace(file)
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be written ({error.strerror}); name a file in a folder with room"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return file.stat().st_size


def restore(url: str, file: Path, *, replace: bool = False) -> Path | None:
    """Put the backup `file` in the place of the database at `url`, and bring it up to date.

    Nobody may use the database meanwhile. With `replace` one that is there makes way: SQLite's file
    is moved aside, and its new path returned. Raises Conflict where a database is there or in use,
    or where the backup is of a newer release; InvalidInput for what is no backup of this kind.
    """
    parsed = parse_url(url)
    moved = None
    if parsed.get_backend_name() == "sqlite":
        moved = _restore_sqlite(parsed, file, replace=replace)
    else:
        _restore_postgresql(parsed, file, replace=replace)
    open_database(url).close()
    return moved


def _restore_sqlite(url: URL, file: Path, *, replace: bool) -> Path | None:
    _expect(file, _HEADER, "a SQLite database, which `backup` writes of one")
    target = Path(str(url.database))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    try:
        shutil.copyfile(file, partial)
        partial.chmod(0o600)
        _read_through(partial)
        with closing(sqlite3.connect(partial)) as connection:
            _refuse_newer(file, [str(row[0]) for row in connection.execute(_REVISION)])
        _sync(partial)
        moved = _make_way(url, target, replace=replace)
        partial.replace(target)
    except sqlite3.Error as error:
        raise InvalidInput(f"{file} is no backup of this service: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{file} cannot be restored: {error}; see to it") from error
    finally:
        partial.unlink(missing_ok=True)
    return moved


def _make_way(url: URL, target: Path, *, replace: bool) -> Path | None:
    """Move SQLite's file at `target` aside; Conflict unless that is wanted and nobody uses it."""
    if not target.exists():
        return None
    _refuse_existing(url, replace=replace)
    with closing(sqlite3.connect(target, timeout=1.0, isolation_level=None)) as connection:
        # SQLite leaves its log only while no other connection is open, of whatever process.
        try:
            mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        except sqlite3.OperationalError:
            mode = "busy"
        except sqlite3.DatabaseError:
            mode = "delete"  # damaged, which is why a backup is restored
    if mode != "delete":
        raise _in_use(url)
    aside = target.with_name(f"{target.name}.{datetime.now(UTC):before-restore-%Y%m%d-%H%M%S}")
    target.replace(aside)
    for end in ("-wal", "-shm"):  # of a damaged file, whose log no other file may take up
        log = target.with_name(f"{target.name}{end}")
        if log.exists():
            log.replace(f"{aside}{end}")
    return aside


def _restore_postgresql(url: URL, file: Path, *, replace: bool) -> None:
    _expect(file, _ARCHIVE, "an archive of pg_dump, which `backup` writes of PostgreSQL")
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT to_regclass('search_studies')")).scalar_one()
            if found is not None:
                _refuse_existing(url, replace=replace)
            deadline = monotonic() + _ENDING_S
            while connection.execute(_OTHERS).scalar_one():
                if monotonic() > deadline:
                    raise _in_use(url)
                connection.rollback()  # the view is one moment for as long as a transaction lasts
                sleep(0.1)
    except DBAPIError as error:
        raise InvalidInput(
            f"the database {shown(url)} cannot be opened: {error.orig}; create it first, by "
            "createdb for instance"
        ) from error
    finally:
        engine.dispose()
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error"]
    _run(url, "pg_restore", [*options, f"--dbname={_without_password(url)}", str(file)])


def _refuse_existing(url: URL, *, replace: bool) -> None:
    if not replace:
        raise Conflict(
            f"there is a database at {shown(url)} already; restore elsewhere (--data-dir), or "
            "replace it with --replace"
        )


def _in_use(url: URL) -> Conflict:
    return Conflict(
        f"the database {shown(url)} is in use; stop its servers, workers and other readers, then "
        "restore"
    )


def _existing(url: URL) -> Path:
    path = Path(str(url.database))
    if not path.is_file():
        raise InvalidInput(f"there is no database at {path}; name its folder with --data-dir")
    return path


def _copy_sqlite(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            # In one step: with several it would begin again whenever a worker writes. Readers of
            # the write-ahead log hold no writer up.
            old.backup(new)
            # One file without a log beside it.
            new.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise InvalidInput(
            f"the database {source} could not be copied: {error}; see to the disk"
        ) from error


def _read_through(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise InvalidInput(
            f"the copy in {path} is damaged ({'; '.join(found)}); where the database itself is "
            "sound, `activation-search check` says so, and another disk may be the way out"
        )


def _refuse_newer(file: Path, revisions: Sequence[str]) -> None:
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    for revision in revisions:
        if revision not in known:
            raise Conflict(
                f"{file} was written by a newer release (its schema is {revision}); restore it "
                "with that release"
            )


def _expect(file: Path, head: bytes, what: str) -> None:
    try:
        with file.open("rb") as opened:
            found = opened.read(len(head))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror}); name a backup") from error
    if found != head:
        raise InvalidInput(f"{file} is not {what}; name such a file")


def _sync(path: Path) -> None:
    with path.open("rb+") as opened:
        os.fsync(opened.fileno())


def _run(url: URL, name: str, arguments: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs; its password goes by the environment, which `ps` omits."""
    program = shutil.which(name) or _in_folders(name)
    if program is None:
        raise InvalidInput(
            f"PostgreSQL's program {name} is not installed here; install its client programs, of "
            "the server's release"
        )
    if name == "pg_dump":
        arguments = [*arguments, f"--dbname={_without_password(url)}"]
    environment = {**os.environ, **({"PGPASSWORD": url.password} if url.password else {})}
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, and no shell
        [program, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise InvalidInput(f"{name} failed: {done.stderr.strip()[-500:]}")


def _in_folders(name: str) -> str | None:
    paths = [path for folder in _FOLDERS for path in Path("/").glob(f"{folder}/{name}")]
    newest = max(paths, key=_release, default=None)
    return None if newest is None else str(newest)


def _release(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _without_password(url: URL) -> str:
    plain = url.set(drivername="postgresql")._replace(password=None)
    return plain.render_as_string(hide_password=False)
