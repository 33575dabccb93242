"""Every operation keeps the contract of `blockdsl.ops.core.Operation`, on one example or more."""

from collections.abc import Sequence
from math import prod

import pytest
import torch

from blockdsl.codegen import module_of
from blockdsl.ops import (
    Ids,
    Image,
    Operation,
    OpError,
    Shape,
    Signal,
    Tokens,
    Vector,
    Volume,
    Window,
    all_operations,
    find,
)
from blockdsl.ops.infer import output_shapes
from blockdsl.ops.layouts import LAYOUTS

IMAGE, VECTOR, TOKENS = Image(8, 12, 10), Vector(84), Tokens(49, 24)
SIGNAL, VOLUME = Signal(8, 30), Volume(8, 3, 6, 5)
ALL = [(IMAGE,), (VECTOR,), (TOKENS,), (SIGNAL,), (VOLUME,)]
TWO = [(IMAGE,) * 2, (VECTOR,) * 2, (TOKENS,) * 2, (SIGNAL,) * 2, (VOLUME,) * 2]
REPEATED = [(IMAGE, Image(8, 1, 1)), (Tokens(1, 24), TOKENS, Tokens(49, 1)), (Vector(1), VECTOR)]
GRIDS = [(IMAGE,), (SIGNAL,), (VOLUME,)]
PAIR = [(IMAGE, IMAGE), (VECTOR,) * 3, (TOKENS,) * 2, (SIGNAL,) * 2, (VOLUME,) * 2]

