"""With keys nothing is answered without one, and nothing written without one for that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.api.dashboard import SEGMENTS
from service.api.guards import key_ring
from service.settings import Settings
from storage import Database, Keys, open_database
from storage.keys import KeyScope
from tests.service.api.test_openapi import DOCUMENT, OPERATIONS
from tests.service.processes import until

PLACES = sorted(
    {re.sub(r"{\w+}", "0", path) for path in DOCUMENT["paths"]}
    | {f"/{segment}" for segment in SEGMENTS}
    | {"/", "/docs", "/redoc", "/openapi.json", "/studies/st_x", "/nothing", "//healthz"}
)
STUDY = {"dataset": "iris"}


@pytest.fixture
def store(settings: Settings) -> Iterator[Database]:
    database = open_database(settings.database)
    yield database
    database.close()


@pytest.fixture
def keys(store: Database) -> Keys:
    return Keys(store)


@pytest.fixture
def written(keys: Keys) -> str:
    return keys.create("writer", KeyScope.WRITE)


@pytest.fixture
def read(keys: Keys) -> str:
    return keys.create("reader", KeyScope.READ)


@pytest.fixture
def guarded(settings: Settings, written: str, read: str) -> Iterator[TestClient]:
    with TestClient(create_app(settings), follow_redirects=False) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_nothing_is_answered_without_a_key(guarded: TestClient) -> None:
    for path in PLACES:
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            answer = guarded.request(method, f"http://testserver{path}")
            if path == "/healthz" and method in ("GET", "OPTIONS"):
                continue
            assert answer.status_code == 401, f"{method} {path}"
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert "Basic" in answer.headers["WWW-Authenticate"]
            assert "Bearer" in answer.headers["WWW-Authenticate"]
            assert "keys create" in answer.json()["detail"]


def test_whether_the_process_lives_needs_no_key(guarded: TestClient) -> None:
    assert guarded.get("/healthz").status_code == 200
    assert guarded.post("/healthz").status_code == 401


def test_a_key_is_sent_as_bearer_or_as_a_password(guarded: TestClient, read: str) -> None:
    assert guarded.get("/v1/studies", headers=bearer(read)).status_code == 200
    assert guarded.get("/v1/studies", auth=("anybody", read)).status_code == 200
    assert guarded.get("/v1/studies", auth=(read, "")).status_code == 401


def test_a_header_that_holds_no_key_is_refused(guarded: TestClient, read: str) -> None:
    for header in ("", "Bearer", "Bearer ", "Basic ====", "Basic YWJj", "Bearer \xff", "B" * 9000):
        answer = guarded.get("/v1/studies", headers={"Authorization": header.encode("latin-1")})
        assert answer.status_code == 401, header
    for scheme in ("", "Digest", "Token"):
        answer = guarded.get("/v1/studies", headers={"Authorization": f"{scheme} {read}"})
        assert answer.status_code == 401, scheme


def test_a_key_for_reading_writes_nothing(guarded: TestClient, read: str, written: str) -> None:
    for operation in OPERATIONS:
        method, path = operation.split(" ")
        path = re.sub(r"{\w+}", "0", path)
        answer = guarded.request(method, path, headers=bearer(read))
        only_reads = method == "GET" or path.endswith(("/predict", "/activations/check"))
        assert (answer.status_code == 403) != only_reads, path
    assert guarded.post("/v1/studies", json=STUDY, headers=bearer(read)).status_code == 403
    assert guarded.post("/v1/studies", json=STUDY, headers=bearer(written)).status_code == 202
    assert guarded.post("/api/studies", headers=bearer(read)).status_code == 403


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "RELOAD_S", 0.0)


@pytest.mark.usefixtures("soon")
def test_keys_made_and_revoked_take_effect_while_the_server_runs(
    client: TestClient, keys: Keys
) -> None:
    assert client.get("/v1/studies").status_code == 200
    key = keys.create("mine", KeyScope.READ)
    assert client.get("/v1/studies").status_code == 401
    assert client.get("/v1/studies", headers=bearer(key)).status_code == 200
    keys.create("other", KeyScope.READ)
    keys.revoke("mine")
    assert client.get("/v1/studies", headers=bearer(key)).status_code == 401


@pytest.mark.usefixtures("soon")
def test_a_server_for_others_stays_closed_when_its_last_key_is_revoked(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, host="0.0.0.0")
    with TestClient(create_app(settings)) as client:
        assert client.get("/v1/studies").status_code == 401


def test_the_use_of_a_key_is_recorded(guarded: TestClient, keys: Keys, read: str) -> None:
    guarded.get("/v1/studies", headers=bearer(read))

    def used() -> list[str]:
        return [key.name for key in keys.list() if key.used_at is not None]

    until(lambda: used() == ["reader"], seconds=10)


@pytest.mark.usefixtures("soon")
def test_a_database_that_fails_opens_no_door(
    guarded: TestClient, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = guarded.app.state.services  # type: ignore[attr-defined]

    def broken() -> None:
        from sqlalchemy.exc import OperationalError  # noqa: PLC0415

        raise OperationalError("select", {}, Exception("disk I/O error"))

    monkeypatch.setattr(services.key_ring._keys, "list", broken)
    assert guarded.get("/v1/studies").status_code == 401
    assert guarded.get("/v1/studies", headers=bearer(read)).status_code == 200
    monkeypatch.setattr(key_ring, "_STALE_S", 0.0)
    assert guarded.get("/v1/studies", headers=bearer(read)).status_code == 503
