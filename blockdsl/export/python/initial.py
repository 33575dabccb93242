"""How the weights of a written network begin: the recipe's `init` as calls of `torch.nn.init`.

The calls are made from the same data as the builder's (`blockdsl.recipe.draw`). Modules of a class whose
weights begin alike are filled in one loop, the others by their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from torch import nn

from blockdsl.codegen import module_path
from blockdsl.codegen.initial import term_for
from blockdsl.export.python.layers import Layers
from blockdsl.export.python.text import indented, literal
from blockdsl.ir import Graph
from blockdsl.ops import Sizes
from blockdsl.ops.core import Drawn
from blockdsl.recipe.draw import BOTH, Draw, Scale
from blockdsl.recipe.initial import InitTerm


@dataclass(frozen=True)
class Fill:
    """One call of `torch.nn.init` on a tensor of a module; `arguments` may mention `module`."""

    tensor: str
    function: str
    arguments: tuple[str, ...]
    optional: bool = False

    def __str__(self) -> str:
        return f"nn.init.{self.function}({', '.join([f'module.{self.tensor}', *self.arguments])})"

    def lines(self) -> list[str]:
        """The call, asking first whether an optional tensor is there."""
        return [f"if module.{self.tensor} is not None:", f"    {self}"] if self.optional else [str(self)]


Start = tuple[Fill, ...]
"""How the tensors of one module begin."""


def initial_lines(graph: Graph, terms: Sequence[InitTerm], network: nn.Module, layers: Layers) -> list[str]:
    """The lines at the end of the network's `__init__`; `network` is the built one, on any device."""
    owners = _owners(graph, terms)
    starts = {path: _start(network.get_submodule(path), *owner) for path, owner in owners.items()}
    kinds = {path: type(network.get_submodule(path)) for path in starts}
    paths: dict[type[nn.Module], list[str]] = {}
    for path, cls in kinds.items():
        # `isinstance` finds the modules of subclasses, too.
        widest = [base for base in cls.__mro__ if base in kinds.values()][-1]
        paths.setdefault(widest, []).append(path)
    loops: dict[Start, list[type[nn.Module]]] = {}
    for cls, members in paths.items():
        instances = sum(isinstance(module, cls) for module in network.modules())
        if instances == len(members):  # otherwise some belong to layers that `init` does not draw
            start = Counter(starts[path] for path in members).most_common(1)[0][0]
            loops.setdefault(start, []).append(cls)
            starts = {p: s for p, s in starts.items() if p not in members or s != start}
    return [*_loop(loops, layers), *_by_name(starts)]


def _owners(graph: Graph, terms: Sequence[InitTerm]) -> dict[str, tuple[list[Drawn], InitTerm]]:
    """The drawn weights by the path of the module that holds them, named as that module names them."""
    owners: dict[str, tuple[list[Drawn], InitTerm]] = {}
    for layer in graph.layers():
        if graph.owner(layer) is not layer:
            continue
        for drawn in layer.operation.drawn(*graph.input_shapes(layer)):
            path, _, weight = f"{module_path(graph, layer)}.{drawn.weight or drawn.bias}".rpartition(".")
            weight = weight if drawn.weight else ""
            local = drawn._replace(weight=weight, bias=drawn.bias.rpartition(".")[2])
            owners.setdefault(path, ([], term_for(graph, layer, terms)))[0].append(local)
    return owners


def _loop(loops: dict[Start, list[type[nn.Module]]], layers: Layers) -> list[str]:
    """One pass over all modules, with a branch for the classes that begin alike."""
    lines: list[str] = []
    for start, classes in loops.items():
        names = [layers.name_of(cls) for cls in classes]
        which = names[0] if len(names) == 1 else f"({', '.join(names)})"
        lines += [f"    {'elif' if lines else 'if'} isinstance(module, {which}):"]
        lines += indented((line for fill in start for line in fill.lines()), 2)
    return ["", "for module in self.modules():", *lines] if lines else []


