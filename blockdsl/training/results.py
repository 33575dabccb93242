"""What training yields: a record per epoch, a result, a curve, TensorBoard events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Epoch:
    """One epoch: mean losses, validation accuracy (0…1), the rate at its end, seconds it took."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    lr: float
    seconds: float


Outcome = Literal["finished", "early stop", "stopped", "diverged"]


@dataclass(frozen=True)
class Result:
    """How a run went. `outcome` says why it ended; `diverged` means a loss that is not finite.

    `checkpoint` is the best epoch's weights as `.safetensors`, where an output folder was given.
    """

    history: tuple[Epoch, ...]
    outcome: Outcome
    accuracy: float
    """The best epoch's validation accuracy."""
    test_accuracy: float | None
    """That of the same weights on the test images, where the data set has some."""
    checkpoint: Path | None


def save_curve(history: Sequence[Epoch], path: Path, title: str = "") -> None:
    """Draw losses and accuracy over the epochs into a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    losses = figure.subplots()
    epochs = [e.epoch for e in history]
    losses.plot(epochs, [e.train_loss for e in history], label="training loss", color="tab:blue")
    losses.plot(epochs, [e.validation_loss for e in history], label="validation loss", color="tab:orange")
    losses.set(xlabel="epoch", ylabel="loss", title=title)
    accuracy = losses.twinx()
    accuracy.plot(
        epochs, [e.validation_accuracy for e in history], label="validation accuracy", color="tab:green"
    )
    accuracy.set(ylabel="accuracy", ylim=(0, 1))
    figure.legend(loc="outside lower center", ncols=3)
    temporary = path.with_name(path.name + ".part")
    figure.savefig(temporary, format="png", dpi=120)
    temporary.replace(path)


class Board:
    """Writes each epoch as TensorBoard events into a folder."""

    def __init__(self, folder: Path, done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=done + 1)

    def add(self, record: Epoch) -> None:
        """Write one epoch."""
        for name, value in asdict(record).items():
            if name != "epoch":
                self._writer.add_scalar(name, value, record.epoch)

    def close(self) -> None:
        """Flush and close the file."""
        self._writer.close()
