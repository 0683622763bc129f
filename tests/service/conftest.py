"""The app on a fresh database, within the test's process or served by processes of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings
from storage import Database, open_database
from tests.postgresql import Cluster
from tests.service.processes import Server, served


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def database(settings: Settings, client: TestClient) -> Iterator[Database]:
    """The database of `client`, for tests that act as its worker."""
    database = open_database(settings.database)
    yield database
    database.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """One app for a whole module, which answers even an unexpected error as a server does."""
    with ExitStack() as stack:
        settings = Settings(data_dir=tmp_path_factory.mktemp("app"))
        if request.param == "postgresql":
            cluster: Cluster = request.getfixturevalue("postgresql")
            url = stack.enter_context(cluster.database())
            settings = settings.model_copy(update={"database_url": url})
        app = create_app(settings)
        client = TestClient(app, raise_server_exceptions=False, follow_redirects=False)
        yield stack.enter_context(client)


@pytest.fixture(scope="module")
def study(api: TestClient) -> str:
    """The id of a queued study of `api`."""
    study_id: str = api.post("/v1/studies", json={"dataset": "iris"}).json()["id"]
    return study_id


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with its worker, as processes, for a whole module."""
    with served(tmp_path_factory.mktemp("server")) as server:
        yield server
