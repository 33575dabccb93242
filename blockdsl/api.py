"""The library in Python: load a file or a text, look at the network, build it.

net = blockdsl.load("alexnet")
net.summary()                       # the table; nothing of PyTorch is loaded for it
model = net.module(device="cuda")   # a torch.nn.Module
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from blockdsl.analysis import Summary, run_checks, summarise
from blockdsl.diagnostics import error
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph
from blockdsl.lowering import Program, lower
from blockdsl.ops import Shape
from blockdsl.output import check_outputs
from blockdsl.resources import find_source
from blockdsl.source import Source
from blockdsl.speedups import collecting_later
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse as parse_source
from blockdsl.syntax.uses import used_files

if TYPE_CHECKING:
    import networkx as nx
    import torch
    from torch import nn

    from blockdsl.analysis.difference import Difference
    from blockdsl.render import Picture


def load(
    path: str | Path, *, input: Shape | None = None, settings: Mapping[str, Any] | None = None
) -> Architecture:
    """An `.arch` file, or a network of the zoo by its name.

    `input` is the shape without the batch axis, where the file has none or another one is wanted;
    `settings` are values for the file's `param` lines.

    Raises:
        ArchError: anything wrong with the file; `check` lines are run by `check()` and `module()`.
    """
    return architecture(find_source(path), input=input, settings=settings)


def parse(
    text: str, *, input: Shape | None = None, settings: Mapping[str, Any] | None = None
) -> Architecture:
    """A text in the language, as `load` does it with a file's."""
    return architecture(Source("<text>", text), input=input, settings=settings)


def architecture(
    source: Source, *, input: Shape | None = None, settings: Mapping[str, Any] | None = None
) -> Architecture:
    """A source, parsed and lowered."""
    given = dict(settings or {})
    program = lower(parse_source(source), input=input, settings=given)
    return Architecture(program, input, given)


@dataclass(frozen=True)
class Architecture:
    """A network that was read, checked and expanded; a notebook shows its picture and its summary.

    Attributes:
        program: the graph with the file's facts, parameters, recipe and checks.
        given_input, settings: what was asked for beside the file.
    """

    program: Program
    given_input: Shape | None
    settings: Mapping[str, Any]

    @property
    def ir(self) -> Graph:
        """The graph in its typed wrapper."""
        return self.program.graph

    @property
    def graph(self) -> nx.MultiDiGraph:
        """The graph as networkx has it: node ids in execution order, 0 the input.

        It is frozen, attributes included; `net.graph.copy()` is free to change.
        """
        return self.program.graph.nx

    @property
    def title(self) -> str:
        """The file's `title`, or nothing."""
        return self.program.meta.title

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, without the batch axis."""
        return self.program.graph.input_shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, without the batch axis."""
        return self.program.graph.output_shape

    @cached_property
    def _summary(self) -> Summary:
        return summarise(self.program.graph, self.title)

    def summary(self) -> Summary:
        """Shapes, parameters, MACs and memory of every layer, and the totals. Loads no torch."""
        return self._summary

    def check(self) -> int:
        """Run the file's `check` lines; the number of them.

        A check speaks of the file as it is written: with another input or other settings it is
        the file without them that is checked, unless it is incomplete without.

        Raises:
            ArchError: a check does not hold.
        """
        if not self.program.checks:
            return 0
        if (self.settings or self.given_input) and _stands_alone(self.program.file):
            return run_checks(lower(self.program.file))
        return run_checks(self.program, self.summary())

    @collecting_later()
    def module(
        self,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        seed: int | None = None,
        weights: str | Path | None = None,
    ) -> nn.Module:
        """The network as a PyTorch module, initialised; the checks are run first.

        `weights` is a file in the module's own names, as `blockdsl weights` writes it.

        Takes `(N, *input_shape)` and returns `(N, *output_shape)`; with auxiliary heads, in training
        mode, also a dict of their outputs.

        Raises:
            ArchError: a check does not hold, or the weights are another network's.
        """
        from blockdsl.codegen import build

        self.check()
        init = self.program.recipe.init
        module = build(self.program.graph, init=init, device=device, dtype=dtype, seed=seed)
        if weights is not None:
            from blockdsl.transfer import load_weights

            load_weights(module, Path(weights))
        return module

    def export(self, *paths: str | Path, module: nn.Module | None = None, seed: int | None = None) -> None:
        """Write the network to files, each of the kind that its ending says, together or not at all.

        `net.py` is readable PyTorch that needs torch alone, `net.pt2` is for `torch.export.load`, `net.onnx`
        for other runtimes (extra `[onnx]`), `net.safetensors` holds the weights, `net.json` the graph.

        Args:
            paths: where to write; existing files are replaced, but none that the network was read from.
            module: whose weights are written, made by `module()` and perhaps trained; a new one by default.
            seed: of the new module's weights.

        Raises:
            ArchError: a kind is unknown, a package that it needs is missing, the module is another
                network's, or a file cannot be written.

        >>> import tempfile
        >>> from pathlib import Path
        >>> net = parse("CONV(4,3)-RELU-GAP-FC(2)", input=(3, 8, 8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.export(f"{folder}/net.py", f"{folder}/net.json")
        ...     print(sorted(path.name for path in Path(folder).iterdir()))
        ['net.json', 'net.py']
        """
        from blockdsl.export.writers import export, writer_for

        outputs = [Path(path) for path in paths]
        for output in outputs:
            writer_for(output)
        file = self.program.file
        source = file.span.source
        own = None if source.folder is None else Path(source.folder) / source.name
        check_outputs(outputs, [own, *used_files(file)])
        if module is None:
            module = self.module(seed=seed)
        else:
            _check_is_of(self.ir, module)
        export(self.program, module, outputs)

    def diff(self, other: Architecture, *, names: tuple[str, str] | None = None) -> Difference:
        """What leads from this network to another, layer by layer, and what it costs. Loads no torch.

        Equal networks have no difference, however they are written. `names` are what the text calls them.

        >>> one, two = (parse(f"CONV({c},3)-RELU", input=(3, 8, 8)) for c in (4, 8))
        >>> difference = one.diff(two)
        >>> [(change.before, change.after) for change in difference.changes if change.kind == "changed"]
        [('CONV(4,3)', 'CONV(8,3)')]
        """
        from blockdsl.analysis.diff import every_change
        from blockdsl.analysis.difference import Difference

        names = names or (self.title or "the first", other.title or "the second")
        return Difference(names, self.summary(), other.summary(), every_change(self.ir, other.ir))

    def __repr__(self) -> str:
        summary = self.summary()
        shapes = shape_text(self.input_shape), shape_text(self.output_shape)
        name = f"{self.title}: " if self.title else ""
        return f"<{name}{shapes[0]} -> {shapes[1]}, {summary.params:,} parameters, {summary.macs:,} MACs>"

    def picture(self, kind: str = "svg", **options: Any) -> Picture:
        """The network drawn: svg, png, pdf, dot, or html, a page to explore.

        What is returned is the content of the file as `bytes`; a notebook shows it, and
        `net.picture().save("net.svg")` writes it. `options` are those of `blockdsl.render.Options`:
        depth, opened, by, detail, direction, title.

        Raises:
            ArchError: the kind is unknown, an option is wrong, or Graphviz is missing.
        """
        from blockdsl.render import Options, draw

        chosen = Options(**options)
        return draw(self.program.file, kind, chosen, input=self.given_input, settings=self.settings)

    def _repr_html_(self) -> str:
        from blockdsl.render import can_draw

        table = self.summary()._repr_html_()
        if not can_draw():
            return table
        return f"{self.picture(title=False)._repr_svg_()}{table}"


