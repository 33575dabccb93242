"""Measuring a candidate: training, latency, scores, a user's function."""

from __future__ import annotations

import importlib
import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from blockdsl import training
from blockdsl.codegen import build
from blockdsl.diagnostics import error
from blockdsl.lowering import Program
from blockdsl.search.measurement import Measurement
from blockdsl.search.objectives import Objective
from blockdsl.search.proxies import PROXIES
from blockdsl.search.records import DONE, PRUNED
from blockdsl.search.setup import Setup
from blockdsl.training.prepare import Preparation

if TYPE_CHECKING:
    from blockdsl.training import Data, Epoch

PASSES = 20
"""Forward passes of one sample whose median is a latency, after so many to warm up."""
BATCH = 32
"""Images that scores look at."""

OnEpoch = Callable[["Epoch", int], bool]
"""(the epoch, epochs in all) -> whether to give up."""


class Evaluator:
    """Measures programs in one way; keeps the data sets that it loaded."""

    def __init__(self, setup: Setup, objectives: Sequence[Objective]) -> None:
        self.setup, self.objectives = setup, objectives
        self.trains = any(o.kind == "trained" for o in objectives)
        self._data: dict[Any, Data] = {}

    def measure(self, program: Program, on_epoch: OnEpoch) -> Measurement:
        """Measure a network.

        What its network or data runs into - no room, a loss that is not finite - is an outcome.

        Raises:
            ArchError: the network does not fit the data, or a function of the user's is not found.
        """
        try:
            measured = self._untrained(program)
            return self._trained(program, on_epoch, measured) if self.trains else Measurement(DONE, measured)
        except (MemoryError, torch.OutOfMemoryError) as reason:
            return Measurement("out of memory", {}, why=str(reason).splitlines()[0] if str(reason) else "")
        except RuntimeError as reason:
            text = str(reason)
            outcome = "out of memory" if "not enough memory" in text else "crashed"
            return Measurement(outcome, {}, why=text.splitlines()[0] if text else type(reason).__name__)

    def check(self, program: Program) -> None:
        """Refuse data that does not fit a network (raises `ArchError`)."""
        data = self.data(program)
        Preparation(data, program.recipe.augment)
        if program.graph.output_shape != (data.classes,):
            shown = "x".join(map(str, program.graph.output_shape))
            raise error(
                "search", f"{data.name} has {data.classes} classes, the networks yield {shown}",
                help=f"--set classes={data.classes}, where the file has that param",
            )  # fmt: skip

    def data(self, program: Program) -> Data:
        """The data set as this network takes it."""
        recipe = program.recipe
        key = (program.graph.input_shape, recipe.validation, recipe.resize)
        if key not in self._data:
            self._data[key] = training.load(
                self.setup.data, key[0], validation=key[1], resize=key[2], share=self.setup.share
            )
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
            return latency(module, program.graph.input_shape, objective.argument)
        if objective.kind == "function":
            return float(_function(objective.argument)(module))
        data = self.data(program)
        labels = data.train.labels[:BATCH]
        x, labels = Preparation(data)(data.train.batch(torch.arange(len(labels))), labels)
        return PROXIES[objective.argument](module, x, labels)

    # --- training

    def _trained(self, program: Program, on_epoch: OnEpoch, measured: dict[str, float]) -> Measurement:
        accuracies, losses, weights, epochs = [], [], None, 0
        for repeat in range(self.setup.seeds):
            module = self.module(program, program.recipe.seed + repeat)
            gave_up = False

            def watch(epoch: Epoch, first: bool = repeat == 0) -> bool:
                nonlocal gave_up
                gave_up = first and on_epoch(epoch, self.epochs(program))
                return gave_up

            result = training.fit(
                module,
                self.data(program),
                program.recipe,
                epochs=self.setup.epochs,
                seed=program.recipe.seed + repeat,
                device=self.setup.device,
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
            if repeat == 0:
                weights = {name: t.detach().cpu().clone() for name, t in module.state_dict().items()}
        measured |= {"accuracy": statistics.fmean(accuracies), "loss": statistics.fmean(losses)}
        return Measurement(PRUNED if gave_up else DONE, measured, epochs, weights)

    def epochs(self, program: Program) -> int:
        """Epochs of a whole training."""
        recipe = program.recipe
        if self.setup.epochs is None and recipe.iterations is not None:
            per_epoch = max(1, len(self.data(program).train.labels) // recipe.batch)
            return math.ceil(recipe.iterations / per_epoch)
        return self.setup.epochs or recipe.epochs


def latency(module: nn.Module, shape: tuple[int, ...], device: str) -> float:
    """Median milliseconds of a forward pass of one sample in eval mode.

    Raises:
        ArchError: there is no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise error("search", "latency(cuda) is asked for, this machine has no cuda device")
    module = module.to(device).eval()
    x = torch.zeros(1, *shape, device=device)
    times = []
    with torch.inference_mode():
        for _ in range(2 * PASSES):
            start = time.perf_counter()
            module(x)
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[PASSES:])


def _function(name: str) -> Callable[[nn.Module], float]:
    """A function of the user's, `mymodule:function`, which takes the module."""
    place, _, word = name.partition(":")
    try:
        found: Callable[[nn.Module], float] = getattr(importlib.import_module(place), word)
    except (ImportError, AttributeError) as reason:
        raise error("search", f"cannot call {name}: {reason}") from None
    return found
