"""Whole networks as modules: structure, modes, and what PyTorch does with modules."""

import copy
import pickle

import pytest
import torch
from codegen_nets import (
    AUXILIARY,
    CELLS,
    FRACTAL,
    PLAIN,
    RESIDUAL,
    TOKENS,
    batch,
    every_net,
    graph_of,
    same,
)
from torch import Tensor, nn

import blockdsl
from blockdsl.blocktree.tree import tree as blocks
from blockdsl.codegen import build, check_module, module_path, prefers_channels_last
from blockdsl.codegen.containers import Chain, WiredBlock
from blockdsl.codegen.names import MAX_DEPTH, attributes
from blockdsl.codegen.tree import tree
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph, Layer, Port, Segment, Value
from blockdsl.ops import find
from blockdsl.source import Source, Span


@every_net
def test_tensors_and_shapes_are_the_graphs(text: str) -> None:
    graph = graph_of(text)
    check_module(graph, build(graph))


@every_net
def test_every_parameter_gets_a_gradient(text: str) -> None:
    module = build(graph_of(text), seed=0)
    result = module.train()(batch(graph_of(text)))
    heads = [result] if isinstance(result, Tensor) else [result[0], *result[1].values()]
    # Squares: the sum over a batch-normalised map is constant. Drop-path may leave out some paths.
    sum((h.square().sum() for h in heads), torch.zeros(())).backward()
    if text is not FRACTAL:
        assert all(p.grad is not None and p.grad.any() for p in module.parameters())


def test_names_follow_the_blocks() -> None:
    module = build(graph_of(RESIDUAL))
    names = module.state_dict().keys()
    assert {"stage2.unit2.conv1.conv1.weight", "stage2.unit1.conv3.bn1.running_mean", "fc1.bias"} <= names
    assert "stage2.unit2.conv3.conv1.weight" not in names
    assert isinstance(module, Chain) and isinstance(module.get_submodule("stage2"), Chain)
    assert isinstance(module.get_submodule("stage2.unit1"), WiredBlock)


def test_representation_reads_as_written_by_hand() -> None:
    text = repr(build(graph_of(RESIDUAL)).get_submodule("stage2.unit2"))
    norm = repr(nn.BatchNorm2d(8))
    convolution = repr(nn.Conv2d(8, 8, 3, padding=1, bias=False))
    assert (
        text
        == f"""Unit(
  c=8
  (conv1): Conv(
    c=8, k=3, s=1
    (conv1): {convolution}
    (bn1): {norm}
  )
  (relu1): ReLU(inplace=True)
  (conv2): Conv(
    c=8, k=3
    (conv1): {convolution}
    (bn1): {norm}
  )
  (sum1): Sum(into=0)
  (relu2): ReLU(inplace=True)
)"""
    )


