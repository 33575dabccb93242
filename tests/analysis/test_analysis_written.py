"""The `operation` column of a summary is text of the language: it is written back as the same operation."""

from math import prod

import pytest

import blockdsl
from blockdsl.analysis.table import cells
from blockdsl.formatting import rounded_text
from blockdsl.ops import Operation, Shape, Signal, Volume, find
from blockdsl.resources import names
from tests.families import split
from tests.ops.test_ops_conformance import NAMES, examples


def written_back(text: str, inputs: tuple[Shape, ...], outputs: int = 1) -> Operation:
    """The operation that a text becomes in a network that feeds it tensors of these shapes."""
    joined = f"-[{', '.join(['FLATTEN'] * outputs)}]-CAT" if outputs > 1 else ""
    if find(text.partition("(")[0]).is_tensor:
        return [*blockdsl.parse(f"net {text}", input=(4,)).ir.layers()][1].operation
    given, channels = inputs[0], [shape.channels for shape in inputs]
    if all(shape == given.with_channels(shape.channels) for shape in inputs):
        flow = f"SPLIT([{','.join(map(str, channels))}])-" if len(inputs) > 1 else ""
        network = blockdsl.parse(f"net {flow}{text}{joined}", input=given.with_channels(sum(channels)))
        before = 1 + bool(flow)
    else:
        fed = [f"FC({prod(shape)})-RESHAPE([{','.join(map(str, shape))}])" for shape in inputs]
        network = blockdsl.parse(f"input 1\nnet [{', '.join(fed)}]-{text}{joined}")
        before = 1 + 2 * len(fed)
    return [*network.ir.layers()][before].operation


@pytest.mark.parametrize("name", split(names("zoo")))
def test_the_operations_of_a_summary_can_be_written_back(name: str) -> None:
    network = blockdsl.load(name)
    summary, seen = network.summary(), set()
    shown = [cells(row)[1] for row in summary.rows(expand=True) if row.text]
    layers = [layer for layer in network.ir.layers() if not layer.is_input]
    for layer, exact, column in zip(layers, summary.layers, shown, strict=True):
        operation, inputs = layer.operation, tuple(network.ir.input_shapes(layer))
        if (operation, inputs) in seen:
            continue
        seen.add((operation, inputs))
        outputs = len(operation.shapes(*inputs))
        assert written_back(exact.text, inputs, outputs) == operation
        # The column rounds; what is written back from it is the operation with the numbers it shows.
        again = written_back(column, inputs, outputs)
        assert again == operation or (str(again) == column and rounded_text(exact.text) == column)
    assert len(seen) > 3


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("ID", "INPUT")])
def test_every_operation_can_be_written_back(name: str) -> None:
    """All but the input, and ID, which leaves no layer. No file has a signal or a volume yet."""
    written = [example for example in examples(name) if not isinstance(example[1][0], Signal | Volume)]
    assert written
    for operation, inputs in written:
        assert written_back(str(operation), inputs, len(operation.shapes(*inputs))) == operation
