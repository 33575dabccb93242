"""Memory against hand counts, and against the tensors that autograd keeps."""

import pytest
import torch
from torch import Tensor

import blockdsl
from blockdsl.analysis.memory import Memory
from blockdsl.ops import Operation, operation, unregister
from blockdsl.ops.core import SAVES_NOTHING


def memory(text: str, *shape: int) -> Memory:
    return blockdsl.parse(text, input=shape).summary().memory


def test_a_chain_needs_two_neighbours_at_once() -> None:
    # 3, 8 and 2 maps of 16 values: the widest pair of neighbours is 8 + 3.
    found = memory("CONV(8,1,bias=no)-CONV(2,1,bias=no)", 3, 4, 4)
    assert found.weights == 4 * (3 * 8 + 8 * 2)
    assert found.activations == 4 * 16 * (3 + 8 + 2)
    assert found.inference - found.weights == 4 * 16 * (3 + 8)


def test_a_shortcut_is_alive_until_it_is_added() -> None:
    # When the second ReLU runs, the input (4 maps), its own input and its output are there.
    found = memory("ID + RELU-RELU", 4, 4, 4)
    assert found.inference == 4 * 16 * (4 + 4 + 4)


def test_views_own_nothing_but_keep_what_they_look_at() -> None:
    found = memory("RELU-FLATTEN-FC(2,bias=no)", 2, 4, 4)
    assert found.activations == 4 * (32 + 32 + 2)
    assert found.inference - found.weights == 4 * (32 + 32)


def test_the_parts_of_a_split_are_one_tensor() -> None:
    found = memory("SPLIT(2)-[RELU, TANH]-CAT", 4, 2, 2)
    assert found.activations == 4 * 4 * (4 + 2 + 2 + 4)
    # At the concatenation the two halves and the result; before it the input with both halves.
    assert found.inference == 4 * 4 * (2 + 2 + 4)


def test_auxiliary_heads_cost_memory_in_training_only() -> None:
    plain, headed = memory("RELU-RELU", 4, 8, 8), memory("RELU-AUX(a, CONV(64,1,bias=no)-TANH)-RELU", 4, 8, 8)
    assert headed.activations == plain.activations
    assert headed.inference - headed.weights == plain.inference
    assert headed.training - 2 * headed.weights == plain.training + 4 * 64 * 64


POINTWISE = [
    "RELU", "RELU6", "LEAKY", "PRELU", "RRELU", "ELU", "SELU", "CELU", "GELU", "SILU", "SWISH", "HSWISH",
    "HSIGMOID", "MISH", "SIGMOID", "LOGSIGMOID", "TANH", "STANH", "HTANH", "SOFTPLUS", "SOFTSIGN", "HSHRINK",
    "SSHRINK", "TSHRINK", "ABS", "SQUARE", "EXP", "SINE", "CRELU", "CHANNELMEAN",
]  # fmt: skip
KEPT = [
    ("CONV(6,3,p1)", (3, 8, 8)), ("DWCONV(3)", (3, 8, 8)), ("DECONV(6,2,s2)", (3, 8, 8)),
    ("UP(2,4)", (3, 8, 8)),
    ("POOL(2)", (3, 8, 8)), ("AVGPOOL(2)", (3, 8, 8)), ("GAP", (3, 8, 8)), ("GMP", (3, 8, 8)),
    ("AAP(3)", (3, 8, 8)), ("AMP(3)", (3, 8, 8)), ("SUBSAMPLE(2)", (3, 8, 8)), ("FC(5)", (12,)),
    ("FLATTEN", (3, 8, 8)), ("SHUFFLE(2)", (4, 8, 8)), ("PAD(1)", (3, 8, 8)), ("PADCHANNELS(6)", (3, 8, 8)),
    ("CROP(4)", (3, 8, 8)), ("SCALE(0.5)", (3, 8, 8)), ("UPSAMPLE(2)", (3, 8, 8)), ("LAYERSCALE", (3, 8, 8)),
    ("AFFINE", (3, 8, 8)), ("DROPOUT(0.5)", (3, 8, 8)), ("ID + RELU", (3, 8, 8)), ("ID | TANH", (3, 8, 8)),
    ("ID * SIGMOID", (3, 8, 8)), ("MEAN(TANH, RELU)", (3, 8, 8)), ("MAX(TANH, RELU)", (3, 8, 8)),
    ("TOKENS", (3, 4, 4)), ("SPLIT(2)-[RELU, TANH]-CAT", (4, 8, 8)), ("SOFTMAX", (9,)), ("LOGSOFTMAX", (9,)),
    *((name, (3, 8, 8)) for name in POINTWISE),
    ("CONV(6,3,p1)-RELU-POOL(2)-CONV(4,3)-RELU-FLATTEN-FC(9)-TANH-FC(2)", (3, 10, 10)),
    ("ID + CONV(3,3,p1)-RELU-CONV(3,3,p1)", (3, 8, 8)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shape"), KEPT, ids=[text for text, _ in KEPT])
def test_what_backward_keeps_is_what_autograd_saves(text: str, shape: tuple[int, ...]) -> None:
    network = blockdsl.parse(text, input=shape)
    figures = network.summary().memory
    params = 4 * network.summary().params
    assert figures.training - figures.weights - params == saved(network)


def test_what_a_residual_network_keeps() -> None:
    network = blockdsl.load("resnet18", input=(3, 64, 64), settings={"classes": 10})
    summary = network.summary()
    # Batch normalisation also keeps mean and inverse deviation of each channel: the size of its weights.
    statistics = sum(4 * layer.params for layer in summary.layers if layer.op == "BN")
    kept = summary.memory.training - summary.memory.weights - 4 * summary.params
    assert kept + statistics == saved(network, batch=2) / 2 + statistics / 2


def saved(network: blockdsl.Architecture, batch: int = 1) -> int:
    """Bytes of the tensors that autograd saves, weights apart, each memory once."""
    module = network.module(seed=0).train()
    own = {t.untyped_storage().data_ptr() for t in [*module.parameters(), *module.buffers()]}
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage().data_ptr()
        if storage not in own:
            kept[storage] = tensor
        return tensor

    # Not a leaf: a view of a leaf that is written over would be refused.
    x = torch.rand(batch, *network.input_shape, requires_grad=True) * 1
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(x)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def test_an_operation_of_a_user_keeps_what_it_says_or_everything() -> None:
    try:

        @operation("KEEPS_ALL")
        class KeepsAll(Operation):
            pass

        @operation("KEEPS_NONE")
        class KeepsNone(Operation):
            saved_for_backward = SAVES_NOTHING

        everything, nothing = memory("KEEPS_ALL", 8), memory("KEEPS_NONE", 8)
    finally:
        unregister("KEEPS_ALL")
        unregister("KEEPS_NONE")
    assert everything.training == 4 * (8 + 8)
    assert nothing.training == 0
