"""What a person writes to predict by an ONNX export: typed columns to predictions.

Beside `model.onnx` lies `columns.json`, the values of each column, null where one is missing. The
answer is a CSV as that of `predict.py` in other exports.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

folder = Path(sys.argv[1]).parent
session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
columns = json.loads((folder / "columns.json").read_text())
feed = {}
for column in session.get_inputs():
    values = columns[column.name]
    if column.type == "tensor(string)":
        feed[column.name] = np.array([value or "" for value in values], object)[:, None]
    else:
        feed[column.name] = np.array(values, float)[:, None]
prediction, *shares = session.run(None, feed)
told = session.get_modelmeta().custom_metadata_map
labels = json.loads(told["classes"])
lines = csv.writer(sys.stdout, lineterminator="\n")
lines.writerow(["prediction", *(f"probability_{label}" for label in labels)])
rows = shares[0] if shares else [[]] * len(prediction)
lines.writerows([first, *others] for first, others in zip(prediction.tolist(), rows, strict=True))
