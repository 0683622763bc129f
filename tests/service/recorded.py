"""The recorded database of release 0.1.0: an upload, a study with a verdict, a paused one."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

from service.settings import Settings

DATA = Path(__file__).parent / "data"
#: Path of a GET request -> what that release answered.
ANSWERS: dict[str, Any] = json.loads(
    lzma.decompress((DATA / "answers_of_0.1.0.json.xz").read_bytes())
)
#: The study with a verdict.
STUDY = next(path for path in ANSWERS if path.endswith("/results")).split("/")[3]


def recorded_settings(folder: Path) -> Settings:
    """Return settings of a copy of the database in `folder`."""
    content = lzma.decompress((DATA / "database_of_0.1.0.db.xz").read_bytes())
    (folder / "activation-search.db").write_bytes(content)
    return Settings(data_dir=folder)
