"""The migrations end where tables.py is, and can be taken back; they ship with the wheel."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, inspect

from storage import Database
from storage.optuna_schema import tables as optuna_tables
from storage.sql.tables import METADATA

OPTIONS = {
    "version_table": "activation_search_version",
    "include_object": lambda item, name, kind, *_: kind != "table" or name in METADATA.tables,
}


def test_the_migrations_build_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.writing() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        assert compare_metadata(context, METADATA) == []


def test_a_missing_column_would_be_noticed(database: Database) -> None:
    changed = MetaData()
    for table in METADATA.sorted_tables:
        copy = table.to_metadata(changed)
    copy.append_column(Column("new", Integer))
    with database.writing() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        assert len(compare_metadata(context, changed)) == 1


def test_the_migrations_can_be_taken_back_without_touching_optuna(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        names = set(inspect(connection).get_table_names())
        assert names.isdisjoint(METADATA.tables)
        assert names.issuperset(optuna_tables.METADATA.tables)
        command.upgrade(config, "head")
        assert names | set(METADATA.tables) == set(inspect(connection).get_table_names())


def test_our_tables_have_names_that_optuna_does_not_use() -> None:
    assert set(METADATA.tables).isdisjoint(optuna_tables.METADATA.tables)
    assert all(name.startswith("search_") for name in METADATA.tables)


def test_the_migrations_are_packages_so_that_a_wheel_carries_them() -> None:
    for package in ("storage.migrations", "storage.migrations.versions"):
        assert Path(str(files(package).joinpath("__init__.py"))).is_file()
