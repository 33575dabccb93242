"""What training yields: a record per epoch, a result, a curve, TensorBoard events."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from blockdsl.output import make_folder, replacing, unwritable
from blockdsl.visible import visible


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
    """Draw losses and accuracy over the epochs into a PNG (raises `ArchError` where it cannot be written)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    losses = figure.subplots()
    epochs = [e.epoch for e in history]
    losses.plot(epochs, [e.train_loss for e in history], label="training loss", color="tab:blue")
    losses.plot(epochs, [e.validation_loss for e in history], label="validation loss", color="tab:orange")
    losses.set(xlabel="epoch", ylabel="loss", title=visible(title))
    accuracy = losses.twinx()
    accuracy.plot(
        epochs, [e.validation_accuracy for e in history], label="validation accuracy", color="tab:green"
    )
    accuracy.set(ylabel="accuracy", ylim=(0, 1))
    figure.legend(loc="outside lower center", ncols=3)
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=120)


class Board:
    """Writes each epoch as TensorBoard events into a folder.

    PyTorch's `SummaryWriter` writes in a thread, which ends in a traceback of its own where the disk is
    full; here an epoch is written when it is added.
    """

    def __init__(self, folder: Path, done: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        make_folder(folder)
        self._file = folder / f"events.out.tfevents.{time.time_ns()}.{platform.node()}.{os.getpid()}"
        # Epochs beyond `done` are of a run that was resumed before them.
        start = SessionLog(status=SessionLog.START)
        self._write(
            Event(wall_time=time.time(), file_version="brain.Event:2"),
            Event(wall_time=time.time(), step=done + 1, session_log=start),
        )

    def add(self, record: Epoch) -> None:
        """Write one epoch (raises `ArchError` where the file cannot be written)."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in asdict(record).items()
            if name != "epoch"
        ]
        self._write(Event(wall_time=time.time(), step=record.epoch, summary=Summary(value=values)))

    def _write(self, *events: Any) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        try:
            with self._file.open("ab") as file:
                for event in events:
                    RecordWriter(file).write(event.SerializeToString())
        except OSError as reason:
            raise unwritable(self._file, reason) from None
