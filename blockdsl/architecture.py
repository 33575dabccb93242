"""A network that was read, checked and expanded, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blockdsl.analysis import Summary, run_checks, summarise, warnings_of
from blockdsl.diagnostics import Diagnostic, error
from blockdsl.formatting import ports_text
from blockdsl.ir import Graph
from blockdsl.lowering import Program, lower
from blockdsl.ops import InputSizes, Shape
from blockdsl.output import check_outputs
from blockdsl.speedups import collecting_later
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.uses import used_files

if TYPE_CHECKING:
    import networkx as nx
    import torch
    from torch import Tensor, nn

    from blockdsl.analysis.difference import Difference
    from blockdsl.render import Picture
    from blockdsl.space.opened import OpenedSpace
    from blockdsl.training import Data, EnsembleResult, Epoch, Result
    from blockdsl.transfer import Report


@dataclass(frozen=True)
class Architecture:
    """A network that was read, checked and expanded; a notebook shows its picture and its summary.

    Attributes:
        program: the graph with the file's facts, parameters, recipe and checks.
        given_input, settings: what was asked for beside the file.
    """

    program: Program
    given_input: InputSizes | None
    settings: Mapping[str, Any]

    @property
    def ir(self) -> Graph:
        """The graph in its typed wrapper."""
        return self.program.graph

    @property
    def graph(self) -> nx.MultiDiGraph:
        """The graph as networkx has it, frozen (a `copy()` is not): ids in execution order, 0 the input."""
        return self.program.graph.nx

    @property
    def title(self) -> str:
        """The file's `title`, or nothing."""
        return self.program.meta.title

    @property
    def inputs(self) -> dict[str, Shape]:
        """Shapes of the inputs by their names, without the batch axis; one without a name is `x`.

        >>> import blockdsl
        >>> blockdsl.parse("input 3x8x8 net GAP-FC(10)").inputs
        {'x': Image(3, 8, 8)}
        """
        return self.ir.shapes_of(self.ir.inputs)

    @property
    def outputs(self) -> dict[str, Shape]:
        """Shapes of the outputs by their names, as `inputs`; one without a name is `y`."""
        return self.ir.shapes_of(self.ir.outputs)

    @property
    def input_shape(self) -> Shape:
        """Shape of the input of a network that has one, without the batch axis.

        Raises:
            ArchError: it has several; `inputs` has them all.
        """
        return self.program.graph.only_input("input_shape")

    @property
    def output_shape(self) -> Shape:
        """Shape of the output of a network that has one, without the batch axis; see `input_shape`."""
        return self.program.graph.only_output("output_shape")

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

    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is probably not meant: names that nothing uses, `32x32x3` as an input, SOFTMAX twice.

        >>> import blockdsl
        >>> blockdsl.parse("input 3x8x8 net let a = in-CONV(8,3) GAP-FC(10)").warnings()[0].message
        'the name a is never used'
        """
        return warnings_of(self.program)

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

        Takes `(N, *shape)` for each input, by position or by name, and returns `(N, *shape)`; of several
        outputs it returns a tuple. With auxiliary heads, in training mode, it returns
        `(outputs, {name: tensor})`.

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

    def carry(
        self,
        state: Mapping[str, Tensor] | str | Path,
        *,
        pairs: Mapping[str, str] | None = None,
        partial: bool = False,
        trust_order: bool = False,
        seed: int | None = None,
    ) -> tuple[nn.Module, Report]:
        """The network as a module with weights from elsewhere, and how they were matched.

        Layers are matched by shapes, names and structure; what could be matched in two ways is refused. The
        module has the floating point type of the weights.

        Args:
            state: a state dict, or a file of one (`.safetensors`, `.pth`, `.pt`); nothing in it is executed.
            pairs: layers or blocks, ours -> theirs, that are settled from outside, such as
                `{"stage[2].unit[1]": "layer2.0"}`.
            partial: let layers without a partner keep their initialisation, such as a new head.
            trust_order: let the order of registration decide where nothing else does.
            seed: for what keeps its initialisation.

        Raises:
            ArchError: the two are not the same network, more than one matching is possible, the file cannot
                be read, or a check of the network does not hold.

        >>> import blockdsl
        >>> from torch import nn
        >>> net = blockdsl.parse("input 4 net FC(8)-RELU-FC(2)")
        >>> theirs = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> module, report = net.carry(theirs.state_dict())
        >>> report.matched
        [('fc1', '0'), ('fc2', '2')]
        """
        from blockdsl.transfer import carry, fill, read_state

        foreign = read_state(Path(state)) if isinstance(state, str | Path) else state
        tensors, report = carry(foreign, self.ir, pairs=pairs, partial=partial, trust_order=trust_order)
        return fill(self.module(seed=seed), tensors, report), report

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
        >>> import blockdsl
        >>> net = blockdsl.parse("CONV(4,3)-RELU-GAP-FC(2)", input=(3, 8, 8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.export(f"{folder}/net.py", f"{folder}/net.json")
        ...     print(sorted(path.name for path in Path(folder).iterdir()))
        ['net.json', 'net.py']
        """
        from blockdsl.codegen import check_belongs
        from blockdsl.export.writers import export, writer_for

        outputs = [Path(path) for path in paths]
        for output in outputs:
            writer_for(output)
        file = self.program.file
        source = file.span.source
        own = None if source.folder is None else Path(source.folder) / Path(source.name).name
        check_outputs(outputs, [own, *used_files(file)])
        if module is None:
            module = self.module(seed=seed)
        else:
            check_belongs(self.ir, module)
        export(self.program, module, outputs)

    def train(
        self,
        data: str | Data = "digits",
        *,
        epochs: int | None = None,
        precision: str | None = None,
        seed: int | None = None,
        share: float = 1.0,
        weights: str | Path | None = None,
        freeze_until: str | None = None,
        out: str | Path | None = None,
        resume: bool = False,
        device: str = "auto",
        devices: int = 1,
        strategy: str = "auto",
        on_epoch: Callable[[Epoch], bool | None] | None = None,
        on_batch: Callable[[int, int], None] | None = None,
    ) -> tuple[nn.Module, Result]:
        """Train the network by its `train` section; the trained module, and how it went.

        Args:
            data: `digits`, which comes along, `npz:PATH`, or with the extra `[vision]` `mnist`, `cifar10`,
                `imagefolder:PATH` and others; or what `blockdsl.training.load` returned.
            epochs, precision, seed: in place of the file's; `precision` is fp32, bf16, fp16 or fp64.
            share: part of the training images.
            weights: a file to begin with; layers of another size begin anew.
            freeze_until: train only what comes after this point, such as `stage[3]`.
            out: folder for checkpoints, curve and TensorBoard events.
            resume: go on from the checkpoint in `out`.
            device: auto, cpu, cuda, cuda:1 or mps.
            devices, strategy: how many of them, and how; `ddp` puts a copy of the network on each.
            on_epoch: called after each epoch; the training ends when it returns True.
            on_batch: called after each step with the steps done and the steps of the whole training.

        Raises:
            ArchError: a check does not hold, network and data do not fit, a device or file is not there, or
                `out` cannot be written.

        >>> import blockdsl
        >>> net = blockdsl.parse("net FLATTEN-FC(10) train optimizer = adam(lr=0.01)", input=(1, 8, 8))
        >>> module, result = net.train("digits", epochs=3, device="cpu")
        >>> len(result.history), result.accuracy > 0.5
        (3, True)
        """
        from blockdsl.training import job

        self.check()
        return job(
            self.program, data, epochs=epochs, precision=precision, seed=seed, share=share,
            weights=None if weights is None else Path(weights), freeze_until=freeze_until,
            out=None if out is None else Path(out), resume=resume, device=device, devices=devices,
            strategy=strategy, on_epoch=on_epoch, on_batch=on_batch,
        ).fit()  # fmt: skip

    def train_ensemble(
        self, count: int, data: str | Data = "digits", **options: Any
    ) -> tuple[list[nn.Module], EnsembleResult]:
        """Train several, which differ by their seeds; their modules, and how the mean of their answers does.

        Args:
            count: how many.
            data, options: as for `train`; `out` has a folder for each of them.

        Raises:
            ArchError: as `train`.
        """
        from blockdsl.training import job

        self.check()
        for name in ("weights", "out"):
            if options.get(name) is not None:
                options[name] = Path(options[name])
        return job(self.program, data, **options).fit_ensemble(count)

    def open(
        self,
        *,
        width: str | Sequence[float] | None = None,
        depth: str | Sequence[int] | None = None,
        kernel: str | Sequence[int] | None = None,
        shortcut: bool = False,
        each: bool = False,
    ) -> OpenedSpace:
        """A space of networks around this one, which is in it. Loads no torch.

        Args:
            width: multiply all widths by one of these: a range such as `0.5..2`, or a list of factors.
            depth: repeat what is repeated so many times.
            kernel: kernels of these sizes, where the pad follows them.
            shortcut: sums with the input: with the shortcut, or without.
            each: each width has a factor of its own; equal numbers share one.

        Raises:
            ArchError: nothing can be opened, or the network has settings that its file does not say.

        >>> import blockdsl
        >>> net = blockdsl.parse("CONV(8,3)-RELU-GAP-FC(10)", input=(1, 8, 8))
        >>> opened = net.open(width=[0.5, 1, 2])
        >>> opened.size, sorted(c.summary.params for c in opened.space.enumerate())
        ('3 assignments', [90, 170, 330])
        """
        from blockdsl.passes.opening import opening_of
        from blockdsl.space.opened import open_network

        if self.settings:
            given = ", ".join(f"{name}={value}" for name, value in self.settings.items())
            raise error(
                "open", f"the network has settings that its file does not say: {given}",
                help="write them into the file's `param` lines, and load it without settings",
            )  # fmt: skip
        opening = opening_of(width=width, depth=depth, kernel=kernel, shortcut=shortcut, each=each)
        return open_network(self.program.file.span.source, opening, input=self.given_input)

    def diff(self, other: Architecture, *, names: tuple[str, str] | None = None) -> Difference:
        """What leads from this network to another, layer by layer, and what it costs. Loads no torch.

        Equal networks have no difference, however they are written. `names` are what the text calls them.

        >>> import blockdsl
        >>> one, two = (blockdsl.parse(f"CONV({c},3)-RELU", input=(3, 8, 8)) for c in (4, 8))
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
        shapes = ports_text(self.inputs), ports_text(self.outputs)
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


def _stands_alone(file: nodes.File) -> bool:
    """Whether a file has an input and a default for every parameter."""
    has_input = any(isinstance(statement, nodes.Input) for statement in file.statements)
    params = [statement for statement in file.statements if isinstance(statement, nodes.Param)]
    return has_input and all(param.default is not None for param in params)
