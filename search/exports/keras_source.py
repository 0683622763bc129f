"""The module that a person would have written for a network in Keras, as text."""

from __future__ import annotations

from collections.abc import Iterator

from search.exports.activation_source import attribute_name, body_of, class_docstring, class_name
from search.exports.folder import docstring
from search.exports.keras_layers import KerasFunctions, layer_calls, needs_class
from search.networks.trained_network import TrainedNetwork
from search.study import Task

#: Layers up to here are written one by one, more in a loop.
_WRITTEN_OUT = 4
#: Under this name Keras registers the class of an activation.
PACKAGE = "network"
_OUTPUTS = {
    Task.REGRESSION: "predictions of the standardised target",
    Task.BINARY: "logits of the second class",
    Task.MULTICLASS: "logits",
}


def model_source(network: TrainedNetwork, task: Task, about: str) -> str:
    """Return the text of `model.py`; `about`, a sentence, is its docstring."""
    config = network.config
    inputs, outputs = network.hidden[0].linear.weight.shape[0], network.output.weight.shape[1]
    own = needs_class(network)
    plural = "s" if config.depth > 1 else ""
    lines = [
        docstring(about),
        "",
        "import keras",
        "from keras import KerasTensor, layers, ops" if own else "from keras import layers",
        "",
        "",
        *([*_own_class(network), "", ""] if own else []),
        "def build_network() -> keras.Sequential:",
        f'    """Return {config.depth} hidden layer{plural} of {config.width} units, '
        f"{config.row.title}, untrained.",
        "",
        f"    From inputs (N, {inputs}) to {_OUTPUTS[task]}, (N, {outputs}).",
        '    """',
        *_body(network, inputs),
        "",
    ]
    return "\n".join(lines)


def _body(network: TrainedNetwork, inputs: int) -> Iterator[str]:
    *hidden, last = layer_calls(network)
    first = f"        keras.Input(({inputs},)),"
    if len(hidden) <= _WRITTEN_OUT:
        yield "    network = ["
        yield first
        yield from (f"        {call.source}," for layer in [*hidden, last] for call in layer)
        yield "    ]"
        yield "    return keras.Sequential(network)"
        return
    yield "    hidden: list[layers.Layer] = []"
    yield f"    for _ in range({len(hidden)}):"
    yield "        hidden += ["
    yield from (f"            {call.source}," for call in hidden[0])
    yield "        ]"
    yield f"    return keras.Sequential([keras.Input(({inputs},)), *hidden, {last[0].source}])"


def _own_class(network: TrainedNetwork) -> Iterator[str]:
    layer = network.hidden[0]
    learned = [name for name, _ in network.config.learned]
    yield f'@keras.saving.register_keras_serializable("{PACKAGE}")'
    yield f"class {class_name(layer.row)}(layers.Layer):"
    yield class_docstring(layer.row)
    if learned:
        yield ""
        yield "    def build(self, input_shape: tuple[int | None, ...]) -> None:"
        yield '        """Make the learned numbers."""'
    for name in learned:
        attribute = attribute_name(layer.row, name)
        shape = f"({len(layer.numbers[name])},)"
        yield f'        self.{attribute} = self.add_weight({shape}, "ones", name="{attribute}")'
    yield ""
    yield "    def call(self, z: KerasTensor) -> KerasTensor:"
    yield '        """Apply elementwise."""'
    body = body_of(layer, learned, lambda name: f"ops.{name}", KerasFunctions())
    yield from (f"        {line}" for line in body)
