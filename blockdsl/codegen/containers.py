"""The modules that hold other modules: chains, blocks, and the network itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from blockdsl.codegen.origin import Origin

Slots = tuple[int, ...]


class Step(NamedTuple):
    """One call in a block: the child, the slots it reads and writes, the slots that end with it.

    An `optional` step runs in training mode only.
    """

    child: str
    sources: Slots
    targets: Slots
    freed: Slots
    optional: bool


class Program(NamedTuple):
    """What a block does with its slots; the inputs come first among them.

    The first `regular` outputs are always there, the others in training mode only.
    """

    steps: tuple[Step, ...]
    inputs: int
    slots: int
    outputs: Slots
    regular: int


def _furnish(module: nn.Module, children: Mapping[str, nn.Module], **settings: object) -> None:
    """Give a new module its children, whose names are free, and settings that are no tensors.

    One by one, with what `nn.Module` asks of each, that is half of the time that a deep network takes.
    """
    module._modules.update(children)
    vars(module).update(settings)


class Chain(nn.Sequential):
    """Modules one after another. `title` and `note` (a block's name and arguments) show in its repr."""

    origin: Origin | None = None
    title: str
    note: str

    def __init__(
        self, children: Mapping[str, nn.Module] | None = None, *, title: str = "Sequential", note: str = ""
    ) -> None:
        super().__init__()
        _furnish(self, children or {}, title=title, note=note)

    def _get_name(self) -> str:
        return self.title

    def extra_repr(self) -> str:
        """The block's arguments."""
        return self.note


class _Wired(nn.Module):
    """Modules wired as a graph without cycles."""

    origin: Origin | None = None
    title: str
    note: str
    _steps: tuple[tuple[str, Slots, Slots, Slots, bool], ...]
    _slots: int
    _outputs: Slots
    _regular: int

    def __init__(
        self, children: Mapping[str, nn.Module], program: Program, *, title: str = "Block", note: str = ""
    ) -> None:
        super().__init__()
        _furnish(
            self, children, title=title, note=note, _steps=tuple(map(tuple, program.steps)),
            _slots=program.slots, _outputs=program.outputs, _regular=program.regular,
        )  # fmt: skip

    def _run(self, *inputs: Tensor | None) -> list[Any]:
        modules: dict[str, Any] = self._modules
        slots: list[Any] = [*inputs, *[None] * (self._slots - len(inputs))]
        for child, sources, targets, freed, optional in self._steps:
            arguments = [slots[i] for i in sources]
            # A head that branches off a part set to evaluation mode has no input and does not run.
            if not optional or (self.training and all(a is not None for a in arguments)):
                result = modules[child](*arguments)
                if isinstance(result, tuple):
                    for target, tensor in zip(targets, result, strict=False):
                        slots[target] = tensor
                else:
                    slots[targets[0]] = result
            del arguments
            for i in freed:
                slots[i] = None
        return slots

    def _get_name(self) -> str:
        return self.title

    def extra_repr(self) -> str:
        """The block's arguments."""
        return self.note


class Block(_Wired):
    """A part of a network that is no plain chain.

    Takes the tensors that flow in, in the order of their first use; returns the one that flows out,
    or a tuple of them. Tensors for auxiliary heads come last, and in training mode only.
    """

    def forward(self, *inputs: Tensor | None) -> Any:
        """Run the steps in their order."""
        slots = self._run(*inputs)
        outputs = self._outputs if self.training else self._outputs[: self._regular]
        return slots[outputs[0]] if len(outputs) == 1 else tuple([slots[i] for i in outputs])


class Network(_Wired):
    """The root of a network that is no plain chain.

    Returns the output; with auxiliary heads, in training mode, `(output, {name: tensor})`. A network
    with global drop-path (Larsson et al. 2017, section 3) draws one column for every forward pass in
    training mode and hands it to its joins as a tensor.
    """

    def __init__(
        self,
        children: Mapping[str, nn.Module],
        program: Program,
        *,
        auxiliaries: dict[str, int] | None = None,
        draws: bool = False,
        title: str = "Network",
    ) -> None:
        """`auxiliaries` says which of the program's outputs each is; `draws` is for global drop-path."""
        super().__init__(children, program, title=title)
        self._auxiliaries = {name: program.outputs[i] for name, i in (auxiliaries or {}).items()}
        self._draws = draws

    def forward(self, x: Tensor) -> Any:
        """`(N, *input_shape)` -> `(N, *output_shape)`, with a dict of auxiliary outputs in training mode."""
        draw = torch.rand(2, device=x.device) if self._draws and self.training else None
        slots = self._run(x, draw) if self._draws else self._run(x)
        y = slots[self._outputs[0]]
        if not self.training or not self._auxiliaries:
            return y
        return y, {name: slots[i] for name, i in self._auxiliaries.items() if slots[i] is not None}
