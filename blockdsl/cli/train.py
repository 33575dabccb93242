"""`blockdsl train`: train a network on real images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blockdsl.cli.display import progress
from blockdsl.cli.options import (
    ExpressionOption,
    FileArgument,
    InputOption,
    SetOption,
    open_architecture,
)
from blockdsl.diagnostics import error

if TYPE_CHECKING:
    from blockdsl.api import Architecture
    from blockdsl.training import Data, Epoch

NAME = "train"


def command(
    file: FileArgument = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            help="digits (comes along), mnist, fashion-mnist, cifar10, cifar100, imagefolder:PATH, npz:PATH.",
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
        str, typer.Option("--strategy", help="Lightning Fabric's, for several devices: ddp, fsdp, …")
    ] = "auto",
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32, bf16, fp16 or fp64, in place of the file's.")
    ] = None,
    ensemble: Annotated[
        int, typer.Option("--ensemble", min=1, help="Train so many networks and average their answers.")
    ] = 1,
    seed: Annotated[int | None, typer.Option("--seed", help="In place of the file's.")] = None,
    share: Annotated[
        float, typer.Option("--share", min=0.0, max=1.0, help="Part of the training images to use.")
    ] = 1.0,
    at_least: Annotated[
        float,
        typer.Option(
            "--at-least", min=0.0, max=1.0, help="Exit code 1 if the validation accuracy stays below."
        ),
    ] = 0.0,
) -> None:
    """Train a network with the settings of its `train` section, and keep the best weights.

    `blockdsl train lenet5 --data digits`

    `blockdsl train resnet20 --data cifar10 --device cuda --precision bf16`

    `blockdsl train lenet5 --data npz:mnist.npz --ensemble 5`
    """
    from blockdsl import training

    architecture = open_architecture(file, expression, shape, settings)
    recipe = architecture.program.recipe
    images = training.load(
        data, architecture.input_shape, validation=recipe.validation, resize=recipe.resize, share=share
    )
    _check_classes(architecture, images)
    folder = out or Path("runs") / _name(architecture)
    options: dict[str, Any] = {
        "seed": recipe.seed if seed is None else seed,
        "epochs": epochs,
        "device": device,
        "devices": devices,
        "strategy": strategy,
        "precision": precision,
        "auxiliaries": {a.name: a.weight for a in architecture.ir.auxiliaries},
        "out": folder,
        "resume": resume,
        "on_epoch": _report,
    }
    architecture.check()
    print(repr(architecture).strip("<>"))
    print(
        f"{data}: {len(images.train.labels):,} images to train, {len(images.validation.labels):,} to validate"
    )
    with progress("training") as on_batch:
        run = _one if ensemble == 1 else partial(_several, ensemble)
        accuracy, test = run(architecture, images, {**options, "on_batch": on_batch})
    print(f"validation accuracy {accuracy:.2%}" + (f", test accuracy {test:.2%}" if test is not None else ""))
    print(f"wrote {folder}")
    if accuracy < at_least:
        raise error("train", f"validation accuracy {accuracy:.2%} is below the {at_least:.2%} asked for")


def _one(architecture: Architecture, data: Data, options: dict[str, Any]) -> tuple[float, float | None]:
    """Train one network; its validation and test accuracy."""
    from blockdsl import training

    module = architecture.module(seed=options["seed"])
    result = training.fit(module, data, architecture.program.recipe, **options)
    print(f"{result.outcome} after {len(result.history)} epochs")
    return result.accuracy, result.test_accuracy


def _several(
    count: int, architecture: Architecture, data: Data, options: dict[str, Any]
) -> tuple[float, float | None]:
    """Train an ensemble; the accuracies of its averaged answers."""
    from blockdsl import training

    result = training.fit_ensemble(architecture.module, count, data, architecture.program.recipe, **options)
    for number, member in enumerate(result.members, 1):
        print(f"member {number}: {member.outcome}, validation accuracy {member.accuracy:.2%}")
    return result.accuracy, result.test_accuracy


def _report(epoch: Epoch) -> bool:
    """One line an epoch; training goes on."""
    print(
        f"epoch {epoch.epoch:>3}  loss {epoch.train_loss:.4f}  validation {epoch.validation_loss:.4f}"
        f"  accuracy {epoch.validation_accuracy:.2%}  {epoch.seconds:.1f} s",
        flush=True,
    )
    return False


def _name(architecture: Architecture) -> str:
    source = architecture.program.file.span.source.name
    return Path(source).stem.strip("<>")


def _check_classes(architecture: Architecture, data: Data) -> None:
    """Refuse a network with fewer outputs than the data has classes."""
    shape = architecture.output_shape
    if len(shape) != 1 or shape[0] < data.classes:
        shown = "x".join(map(str, shape))
        raise error(
            "train",
            f"{data.name} has {data.classes} classes, the network yields {shown}",
            architecture.ir.layer(architecture.ir.output.node).span,
            help=f"end the network in FC({data.classes}), or --set classes={data.classes} where it has that",
        )
