"""`blockdsl train`: train a network on real images."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.cli.display import progress, show_table
from blockdsl.cli.options import (
    ExpressionOption,
    FileArgument,
    InputOption,
    SetOption,
    finite,
    open_architecture,
)
from blockdsl.cli.streams import say
from blockdsl.diagnostics import ArchError, error

if TYPE_CHECKING:
    from blockdsl.architecture import Architecture
    from blockdsl.training import Epoch, Job
    from blockdsl.training.start import Start


def command(
    file: FileArgument = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            help="digits (comes along) or npz:PATH; with the extra [vision] also mnist, fashion-mnist, "
            "cifar10, cifar100, imagefolder:PATH.",
        ),
    ] = "digits",
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="In place of the file's.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Checkpoints, curve, TensorBoard events; runs/NAME by default."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")] = False,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    devices: Annotated[int, typer.Option("--devices", min=1, help="How many of them.")] = 1,
    strategy: Annotated[
        str, typer.Option("--strategy", help="For several devices: ddp, a copy of the network on each.")
    ] = "auto",
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32, bf16, fp16 or fp64, in place of the file's.")
    ] = None,
    ensemble: Annotated[
        int,
        typer.Option("--ensemble", min=1, max=1000, help="Train so many networks and average their answers."),
    ] = 1,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="STATE", help="Begin with these; layers of another size begin anew."
        ),
    ] = None,
    freeze_until: Annotated[
        str | None,
        typer.Option("--freeze-until", metavar="NAME", help="Train only what comes after this point."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="In place of the file's.")] = None,
    share: Annotated[
        float,
        typer.Option(
            "--share", min=0.0, max=1.0, callback=finite, help="Part of the training images to use."
        ),
    ] = 1.0,
    at_least: Annotated[
        float,
        typer.Option(
            "--at-least",
            min=0.0,
            max=1.0,
            callback=finite,
            help="Exit code 1 if the validation accuracy stays below.",
        ),
    ] = 0.0,
) -> None:
    """Train a network with the settings of its `train` section, and keep the best weights.

    `blockdsl train lenet5 --data digits`

    `blockdsl train resnet20 --data cifar10 --device cuda --precision bf16`

    `blockdsl train lenet5 --data npz:mnist.npz --ensemble 5`

    `blockdsl train resnet18 --set classes=20 --data imagefolder:birds`

    `blockdsl train resnet18 --weights resnet18.safetensors --freeze-until stage[3]`
    """
    from blockdsl import training

    architecture = open_architecture(file, expression, shape, settings)
    folder = out or Path("runs") / _name(architecture)
    done: list[Epoch] = []
    job = training.job(
        architecture.program, data, epochs=epochs, precision=precision, seed=seed, share=share,
        weights=weights, freeze_until=freeze_until, device=device, devices=devices, strategy=strategy,
        out=folder, resume=resume, on_epoch=partial(_report, done),
    )  # fmt: skip
    architecture.check()
    _say(repr(architecture).strip("<>"))
    train, validation = job.data.train.labels, job.data.validation.labels
    _say(f"{data}: {len(train):,} images to train, {len(validation):,} to validate")
    if len(architecture.ir.outputs) > 1:
        _say(f"accuracy is that of {training.reported_output(architecture.ir, job.recipe)}")
    if freeze_until:
        _say(_frozen_words(architecture, job.frozen, freeze_until))
    with _told(folder, done, resume=resume), progress("training") as on_batch:
        job = replace(job, options={**job.options, "on_batch": on_batch})
        accuracy, test = _one(job) if ensemble == 1 else _several(job, ensemble)
    _say(f"validation accuracy {accuracy:.2%}" + (f", test accuracy {test:.2%}" if test is not None else ""))
    _say(f"wrote {folder}")
    if accuracy < at_least:
        raise error("train", f"validation accuracy {accuracy:.2%} is below the {at_least:.2%} asked for")


def _say_start(weights: Path | None, start: Start | None) -> None:
    if start is not None:
        new = f"; new: {', '.join(start.new)}" if start.new else ""
        _say(f"weights of {len(start.carried)} layers from {weights}{new}")


def _frozen_words(architecture: Architecture, frozen: Collection[str], name: str) -> str:
    """How much stays as it is."""
    from blockdsl.codegen import module_path

    graph = architecture.ir
    names = {layer.name for layer in graph.layers() if module_path(graph, layer) in frozen}
    layers = [layer for layer in architecture.summary().layers if layer.params]
    kept = sum(layer.params for layer in layers if layer.name in names)
    count = sum(layer.name in names for layer in layers)
    return (
        f"frozen until {name}: {count} of {len(layers)} layers with weights, "
        f"{kept:,} of {architecture.summary().params:,} parameters"
    )


def _one(job: Job) -> tuple[float, float | None]:
    """Train one network; its validation and test accuracy."""
    _, result = job.fit(partial(_say_start, job.weights))
    _say(f"{result.outcome} after {len(result.history)} epochs")
    return result.accuracy, result.test_accuracy


def _several(job: Job, count: int) -> tuple[float, float | None]:
    """Train an ensemble; the accuracies of its averaged answers."""
    numbers = iter(range(1, count + 1))

    def begin(start: Start | None) -> None:
        _say(f"member {next(numbers)} of {count}")
        _say_start(job.weights, start)

    _, result = job.fit_ensemble(count, begin)
    rows: list[tuple[str, ...]] = [
        (str(number), str(len(m.history)), m.outcome, f"{m.accuracy:.2%}", _percent(m.test_accuracy))
        for number, m in enumerate(result.members, 1)
    ]
    rows.append(("average", "", "", f"{result.accuracy:.2%}", _percent(result.test_accuracy)))
    if _is_first_process():
        show_table(("member", "epochs", "outcome", "validation", "test"), rows)
    return result.accuracy, result.test_accuracy


def _percent(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{accuracy:.2%}"


def _is_first_process() -> bool:
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _say(text: str) -> None:
    """Print; of the processes of a run the first one alone."""
    if _is_first_process():
        say(text)


@contextmanager
def _told(folder: Path, done: list[Epoch], *, resume: bool) -> Iterator[None]:
    """Say what becomes of a run that is interrupted, or whose folder cannot be written any more."""
    try:
        yield
    except ArchError as lost:
        if lost.diagnostic.kind != "output" or not (done or resume):
            raise
        kept = f"{folder} keeps epoch {done[-1].epoch}" if done else f"{folder} is as it was"
        help = f"{kept}; once that is mended, the same command with --resume goes on"
        raise ArchError(replace(lost.diagnostic, help=help)) from None
    except KeyboardInterrupt:
        if done:
            _say(
                f"stopped after epoch {done[-1].epoch}; the same command with --resume goes on from {folder}"
            )
        raise


def _report(done: list[Epoch], epoch: Epoch) -> bool:
    """One line an epoch; training goes on."""
    done.append(epoch)
    _say(
        f"epoch {epoch.epoch:>3}  loss {epoch.train_loss:.4f}  validation {epoch.validation_loss:.4f}"
        f"  accuracy {epoch.validation_accuracy:.2%}  {epoch.seconds:.1f} s"
    )
    return False


def _name(architecture: Architecture) -> str:
    return architecture.program.file.span.source.stem or "network"
