"""Predict the rows of a CSV: python predict.py ROWS.csv > OUT.csv."""

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from preprocessing import Array, Preprocessing, read_rows, write_predictions

FOLDER = Path(__file__).parent
BACKENDS = ("tensorflow", "jax", "torch")
# Read by Keras and JAX when they are imported; without the second, JAX has no float64.
os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, BACKENDS), BACKENDS[0]))
os.environ.setdefault("JAX_ENABLE_X64", "1")

import keras  # noqa: E402

import model  # noqa: E402, F401 - Keras finds its layers


def load_network() -> keras.Sequential:
    """Return the trained network, in float64, so that no prediction depends on other rows."""
    return keras.saving.load_model(FOLDER / "model.keras")


def main(path: str) -> None:
    """Predict the rows of one file."""
    known, network = Preprocessing(FOLDER / "preprocessing.json"), load_network()

    def predicted() -> Iterator[Array]:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for rows in read_rows(file, known):
                outputs = network(known.inputs(rows).astype("float64"), training=False)
                yield known.predictions(keras.ops.convert_to_numpy(outputs))

    write_predictions(known, predicted(), sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
