"""The modules that hold other modules: chains, blocks, and the network itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from blockdsl.codegen.origin import Origin
from blockdsl.ops import Ids, Shape

Slots = tuple[int, ...]


class Step(NamedTuple):
    """One call in a block: the module, the slots it reads and writes, the slots that end with it.

    The module is a child, by its name, or what a slot holds. An `optional` step runs in training mode only.
    """

    module: str | int
    sources: Slots
    targets: Slots
    freed: Slots
    optional: bool


class CallPlan(NamedTuple):
    """What a block does with its slots.

    The first `inputs` of them hold what it takes: tensors, and shared modules that stand elsewhere. Then
    come the modules that it `reached` within itself, by their names. The first `regular` outputs are always
    there, the others in training mode only.
    """

    steps: tuple[Step, ...]
    inputs: int
    reached: tuple[tuple[str, ...], ...]
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
    """Modules one after another. `title` and `note` (a block's name and arguments) show in its repr.

    `input_names` and `output_names` are those of a network.
    """

    origin: Origin | None = None
    input_names: tuple[str, ...] = ("x",)
    output_names: tuple[str, ...] = ("y",)
    title: str
    note: str

    def __init__(
        self, children: Mapping[str, nn.Module] | None = None, *, title: str = "Sequential", note: str = ""
    ) -> None:
        super().__init__()
        _furnish(self, children or {}, title=title, note=note)

    def forward(self, x: Any) -> Any:
        """Run the modules in their order."""
        for module in self:
            x = module(x)
        return x

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
    _steps: tuple[tuple[str | int, Slots, Slots, Slots, bool], ...]
    _reached: tuple[tuple[str, ...], ...]
    _slots: int
    _outputs: Slots
    _regular: int

    def __init__(
        self, children: Mapping[str, nn.Module], program: CallPlan, *, title: str = "Block", note: str = ""
    ) -> None:
        super().__init__()
        _furnish(
            self, children, title=title, note=note, _steps=tuple(map(tuple, program.steps)),
            _reached=program.reached, _slots=program.slots, _outputs=program.outputs,
            _regular=program.regular,
        )  # fmt: skip

    def _run(self, *inputs: Any) -> list[Any]:
        modules: dict[str, Any] = self._modules
        slots: list[Any] = [*inputs, *[_within(self, names) for names in self._reached]]
        slots += [None] * (self._slots - len(slots))
        for module, sources, targets, freed, optional in self._steps:
            arguments = [slots[i] for i in sources]
            # A head that branches off a part set to evaluation mode has no input and does not run.
            if not optional or (self.training and all(a is not None for a in arguments)):
                called = modules[module] if isinstance(module, str) else slots[module]
                result = called(*arguments)
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


def _within(module: Any, names: tuple[str, ...]) -> Any:
    """A module that stands in another one, at any depth."""
    for name in names:
        module = module._modules[name]
    return module


class WiredBlock(_Wired):
    """A part of a network that is no plain chain.

    Takes the tensors that flow in, in the order of their first use, and then the shared modules that it
    applies though they stand elsewhere. Returns the tensor that flows out, or a tuple of them. Tensors for
    auxiliary heads come last, and in training mode only.
    """

    def forward(self, *inputs: Any) -> Any:
        """Run the steps in their order."""
        slots = self._run(*inputs)
        outputs = self._outputs if self.training else self._outputs[: self._regular]
        return slots[outputs[0]] if len(outputs) == 1 else tuple([slots[i] for i in outputs])


class Network(_Wired):
    """The root of a network with one input `x` that is no plain chain.

    Returns the output, or a tuple of several; with auxiliary heads, in training mode,
    `(outputs, {name: tensor})`. A network with global drop-path (Larsson et al. 2017, section 3) draws one
    column for every forward pass in training mode and hands it to its joins as a tensor.
    """

    input_names: tuple[str, ...]
    output_names: tuple[str, ...]

    def __init__(
        self,
        children: Mapping[str, nn.Module],
        program: CallPlan,
        *,
        inputs: Mapping[str, Shape] | None = None,
        outputs: Mapping[str, int] | None = None,
        auxiliaries: Mapping[str, int] | None = None,
        draws: bool = False,
        title: str = "Network",
    ) -> None:
        """`inputs` are shapes without the batch axis, `outputs` and `auxiliaries` say in which slot each is.

        `draws` is for global drop-path.
        """
        super().__init__(children, program, title=title)
        self._shapes = dict(inputs or {})
        self.input_names, self.output_names = tuple(self._shapes), tuple(outputs or {})
        self._results = tuple((outputs or {}).values())
        self._auxiliaries = dict(auxiliaries or {})
        self._draws = draws

    def forward(self, x: Tensor) -> Any:
        """`(N, *shape)` -> `(N, *shape)` of each output, with a dict of auxiliary ones in training mode."""
        return self._forward(x)

    def _forward(self, *inputs: Tensor) -> Any:
        if self._draws:
            draw = torch.rand(2, device=inputs[0].device) if self.training else None
            slots = self._run(*inputs, draw)
        else:
            slots = self._run(*inputs)
        results = tuple([slots[i] for i in self._results])
        y = results[0] if len(results) == 1 else results
        if not self.training or not self._auxiliaries:
            return y
        return y, {name: slots[i] for name, i in self._auxiliaries.items() if slots[i] is not None}


class NamedNetwork(Network):
    """The root of a network whose inputs have names; it takes them by position or by name."""

    def forward(self, *inputs: Tensor, **named: Tensor) -> Any:
        """`(N, *shape)` of each input -> `(N, *shape)` of each output, as `Network` returns them.

        Raises:
            TypeError: an input is missing, given twice, or unknown; or ids are no whole numbers.
            ValueError: an input has another number of axes or channels.
        """
        arranged = self._arranged(inputs, named)
        for (name, shape), x in zip(self._shapes.items(), arranged, strict=True):
            _check_input(name, shape, x)
        return self._forward(*arranged)

    def _arranged(self, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> list[Tensor]:
        """The inputs in their order. The messages begin as Python's for a function with these parameters."""
        names = self.input_names
        if len(inputs) > len(names):
            counted = _counted(len(names), "positional argument")
            raise self._refused(f"takes {counted} but {_counted(len(inputs), 'was', 'were')} given")
        for name in named:
            if name not in names:
                raise self._refused(f"got an unexpected keyword argument '{name}'")
            if name in names[: len(inputs)]:
                raise self._refused(f"got multiple values for argument '{name}'")
        missing = [name for name in names[len(inputs) :] if name not in named]
        if missing:
            counted = _counted(len(missing), "required positional argument")
            raise self._refused(f"missing {counted}: {_listed(missing)}")
        return [*inputs, *[named[name] for name in names[len(inputs) :]]]

    def _refused(self, what: str) -> TypeError:
        """The error for inputs that are not these, with their names and shapes."""
        known = [f"'{name}' {_batch_of(shape)}" for name, shape in self._shapes.items()]
        return TypeError(f"forward() {what}; the inputs are {', '.join(known)}")


def _check_input(name: str, shape: Shape, x: Tensor) -> None:
    """Refuse a tensor that cannot be this input; its positions may be as many as there are."""
    is_ids = isinstance(shape, Ids)
    axes = ["N", *shape.axes]
    if not is_ids:
        axes[shape.channel_dim] = str(shape.channels)
    if x.ndim != len(axes) or (not is_ids and x.shape[shape.channel_dim] != shape.channels):
        raise ValueError(f"the input '{name}' is ({', '.join(axes)}), not {tuple(x.shape)}")
    if is_ids and (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"the input '{name}' is of ids, which are whole numbers such as int64, not {x.dtype}")


def _batch_of(shape: Shape) -> str:
    """`(N, 3, 64, 64)`."""
    return f"({', '.join(['N', *map(str, shape)])})" + (" of ids" if isinstance(shape, Ids) else "")


def _counted(count: int, word: str, words: str = "") -> str:
    return f"{count} {word if count == 1 else words or f'{word}s'}"


def _listed(names: Iterable[str]) -> str:
    """`'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`, as Python lists arguments."""
    *others, last = [f"'{name}'" for name in names]
    if len(others) > 1:
        return f"{', '.join(others)}, and {last}"
    return " and ".join([*others, last])
