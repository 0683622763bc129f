"""The PyTorch export: a module as a person would have written it, its weights, a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safetensors.numpy import save

from search.exports.folder import about, preprocessing_files, readme, template, zipped
from search.exports.torch_source import model_source, state_dict
from search.networks.model_archive import load_model_archive
from search.networks.trained_network import take_apart

_REQUIREMENTS = "numpy>=2\nsafetensors>=0.5\ntorch>=2.4\n"
_FILES = (
    "`model.py` is the network alone and imports nothing but torch; `weights.safetensors` are its "
    "weights, `preprocessing.py` and `preprocessing.json` turn rows into its inputs."
)
_USE = """from predict import load_network
network = load_network()  # a torch.nn.Module"""


def write_pytorch(blob: bytes, story: Mapping[str, Any]) -> bytes:
    """Return the zip of an archive; `story` as in `search.exports.catalog`."""
    archive = load_model_archive(blob)
    network = take_apart(archive)
    return zipped(
        {
            "README.md": readme(archive, story, library="PyTorch", files_of=_FILES, use=_USE),
            "model.py": model_source(network, archive.task, about(archive, story)),
            "weights.safetensors": save(state_dict(network)),
            **preprocessing_files(archive),
            "predict.py": template("predict_torch.py"),
            "requirements.txt": _REQUIREMENTS,
        }
    )
