"""The Keras export: a `.keras` file that runs under every backend, its code, a program."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from search.exports.activation_source import attribute_name
from search.exports.folder import about, preprocessing_files, readme, template, zipped
from search.exports.keras_layers import LayerCall, layer_calls
from search.exports.keras_source import PACKAGE, model_source
from search.networks.model_archive import load_model_archive
from search.networks.trained_network import TrainedNetwork, take_apart

_REQUIREMENTS = """h5py>=3.11
keras>=3.8
numpy>=2
# Keras runs on any of jax, tensorflow and torch.
jax>=0.4.34
"""
_FILES = (
    "`model.keras` is the whole network; `model.py` is its code and imports nothing but Keras; "
    "`preprocessing.py` and `preprocessing.json` turn rows into its inputs. It runs on TensorFlow, "
    "JAX or PyTorch: the first that is installed, unless `KERAS_BACKEND` names another. It is in "
    "float64, of which Keras on JAX and PyTorch rounds parts to float32."
)
_USE = """from predict import load_network
network = load_network()  # a keras.Sequential"""
_BACKEND = "KERAS_BACKEND"
#: As the service computes.
_DTYPE = "float64"


def write_keras(blob: bytes, story: Mapping[str, Any]) -> bytes:
    """Return the zip of an archive; `story` as in `search.exports.catalog`."""
    archive = load_model_archive(blob)
    network = take_apart(archive)
    return zipped(
        {
            "README.md": readme(archive, story, library="Keras", files_of=_FILES, use=_USE),
            "model.py": model_source(network, archive.task, about(archive, story)),
            "model.keras": _keras_file(network),
            **preprocessing_files(archive),
            "predict.py": template("predict_keras.py"),
            "requirements.txt": _REQUIREMENTS,
        }
    )


def _keras_file(network: TrainedNetwork) -> bytes:
    with _keras() as keras, TemporaryDirectory(prefix="activation-search-") as folder:
        path = Path(folder, "model.keras")
        _model(keras, network).save(path)
        return _without_dates(path.read_bytes())


@contextmanager
def _keras() -> Iterator[ModuleType]:
    """Load Keras on PyTorch, which is installed; it looks at the environment once."""
    before = os.environ.get(_BACKEND)
    os.environ[_BACKEND] = "torch"
    try:
        import keras  # noqa: PLC0415 - of an extra, and slow

        yield keras
    finally:
        del os.environ[_BACKEND]
        if before is not None:
            os.environ[_BACKEND] = before


def _model(keras: Any, network: TrainedNetwork) -> Any:
    calls = [call for layer in layer_calls(network) for call in layer]
    own = {call.name: _stand_in(keras, network, call) for call in calls if call.own}
    # Named by us: Keras counts the layers of a process.
    layers = [
        (own[call.name] if call.own else getattr(keras.layers, call.name))(
            *call.arguments, **call.keywords, name=f"{call.name.lower()}_{place}", dtype=_DTYPE
        )
        for place, call in enumerate(calls)
    ]
    inputs = keras.Input((len(network.hidden[0].linear.weight),), dtype=_DTYPE, name="inputs")
    model = keras.Sequential([inputs, *layers], name="network")
    model.set_weights([array for call in calls for array in call.weights])
    return model


def _stand_in(keras: Any, network: TrainedNetwork, call: LayerCall) -> type:
    """Return a class with the name and the weights of that in `model.py`: all that is saved."""

    def build(self: Any, _: tuple[int | None, ...]) -> None:
        for (name, _sharing), array in zip(network.config.learned, call.weights, strict=True):
            attribute = attribute_name(network.config.row, name)
            setattr(self, attribute, self.add_weight(array.shape, "ones", name=attribute))

    methods = {"build": build, "call": lambda self, z: z, "__module__": "model"}
    made = type(call.name, (keras.layers.Layer,), methods)
    registered: type = keras.saving.register_keras_serializable(PACKAGE)(made)
    return registered


def _without_dates(content: bytes) -> bytes:
    """Return the file without the time at which it was written: a network gives one file."""
    with zipfile.ZipFile(BytesIO(content)) as saved:
        entries: dict[str, str | bytes] = {name: saved.read(name) for name in saved.namelist()}
    facts = json.loads(entries["metadata.json"])
    del facts["date_saved"]
    return zipped({**entries, "metadata.json": json.dumps(facts)})
