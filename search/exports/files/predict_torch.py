"""Predict the rows of a CSV: python predict.py ROWS.csv > OUT.csv."""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file

from model import Network
from preprocessing import Array, Preprocessing, read_rows, write_predictions

FOLDER = Path(__file__).parent


def load_network() -> Network:
    """Return the trained network, in float64, so that no prediction depends on other rows."""
    network = Network()
    network.load_state_dict(load_file(FOLDER / "weights.safetensors"))
    return network.double().eval()


def main(path: str) -> None:
    """Predict the rows of one file."""
    known, network = Preprocessing(FOLDER / "preprocessing.json"), load_network()

    def predicted() -> Iterator[Array]:
        with open(path, encoding="utf-8-sig", newline="") as file, torch.inference_mode():
            for rows in read_rows(file, known):
                outputs = network(torch.from_numpy(known.inputs(rows)).double())
                yield known.predictions(outputs.numpy())

    write_predictions(known, predicted(), sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
