"""Tools of others on our modules: TensorBoard's graph, torchinfo."""

from pathlib import Path

import pytest
import torch
import torchinfo
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.graph_pb2 import GraphDef
from torch.utils.tensorboard import SummaryWriter

import blockdsl
from blockdsl.codegen import build

NETS = {"lenet5": None, "resnet18": (3, 64, 64), "googlenet": (3, 224, 224), "shufflenet_v2": (3, 64, 64)}


@pytest.mark.parametrize("name", NETS)
def test_tensorboard_shows_the_blocks(name: str, tmp_path: Path) -> None:
    net = blockdsl.load(name, input=NETS[name])
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(build(net.ir).eval(), torch.zeros(1, *net.input_shape))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    graph = GraphDef()
    graph.ParseFromString(events.Graph().SerializeToString())
    scopes = {node.name for node in graph.node}
    for layer in net.ir.layers():
        if layer.operation.name == "CONV" and not layer.training_only:
            assert any(f"[{layer.name.rpartition('.')[2]}]" in scope for scope in scopes), layer.name
    assert sum(node.op == "aten::_convolution" for node in graph.node) == sum(
        layer.operation.name in ("CONV", "DWCONV") and not layer.training_only for layer in net.ir.layers()
    )


@pytest.mark.parametrize("name", NETS)
def test_torchinfo_counts_as_we_do(name: str) -> None:
    net = blockdsl.load(name, input=NETS[name])
    summary = torchinfo.summary(
        build(net.ir, device="meta").to_empty(device="cpu"), (1, *net.input_shape), verbose=0, mode="eval"
    )
    assert summary.total_params == net.summary().params
    # torchinfo counts a layer's bias as multiplications: one for each output value.
    biases = sum(
        layer.shape[0] * (layer.shape[1] * layer.shape[2] if len(layer.shape) == 3 else 1)
        for layer in net.ir.layers()
        if layer.operation.name in ("CONV", "DWCONV", "FC")
        and layer.operation.bias  # type: ignore[attr-defined]
        and not layer.training_only
    )
    assert summary.total_mult_adds >= net.summary().macs
    assert summary.total_mult_adds - net.summary().macs - biases <= 0.01 * net.summary().macs
