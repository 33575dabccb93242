"""What stands in a box: the words of papers for operations, shapes and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from blockdsl.ir import Layer, path_text
from blockdsl.ops import Operation, Shape
from blockdsl.render.scene import Block, Node, role
from blockdsl.rounding import rounded, rounded_text

_SPOKEN = {
    "RELU": "ReLU", "RELU6": "ReLU6", "LEAKY": "leaky ReLU", "PRELU": "PReLU", "SILU": "SiLU",
    "HSWISH": "h-swish", "HSIGMOID": "h-sigmoid", "SWISH": "swish", "SIGMOID": "sigmoid", "TANH": "tanh",
    "STANH": "scaled tanh", "SOFTMAX": "softmax", "BN": "BN", "LN": "LN", "LRN": "LRN",
    "DROPOUT": "dropout", "DROPPATH": "drop path", "LAYERSCALE": "layer scale", "SCALE": "scale",
    "ONEOF": "one of", "SUM": "+", "MUL": "×", "CAT": "concat", "MEAN": "mean", "MAX": "max",
    "GAP": "global avg pool", "GMP": "global max pool", "AAP": "adaptive avg pool",
    "AMP": "adaptive max pool", "ATTENTION": "attention", "SHUFFLE": "channel shuffle",
    "PADCHANNELS": "pad channels", "FLATTEN": "flatten", "UPSAMPLE": "upsample", "TOKENS": "to tokens",
    "CLSTOKEN": "class token", "POSITION": "position", "TAKE": "take", "SPLIT": "split",
}  # fmt: skip
_POOLS = {"POOL": "max pool", "AVGPOOL": "avg pool", "LPPOOL": "LP pool", "SUBSAMPLE": "subsampling"}
_CONVS = {"CONV": "conv", "DWCONV": "depthwise conv", "DECONV": "transposed conv", "UP": "up-conv"}
_WITH_NUMBER = {"DROPOUT": "p", "DROPPATH": "p", "SCALE": "factor"}
_LONGEST_ARGUMENTS = 36
BARE_JOINS = {"SUM", "MUL"}
"""Joins that are a sign in a circle."""


class Words(NamedTuple):
    """A box's text: `label` from the file, the `head`, and what runs before and after it."""

    head: str
    below: str = ""
    above: str = ""
    label: str = ""


def shape_text(shape: Shape) -> str:
    """`64×56×56`."""
    return "×".join(map(str, shape))


def short(count: float) -> str:
    """`25.6M`: three digits, in powers of 1000."""
    for unit in ("", "k", "M", "G", "T"):
        if abs(count) < 999.5 or unit == "T":
            break
        count /= 1000
    digits = 0 if count >= 99.95 or not unit else 1 if count >= 9.995 else 2
    return f"{count:.{digits}f}{unit}"


def node_words(node: Node) -> Words:
    """The words of a node: its core, and what comes before and after it."""
    core = node.core
    if not core.inputs:
        return Words("input", shape_text(core.shape))
    place = node.layers.index(core)
    head, detail = core_words(core)
    if node.times > 1:
        head += f"  ×{node.times}"
    before = [follower(layer) for layer in node.layers[:place] if role(layer) != "lead"]
    after = [follower(layer) for layer in node.layers[place + 1 :]]
    return Words(head, " · ".join(filter(None, (detail, *after))), " · ".join(before), node.label)


def block_title(block: Block, numbered: bool, around: Block) -> str:
    """What a block is called: its label, or its name with the number where there are several.

    A choice is called by its path, without that of the block `around` it.
    """
    if block.choice:
        prefix = f"{path_text(around.path)}." if around.path else ""
        title = block.choice.replace(f" {prefix}", " ", 1)
    elif not block.path:
        title = "repeated" if block.times > 1 else f"{sum(1 for _ in block.nodes())} layers"
    elif block.label:
        title = block.label
    else:
        last = block.path[-1]
        title = block.call.block if block.call else last.name
        title += f" {last.index}" if (numbered or last.name == "option") and block.times == 1 else ""
    return title.replace("_", " ") + (f"  ×{block.times}" if block.times > 1 else "")


def block_arguments(block: Block) -> str:
    """The arguments that a closed block was called with, where they are few: `c=128, n=4, s=2`."""
    if block.call is None:
        return ""
    text = ", ".join(f"{name}={rounded_text(value)}" for name, value in block.call.args.items())
    return text.replace("_", " ") if len(text) <= _LONGEST_ARGUMENTS else ""


def core_words(layer: Layer) -> tuple[str, str]:
    """`3×3 conv, 64` and what is particular about it: `stride 2 · 32 groups`."""
    operation: Any = layer.operation
    name = operation.name
    if name in _CONVS:
        channels = getattr(operation, "channels", layer.shape[0])
        kernel = getattr(operation, "kernel", getattr(operation, "factor", (1, 1)))
        return f"{_size(kernel)} {_CONVS[name]}, {channels}", _extras(operation)
    if name in _POOLS:
        return f"{_size(operation.kernel)} {_POOLS[name]}", _extras(operation)
    if name == "FC":
        return f"FC {operation.features}", ""
    if name == "ATTENTION":
        return "attention", f"{operation.heads} heads"
    if name == "MEAN" and getattr(operation, "drop", 0):
        return "mean", "drop-path"
    return follower(layer), ""


def follower(layer: Layer) -> str:
    """`ReLU`, `dropout 0.5`; the language's own writing where there is no word for it."""
    name = layer.operation.name
    if name not in _SPOKEN:
        return rounded_text(str(layer.operation))
    attribute = _WITH_NUMBER.get(name)
    value = getattr(layer.operation, attribute, None) if attribute else None
    return _SPOKEN[name] if value is None else f"{_SPOKEN[name]} {rounded(value)}"


def _extras(operation: Operation) -> str:
    """Stride, groups and dilation where they are not the usual ones."""
    return " · ".join(
        say(getattr(operation, name))
        for name, usual, say in _EXTRAS
        if getattr(operation, name, None) not in (None, usual)
    )


def _size(pair: tuple[int, int]) -> str:
    return f"{pair[0]}×{pair[1]}"


def _one(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else _size(pair)


_EXTRAS: tuple[tuple[str, object, Callable[[Any], str]], ...] = (
    ("stride", (1, 1), lambda stride: f"stride {_one(stride)}"),
    ("groups", 1, lambda groups: f"{groups} groups"),
    ("dilation", (1, 1), lambda dilation: f"dilation {_one(dilation)}"),
    ("table", None, lambda _: "connection table"),
)
