"""Exported Python, run here and held to the module that blockdsl builds."""

import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import blockdsl
from blockdsl.architecture import Architecture
from blockdsl.codegen import build
from blockdsl.export.python import python_source
from blockdsl.ir import Graph
from blockdsl.lowering import Program, lower
from blockdsl.ops import Image, Volume
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from tests.export import alone


def program_of(graph: Graph, text: str = "input 4 net FC(2)") -> Program:
    """A graph that was made without the language, as the program of a file, which is about something else."""
    return replace(lower(parse(Source("net.arch", text))), graph=graph)


def network(source: str) -> nn.Module:
    """The network of an exported text."""
    names: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, "exported", "exec"), names)
    classes = [v for v in names.values() if isinstance(v, type) and v.__module__ == "exported"]
    module: nn.Module = classes[-1]()
    return module


def agree(net: Architecture | str) -> str:
    """Hold the exported network to ours, in evaluation and training mode; its text."""
    net = blockdsl.parse(net) if isinstance(net, str) else net
    source = python_source(net.program)
    ours, theirs = net.module(seed=0), network(source)
    assert list(ours.state_dict()) == list(theirs.state_dict()), source
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(4, *net.input_shape, generator=torch.Generator().manual_seed(0))
    for training in (False, True):
        results = []
        for module in (ours, theirs):
            torch.manual_seed(0)
            with torch.no_grad():
                results.append(module.train(training)(x.clone()))
        torch.testing.assert_close(results[1], results[0], rtol=1e-6, atol=1e-6, msg=source)
    return source


SMALLER = (64, 107, 140, 188)
"""Sides to try for a forward pass before a network's own; what it is made of stays the same."""


def smallest(name: str) -> Architecture:
    """A network of the zoo for the smallest input that it takes."""
    full = blockdsl.load(name)
    *shapes, shape = full.inputs.values()
    if shapes or not isinstance(shape, Image | Volume):
        return full
    for side in SMALLER:
        if side < shape[-1]:
            try:
                return blockdsl.load(name, input=(*shape[:-2], side, side))
            except blockdsl.ArchError:
                continue
    return full


def run_files(nets: Mapping[str, Architecture], only_made: Collection[str], folder: Path) -> None:
    """Write networks as Python and run them in a process without blockdsl; hold them to ours.

    Those of `only_made` are made there and not run.
    """
    for name, net in nets.items():
        (folder / f"{name}.py").write_text(python_source(net.program), encoding="utf-8")
    run = {
        name: None if name in only_made else [tuple(shape) for shape in net.inputs.values()]
        for name, net in nets.items()
    }
    torch.save(run, folder / "shapes.pt")
    script = Path(alone.__file__)
    subprocess.run([sys.executable, "-I", script, folder], check=True, cwd=folder)
    found = torch.load(folder / "results.pt")
    assert set(found) == set(nets)
    for name, net in nets.items():
        module = build(net.ir, device="meta")
        assert found[name]["state"] == alone.state_shapes(module), name
        if (shapes := run[name]) is None:
            continue
        wanted = alone.results(module, shapes)["outputs"]
        modes = ["y", "training"] if net.ir.auxiliaries else ["y"]
        outputs = [f"{mode}{i}" for mode in modes for i in range(1, len(net.outputs) + 1)]
        outputs += [head.name for head in net.ir.auxiliaries]
        assert list(found[name]["outputs"]) == list(wanted) == outputs
        for output, tensor in wanted.items():
            scale = max(1.0, tensor.abs().max().item())
            assert tensor.isfinite().all() and (tensor.numel() == 1 or tensor.std() > 0)
            assert (found[name]["outputs"][output] - tensor).abs().max() <= 1e-6 * scale, (name, output)
