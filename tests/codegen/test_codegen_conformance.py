"""Every operation of the registry against its module: shapes, tensors, MACs, gradients."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from blockdsl.codegen import module_of
from blockdsl.diagnostics import ArchError
from blockdsl.ops import (
    Image,
    ModuleSpec,
    Operation,
    OpError,
    Shape,
    Tokens,
    Vector,
    all_operations,
    find,
    operation,
    unregister,
)

BATCH = 3
SIDE = st.integers(2, 9)
COUNT = st.integers(1, 6)
IMAGE = st.builds(Image, COUNT.map(lambda n: 2 * n), SIDE, SIDE)
VECTOR = st.builds(Vector, COUNT.map(lambda n: 2 * n))
TOKENS = st.builds(Tokens, SIDE, COUNT.map(lambda n: 2 * n))
ANY = st.one_of(IMAGE, VECTOR, TOKENS)
P = st.sampled_from([0.0, 0.3, 1.0])
PAIR, SMALL = st.tuples(st.integers(1, 3), st.integers(1, 3)), st.integers(1, 3)
MARGIN = st.tuples(st.integers(0, 2), st.integers(0, 2))
BOOL = st.booleans()
SAMPLE = st.sampled_from(["nearest", "bilinear", "bicubic"])
POOL = {"kernel": PAIR, "stride": PAIR, "ceil": BOOL}
SLIDE = {"kernel": PAIR, "stride": PAIR, "pad": MARGIN, "dilation": PAIR, "bias": BOOL}


def one(shape: st.SearchStrategy[Shape]) -> st.SearchStrategy[tuple[Shape, ...]]:
    return st.tuples(shape)


def alike(shape: st.SearchStrategy[Shape]) -> st.SearchStrategy[tuple[Shape, ...]]:
    return st.builds(lambda s, n: (s,) * n, shape, st.integers(2, 4))


def word(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words)


@st.composite
def table_conv(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[Shape, ...]]:
    channels = draw(st.integers(1, 5))
    row = st.lists(st.integers(0, channels - 1), min_size=1, unique=True).map(tuple)
    table = draw(st.lists(row, min_size=1, max_size=5).map(tuple))
    arguments = {"channels": len(table), "table": table} | {k: draw(s) for k, s in SLIDE.items()}
    return arguments, (Image(channels, draw(SIDE), draw(SIDE)),)


@st.composite
def matrices(draw: st.DrawFn, transposed: bool) -> tuple[Shape, ...]:
    rows, inner, columns = draw(SIDE), draw(SIDE), draw(SIDE)
    return Tokens(rows, inner), Tokens(columns, inner) if transposed else Tokens(inner, columns)


@st.composite
def gates(draw: st.DrawFn) -> tuple[Shape, ...]:
    shape = draw(IMAGE)
    return tuple(draw(st.permutations([shape, Image(shape[0], 1, 1), Image(1, *shape[1:])])))


CONV = {"channels": COUNT, "groups": SMALL} | SLIDE
# The arguments and input shapes that an operation is tried with; operations with neither required
# arguments nor a choice of shapes take their defaults and any shape.
CASES: dict[str, tuple[dict[str, st.SearchStrategy[Any]], st.SearchStrategy[tuple[Shape, ...]]]] = {
    "CONV": (CONV | {"pad": st.one_of(MARGIN, st.just("same"))}, one(IMAGE)),
    "DWCONV": (SLIDE | {"multiplier": SMALL}, one(IMAGE)),
    "DECONV": (CONV | {"output_pad": MARGIN}, one(IMAGE)),
    "UP": ({"factor": PAIR, "channels": st.one_of(st.none(), COUNT), "bias": BOOL}, one(IMAGE)),
    "POOL": (POOL | {"pad": MARGIN, "dilation": PAIR}, one(IMAGE)),
    "AVGPOOL": (POOL | {"pad": MARGIN, "include_pad": BOOL}, one(IMAGE)),
    "LPPOOL": (POOL | {"norm": st.just(2.0)}, one(IMAGE)),
    "SUBSAMPLE": ({"kernel": PAIR, "stride": PAIR}, one(IMAGE)),
    "GAP": ({}, one(st.one_of(IMAGE, TOKENS))),
    "GMP": ({}, one(st.one_of(IMAGE, TOKENS))),
    "AAP": ({"size": PAIR}, one(IMAGE)),
    "AMP": ({"size": PAIR}, one(IMAGE)),
    "CHANNELMEAN": ({}, one(IMAGE)),
    "CHANNELMAX": ({}, one(IMAGE)),
    "FC": ({"features": COUNT, "bias": BOOL}, one(st.one_of(VECTOR, TOKENS))),
    "RBF": ({"classes": st.integers(1, 10)}, st.just((Vector(84),))),
    "BN": (
        {"eps": st.just(1e-3), "momentum": P, "affine": BOOL, "frozen": BOOL},
        one(st.one_of(IMAGE, VECTOR)),
    ),
    "LN": ({"eps": st.just(1e-3), "affine": BOOL}, one(ANY)),
    "GN": ({"groups": SMALL, "affine": BOOL}, one(st.one_of(IMAGE, VECTOR))),
    "IN": ({"affine": BOOL}, one(IMAGE)),
    "LRN": ({"size": st.integers(1, 6), "groups": SMALL, "within": BOOL}, one(IMAGE)),
    "RMSNORM": ({"affine": BOOL}, one(ANY)),
    "GRN": ({}, one(st.one_of(IMAGE, TOKENS))),
    "L2NORM": ({"scale": st.one_of(st.none(), st.just(20.0))}, one(ANY)),
    "MAXOUT": ({"pieces": SMALL}, one(ANY)),
    "PRELU": ({"per": word("channel", "layer"), "init": P}, one(ANY)),
    "SWISH": ({"learned": BOOL, "beta": st.just(1.5)}, one(ANY)),
    "GELU": ({"approximate": word("none", "tanh")}, one(ANY)),
    "THRESHOLD": ({"threshold": P}, one(ANY)),
    "GLU": ({"gate": word("sigmoid", "relu", "gelu", "silu", "tanh", "none")}, one(ANY)),
    "DROPOUT": ({"p": P, "rescale": word("train", "test")}, one(ANY)),
    "DROPPATH": ({"p": P, "per": word("sample", "batch"), "rescale": word("train", "test")}, one(ANY)),
    "DROPBLOCK": ({"p": P, "size": SMALL}, one(IMAGE)),
    "NOISE": ({"std": P}, one(ANY)),
    "SUM": ({}, alike(ANY)),
    "MEAN": ({"drop": P, "columns": st.sampled_from([None, 4, 5])}, alike(ANY)),
    "MAX": ({}, alike(ANY)),
    "MUL": ({}, st.one_of(alike(ANY), gates())),
    "MIN": ({"broadcast": BOOL}, alike(ANY)),
    "SUB": ({"broadcast": BOOL}, st.builds(lambda s: (s, s), ANY)),
    "DIV": ({"broadcast": BOOL}, st.builds(lambda s: (s, s), ANY)),
    "SHIFT": ({"by": st.floats(-2, 2)}, one(ANY)),
    "POW": ({"exponent": st.sampled_from([1, 2, 3])}, one(ANY)),
    "SLICE": ({"first": st.integers(1, 2), "count": st.just(1)}, one(ANY)),
    "WEIGHT": ({"dims": st.sampled_from([(5,), (4, 6), (2, 3, 4)])}, one(ANY)),
    "SIGNAL": ({}, one(st.one_of(IMAGE, TOKENS))),
    "VOLUME": ({"size": st.just((1, 2, 3))}, st.builds(lambda d: (Tokens(6, d),), COUNT)),
    "CAT": (
        {},
        st.one_of(
            st.builds(lambda a, b: (Image(a, 4, 3), Image(b, 4, 3)), COUNT, COUNT),
            st.builds(lambda a, b: (Tokens(5, a), Tokens(5, b)), COUNT, COUNT),
            st.builds(lambda a, b: (Vector(a), Vector(b)), COUNT, COUNT),
        ),
    ),
    "MATMUL": ({}, matrices(transposed=False)),
    "DOT": ({}, matrices(transposed=True)),
    "RESHAPE": (
        {"dims": st.sampled_from([(24,), (4, 6), (2, 3, 4)])},
        st.sampled_from([(Image(4, 3, 2),), (Vector(24),)]),
    ),
    "SPLIT": (
        {"parts": st.sampled_from([2, (1, 2, 5)])},
        st.sampled_from([(Image(8, 3, 3),), (Vector(8),), (Tokens(5, 8),)]),
    ),
    "SHUFFLE": ({"groups": SMALL}, one(IMAGE)),
    "PADCHANNELS": ({"channels": st.integers(12, 20), "where": word("end", "both")}, one(IMAGE)),
    "PAD": (
        {
            "pad": st.tuples(SMALL, SMALL, SMALL, SMALL),
            "mode": word("constant", "reflect", "replicate", "circular"),
        },
        one(IMAGE),
    ),
    "CROP": ({"size": PAIR, "at": st.one_of(st.none(), MARGIN)}, one(IMAGE)),
    "UPSAMPLE": ({"factor": PAIR, "mode": SAMPLE, "align": BOOL}, one(IMAGE)),
    "RESIZE": ({"size": PAIR, "mode": SAMPLE, "align": BOOL}, one(IMAGE)),
    "SPACETODEPTH": ({"block": SMALL}, one(IMAGE)),
    "DEPTHTOSPACE": ({"block": SMALL}, one(IMAGE)),
    "SCALE": ({"factor": P}, one(ANY)),
    "LAYERSCALE": ({"init": P, "per": word("channel", "layer")}, one(ANY)),
    "TOKENS": ({}, one(IMAGE)),
    "IMAGE": (
        {"size": st.sampled_from([(2, 3), (3, 2), (1, 6), (6, 1)])},
        st.builds(lambda d: (Tokens(6, d),), COUNT),
    ),
    "TRANSPOSE": ({}, one(TOKENS)),
    "CLSTOKEN": ({}, one(TOKENS)),
    "POSITION": ({}, one(st.one_of(IMAGE, TOKENS))),
    "TAKE": ({"index": st.integers(-2, 1)}, one(TOKENS)),
    "ATTENTION": ({"heads": SMALL, "bias": BOOL, "dropout": P}, one(TOKENS)),
}
BUILT_IN = sorted(all_operations().keys() - {"INPUT"})


@st.composite
def case(draw: st.DrawFn, name: str) -> tuple[Operation, tuple[Shape, ...]]:
    """An operation as lowering makes it, and the shapes of its inputs."""
    kind = find(name)
    assert kind is not None
    arguments, shapes = CASES.get(name, ({}, one(ANY)))
    values: dict[str, Any] = {key: draw(strategy) for key, strategy in arguments.items()}
    inputs = draw(shapes)
    if name == "CONV" and draw(BOOL):
        values, inputs = draw(table_conv())
    given_values = {k: v for k, v in values.items() if v is not None}
    made = kind(**{k: kind.arguments[k].convert(v) for k, v in given_values.items()})
    try:
        made.check()
        made.shapes(*inputs)
    except OpError:
        assume(False)
    return made, inputs


def run(module: nn.Module, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    draw = [torch.rand(2)] if getattr(module, "columns", None) else []
    result = module(*inputs, *draw)
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("name", BUILT_IN)
@settings(max_examples=25)
@given(data=st.data())
def test_module_is_what_the_operation_declares(name: str, data: st.DataObject) -> None:
    made, shapes = data.draw(case(name))
    module = module_of(made, *shapes).double()
    parameters = {k: tuple(p.shape) for k, p in module.named_parameters()}
    assert parameters == made.weights(*shapes)
    state = {k: tuple(t.shape) for k, t in module.state_dict().items() if k not in parameters}
    assert state == made.buffers(*shapes)
    for training in (True, False):
        inputs = [torch.rand(BATCH, *s, dtype=torch.float64, requires_grad=True) for s in shapes]
        with (
            nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            outputs = run(module.train(training), inputs)
        assert tuple(tuple(y.shape[1:]) for y in outputs) == made.shapes(*shapes)
        assert all(y.dtype == torch.float64 for y in outputs)
        assert counter.get_total_flops() == 2 * BATCH * made.macs(*shapes)
        sum((y.square().sum() for y in outputs), torch.zeros(())).backward()
        for tensor in [*(inputs if made.reads_values else ()), *module.parameters()]:
            assert tensor.grad is not None and tensor.grad.isfinite().all()


@pytest.mark.parametrize("name", BUILT_IN)
@settings(max_examples=5)
@given(data=st.data())
def test_samples_do_not_mix_in_evaluation(name: str, data: st.DataObject) -> None:
    made, shapes = data.draw(case(name))
    module = module_of(made, *shapes).double().eval()
    inputs = [torch.rand(BATCH, *s, dtype=torch.float64) for s in shapes]
    together = run(module, inputs)
    alone = [run(module, [x[i : i + 1] for x in inputs]) for i in range(BATCH)]
    for port, y in enumerate(together):
        torch.testing.assert_close(y, torch.cat([parts[port] for parts in alone]))


@pytest.fixture
def users_operation() -> Any:
    def register(**methods: Any) -> Operation:
        cls = type("Users", (Operation,), {**methods, "__module__": __name__})
        return operation("USERS")(cls)()

    yield register
    unregister("USERS")


def specified(target: Any, **arguments: Any) -> Callable[..., ModuleSpec]:
    return lambda self, *inputs: ModuleSpec(target, **arguments)


def refusal(made: Operation) -> str:
    with pytest.raises(ArchError) as caught:
        module_of(made, Vector(4))
    return str(caught.value)


@pytest.mark.parametrize("target", ["torch.nn:Linear", nn.Linear], ids=str)
def test_a_users_operation_names_its_module(users_operation: Any, target: Any) -> None:
    module = module_of(users_operation(spec=specified(target, in_features=4, out_features=3)), Vector(4))
    assert isinstance(module, nn.Linear)
    assert module.weight.shape == (3, 4)


def test_a_spec_that_is_none_is_refused(users_operation: Any) -> None:
    assert refusal(users_operation(spec=lambda self, *inputs: "a module")) == (
        "error[operation]: USERS has no module: Users.spec returned str\n"
        '  help: return a blockdsl.ModuleSpec, for example ModuleSpec("torch.nn:ReLU")'
    )


def test_a_users_operation_without_a_spec_is_refused(users_operation: Any) -> None:
    assert refusal(users_operation()) == (
        "error[operation]: USERS has no module\n"
        "  help: give its class Users a method `spec(self, *inputs)` that returns a blockdsl.ModuleSpec"
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (lambda self, *inputs: {}["key"], "cannot be made: Users.spec raised KeyError: 'key'"),
        (specified("torch.nn:Linear", features=3), "Linear raised TypeError: Linear.__init__() got an unexp"),
        (specified("torch.nn:NoSuchLayer"), "module class 'torch.nn:NoSuchLayer' cannot be imported"),
        (specified("no.such.module:Layer"), "module class 'no.such.module:Layer' cannot be imported"),
        (specified("torch.nn.Linear"), "module class 'torch.nn.Linear' cannot be imported"),
        (specified("torch.nn:functional.relu"), "'torch.nn:functional.relu' is not a subclass of torch.nn.M"),
        (specified(3), "3 is not a subclass of torch.nn.Module"),
    ],
)
def test_a_module_that_cannot_be_made_is_named(users_operation: Any, spec: Any, said: str) -> None:
    assert said in refusal(users_operation(spec=spec))