# Arguments as the language hands them over, and the inputs they are tried on.
Example = tuple[dict[str, object], Sequence[tuple[Shape, ...]]]
EXAMPLES: dict[str, Sequence[Example]] = {
    "INPUT": [({"dims": (3, 224, 224)}, [()]), ({"dims": (1, 16000), "layout": "signal"}, [()])],
    "CONV": [
        ({"channels": 6, "kernel": 3}, GRIDS),
        ({"channels": 6, "kernel": (3, 1, 1), "stride": (2, 1, 1), "pad": (1, 0, 0)}, [(VOLUME,)]),
        ({"channels": 6, "kernel": 3, "pad": (2, 0)}, [(SIGNAL,)]),
        ({"channels": 6, "kernel": 3, "pad": (0, 1, 2, 3)}, [(IMAGE,)]),
        ({"channels": 6, "kernel": 4, "pad": "same", "stride": 3, "groups": 2}, GRIDS),
        ({"channels": 6, "kernel": (1, 7), "pad": "same", "groups": 2, "bias": False}, [(IMAGE,)]),
        ({"channels": 2, "kernel": 5, "table": ((0, 1, 7), (2,))}, [(IMAGE,)]),
    ],
    "DWCONV": [
        ({"kernel": 3, "stride": 2, "multiplier": 2}, GRIDS),
        ({"kernel": 3, "stride": 2, "pad": "same"}, GRIDS),
    ],
    "DECONV": [({"channels": 6, "kernel": 4, "stride": 2, "pad": 1}, GRIDS)],
    "UP": [({"factor": 2}, GRIDS), ({"factor": (1, 2), "channels": 3}, [(IMAGE,)])],
    "POOL": [
        ({"kernel": 3, "stride": 2, "pad": 1, "ceil": True}, GRIDS),
        ({"kernel": 3, "stride": 2, "pad": "same"}, GRIDS),
        ({"kernel": (2, 3), "pad": (1, 0, 0, 2)}, [(IMAGE,)]),
    ],
    "AVGPOOL": [
        ({"kernel": 2}, GRIDS),
        ({"kernel": 3, "stride": 2, "pad": "same"}, GRIDS),
        ({"kernel": 3, "pad": (1, 0, 0, 2), "include_pad": False}, [(IMAGE,)]),
    ],
    "LPPOOL": [({"norm": 2, "kernel": 2}, GRIDS)],
    "SUBSAMPLE": [({}, [(IMAGE,)])],
    "GAP": [({}, [*GRIDS, (TOKENS,)])],
    "GMP": [({}, [*GRIDS, (TOKENS,)])],
    "AAP": [({"size": 2}, GRIDS), ({"size": (3, 2, 1)}, [(VOLUME,)])],
    "AMP": [({"size": 2}, GRIDS), ({"size": (2, 5)}, [(IMAGE,)])],
    "CHANNELMEAN": [({}, GRIDS)],
    "CHANNELMAX": [({}, GRIDS)],
    "FC": [({"features": 10}, [(VECTOR,), (TOKENS,)])],
    "RBF": [({}, [(VECTOR,)])],
    "MAXOUT": [({"pieces": 4}, ALL)],
    "BN": [({}, [*GRIDS, (VECTOR,)]), ({"affine": False, "frozen": True}, GRIDS)],
    "GN": [({"groups": 4}, [*GRIDS, (VECTOR,)])],
    "IN": [({}, GRIDS), ({"affine": True}, GRIDS)],
    "LRN": [({}, GRIDS), ({"size": 3, "within": True}, [(IMAGE,)])],
    "GRN": [({}, [*GRIDS, (TOKENS,)])],
    "L2NORM": [({}, ALL), ({"scale": 20}, ALL)],
    "DROPPATH": [({"p": 0.2}, ALL)],
    "DROPOUT": [({}, ALL), ({"per": "channel"}, GRIDS), ({"per": "channel", "rescale": "test"}, GRIDS)],
    "DROPBLOCK": [({}, [(IMAGE,)])],
    "NOISE": [({"std": 0.1}, ALL)],
    "SUM": [({}, PAIR), ({"broadcast": True}, REPEATED)],
    "MEAN": [({}, PAIR), ({"drop": 0.15, "columns": 4}, PAIR)],
    "MAX": [({}, PAIR), ({"broadcast": True}, REPEATED)],
    "MIN": [({}, PAIR), ({"broadcast": True}, REPEATED)],
    "SUB": [({}, TWO), ({"broadcast": True}, TWO)],
    "DIV": [({}, TWO), ({"broadcast": True}, [(TOKENS, Tokens(49, 1)), (Signal(1, 30), SIGNAL)])],
    "MUL": [({}, [*PAIR, (IMAGE, Image(8, 1, 1)), (Image(1, 12, 10), IMAGE, Image(8, 1, 1))])],
    "CAT": [({}, [*PAIR, (IMAGE, Image(3, 12, 10)), (TOKENS, Tokens(49, 1)), (SIGNAL, Signal(3, 30))])],
    "MATMUL": [({}, [(TOKENS, Tokens(24, 5))])],
    "DOT": [({}, [(TOKENS, Tokens(6, 24))])],
    "RESHAPE": [
        ({"dims": (7, 12)}, [(VECTOR,)]),
        ({"dims": (960,)}, [(IMAGE,)]),
        ({"dims": (24, 7, 7)}, [(TOKENS,)]),
        ({"dims": (2, 12, 10)}, [(SIGNAL,)]),
        ({"dims": (720,)}, [(VOLUME,)]),
        ({"dims": (4, 3, 8, 10)}, [(IMAGE,)]),
        ({"dims": (24, 40), "layout": "signal"}, [(IMAGE,)]),
    ],
    "SPLIT": [({"parts": 2}, ALL), ({"parts": (3, 5)}, [(IMAGE,)])],
    "SLICE": [({"first": 3, "count": 2}, ALL), ({"first": 1, "count": 8}, [(IMAGE,)])],
    "SHUFFLE": [({"groups": 4}, GRIDS)],
    "PADCHANNELS": [({"channels": 16}, GRIDS), ({"channels": 16, "where": "both"}, [(IMAGE,)])],
    "PAD": [
        ({"pad": 1}, GRIDS),
        ({"pad": (0, 1, 2, 3), "mode": "reflect"}, [(IMAGE,)]),
        ({"pad": (2, 0), "value": 0.5}, [(SIGNAL,)]),
        ({"pad": (0, 1, 2, 3, 1, 0), "mode": "replicate"}, [(VOLUME,)]),
    ],
    "CROP": [
        ({"size": 3}, GRIDS),
        ({"size": 4, "at": (0, 6)}, [(IMAGE,)]),
        ({"size": 4, "at": 7}, [(SIGNAL,)]),
    ],
    "UPSAMPLE": [
        ({"factor": 2}, GRIDS),
        ({"factor": 2, "mode": "linear"}, [(SIGNAL,)]),
        ({"factor": 2, "mode": "bilinear", "align": True}, [(IMAGE,)]),
        ({"factor": (1, 2, 3), "mode": "trilinear"}, [(VOLUME,)]),
    ],
    "RESIZE": [({"size": 4}, GRIDS), ({"size": (24, 5)}, [(IMAGE,)])],
    "SPACETODEPTH": [({"block": 2}, [(IMAGE,)])],
    "DEPTHTOSPACE": [({"block": 2}, [(IMAGE,)])],
    "SCALE": [({"factor": 0.17}, ALL)],
    "SHIFT": [({"by": -1}, ALL)],
    "POW": [({"exponent": 2}, ALL), ({"exponent": -0.5}, ALL)],
    "WEIGHT": [
        ({"dims": (100, 256)}, [*ALL, (Ids(7),)]),
        ({"dims": 256, "mean": 1, "std": 0}, [(IMAGE,)]),
        ({"dims": (3, 8, 8)}, [(TOKENS,)]),
        ({"dims": (3, 100), "layout": "signal"}, [(IMAGE,)]),
        ({"dims": (3, 4, 8, 8)}, [(IMAGE,)]),
    ],
    "LAYERSCALE": [({}, ALL), ({"init": 0, "per": "layer"}, ALL)],
    "TOKENS": [({}, [(IMAGE,), (SIGNAL,), (VOLUME,), (VECTOR,)]), ({"length": 7}, [(VECTOR,)])],
    "SIGNAL": [({}, [(IMAGE,), (TOKENS,), (VOLUME,), (VECTOR,)]), ({"length": 7}, [(VECTOR,)])],
    "IMAGE": [
        ({"size": 7}, [(TOKENS,)]),
        ({"size": (5, 6)}, [(SIGNAL,)]),
        ({"size": (9, 10)}, [(VOLUME,)]),
        ({"size": (2, 3)}, [(VECTOR,)]),
    ],
    "VOLUME": [
        ({"size": 2}, [(Tokens(8, 5),)]),
        ({"size": (1, 5, 6)}, [(SIGNAL,)]),
        ({"size": (2, 6, 10)}, [(IMAGE,)]),
        ({"size": (2, 3, 7)}, [(VECTOR,)]),
    ],
    "TRANSPOSE": [({}, [(TOKENS,)])],
    "CLSTOKEN": [({}, [(TOKENS,)])],
    "TAKE": [({}, [(TOKENS,)]), ({"index": -1}, [(TOKENS,)])],
    "ATTENTION": [({"heads": 4}, [(TOKENS,)]), ({"heads": 1, "bias": False}, [(TOKENS,)])],
    "THRESHOLD": [({"threshold": 0.1}, ALL)],
}
NAMES = sorted(all_operations())


