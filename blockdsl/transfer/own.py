"""Weights that are in our names already."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from blockdsl.diagnostics import error
from blockdsl.formatting import shape_text
from blockdsl.transfer.files import read_state
from blockdsl.transfer.tensors import check_values


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill a built module with the weights of a file, as `blockdsl weights`, `compile` or `train` write it.

    Raises:
        ArchError: the file cannot be read, or its names or sizes are not all the module's own, or a
            weight is not finite.
    """
    state, own = read_state(path), module.state_dict()
    for name in [*own, *state]:
        if name not in state or name not in own:
            where = f"{path} has no {name}" if name in own else f"the network has no {name} of {path}"
        elif state[name].shape != own[name].shape:
            sizes = [shape_text(t.shape) or "a number" for t in (own[name], state[name])]
            where = f"{name} is {sizes[0]} in the network, {sizes[1]} in {path}"
        else:
            check_values(name, state[name], counts=not own[name].is_floating_point())
            continue
        raise error("weights", where, help="`blockdsl weights FILE --from STATE -o OUT` carries weights over")
    module.load_state_dict(state)
