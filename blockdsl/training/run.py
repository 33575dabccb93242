"""The state of one training run: what an epoch does to it, and how it is saved and resumed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from blockdsl.codegen import is_placed
from blockdsl.diagnostics import error
from blockdsl.output import Outputs
from blockdsl.recipe import Recipe
from blockdsl.training.checkpoint import load_state, load_weights, save_state, save_weights
from blockdsl.training.data import Data, batches
from blockdsl.training.evaluate import Validation, summed
from blockdsl.training.loss import output_names
from blockdsl.training.optim import Schedule, limit_filters, make_average, make_optimizer
from blockdsl.training.prepare import Preparation
from blockdsl.training.results import Epoch
from blockdsl.training.runtime import arranged, choose_layout, mixed_seed

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_LOOK = 50
"""Steps between looks at the loss: each one waits for the device."""


class Run:
    """A module in training, with everything that changes along the way."""

    def __init__(
        self,
        module: nn.Module,
        data: Data,
        recipe: Recipe,
        fabric: Fabric,
        auxiliaries: Mapping[str, float],
        frozen: Collection[str] = (),
    ) -> None:
        self.module, self.data, self.recipe, self.fabric = module, data, recipe, fabric
        self.auxiliaries, self.frozen = auxiliaries, tuple(frozen)
        for name in self.frozen:
            module.get_submodule(name).requires_grad_(False)
        self.preparation = Preparation(data, recipe.augment)
        self.evaluator = Validation(fabric, data, recipe, self.preparation, output_names(module))
        module.to(self.evaluator.dtype)
        choose_layout(module)
        optimizer = make_optimizer(module, recipe)
        self.wrapped, self.optimizer = fabric.setup(module, optimizer, move_to_device=not is_placed(module))
        self.evaluator.check(module)
        self.average = make_average(module, recipe.ema) if recipe.ema is not None else None

        images = len(data.train.labels)
        self.per_epoch = max(1, images // recipe.batch)
        self.total = recipe.iterations or recipe.epochs * self.per_epoch
        self.length = math.ceil(self.total / self.per_epoch)
        self.schedule = Schedule(optimizer, recipe, self.per_epoch, self.total)
        self.history: list[Epoch] = []
        self._kept: dict[str, Tensor] | None = None
        self._improved = False

    @property
    def best(self) -> float:
        """The best validation accuracy so far."""
        return max((e.validation_accuracy for e in self.history), default=0.0)

    def stale(self) -> bool:
        """Whether the recipe's patience has run out."""
        if self.recipe.patience is None or not self.history:
            return False
        accuracies = [e.validation_accuracy for e in self.history]
        return len(accuracies) - 1 - accuracies.index(self.best) >= self.recipe.patience

    def epoch(self, on_batch: Callable[[int, int], None] | None = None) -> Epoch | None:
        """Train for an epoch and validate; None when the loss is no longer finite."""
        start = time.perf_counter()
        number = len(self.history)
        torch.manual_seed(mixed_seed(self.recipe.seed, number, 1 + self.fabric.global_rank))
        train_loss = self._train(number, on_batch)
        if not math.isfinite(train_loss):
            return None
        loss, accuracy = self.evaluator.score(self._evaluated(), self.data.validation)
        if not math.isfinite(loss):
            return None
        self.schedule.epoch(accuracy)
        self._improved = not self.history or accuracy > self.best
        if self._improved:
            self._kept = {k: v.detach().clone() for k, v in self._evaluated().state_dict().items()}
        rate = self.optimizer.param_groups[0]["lr"]
        seconds = time.perf_counter() - start
        self.history.append(Epoch(number + 1, train_loss, loss, accuracy, rate, seconds))
        return self.history[-1]

    def _evaluated(self) -> nn.Module:
        return self.module if self.average is None else self.average.module

    def _train(self, number: int, on_batch: Callable[[int, int], None] | None) -> float:
        """Mean loss over an epoch's batches, or the first that is not finite."""
        self.wrapped.train()
        for name in self.frozen:
            self.module.get_submodule(name).eval()
        done = number * self.per_epoch
        total = torch.zeros((), device=self.fabric.device)
        order = self._order(number)
        for count, (x, labels) in enumerate(batches(self.data.train, order), 1):
            total += self._step(*self.fabric.to_device((x, labels)))
            if count % _LOOK == 0 and not total.isfinite():
                break
            if on_batch is not None:
                on_batch(done + count, self.total)
        return float(summed(self.fabric, total)) / (len(order) * self.fabric.world_size)

    def _order(self, number: int) -> list[Tensor]:
        """This process's share of each batch; a remainder smaller than a batch waits for another epoch."""
        generator = torch.Generator().manual_seed(mixed_seed(self.recipe.seed, number, 0))
        shuffled = torch.randperm(len(self.data.train.labels), generator=generator)
        steps = min(self.per_epoch, self.total - number * self.per_epoch)
        rank, world = self.fabric.global_rank, self.fabric.world_size
        return [batch[rank::world] for batch in torch.split(shuffled, self.recipe.batch)[:steps]]

    def _step(self, x: Tensor, labels: Tensor) -> Tensor:
        """One optimizer step on a batch, in as many parts as the recipe says; the loss."""
        x, labels = self.preparation(x, labels, training=True)
        x = arranged(x.to(self.evaluator.dtype), self.module)
        parts = list(zip(x.chunk(self.recipe.accumulate), labels.chunk(self.recipe.accumulate), strict=True))
        total, criterion = torch.zeros((), device=x.device), self.evaluator.criterion
        for index, (part, targets) in enumerate(parts):
            unfinished = index + 1 < len(parts) and self.fabric.world_size > 1
            with self.fabric.no_backward_sync(self.wrapped) if unfinished else nullcontext():
                loss = criterion.of_training(self.wrapped(part), targets, self.auxiliaries)
                loss = loss * (len(part) / len(x))
                self.fabric.backward(loss)
            total += loss.detach()
        self._update()
        return total

    def _update(self) -> None:
        if self.recipe.clip is not None:
            self.fabric.clip_gradients(
                self.wrapped, self.optimizer, max_norm=self.recipe.clip, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.schedule.step()
        if self.recipe.max_rms is not None:
            limit_filters(self.module, self.recipe.max_rms)
        if self.average is not None:
            self.average.update_parameters(self.module)

    def finish(self) -> float | None:
        """Put the best weights into the module; their accuracy on the test images, if there are some."""
        if self._kept is not None:
            self.module.load_state_dict(self._kept)
        self.module.eval()
        if self.data.test is None or self._kept is None:
            return None
        return self.evaluator.score(self.module, self.data.test)[1]

    def _identity(self) -> str:
        """What a resumed run shares with its beginning: all but the length."""
        recipe = replace(self.recipe, epochs=1, iterations=None)
        frozen = f"\nfrozen: {', '.join(self.frozen)}" if self.frozen else ""
        images = f"{self.data.name} {len(self.data.train.labels)} {tuple(self.data.input_shape)}"
        return f"{images}\n{recipe}{frozen}"

    def save(self, last: Path, best: Path) -> None:
        """Write the checkpoint, and the best weights where this epoch is the best (raises `ArchError`)."""
        state = {
            "identity": self._identity(),
            "history": [asdict(e) for e in self.history],
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
        }
        with Outputs() as outputs:  # weights of an epoch that the checkpoint lacks would be no help
            if self._kept is not None and self._improved:
                save_weights(best, self._kept, outputs)
            save_state(last, state, outputs)

    def load(self, last: Path, best: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            ArchError: it is missing or damaged, or of another network, recipe or data set.
        """
        state = load_state(last)
        if state.get("identity") != self._identity():
            raise error(
                "resume",
                f"{last} was trained with another recipe or data set",
                help="resume with the settings it was started with, or train into another folder",
            )
        try:
            self.module.load_state_dict(state["module"])
        except RuntimeError:
            raise error("resume", f"{last} belongs to another network") from None
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.history = [Epoch(**e) for e in state["history"]]
        self._kept = {k: v.to(self.fabric.device) for k, v in load_weights(best).items()}