def residual_by_hand(net: nn.Module, x: Tensor) -> Tensor:
    """RESIDUAL, written out with functions, on the weights of the built module."""
    part = net.get_submodule

    def conv(name: str, x: Tensor) -> Tensor:
        return part(f"{name}.bn1")(part(f"{name}.conv1")(x))  # type: ignore[no-any-return]

    x = torch.relu(conv("conv1", x))
    for unit, projects in (("stage1.unit1", False), ("stage2.unit1", True), ("stage2.unit2", False)):
        y = conv(f"{unit}.conv2", torch.relu(conv(f"{unit}.conv1", x)))
        x = torch.relu(y + (conv(f"{unit}.conv3", x) if projects else x))
    return part("fc1")(x.mean((2, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("training", [True, False])
def test_a_residual_network_computes_what_it_says(training: bool) -> None:
    graph = graph_of(RESIDUAL)
    module = build(graph, seed=3, dtype=torch.float64).train(training)
    x = batch(graph).double().requires_grad_()
    ours, theirs = module(x), residual_by_hand(module, x)
    same(ours, theirs)
    parameters = list(module.parameters())
    same(
        torch.autograd.grad(ours.square().sum(), parameters),
        torch.autograd.grad(theirs.square().sum(), parameters),
    )


def test_shared_tensors_compute_what_they_say() -> None:
    graph = graph_of(CELLS)
    module = build(graph, seed=3).eval()
    x = batch(graph)
    part = module.get_submodule
    previous, at = x, part("conv1")(x)
    for cell in ("cells1.step1.cell1", "cells1.step1.cells1.step1.cell1"):
        pool = nn.MaxPool2d(3, 1, 1)
        a = part(f"{cell}.sep1")(at)
        b = part(f"{cell}.sep2")(previous) + pool(a)
        previous, at = at, torch.cat([part(f"{cell}.sep3")(at), a, b], 1)
    same(module(x), part("fc1")(at.mean((2, 3))))


def test_auxiliary_heads_run_in_training_only() -> None:
    graph = graph_of(AUXILIARY)
    module = build(graph, seed=0)
    runs: list[str] = []
    for name in ("stage1.early", "late"):
        module.get_submodule(name).register_forward_hook(lambda *_, name=name: runs.append(name))
    x = batch(graph)
    y, heads = module.train()(x)
    assert y.shape == (3, 5) and {n: h.shape for n, h in heads.items()} == {"early": (3, 5), "late": (3, 7)}
    assert runs == ["stage1.early", "late"]
    runs.clear()
    assert module.eval()(x).shape == (3, 5)
    assert not runs


def test_a_part_in_evaluation_mode_has_no_heads_and_the_rest_goes_on() -> None:
    graph = graph_of(AUXILIARY)
    module = build(graph, seed=0).train()
    module.get_submodule("stage1").eval()
    y, heads = module(batch(graph))
    assert y.shape == (3, 5) and heads.keys() == {"late"}


def test_auxiliary_heads_see_the_stream_and_leave_it() -> None:
    graph = graph_of(AUXILIARY)
    module = build(graph, seed=0).train()
    x = batch(graph)
    y, heads = module(x)
    part = module.get_submodule
    stem = part("stage1.relu1")(part("stage1.bn1")(part("stage1.conv1")(x)))
    same(heads["early"], part("stage1.early")(stem))
    stream = part("pool1")(part("stage1.conv2")(stem))
    same(heads["late"], part("late")(stream))
    same(y, part("fc1")(stream.relu().mean((2, 3))))


def test_global_drop_path_draws_one_column_for_all_joins() -> None:
    graph = graph_of(FRACTAL)
    module = build(graph, seed=0).train()
    seen: list[list[Tensor]] = []
    for name in ("two1.mean1", "two2.mean1"):
        module.get_submodule(name).register_forward_hook(lambda _, inputs, y: seen.append([*inputs, y]))
    x, columns = batch(graph), set()
    for _ in range(40):
        seen.clear()
        module(x)
        (a1, b1, draw, y1), (a2, b2, again, y2) = seen
        assert draw is again
        if draw[0] < 0.5:
            column = int(draw[1] * 2)
            columns.add(column)
            same(y1, (a1, b1)[column])
            same(y2, (a2, b2)[column])
    assert columns == {0, 1}
    seen.clear()
    module.eval()(x)
    for a, b, draw, y in seen:
        assert draw is None
        same(y, (a + b) / 2)


def test_a_seed_decides_and_leaves_the_global_state() -> None:
    graph = graph_of(TOKENS)
    state = torch.get_rng_state()
    first, second, other = (build(graph, seed=s).state_dict() for s in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), state)
    same(first, second)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])
    torch.manual_seed(9)
    same(build(graph).state_dict(), (torch.manual_seed(9), build(graph).state_dict())[1])


def test_dtype() -> None:
    module = build(graph_of(RESIDUAL), dtype=torch.bfloat16)
    assert {p.dtype for p in module.parameters()} == {torch.bfloat16}
    check_module(graph_of(RESIDUAL), module)


@pytest.mark.long
def test_chains_of_thousands_of_layers_run() -> None:
    graph = graph_of("input 2x4x4 net (CONV(2,3,p1)-RELU)*5000")
    module = build(graph, seed=0)
    check_module(graph, module)
    x = batch(graph).requires_grad_()
    module(x).sum().backward()
    assert x.grad is not None
    copy.deepcopy(module)


def test_deep_blocks_are_joined_so_that_modules_can_be_copied() -> None:
    text = "input 2x4x4 block f(n) = if n == 0 then ID else CONV(2,1)-f(n-1)-RELU net f(90)"
    graph = graph_of(text)
    module = build(graph, seed=0)
    check_module(graph, module)
    assert max(name.count(".") for name, _ in module.named_modules()) == MAX_DEPTH - 1
    same(pickle.loads(pickle.dumps(copy.deepcopy(module)))(batch(graph)), module(batch(graph)))


def test_a_part_of_a_chain_is_a_chain() -> None:
    graph = graph_of(PLAIN)
    module = build(graph, seed=0)
    assert isinstance(module, Chain)
    same(module[2:](module[:2](batch(graph))), module(batch(graph)))


def test_names_of_nn_module_get_an_underscore() -> None:
    graph = graph_of("input 2x4x4 net train:CONV(2,1)-forward:(CONV(2,1)-type:RELU)-FC(2)")
    module = build(graph, seed=0)
    check_module(graph, module)
    assert {"train_.weight", "forward_.conv1.weight"} <= module.state_dict().keys()
    assert attributes((Segment("stage", 2), Segment("half"))) == ("stage2", "half_")
    graph = graph_of(
        "input 2x4x4 net a:(ID + note:CONV(2,1)-_steps:RELU)-note:CONV(2,1)-_draws:RELU-append:FC(2)"
    )
    check_module(graph, build(graph, seed=0))


