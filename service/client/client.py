"""The client: datasets and studies of one service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx2

from service.client.connection import Connection
from service.client.study import Study

if TYPE_CHECKING:
    import pandas as pd

_PARQUET = "application/vnd.apache.parquet"


class Client:
    """A client of the service at `url`; a context manager, which closes the connection."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout: float = 120.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """`key` is one of `activation-search keys`; `timeout` in seconds, of a single request."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._connection = Connection(
            httpx2.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)
        )

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.http.close()

    def upload(
        self,
        table: pd.DataFrame | Path | str,
        target: str,
        *,
        name: str = "",
        task: str | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Upload a data frame or a file and return the dataset, `id` and `columns` among its facts.

        `columns` gives columns a role: `feature`, `ignore` or `group`.
        """
        if isinstance(table, Path | str):
            file = (Path(table).name, Path(table).read_bytes(), "application/octet-stream")
        else:
            buffer = BytesIO()
            table.to_parquet(buffer, index=False)  # keeps the types of the columns
            file = (f"{name or 'table'}.parquet", buffer.getvalue(), _PARQUET)
        fields = {"target": target, "name": name, "task": task, "columns": json.dumps(columns)}
        given = {field: value for field, value in fields.items() if value and value != "null"}
        answer = self._connection.ask("POST", "/v1/datasets", data=given, files={"file": file})
        dataset: dict[str, Any] = answer.json()
        return dataset

    def start(self, dataset: str, **study: Any) -> Study:
        """Queue a study of `dataset`, an id or a name, and return it.

        `study` has the fields of `POST /v1/studies`: `space`, `budget`, `evaluation`, `name`, ...
        """
        answer = self._connection.ask("POST", "/v1/studies", json={"dataset": dataset, **study})
        return Study(self._connection, answer.json()["id"])

    def study(self, study_id: str) -> Study:
        """Return a study by its id; ServiceError with status 404 where there is none."""
        found = Study(self._connection, study_id)
        found.describe()
        return found

    def studies(self, **filters: Any) -> list[dict[str, Any]]:
        """Return all studies, newest first; `state="running"` filters them."""
        return self._connection.pages("/v1/studies", limit=1000, **filters)

    def datasets(self) -> list[dict[str, Any]]:
        """Return the built-in datasets, then the uploads."""
        return self._connection.pages("/v1/datasets")

    def activations(self) -> list[dict[str, Any]]:
        """Return the catalog of activation functions."""
        items: list[dict[str, Any]] = self._connection.get("/v1/activations")["items"]
        return items
