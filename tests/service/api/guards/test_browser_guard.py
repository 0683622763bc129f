"""Foreign hosts are turned away, and pages of others neither write nor frame nor read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings

STUDY = {"dataset": "iris"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("guarded"), allowed_hosts=("my.lab",))
    with TestClient(create_app(settings), base_url="http://localhost:8000") as client:
        yield client


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:8000", "[::1]:8000", "10.1.2.3",
     "my.lab:8000", "my.lab.", "a.localhost:1"],
)  # fmt: skip
def test_a_host_of_this_server_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/studies", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "",
     "evil.example:80@localhost", "my.lab.evil", "[::1", "notmy.lab"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/studies", "/healthz", "/dashboard", "/docs"])
def test_a_name_that_others_may_point_here_is_turned_away(
    client: TestClient, host: str, path: str
) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert "ACTIVATION_SEARCH_ALLOWED_HOSTS" in answer.json()["detail"]


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:9000"},
    {"Origin": "http://localhost"},
    {"Origin": "localhost:8000"},
    {"Origin": "file://localhost:8000"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("sent", FOREIGN)
def test_a_foreign_page_writes_nothing(client: TestClient, sent: dict[str, str]) -> None:
    files = {"file": ("t.csv", "a,b\n" + "1,2\n3,4\n" * 30)}
    answers = [
        client.post("/v1/studies", json=STUDY, headers=sent),
        client.post("/v1/datasets", files=files, data={"target": "b"}, headers=sent),
        client.post("/v1/studies/st_x/pause", headers=sent),
        client.delete("/v1/datasets/ds_x", headers=sent),
        client.put("/api/studies/1/note", headers=sent),
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert "ACTIVATION_SEARCH_ALLOWED_ORIGINS" in answer.json()["detail"]
    assert client.get("/v1/studies", headers=sent).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [{}, {"Origin": "http://localhost:8000"}, {"Sec-Fetch-Site": "none"},
     {"Sec-Fetch-Site": "same-origin"}, {"Origin": "HTTP://LOCALHOST:8000"}],
)  # fmt: skip
def test_programs_and_own_pages_write(client: TestClient, sent: dict[str, str]) -> None:
    assert client.post("/v1/studies", json=STUDY, headers=sent).status_code == 202


def test_a_proxy_that_speaks_tls_stands_between(client: TestClient) -> None:
    headers = {"Host": "my.lab", "Origin": "https://my.lab"}
    # The origin says port 443 and the host, of which the proxy strips nothing, says none.
    assert client.post("/v1/studies", json=STUDY, headers=headers).status_code == 202


def test_no_other_origin_reads_unless_it_is_named(client: TestClient, settings: Settings) -> None:
    sent = {"Origin": "https://lab.example"}
    assert "access-control-allow-origin" not in client.get("/v1/studies", headers=sent).headers
    named = settings.model_copy(update={"allowed_origins": ("https://lab.example",)})
    with TestClient(create_app(named)) as other:
        answer = other.get("/v1/studies", headers=sent)
        assert answer.headers["access-control-allow-origin"] == "https://lab.example"
        assert "access-control-allow-credentials" not in answer.headers
        assert other.post("/v1/studies", json=STUDY, headers=sent).status_code == 202
        evil = {"Origin": "https://evil.example"}
        assert "access-control-allow-origin" not in other.get("/v1/studies", headers=evil).headers
        assert other.post("/v1/studies", json=STUDY, headers=evil).status_code == 403


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/studies", "/v1/studies/st_x", "/nothing", "/docs", "/dashboard",
             "/static/bundle.js", "/openapi.json"]
)  # fmt: skip
def test_every_answer_says_what_a_browser_may_do_with_it(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe-inline" not in policy.get("script-src", "")
    assert "http" not in headers["Content-Security-Policy"]


def test_refusals_carry_the_headers_too(client: TestClient) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "null"}):
        answer = client.post("/v1/studies", json=STUDY, headers=headers)
        assert answer.status_code in (403, 421)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_words_of_a_setting_travel_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(allowed_hosts=("a.lab", "b.lab"), allowed_origins=())
    assert settings.environment()["ACTIVATION_SEARCH_ALLOWED_HOSTS"] == "a.lab,b.lab"
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
