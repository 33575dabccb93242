"""Receptive fields in each of several inputs, and along one to three axes, against where gradients arrive."""

from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from blockdsl import ArchError
from blockdsl.analysis import Field, receptive_fields, summarise
from blockdsl.ir import Graph, Value
from blockdsl.ops import (
    Ids,
    Image,
    Operation,
    Shape,
    Signal,
    Tokens,
    Vector,
    Volume,
    Window,
    operation,
    unregister,
)
from blockdsl.ops.geometry import pointwise
from tests.graphs import NETWORKS, GraphMaker, conv, graphs, op


def ones(x: Tensor, operation: Operation, channels: int) -> Tensor:
    """A convolution with a window, whose weights are all 1."""
    rank = x.dim() - 2
    weight = torch.ones(channels, x.shape[1], *operation.kernel[:rank], dtype=x.dtype)  # type: ignore[attr-defined]
    convolve: Callable[..., Tensor] = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    stride, pad = operation.stride[:rank], operation.pad[:rank]  # type: ignore[attr-defined]
    return convolve(x, weight, None, stride, pad)


def computed(operation: Operation, inputs: list[Tensor], shape: Shape) -> tuple[Tensor, ...]:
    """What an operation yields, as far as it matters which values it reads: sums that do not cancel."""
    x = inputs[0]
    match operation.name:
        case "CONV":
            return (ones(x, operation, shape[0]),)
        case "POOL" | "SLIDE":
            return (ones(x, operation, shape[0]),)
        case "SUM" | "MUL" | "MAX" | "MEAN":
            return (sum(inputs[1:], x),)
        case "CAT":
            return (torch.cat(inputs, dim=shape.channel_dim),)
        case "SPLIT":
            return x.split(operation.parts, dim=1)  # type: ignore[attr-defined]
        case "GAP":
            return (x.mean((2, 3), keepdim=True),)
        case "FLATTEN":
            return (x.flatten(1),)
        case "TOKENS":
            return (x.flatten(2).transpose(1, 2),)
        case "IMAGE":
            return (x.transpose(1, 2).reshape(1, *shape),)
        case "FC":
            return (x.sum(-1, keepdim=True).expand(*x.shape[:-1], shape.channels),)
        case "ATTENTION":
            return (x + x.sum((1, 2), keepdim=True),)
        case "TAKE":
            return (x[:, operation.index],)  # type: ignore[attr-defined]
    assert operation.name in ("BN", "LN", "RELU", "TANH", "SIGMOID", "SCALE", "ID"), operation
    return (x,)


def reached(graph: Graph) -> dict[Value, Callable[[str], Callable[[Tensor], Tensor]]]:
    """For each tensor, what of an input a part of it depends on."""
    inputs = {
        port.name: torch.rand(1, *graph.shape_of(port.value), dtype=torch.float64).requires_grad_()
        for port in graph.inputs
    }
    values = {port.value: inputs[port.name] for port in graph.inputs}
    for layer in graph.layers():
        if not layer.is_input:
            given = [values[value] for value in layer.inputs]
            for port, made in enumerate(computed(layer.operation, given, layer.shape)):
                values[Value(layer.id, port)] = made
                assert tuple(made.shape[1:]) == layer.shapes[port]

    def towards(value: Value) -> Callable[[str], Callable[[Tensor], Tensor]]:
        def of(name: str) -> Callable[[Tensor], Tensor]:
            def gradient(mask: Tensor) -> Tensor:
                total = (values[value] * mask).sum()
                found = torch.autograd.grad(total, inputs[name], retain_graph=True, allow_unused=True)[0]
                return torch.zeros_like(inputs[name]) if found is None else found

            return gradient

        return of

    return {value: towards(value) for value in values}


def axes_of(shape: Shape) -> list[int]:
    """The dimensions, with the batch, along which positions are counted."""
    if isinstance(shape, Vector | Ids):
        return [1]
    return [axis + 1 for axis in range(len(shape)) if axis != shape.channel_axis]


def spans(gradient: Tensor, shape: Shape) -> list[tuple[int, int] | None]:
    """The first and last position that is reached, along each axis of an input."""
    found: list[tuple[int, int] | None] = []
    for axis in axes_of(shape):
        others = [dim for dim in range(gradient.dim()) if dim != axis]
        touched = gradient.abs().sum(others).nonzero()
        found.append((int(touched.min()), int(touched.max())) if len(touched) else None)
    return found