def by_hand(*paths: str) -> Graph:
    """A chain of ReLUs with these module names."""
    graph, relu, image = Graph(), find("RELU"), (1, 2, 2)
    source = Source("net.arch", "RELU")
    for i, path in enumerate(("input", *paths)):
        kind = find("INPUT") if i == 0 else relu
        assert kind is not None
        made = kind(dims=image) if i == 0 else kind()  # type: ignore[call-arg]
        segments = tuple(Segment(name) for name in path.split("."))
        inputs = (Value(i - 1),) if i else ()
        graph.add(Layer(i, made, inputs, (image,), segments, Span(source, 0, 4)))
    graph.inputs, graph.outputs = (Port("x", Value(0)),), (Port("y", Value(len(paths))),)
    return graph


def test_a_block_that_is_left_and_entered_again_is_a_defect_of_lowering() -> None:
    with pytest.raises(AssertionError, match="the name a is left and entered again"):
        tree(by_hand("a.x", "b.x", "a.y"))
    with pytest.raises(AssertionError, match="taken twice"):
        tree(by_hand("a.x", "a.y", "a.x"))


def test_check_module_tells_what_differs() -> None:
    graph = graph_of(PLAIN)
    module = build(graph)
    module.add_module("conv1", nn.Conv2d(1, 4, 5))
    with pytest.raises(ArchError) as caught:
        check_module(graph, module)
    assert str(caught.value) == (
        "error[module]: the module of CONV(4,3) has the parameters weight (4x1x5x5), bias (4),"
        " its declaration says weight (4x1x3x3), bias (4)\n"
        "  --> net.arch:1:17\n"
        "     1 | input 1x8x8 net CONV(4,3)-RELU-POOL(2)-FC(5)\n"
        "       |                 ^^^^^^^^^\n"
        "  help: the class that registers CONV and its torch module must agree"
    )
    module = build(graph)
    module.add_module("relu1", nn.ZeroPad2d(1))
    with pytest.raises(ArchError, match="the module of RELU yields 4x8x8, its declaration says 4x6x6"):
        check_module(graph, module)
    module.add_module("relu1", nn.BatchNorm1d(1, affine=False, track_running_stats=False))
    with pytest.raises(ArchError, match="the module of RELU fails: expected 2D or 3D input"):
        check_module(graph, module)


@every_net
def test_check_module_leaves_the_module_as_it_was(text: str) -> None:
    graph = graph_of(text)
    module = build(graph, seed=0)
    module.get_submodule(module_path(graph, graph.layer(1))).eval()
    state, modes = copy.deepcopy(module.state_dict()), [m.training for m in module.modules()]
    rng = torch.get_rng_state()
    check_module(graph, module)
    same(module.state_dict(), state)
    assert [m.training for m in module.modules()] == modes
    assert torch.equal(torch.get_rng_state(), rng)
    assert not any(m._forward_hooks for m in module.modules())


def test_channels_last_suits_convolution_networks() -> None:
    wide = "input 3x32x32 net CONV(16,3,p1)-(ID + CONV(32,1)-CONV(16,3,p1))-GAP-FC(10)"
    assert prefers_channels_last(graph_of(wide))
    assert not prefers_channels_last(graph_of("input 784 net FC(100)-RELU-FC(10)"))
    assert not prefers_channels_last(graph_of("input 3x8x8 net CONV(64,8)-FC(512)-RELU-FC(512)-RELU-FC(10)"))


def test_channels_last_does_not_suit_groups_and_single_positions() -> None:
    assert prefers_channels_last(graph_of("input 8x9x9 net CONV(16,3)-DWCONV(3)-CONV(64,1)"))
    assert not prefers_channels_last(graph_of("input 8x9x9 net CONV(16,3,g2)-CONV(16,3,g2)"))
    assert not prefers_channels_last(graph_of("input 8x2x2 net CONV(64,3,p1)-RELU-CONV(64,3,p1)"))


def test_narrow_networks_keep_their_layout() -> None:
    """PyTorch 2.13's strided convolutions of 4 channels, channels last, gave other gradients each run."""
    assert not prefers_channels_last(graph_of("input 3x32x32 net CONV(4,3,p1)-CONV(8,1,s2)-GAP-FC(10)"))
    assert not prefers_channels_last(graph_of("input 3x32x32 net CONV(64,3,p1)-CONV(8,3,p1)-CONV(64,3)"))


def test_blocks_nested_hundreds_deep() -> None:
    labels = "".join(f"l{i}:(" for i in range(9))
    text = (
        f"block b(n) = {labels}if n == 0 then RELU else RELU-b(n-1){')' * 9}\nnet CONV(4,1)-b(60)-GAP-FC(2)"
    )
    net = blockdsl.parse(text, input=(3, 8, 8))
    assert max(len(layer.path) for layer in net.ir.layers()) > 600
    assert len(net.summary().layers) == 65 and "conv1" in str(net.summary())
    assert net.module()(torch.zeros(1, 3, 8, 8)).shape == (1, 2)
    assert tree.__module__ == "blockdsl.codegen.tree" and len(list(blocks(net.ir, {}).nodes())) == 66
