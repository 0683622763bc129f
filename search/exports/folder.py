"""A folder of files as one zip: a network, its preprocessing, and a program that predicts."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from io import BytesIO
from textwrap import fill
from typing import Any

from search.activations.arms import title_of
from search.exports.preprocessing_json import preprocessing_document
from search.networks.model_archive import ModelArchive

#: The least time that a ZIP can hold: the same network gives the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)
_LISTED = 30


def template(name: str) -> str:
    """Return a file of `search/exports/files`."""
    return files("search.exports").joinpath("files", name).read_text("utf-8")


def about(archive: ModelArchive, story: Mapping[str, Any]) -> str:
    """Return a sentence on the network, of the facts of its study."""
    study, dataset = story.get("study"), story.get("dataset")
    source = f" that study {study['id']} recommends" if study else ""
    rows = f" on {dataset['name'] or dataset['id']}" if dataset else ""
    return f"The network{source}, trained{rows} to predict '{archive.target}'."


def docstring(text: str) -> str:
    """Return a text as the docstring of a module, whatever names stand in it."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{fill(escaped, 95, break_long_words=False, break_on_hyphens=False)}"""'


def zipped(contents: Mapping[str, str | bytes]) -> bytes:
    """Return a zip of files by name."""
    blob = BytesIO()
    with zipfile.ZipFile(blob, "w", zipfile.ZIP_DEFLATED) as folder:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            folder.writestr(entry, content)
    return blob.getvalue()


def preprocessing_files(archive: ModelArchive) -> dict[str, str]:
    """Return the files that read rows, whatever library runs the network."""
    document = json.dumps(preprocessing_document(archive), indent=1, ensure_ascii=False)
    return {
        "preprocessing.json": document + "\n",
        "preprocessing.py": template("preprocessing.py"),
    }


def readme(
    archive: ModelArchive, story: Mapping[str, Any], *, library: str, files_of: str, use: str
) -> str:
    """Return a README: what the network is, what its study found, how it is used."""
    params = archive.params
    title = title_of(str(params["activation"]))
    columns = [f"`{column.name}` ({column.kind.replace('_', ' ')})" for column in archive.columns]
    listed = ", ".join(columns[:_LISTED])
    more = len(columns) - _LISTED
    answer = (
        f"`prediction`, one of {', '.join(archive.classes)}, and `probability_LABEL` of each"
        if archive.classes
        else f"`prediction`, in the units of `{archive.target}`"
    )
    sentence = (story.get("verdict") or {}).get("sentence")
    return "\n".join(
        [
            f"# {archive.target}, by {title}",
            "",
            about(archive, story),
            *(["", f"> {sentence}"] if sentence else []),
            "",
            "    pip install -r requirements.txt",
            "    python predict.py ROWS.csv > OUT.csv",
            "",
            f"ROWS.csv has a header row and these columns: {listed}"
            + (f" and {more} more" if more > 0 else "")
            + ". Cells are read as the training rows were written; an empty one is missing. "
            f"OUT.csv has the columns {answer}.",
            "",
            f"In Python ({library}):",
            "",
            *(f"    {line}" for line in use.splitlines()),
            "",
            files_of,
            "",
            "Configuration:",
            "",
            *(f"- {name}: {value}" for name, value in sorted(params.items())),
            "",
        ]
    )