def clipped(span: tuple[int, int] | None, length: int) -> tuple[int, int] | None:
    """The part of a span that lies inside of the input."""
    if span is None or span[1] < 0 or span[0] >= length:
        return None
    return max(span[0], 0), min(span[1], length - 1)


def agrees(graph: Graph, unknown: Sequence[tuple[str, Value]] = ()) -> None:
    """Every position of every layer sees of every input what gradients reach, and nothing else.

    What is `unknown`, and nothing else, is stated to be.
    """
    reach = reached(graph)
    for port in graph.inputs:
        size = graph.shape_of(port.value)
        lengths = [size[axis - 1] for axis in axes_of(size)]
        fields = receptive_fields(graph, port.name)
        for layer in graph.layers():
            field = fields[layer.id]
            assert (field is None) == ((port.name, Value(layer.id)) in unknown)
            if field is None:
                continue
            gradient = reach[Value(layer.id)](port.name)
            whole = torch.ones(1, *layer.shape, dtype=torch.float64)
            if not any(field.size):
                assert not gradient(whole).any()
                assert not any(axis.at(place) for axis in field.axes for place in range(5))
            elif field.whole:
                assert field.size == tuple(lengths)
                assert spans(gradient(whole), size) == [(0, length - 1) for length in lengths]
            elif isinstance(layer.shape, type(size)) and not isinstance(size, Vector):
                along(field, gradient, whole, layer.shape, size)


def along(
    field: Field, gradient: Callable[[Tensor], Tensor], whole: Tensor, shape: Shape, size: Shape
) -> None:
    """What each row, each column, … of a tensor sees; a row tells rows, whichever columns are summed."""
    for index, axis in enumerate(axes_of(shape)):
        for position in range(shape[axis - 1]):
            mask = torch.zeros_like(whole)
            mask.select(axis, position).fill_(1)
            found = spans(gradient(mask), size)[index]
            assert found == clipped(field.axes[index].at(position), size[axis - 1])


@pytest.mark.parametrize("name", NETWORKS)
def test_each_position_sees_what_its_gradients_reach(name: str) -> None:
    agrees(NETWORKS[name]())


@given(graphs())
@settings(max_examples=25)
def test_so_it_does_in_any_network(graph: Graph) -> None:
    agrees(graph)


def test_an_input_is_named() -> None:
    graph = NETWORKS["two_inputs"]()
    assert receptive_fields(graph) == receptive_fields(graph, "image")
    assert receptive_fields(graph, "time") != receptive_fields(graph, "image")
    with pytest.raises(ArchError) as wrong:
        receptive_fields(graph, "tim")
    assert str(wrong.value) == "error[name]: the network has no input tim\n  help: did you mean time?"


def test_a_gate_that_does_not_depend_on_the_input_is_ignored() -> None:
    """Nor does the large side of a product, whose small side does: all positions see what that sees."""
    net = GraphMaker()
    image, gate = net.input("image", Image(2, 6, 6)), net.input("gate", Image(2, 1, 1))
    gate = net.layer(conv(2), gate)
    y = net.layer(conv(2), net.layer(op("MUL"), image, gate))
    graph = net.graph(y=y)
    agrees(graph)
    assert summarise(graph).receptive_field == {"y": {"image": (3, 3), "gate": (3, 3)}}


def test_tokens_of_an_image_and_tokens_of_their_own() -> None:
    """Of the image rows and columns are seen, of the other input a token."""
    net = GraphMaker()
    image, places = net.input("image", Image(3, 8, 8)), net.input("places", Tokens(16, 4))
    x = net.layer(op("TOKENS"), net.layer(op("CONV", 4, 2, 2), image))
    both = net.layer(op("SUM"), x, net.layer(op("FC", 4), places))
    laid = net.layer(op("IMAGE", 4), both)
    again = net.layer(conv(2), laid)
    seen = net.layer(op("ATTENTION", 2), both)
    graph = net.graph(tokens=both, image=again, whole=seen, first=net.layer(op("TAKE"), both))
    agrees(graph, unknown=[("places", again)])
    assert summarise(graph).receptive_field == {
        "tokens": {"image": (2, 2), "places": (1,)},
        "image": {"image": (6, 6), "places": None},  # laid out otherwise than the tokens came
        "whole": {"image": (8, 8), "places": (16,)},
        "first": {"image": (2, 2), "places": (1,)},
    }


# --- one and three axes


