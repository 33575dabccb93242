"""Measuring a candidate: training, latency, scores, a user's function."""

from __future__ import annotations

import importlib
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from blockdsl import training
from blockdsl.codegen import build
from blockdsl.codegen.verify import example
from blockdsl.diagnostics import ArchError, error, exception_text
from blockdsl.formatting import shape_text
from blockdsl.importing import importable
from blockdsl.ir import Graph
from blockdsl.lowering import Program, lower
from blockdsl.nas.engine.failures import call, is_defect, is_out_of_memory
from blockdsl.nas.engine.measurement import Measurement
from blockdsl.nas.objectives import Objective
from blockdsl.nas.objectives.proxies import PROXIES
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.records import DONE, PRUNED, SKIPPED, traceback_text
from blockdsl.ops import Image
from blockdsl.training.prepare import Preparation

if TYPE_CHECKING:
    from blockdsl.training import Data, Epoch

SPREAD, SECONDS = 0.05, 2.0
"""A latency is measured until its interquartile range is this share of its median, or for so long."""
BATCH = 32
"""Images that scores look at."""

OnEpoch = Callable[["Epoch", int, bool], bool]
"""(the epoch, epochs in all, whether of the first of several trainings) -> whether to give up."""

Refuses = Callable[[Mapping[str, float]], str]
"""(what is known without training) -> why the network is not worth one; nothing if it is."""


