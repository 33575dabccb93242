"""What stands in a box: the words of papers for operations, shapes and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from blockdsl.blocktree.sharing import Application
from blockdsl.blocktree.tree import BlockNode, LayerNode, role
from blockdsl.formatting import rounded, rounded_text, shape_text
from blockdsl.ir import Layer, path_text
from blockdsl.ops import Operation
from blockdsl.ops.geometry import spelled

_LONGEST_ARGUMENTS = 36


class Words(NamedTuple):
    """A box's text: `label` from the file, the `head`, and what runs before and after it."""

    head: str
    below: str = ""
    above: str = ""
    label: str = ""


def node_words(node: LayerNode) -> Words:
    """The words of a node: its core, and what comes before and after it."""
    core = node.core
    if core.is_input:
        label = "input" if node.label else ""
        return Words(node.label or "input", shape_text(core.shape, "×"), label=label)
    place = node.layers.index(core)
    head, detail = core_words(core)
    if node.times > 1:
        head += f"  ×{node.times}"
    before = [follower(layer) for layer in node.layers[:place] if role(layer) != "lead"]
    after = [follower(layer) for layer in node.layers[place + 1 :]]
    label = _shared_title(node.label, node.shared) if node.shared else node.label
    return Words(head, " · ".join(filter(None, (detail, *after))), " · ".join(before), label)


def _shared_title(label: str, application: Application) -> str:
    """`head (shared)`, which is said of all that use the module; `p3: head (shared)` under another name."""
    own, name = label or application.path[-1].name, application.module.rpartition(".")[2]
    return f"{name} (shared)" if own == name else f"{own}: {name} (shared)"


def block_title(block: BlockNode, numbered: bool, around: BlockNode) -> str:
    """What a block is called: its label, or its name with the number where there are several.

    A shared network is called by the name of its module, a choice by its path, without that of the block
    `around` it.
    """
    if block.choice:
        prefix = f"{path_text(around.path)}." if around.path else ""
        title = block.choice.replace(f" {prefix}", " ", 1)
    elif not block.path:
        title = "repeated" if block.times > 1 else f"{sum(1 for _ in block.nodes())} layers"
    elif block.shared:
        title = _shared_title(block.label, block.shared)
    elif block.label:
        title = block.label
    else:
        last = block.path[-1]
        title = block.call.block if block.call else last.name
        title += f" {last.index}" if (numbered or last.name == "option") and block.times == 1 else ""
    return title.replace("_", " ") + (f"  ×{block.times}" if block.times > 1 else "")


def borrowed(item: BlockNode | LayerNode) -> str:
    """The module whose parameters a box uses, where they count in an earlier one."""
    return item.shared.module if item.shared and not item.shared.first else ""


def block_arguments(block: BlockNode) -> str:
    """The arguments of a closed block that are no tensors, where they are few: `c=128, n=4, s=2`."""
    if block.call is None:
        return ""
    text = ", ".join(f"{name}={rounded_text(value)}" for name, value in block.call.settings.items())
    return text.replace("_", " ") if len(text) <= _LONGEST_ARGUMENTS else ""


def core_words(layer: Layer) -> tuple[str, str]:
    """`3×3 conv, 64` and what is particular about it: `stride 2 · 32 groups`."""
    head, _, below = follower(layer).partition(" · ")
    extras = _extras(layer.operation) if layer.operation.word else ""
    return head, " · ".join(filter(None, (below, extras)))


def follower(layer: Layer) -> str:
    """`ReLU`, `dropout 0.5`; the language's own writing where there is no word for it."""
    operation = layer.operation
    if not operation.word:
        return rounded_text(str(operation))
    values = {name: _value(value) for name, value in spelled(operation, layer.shape).items()}
    return operation.word.format(**values | {"channels": str(layer.shape.channels)})


def _value(value: object) -> str:
    """An argument in words: `3×3`, `0.5`."""
    if isinstance(value, tuple):
        return "×".join(map(_value, value))
    return rounded(value) if isinstance(value, int | float) else str(value)


def _extras(operation: Operation) -> str:
    """Stride, groups and dilation where they are not the usual ones."""
    return " · ".join(
        say(value)
        for name, usual, say in _EXTRAS
        if name in operation.arguments and (value := _one(getattr(operation, name))) not in (None, usual)
    )


def _one(value: Any) -> Any:
    """A number in place of equal ones along all axes."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


_EXTRAS: tuple[tuple[str, object, Callable[[Any], str]], ...] = (
    ("stride", 1, lambda stride: f"stride {_value(stride)}"),
    ("groups", 1, lambda groups: f"{groups} groups"),
    ("dilation", 1, lambda dilation: f"dilation {_value(dilation)}"),
    ("table", None, lambda _: "connection table"),
    ("drop", 0, lambda _: "drop-path"),
    ("tie", None, lambda tie: f"weight of {tie}"),
)