@pytest.fixture
def slide() -> Iterator[None]:
    """A convolution of all ones along any number of axes, and one that says it of two axes only."""

    class Sliding(Operation):
        kernel: tuple[int, ...] = (3,) * 3
        stride: tuple[int, ...] = (2,) * 3
        pad: tuple[int, ...] = (1,) * 3

        def shape(self, *inputs: Shape) -> Shape:
            return inputs[0].with_positions(*((n - 1) // 2 + 1 for n in inputs[0].positions))

    @operation("SLIDE")
    class Slide(Sliding):
        def window(self, *inputs: Shape) -> Window:
            axes = len(inputs[0].positions)
            return Window((3,) * axes, (2,) * axes, (-1,) * axes)  # type: ignore[arg-type]

    @operation("SLIDE_FLAT")
    class SlideFlat(Sliding):
        def window(self, *inputs: Shape) -> Window:
            return Window((3, 3), (2, 2), (-1, -1))

    @operation("EMBED")
    class Embed(Operation):
        takes = (Ids,)

        def shape(self, *inputs: Shape) -> Shape:
            return Tokens(inputs[0][0], 3)

        window = pointwise

    yield
    for name in ("SLIDE", "SLIDE_FLAT", "EMBED"):
        unregister(name)


def sliding(shape: Shape, name: str = "SLIDE", times: int = 2) -> Graph:
    net = GraphMaker()
    x = net.input("x", shape)
    for _ in range(times):
        x = net.layer(op(name), net.layer(op("RELU"), x))
    return net.graph(y=x)


@pytest.mark.usefixtures("slide")
@pytest.mark.parametrize("shape", [Signal(2, 19), Image(2, 9, 12), Volume(2, 7, 9, 10)], ids=str)
def test_windows_along_one_to_three_axes(shape: Shape) -> None:
    graph = sliding(shape)
    agrees(graph)
    assert summarise(graph).receptive_field == {"y": {"x": (7,) * (len(shape) - 1)}}


@pytest.mark.usefixtures("slide")
@pytest.mark.parametrize(
    ("shape", "field"), [(Signal(2, 19), None), (Image(2, 9, 9), (7, 7)), (Volume(1, 9, 9, 9), None)]
)
def test_a_window_of_another_number_of_axes_is_unknown(shape: Shape, field: tuple[int, ...] | None) -> None:
    assert summarise(sliding(shape, "SLIDE_FLAT")).receptive_field == {"y": {"x": field}}


@pytest.mark.usefixtures("slide")
@pytest.mark.parametrize(
    ("shape", "times", "told"),
    [
        (Signal(1, 40), 2, "7 of 40 positions"),
        (Signal(1, 40), 5, "63 (all of 40) positions"),
        (Volume(1, 16, 16, 16), 2, "7 of 16 voxels"),
        (Volume(1, 8, 16, 16), 2, "7 of 8x16x16 voxels"),
        (Volume(1, 4, 16, 16), 2, "7x7x7 (all of 4 slices) voxels"),
        (Volume(1, 4, 16, 5), 2, "7x7x7 (all of 4 slices and 5 columns) voxels"),
        (Volume(1, 4, 6, 5), 2, "7 (all of 4x6x5) voxels"),
    ],
    ids=str,
)
def test_it_is_told_in_the_units_of_the_input(shape: Shape, times: int, told: str) -> None:
    assert f"\nsees        {told}\n" in str(summarise(sliding(shape, times=times)))


@pytest.mark.usefixtures("slide")
def test_ids_are_seen_one_by_one() -> None:
    net = GraphMaker()
    x = net.layer(op("EMBED"), net.input("words", Ids(9)))
    summary = summarise(net.graph(one=x, all=net.layer(op("ATTENTION", 1), x)))
    assert summary.receptive_field == {"one": {"words": (1,)}, "all": {"words": (9,)}}
    assert "sees        one: 1 of 9 ids\n            all: the whole input\n" in str(summary)


@pytest.mark.usefixtures("slide")
def test_what_is_unknown_of_one_input_is_known_of_the_other() -> None:
    net = GraphMaker()
    a, b = net.input("a", Signal(2, 9)), net.input("b", Signal(2, 9))
    y = net.layer(op("SUM"), net.layer(op("SLIDE"), a), net.layer(op("SLIDE_FLAT"), b))
    summary = summarise(net.graph(y=y))
    assert summary.receptive_field == {"y": {"a": (3,), "b": None}}
    assert "sees        3 of 9 positions of a, an unknown part of b" in str(summary)