def build(name: str, arguments: dict[str, object]) -> Operation:
    """An operation as lowering makes it: every argument through its converter, then checked."""
    kind = find(name)
    assert kind is not None
    made = kind(**{key: kind.arguments[key].convert(value) for key, value in arguments.items()})
    made.check()
    return made


def examples(name: str) -> list[tuple[Operation, tuple[Shape, ...]]]:
    """Those of the table; any other operation is built by its defaults and tried on every layout it takes."""
    takes = all_operations()[name].takes
    rows: Sequence[Example] = EXAMPLES.get(name, [({}, [one for one in ALL if type(one[0]) in takes])])
    return [(build(name, arguments), inputs) for arguments, cases in rows for inputs in cases]


def test_the_table_names_operations_that_exist() -> None:
    assert EXAMPLES.keys() <= all_operations().keys()


@pytest.mark.parametrize("name", NAMES)
def test_declaration(name: str) -> None:
    kind = find(name)
    assert kind is not None
    assert kind.name == name
    assert kind.__doc__ and kind.__doc__ != Operation.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}("), "the docstring is the dataclass's own"
    order = [argument.required for argument in kind.arguments.values()]
    assert order == sorted(order, reverse=True)
    for argument in kind.arguments.values():
        if not argument.required and argument.default is not None:
            assert argument.convert(argument.default) == argument.default
        with pytest.raises(ValueError, match=r"^takes "):
            argument.convert(None)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str) -> None:
    for made, inputs in examples(name):
        assert made.inputs in (len(inputs), None)
        assert made.inputs is not None or len(inputs) >= 2
        outputs = made.shapes(*inputs)
        assert outputs[0] == made.shape(*inputs)
        for shape in [*outputs, *made.weights(*inputs).values(), *made.buffers(*inputs).values()]:
            assert isinstance(shape, tuple)
            assert all(type(n) is int and n > 0 for n in shape)
        assert all(type(shape) in LAYOUTS.values() for shape in outputs)
        assert not made.weights(*inputs).keys() & made.buffers(*inputs).keys()
        assert type(made.macs(*inputs)) is int
        window = made.window(*inputs)
        assert window is None or (isinstance(window, Window) and min(*window.size, *window.stride) > 0)
        assert hash(made) == hash(build(name, {a: getattr(made, a) for a in _given(made)}))
        if made.view and name not in ("TAKE", "SLICE", "WEIGHT"):  # a part of the input, or none of it
            assert sum(map(prod, outputs)) == prod(inputs[0])


@pytest.mark.parametrize("name", NAMES)
def test_each_layout_that_it_takes_is_computed(name: str) -> None:
    """The examples have every layout that an operation takes, and its module yields what `shapes` says."""
    tried = set()
    for made, inputs in examples(name):
        if not inputs:
            continue
        tried |= set(map(type, inputs))
        tensors = [torch.rand(2, *shape) for shape in inputs]
        with torch.no_grad():
            found = module_of(made, *inputs).eval()(*tensors)
        found = found if isinstance(found, tuple) else (found,)
        assert tuple(tuple(tensor.shape[1:]) for tensor in found) == output_shapes(made, *inputs)
    assert tried == (set() if name == "INPUT" else set(all_operations()[name].takes))


