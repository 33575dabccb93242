"""`blockdsl compile`: from the text to a module that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.cli.display import show_summary
from blockdsl.cli.options import (
    DeviceOption,
    ExpandOption,
    ExpressionOption,
    FileArgument,
    InputOption,
    SetOption,
    input_files,
    open_architecture,
)
from blockdsl.cli.streams import say
from blockdsl.output import check_outputs

if TYPE_CHECKING:
    import torch
    from torch import nn

    from blockdsl.architecture import Architecture


def command(
    file: FileArgument = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    outputs: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Write OUT.py, .pt2, .onnx (with extra [onnx]), .safetensors, .json; may be given again.",
        ),
    ] = None,
    device: DeviceOption = "cpu",
    dtype: Annotated[
        str, typer.Option("--dtype", help="Type of the weights: fp32, bf16, fp16, fp64.")
    ] = "fp32",
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the initial weights.")] = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="Start from these: what `blockdsl weights` wrote."),
    ] = None,
    expand: ExpandOption = False,
) -> None:
    """Check a network, print what it costs, build its PyTorch module and run it once as proof.

    `blockdsl compile alexnet`

    `blockdsl compile net.arch --set classes=10 -o net.py -o net.onnx`

    `blockdsl compile --input 3x32x32 -e 'CONV(16,3,p1)-RELU-GAP-FLATTEN-FC(10)'`
    """
    from blockdsl.cli.devices import torch_device, torch_dtype
    from blockdsl.export.writers import export, writer_for

    outputs = outputs or []
    for output in outputs:
        writer_for(output)
    architecture = open_architecture(file, expression, shape, settings)
    count = architecture.check()
    check_outputs(outputs, input_files(file, architecture.program.file, weights))
    place, precision = torch_device(device), torch_dtype(dtype)
    show_summary(architecture.summary(), expand=expand)
    if count:
        say(f"checks      {count} of the file's `check` lines hold")
    module = _build(architecture, place, precision, seed, weights)
    say(f"runs        a forward pass on {device} in {dtype} gives every shape of the table")
    export(architecture.program, module, outputs)
    for output in outputs:
        say(f"wrote       {output}")


def _build(
    architecture: Architecture,
    device: torch.device,
    dtype: torch.dtype,
    seed: int | None,
    weights: Path | None,
) -> nn.Module:
    """The module, proved by a forward pass."""
    from blockdsl.cli.devices import check_room
    from blockdsl.codegen import check_module

    check_room(architecture.summary(), device)
    module = architecture.module(device=device, dtype=dtype, seed=seed, weights=weights)
    check_module(architecture.ir, module)
    return module
