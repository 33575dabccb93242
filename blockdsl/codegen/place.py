"""One network on several devices: parts of it placed, tensors moved at the borders."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from blockdsl.codegen.names import attributes, module_path, modules_by_name
from blockdsl.codegen.origin import graph_of
from blockdsl.diagnostics import error
from blockdsl.ir import Graph, find_path, module_name

Device = torch.device | str


def place(module: nn.Module, devices: Mapping[str, Device]) -> nn.Module:
    """Put parts of a built module on devices of their own, as AlexNet's towers were (2012, figure 2).

    `place(module, {"lower[1]": "cuda:0", "lower[2]": "cuda:1"})`. Of two names that hold a layer the
    longer decides. Layers without a name stay where their weights are; those without weights run
    where their first input is. A tensor that crosses a border is moved by the layer that reads it,
    there in the forward and back in the backward pass. A shared network is on one device, by the name of
    its module or of a place where it is applied; blocks around those places leave it where it is. Works
    in place and may be called again.

    Args:
        module: made by `Architecture.module()` or `build`.
        devices: device by the name of a block, label or layer, such as `stage[2].unit[1]`.

    Raises:
        ArchError: a name is no part of the network, a device is not there, two names put one module
            on different devices, or the module comes from elsewhere.
    """
    graph = graph_of(module)
    parts = _parts(graph, devices)
    at: dict[int, torch.device | None] = {port.value.node: None for port in graph.inputs}
    homes: dict[nn.Module, torch.device | None] = {}
    borders: set[nn.Module] = set()
    for layer in graph.layers():
        if layer.is_input:
            continue
        leaf = module.get_submodule(module_path(graph, layer))
        if leaf not in homes:
            device = _placed(module_name(graph.module_path(layer)), parts)
            if owner := graph.ties.get(graph.module_path(layer)):
                home = homes[module.get_submodule(".".join(attributes(owner)))]
                if device not in (None, home):
                    raise error(
                        "device",
                        f"{layer.name} has the weight of {module_name(owner)}, which is on {home}",
                        help="put both of them on one device",
                    )
                device = home
            if device is not None:
                leaf.to(device)
            homes[leaf] = device or _home(leaf)
        at[layer.id] = homes[leaf] or at[layer.inputs[0].node]
        sources = {at[value.node] for value in layer.inputs}
        if sources != {at[layer.id]} or None in sources:
            borders.add(leaf)
    for leaf, home in homes.items():
        _set_border(leaf, home, leaf in borders)
    return module


def is_placed(module: nn.Module) -> bool:
    """Whether `place` put parts of a module on devices of their own."""
    return any(
        isinstance(hook, _Border) for part in module.modules() for hook in part._forward_pre_hooks.values()
    )


class _Border:
    """A hook that brings a layer's inputs to its device, or to that of the first of them."""

    def __init__(self, device: torch.device | None) -> None:
        self.device = device

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        device = self.device or next(x.device for x in inputs if x is not None)
        return tuple([x.to(device, non_blocking=True) if isinstance(x, Tensor) else x for x in inputs])


def _set_border(leaf: nn.Module, device: torch.device | None, needed: bool) -> None:
    hooks = leaf._forward_pre_hooks
    for key in [key for key, hook in hooks.items() if isinstance(hook, _Border)]:
        del hooks[key]
    if needed:
        leaf.register_forward_pre_hook(_Border(device))


def _home(leaf: nn.Module) -> torch.device | None:
    """Where a layer's weights are; None where it has none."""
    return next((tensor.device for tensor in chain(leaf.parameters(), leaf.buffers())), None)


def _placed(name: str, parts: Mapping[str, torch.device]) -> torch.device | None:
    """The device of the longest name that holds a layer's module."""
    holding = [part for part in parts if name == part or name.startswith(f"{part}.")]
    return parts[max(holding, key=len)] if holding else None


def _parts(graph: Graph, devices: Mapping[str, Device]) -> dict[str, torch.device]:
    """The devices by the names of modules: `stage2.unit1` for `stage[2].unit[1]`, `stem1` for `stem`."""
    inputs = {graph.layer(port.value.node).name for port in graph.inputs}
    known = {name: module for name, module in modules_by_name(graph).items() if name not in inputs}
    parts: dict[str, torch.device] = {}
    given: dict[str, str] = {}
    for name, device in devices.items():
        part, found = known[find_path(name, known, "part of the network")], _device(device)
        if parts.setdefault(part, found) != found:
            raise error(
                "device",
                f"{given[part]} and {name} have their weights in one module, "
                f"which cannot be on {parts[part]} and on {found}",
                help="give one of them a device",
            )
        given[part] = name
    return parts


def _device(device: Device) -> torch.device:
    try:
        found = torch.device(device)
    except RuntimeError:
        raise error("device", f"there is no device {device}", help="cpu, cuda, cuda:1, mps or meta") from None
    count = torch.cuda.device_count()
    if found.type == "cuda" and (found.index or 0) >= count:
        raise error("device", f"{device} was asked for, this machine has {count} cuda devices")
    return found
