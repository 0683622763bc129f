"""The formats that a winner can be taken home in: one row each.

A row names the function that writes its file. Functions are imported when they are called, so that
listing the formats loads none of their libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

from search.errors import MissingExtra


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """A row of the table."""

    title: str
    #: The function, as "module:name". It takes the archive of the network and the story of its
    #: study (see `story` of `service.taken_home`: JSON values), and returns the content of a file.
    writer: str
    suffix: str
    media_type: str
    #: The extra of this project that it needs; "" where it needs none.
    extra: str = ""


class FormatName(StrEnum):
    """The names of the formats, as on the wire."""

    PYTORCH = "pytorch"
    ONNX = "onnx"
    KERAS = "keras"
    JSON = "json"


FORMATS: Mapping[FormatName, ExportFormat] = {
    FormatName.PYTORCH: ExportFormat(
        title="a PyTorch module with its weights and a program that predicts",
        writer="search.exports.pytorch:write_pytorch",
        suffix=".zip",
        media_type="application/zip",
    ),
    FormatName.ONNX: ExportFormat(
        title="an ONNX model from columns to predictions",
        writer="search.exports.onnx_model:write_onnx",
        suffix=".onnx",
        media_type="application/octet-stream",
        extra="onnx",
    ),
    FormatName.KERAS: ExportFormat(
        title="a Keras model with its code and a program that predicts",
        writer="search.exports.keras_model:write_keras",
        suffix=".zip",
        media_type="application/zip",
        extra="keras",
    ),
    FormatName.JSON: ExportFormat(
        title="configuration, scores, verdict, versions and seeds, to be trained again",
        writer="search.exports.story:write_json",
        suffix=".json",
        media_type="application/json",
    ),
}


def export(name: str, archive: bytes, story: Mapping[str, Any]) -> bytes:
    """Return the file of a network in the format of that name.

    Raises MissingExtra where a library of the format is not installed.
    """
    row = FORMATS[FormatName(name)]
    module, _, function = row.writer.partition(":")
    try:
        content: bytes = getattr(import_module(module), function)(archive, story)
    except ModuleNotFoundError as error:
        if not row.extra or (error.name or "").startswith(("search", "storage", "service")):
            raise
        raise MissingExtra(f"the export '{name}'", row.extra) from error
    return content