@pytest.mark.parametrize("name", NAMES)
def test_every_other_layout_is_refused_with_what_it_takes(name: str) -> None:
    made, inputs = examples(name)[0]
    for (shape,) in [*ALL, (LAYOUTS["ids"](7),)]:
        if inputs and type(shape) not in made.takes:
            with pytest.raises(OpError, match=f"^{name} takes .*, not ") as refused:
                output_shapes(made, *(shape for _ in inputs))
            assert refused.value.help


@pytest.mark.parametrize("name", NAMES)
def test_macs_come_with_matrix_products_only(name: str) -> None:
    multiplying = {"CONV", "DWCONV", "DECONV", "UP", "FC", "MATMUL", "DOT", "ATTENTION"}
    for made, inputs in examples(name):
        assert (made.macs(*inputs) > 0) == (name in multiplying)


@pytest.mark.parametrize("name", NAMES)
def test_text_names_each_argument_that_differs_from_its_default(name: str) -> None:
    for made, _ in examples(name):
        text = str(made)
        assert text.startswith(name)
        assert {p.partition("=")[0] for p in text[len(name) :].strip("()").split(",") if "=" in p} == {
            a for a in _given(made) if not made.arguments[a].required
        }


def _given(made: Operation) -> list[str]:
    return [a for a, declared in made.arguments.items() if getattr(made, a) != declared.default]


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("CONV", {"channels": 64, "kernel": 7, "stride": 2, "pad": 3}, "CONV(64,7,stride=2,pad=3)"),
        ("CONV", {"channels": 64, "kernel": (1, 7), "pad": (0, 3)}, "CONV(64,1x7,pad=0x3)"),
        ("CONV", {"channels": 8, "kernel": 1, "pad": "same", "bias": False}, "CONV(8,1,pad=same,bias=no)"),
        ("CONV", {"channels": 2, "kernel": 5, "table": ((0, 0), (1, 2))}, "CONV(2,5,table=[[0,0],[1,2]])"),
        ("SPLIT", {"parts": (64, 64)}, "SPLIT([64,64])"),
        ("SPLIT", {"parts": 2}, "SPLIT(2)"),
        ("PAD", {"pad": (0, 1, 0, 1)}, "PAD((0,1,0,1))"),
        ("PAD", {"pad": (1, 1, 3, 3)}, "PAD(1x3)"),
        ("CONV", {"channels": 8, "kernel": (3, 1, 1), "stride": (1, 1, 1)}, "CONV(8,3x1x1)"),
        (
            "CONV",
            {"channels": 8, "kernel": (3, 3, 3), "pad": (0, 1, 2, 3, 4, 5)},
            "CONV(8,3,pad=(0,1,2,3,4,5))",
        ),
        ("CONV", {"channels": 8, "kernel": 3, "pad": (1, 1, 1, 1)}, "CONV(8,3,pad=1)"),
        ("CONV", {"channels": 8, "kernel": 3, "pad": (2, 0)}, "CONV(8,3,pad=2x0)"),
        ("PAD", {"pad": 2}, "PAD(2)"),
        ("RESHAPE", {"dims": (64, 7, 7)}, "RESHAPE([64,7,7])"),
        ("RESHAPE", {"dims": (1, 90), "layout": "signal"}, "RESHAPE([1,90],layout=signal)"),
        ("WEIGHT", {"dims": 256}, "WEIGHT(256)"),
        ("WEIGHT", {"dims": (100, 256), "std": 1}, "WEIGHT(100x256,std=1)"),
        ("WEIGHT", {"dims": (4, 9), "layout": "signal"}, "WEIGHT(4x9,layout=signal)"),
        ("VOLUME", {"size": 4}, "VOLUME(4)"),
        ("VOLUME", {"size": (1, 8, 8)}, "VOLUME(1x8x8)"),
        ("TOKENS", {"length": 4}, "TOKENS(length=4)"),
        ("SLICE", {"first": 1, "count": 4}, "SLICE(1,4)"),
        ("SHIFT", {"by": -0.5}, "SHIFT(-0.5)"),
    ],
)
def test_text_is_what_the_language_takes(name: str, arguments: dict[str, object], text: str) -> None:
    kind = find(name)
    assert kind is not None
    made = kind(**{key: kind.arguments[key].convert(value) for key, value in arguments.items()})
    assert str(made) == text