def _by_name(starts: dict[str, Start]) -> list[str]:
    """The modules that begin in a way of their own, those that begin alike together."""
    alike: dict[Start, list[str]] = {}
    for path, start in starts.items():
        alike.setdefault(start, []).append(path)
    lines: list[str] = []
    for start, paths in alike.items():
        calls = [line for fill in start for line in fill.lines()]
        if len(paths) == 1:
            lines += ["", f"module = self.get_submodule({literal(paths[0])})", *calls]
        else:
            lines += ["", f"for name in {literal(tuple(paths))}:", "    module = self.get_submodule(name)"]
            lines += indented(calls)
    return lines


def _start(module: nn.Module, weights: Iterable[Drawn], term: InitTerm) -> Start:
    fills: list[Fill] = []
    for drawn in _merged(weights):
        if not drawn.weight:
            fills.append(_fill(drawn.bias, term.biases(), drawn, None, optional=True))
            continue
        tensor = module.get_parameter(drawn.weight)
        name = drawn.weight
        if drawn.rows is not None:
            name += f".detach()[{drawn.rows[0]}:{drawn.rows[1]}]"
        whole = tuple(tensor.shape) if drawn.rows is None else None
        fills.append(_fill(name, term.weight(), drawn, whole))
        if bias := drawn.bias or ("bias" if getattr(module, "bias", "") is None else ""):
            fills.append(_fill(bias, term.biases(), drawn, whole, optional=True))
    return tuple(fills)


def _merged(weights: Iterable[Drawn]) -> list[Drawn]:
    """Neighbouring rows of one weight with the same fans as one."""
    merged: list[Drawn] = []
    for drawn in weights:
        last = merged[-1] if merged else None
        if last and last.rows and drawn.rows and drawn[:3] == last[:3] and drawn.rows[0] == last.rows[1]:
            merged[-1] = last._replace(rows=(last.rows[0], drawn.rows[1]))
        else:
            merged.append(drawn)
    return merged


def _fill(name: str, draw: Draw, drawn: Drawn, shape: Sizes | None, *, optional: bool = False) -> Fill:
    """The call that fills a tensor; `shape` is the weight's, if the fans can be read off it."""
    ways = {(drawn.fan_out, drawn.fan_in): True, (drawn.fan_in, drawn.fan_out): False}
    swapped = ways.get(_fans_by_torch(shape)) if shape else None
    if draw.function == "constant_":
        value = draw.values(1, 1)["val"]
        named = {0.0: "zeros_", 1.0: "ones_"}.get(value)
        return Fill(name, named or draw.function, () if named else (_number(value),), optional)
    if draw.scales and swapped is not None and (known := _named(draw, swapped)):
        return Fill(name, *known, optional)
    values = draw.values(drawn.fan_in, drawn.fan_out)
    arguments = tuple(
        f"{argument}={_scale(value, drawn.weight, swapped)}"
        if isinstance(value, Scale) and swapped is not None and value.fan == "fan_in"
        else f"{argument}={_number(values[argument])}"
        for argument, value in draw.arguments
    )
    return Fill(name, draw.function, arguments, optional)


def _fans_by_torch(shape: Sizes) -> tuple[int, int]:
    """The fans that `torch.nn.init` computes from a weight's shape."""
    positions = prod(shape[2:])
    return shape[1] * positions, shape[0] * positions


def _named(draw: Draw, swapped: bool) -> tuple[str, tuple[str, ...]] | None:
    """The function of `torch.nn.init` that scales by fans as this draw does."""
    scale = draw.scales[-1]
    form = "uniform" if draw.function == "uniform_" else "normal"
    if not scale.root or scale.numerator != {"uniform": 6, "normal": 2}[form]:
        return None
    if scale.fan == BOTH:
        return f"xavier_{form}_", ()
    out = (scale.fan == "fan_out") != swapped
    return f"kaiming_{form}_", (*(['mode="fan_out"'] if out else []), 'nonlinearity="relu"')


def _scale(scale: Scale, weight: str, swapped: bool) -> str:
    """A scale by the fan-in, counted from the weight itself."""
    index = ":, 0" if swapped else "0"
    ratio = f"{_number(scale.numerator)} / module.{weight}[{index}].numel()"
    sign = "-" if scale.sign < 0 else ""
    return f"{sign}({ratio}) ** 0.5" if scale.root else f"{sign}{ratio}"


def _number(value: float) -> str:
    return f"{value:.10g}"
