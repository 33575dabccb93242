"""What a tensor must be to serve as a weight: dense, real, finite floating point numbers in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from blockdsl.diagnostics import error


class State(dict[str, Tensor]):
    """A state dict whose tensors are plain; `ordered` says whether its order is that of registration.

    A `.safetensors` file is not ordered: its names are sorted when it is written.
    """

    ordered = True


def plain_state(found: Mapping[Any, Any], where: str = "the state dict") -> State:
    """The mapping as a state dict, once every value in it is known to be a plain tensor.

    Args:
        found: names and tensors.
        where: what to call it in messages, such as the file's name.

    Raises:
        ArchError: a name is no string, or a value is no tensor, or is sparse, quantized, complex, of a
            subclass or without data. The message names it.
    """
    state = State()
    for name, value in found.items():
        if not isinstance(name, str):
            raise error("weights", f"{where}: the name {name} is no string")
        if wrong := _unfit(value):
            raise error("weights", f"{where}: {name} is {wrong}, not a dense tensor", help=_HELP)
        state[name] = value
    state.ordered = getattr(found, "ordered", True)
    return state


def without_repeats(state: State) -> State:
    """The state dict with each tensor under its first name alone, as one has it that ties weights.

    >>> weight, bias = torch.zeros(2, 2), torch.zeros(2)
    >>> list(without_repeats(State({"one.weight": weight, "two.weight": weight, "two.bias": bias})))
    ['one.weight', 'two.bias']
    """
    found: dict[tuple[object, ...], str] = {}
    for name, tensor in state.items():
        found.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype), name)
    made = State({name: state[name] for name in found.values()})
    made.ordered = state.ordered
    return made


_HELP = "save the `state_dict()` alone, with dense tensors on the CPU"
_PLAIN = (Tensor, nn.Parameter, nn.Buffer)


def _unfit(value: Any) -> str:
    """What keeps a value from being used, in words; nothing where it is a plain tensor."""
    if not isinstance(value, Tensor):
        return "a nested dictionary" if isinstance(value, Mapping) else f"of type {type(value).__name__}"
    if value.is_quantized:
        return "a quantized tensor"
    if value.layout != torch.strided:
        return f"a sparse tensor ({value.layout})"
    if value.is_meta:
        return "a tensor without data (device meta)"
    if value.is_complex():
        return f"complex ({value.dtype})"
    if type(value) not in _PLAIN:
        return f"of the tensor subclass {type(value).__name__}"
    return ""


def check_values(name: str, tensor: Tensor, *, counts: bool = False) -> None:
    """Hold a tensor's numbers to what they are for: finite floating point weights, or whole counts.

    Raises:
        ArchError: a weight is of an integer or boolean type or not finite, or a count is not whole.
    """
    if counts:
        if tensor.is_floating_point() or tensor.dtype == torch.bool or tensor.numel() != 1:
            raise error("weights", f"{name} ({tensor.dtype}) is no count of batches")
        return
    if not tensor.is_floating_point():
        raise error("weights", f"{name} has {tensor.dtype} numbers, weights have floating point ones")
    # There are no comparisons for the types of one byte.
    finite = (tensor.float() if tensor.itemsize == 1 else tensor).isfinite()
    if not finite.all():
        bad = int((~finite).sum())
        raise error("weights", f"{name} is not finite: {bad} of {tensor.numel()} numbers are inf or nan")