class Evaluator:
    """Measures programs in one way; keeps the data sets that it loaded.

    Args:
        config: the way.
        objectives: what is measured.
        loaded: the data set, where it was loaded in Python.
    """

    def __init__(
        self, config: StudyConfig, objectives: Sequence[Objective], loaded: Data | None = None
    ) -> None:
        self.config, self.objectives, self.loaded = config, objectives, loaded
        self.trains = any(o.kind == "trained" for o in objectives)
        self._data: dict[Any, Data] = {}

    def measure(self, program: Program, on_epoch: OnEpoch, refuses: Refuses) -> Measurement:
        """Measure a network: without training first, and not further if that is refused.

        What the network or a user's function runs into - no memory, a loss that is not finite, an
        exception - is an outcome. A defect of Blockdsl is not: it is raised (see `is_defect`).

        Raises:
            ArchError: the network does not fit the data, or a function of the user's is not found.
        """
        try:
            self.sized(program)
        except ArchError as refused:
            return Measurement(SKIPPED, {}, why=refused.diagnostic.message)
        try:
            measured = self._untrained(program)
            if why := refuses(measured):
                return Measurement(SKIPPED, _finite(measured), why=why)
            if endless := [name for name, value in measured.items() if not math.isfinite(value)]:
                return Measurement("diverged", _finite(measured), why=f"{endless[0]} is not finite")
            return self._trained(program, on_epoch, measured) if self.trains else Measurement(DONE, measured)
        except ArchError:
            raise
        except Exception as reason:  # layers and functions of a user's may raise anything
            if is_out_of_memory(reason):
                return Measurement("out of memory", {}, why=_first_line(reason))
            if is_defect(reason):
                raise
            return Measurement("crashed", {}, why=_first_line(reason), traceback=traceback_text(reason))

    def check(self, program: Program) -> None:
        """Refuse what a first network shows to be wrong, whatever is chosen (raises `ArchError`)."""
        training.check_device(self.config.device)
        for objective in self.objectives:
            if objective.kind == "function":
                with importable(self.config.folder or "."):
                    self._function(objective.argument)
            if objective.name == "latency(cuda)" and not torch.cuda.is_available():
                raise error("search", "latency(cuda) is asked for, this machine has no cuda device")
        program = self.sized(program)
        if not any(o.kind in ("trained", "score") for o in self.objectives):
            return
        data = self.data(program)
        Preparation(data, program.recipe.augment)
        training.check_outputs(program.graph, program.recipe, data)

    def sized(self, program: Program) -> Program:
        """The network at the size that is trained with; what images are cropped from shrinks with it.

        Raises:
            ArchError: it has no images for an input, or cannot take so small ones.
        """
        size, recipe = self.config.size, program.recipe
        if size is None:
            return program
        shape = program.graph.only_input("a search with --size")
        if not isinstance(shape, Image) or size > min(shape.positions):
            raise error("search", f"--size {size} is no smaller image: the networks take {shape_text(shape)}")
        try:
            smaller = lower(program.file, input=(shape[0], size, size))
        except ArchError as refused:
            why = refused.diagnostic
            raise error("search", f"at --size {size}: {why.message}", *why.marks, help=why.help) from None
        if recipe.resize is not None:
            smaller.recipe = replace(recipe, resize=round(recipe.resize * size / max(shape.positions)))
        return smaller

    def data(self, program: Program, fold: int = 0) -> Data:
        """The data set as this network takes it, with one of the folds to validate on.

        Raises:
            ArchError: it cannot be loaded, or was loaded for networks of another input.
        """
        recipe, folds = program.recipe, self.config.folds
        shape = program.graph.only_input("a search that trains or scores")
        if self.loaded is not None:
            self.loaded.check_input(shape)
            return self.loaded
        key = (shape, recipe.validation, recipe.resize, fold)
        if key not in self._data:
            data = training.load(
                self.config.data,
                shape,
                validation=recipe.validation,
                resize=recipe.resize,
                share=self.config.share,
                fold=(fold, folds) if folds > 1 else None,
            )
            self._data[key] = replace(data, test=None)  # what a search must not look at costs no time
        return self._data[key]

    def module(self, program: Program, seed: int) -> nn.Module:
        """The network with fresh weights."""
        return build(program.graph, init=program.recipe.init, seed=seed)

    # --- before training

    def _untrained(self, program: Program) -> dict[str, float]:
        found = {}
        for objective in self.objectives:
            if objective.kind in ("latency", "score", "function"):
                found[objective.name] = self._one(objective, program)
        return found

    def _one(self, objective: Objective, program: Program) -> float:
        module = self.module(program, program.recipe.seed)
        if objective.kind == "latency":
            return latency(module, program.graph, objective.argument)
        if objective.kind == "function":
            with importable(self.config.folder or "."):
                return call(self._function(objective.argument), module)
        program = self.sized(program)
        module, data = self.module(program, program.recipe.seed), self.data(program)
        labels = data.train.labels[:BATCH]
        x, labels = Preparation(data)(data.train.batch(torch.arange(len(labels))), labels)
        return PROXIES[objective.argument](module, x, labels)

    # --- training

    def _trained(self, program: Program, on_epoch: OnEpoch, measured: dict[str, float]) -> Measurement:
        """Train with every seed on every fold; the means. The first run may be given up."""
        program = self.sized(program)
        accuracies: list[float] = []
        losses: list[float] = []
        weights, epochs, gave_up = None, 0, False
        for repeat, fold in product(range(self.config.seeds), range(self.config.folds)):
            seed = program.recipe.seed + repeat
            module = self.module(program, seed)

            def watch(epoch: Epoch, first: bool = not accuracies) -> bool:
                nonlocal gave_up
                gave_up = on_epoch(epoch, self.epochs(program), first)
                return gave_up

            result = training.fit(
                module,
                self.data(program, fold),
                program.recipe,
                epochs=self.config.epochs,
                seed=seed,
                device=self.config.device,
                auxiliaries={a.name: a.weight for a in program.graph.auxiliaries},
                on_epoch=watch,
            )
            epochs += len(result.history)
            if result.outcome == "diverged":
                return Measurement("diverged", measured, epochs, why="the loss is not finite")
            accuracies.append(result.accuracy)
            losses.append(min(e.validation_loss for e in result.history))
            if gave_up:
                break
            if weights is None and self.config.size is None:
                weights = {name: t.detach().cpu().clone() for name, t in module.state_dict().items()}
        measured |= {"accuracy": statistics.fmean(accuracies), "loss": statistics.fmean(losses)}
        return Measurement(PRUNED if gave_up else DONE, measured, epochs, weights)

    def epochs(self, program: Program) -> int:
        """Epochs of a whole training."""
        recipe = program.recipe
        if self.config.epochs is None and recipe.iterations is not None:
            per_epoch = max(1, len(self.data(program).train.labels) // recipe.batch)
            return math.ceil(recipe.iterations / per_epoch)
        return self.config.epochs or recipe.epochs

    def _function(self, name: str) -> Callable[[nn.Module], float]:
        """A function of the user's, `mymodule:function`, which takes the module of a network.

        Raises:
            ArchError: there is none, or its module cannot be loaded.
        """
        place, _, word = name.partition(":")
        try:
            found: Callable[[nn.Module], float] = getattr(importlib.import_module(place), word)
        except (ImportError, AttributeError, SyntaxError) as reason:
            raise error("search", f"cannot call {name}: {reason}") from None
        except Exception as reason:  # a user's module may raise anything
            raise error("search", f"cannot call {name}: {exception_text(reason)}") from reason
        return found


def _finite(measured: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in measured.items() if math.isfinite(value)}


def _first_line(reason: BaseException) -> str:
    return (str(reason).splitlines() or [type(reason).__name__])[0]


def latency(module: nn.Module, graph: Graph, device: str) -> float:
    """Median milliseconds of a forward pass of one sample in eval mode, with the threads torch has now."""
    from torch.utils.benchmark import Timer

    module = module.to(device).eval()
    inputs = [example(shape, module)[:1].to(device) for shape in graph.shapes_of(graph.inputs).values()]
    named = {"module": module, "inputs": inputs}
    timer = Timer("module(*inputs)", globals=named, num_threads=torch.get_num_threads())
    with torch.inference_mode():
        return 1e3 * timer.adaptive_autorange(SPREAD, max_run_time=SECONDS).median