@overload
def dense(network: Architecture, *, input: Shape | None = None, fine: str = "") -> Architecture: ...
@overload
def dense(network: nn.Module, *, input: Shape | None = None, fine: str = "") -> nn.Module: ...
def dense(
    network: Architecture | nn.Module, *, input: Shape | None = None, fine: str = ""
) -> Architecture | nn.Module:
    """A classifier of images of one size, slid over larger images in one pass (OverFeat, section 3.5).

    Fully connected layers become convolutions with the same weights, global pools become pools of
    the size that they saw. A map (N, classes, rows, columns) comes out: an answer for each place of
    the window, as if the window were cut out and run by itself. Where layers pad, they pad around
    the larger image and not around each window, so answers differ near the borders of windows.

    Args:
        network: an architecture, or a module that `Architecture.module()` made, whose weights are shared.
        input: the shape that the new graph is for; the module takes other sizes too.
        fine: the name of the last layer with a stride. It then moves by one, so that answers lie
            closer together: OverFeat's shifted pools, interleaved (section 3.3).

    Raises:
        ArchError: a layer depends on the size of the image; it is named.
    """
    if isinstance(network, Architecture):
        graph = _dense(network.ir, input, fine)
        return replace(network, program=replace(network.program, graph=graph, checks=()))
    from blockdsl.codegen import dense_module, graph_of

    return dense_module(network, _dense(graph_of(network), input, fine))


def _dense(graph: Graph, input: Shape | None, fine: str) -> Graph:
    from blockdsl.passes.densify import densify
    from blockdsl.passes.refine import refine

    graph = densify(graph, input)
    return refine(graph, graph.point(fine)) if fine else graph


def _check_is_of(graph: Graph, module: nn.Module) -> None:
    """Refuse a module that has other tensors than that of the graph."""
    from blockdsl.codegen import build

    own = {name: tuple(t.shape) for name, t in build(graph, device="meta").state_dict().items()}
    theirs = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    for name in [*own, *theirs]:
        if own.get(name) != theirs.get(name):
            sizes = [shapes.get(name, "no such tensor") for shapes in (own, theirs)]
            raise error(
                "weights",
                f"the module is not this network's: {name} is {sizes[0]} in the network, {sizes[1]} in it",
                help="give what net.module() made; of a wrapped module the one inside",
            )


def _stands_alone(file: nodes.File) -> bool:
    """Whether a file has an input and a default for every parameter."""
    has_input = any(isinstance(statement, nodes.Input) for statement in file.statements)
    params = [statement for statement in file.statements if isinstance(statement, nodes.Param)]
    return has_input and all(param.default is not None for param in params)
