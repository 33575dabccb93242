"""Networks written as pt2 and ONNX, run in a process without blockdsl, and held to our modules.

What is exact is our module in float64. Float32 itself is off by about 1e-6 of the largest output: by how
much is seen from our own module in float32. A pt2 file runs the same kernels and must give the same to
1e-6. ONNX Runtime has kernels of its own, that add in another order, and no convolution for float64: its
output has to be within 1e-6 of what is exact, or, where our module in float32 is not that near either,
at most twice as far.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor

import blockdsl
from blockdsl.architecture import Architecture
from blockdsl.codegen import build
from blockdsl.export.traced import write_onnx, write_pt2
from tests.export import alone, traced_alone
from tests.export.running import smallest

INPUTS = {"googlenet": (3, 224, 224), "vit_b_16": (3, 32, 32)}
"""For those that a smaller one would make another network of, or that can be very small."""
TOLERANCE = 1e-6
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Wanted:
    """An output for three samples, as exactly as float64 has it; in float32, also for the first alone.

    PyTorch adds in another order for one sample than for three.
    """

    exact: Tensor
    single: Tensor
    first: Tensor

    @property
    def scale(self) -> float:
        """The largest output."""
        return self.exact.abs().max().item()

    @property
    def rounding(self) -> float:
        """How far our own module in float32 is from what is exact."""
        return (self.single - self.exact).abs().max().item()


def zoo(names: Iterable[str]) -> dict[str, Architecture]:
    """Networks of the zoo for small inputs."""
    return {n: blockdsl.load(n, input=INPUTS[n]) if n in INPUTS else smallest(n) for n in names}


def written(name: str, net: Architecture, inputs: Tensors, folder: Path) -> list[Wanted]:
    """Write a network as both kinds of file, with weights that keep its outputs finite; what is wanted."""
    module = build(net.ir, device="meta").to_empty(device="cpu").eval()
    alone.fill(module)
    write_pt2(net.ir, module, folder / f"{name}.pt2")
    write_onnx(net.ir, module, folder / f"{name}.onnx")
    onnx.checker.check_model(folder / f"{name}.onnx", full_check=True)
    proto = onnx.load(folder / f"{name}.onnx", load_external_data=False)
    assert [output.name for output in proto.graph.output] == list(net.outputs)
    given = inputs.values()
    with torch.no_grad():
        single, first = module(*given), module(*(x[:1] for x in given))
        exact = module.double()(*(x.double() for x in given))
    several = exact if isinstance(exact, tuple) else (exact,)
    assert all(output.isfinite().all() and output.std() > 0 for output in several)
    return list(map(Wanted, *(out if isinstance(out, tuple) else (out,) for out in (exact, single, first))))


def agree(networks: Mapping[str, Architecture], tmp_path: Path) -> None:
    """Hold the files of networks to our modules."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as place:
        folder = Path(place)
        inputs = {name: random_inputs(net) for name, net in networks.items()}
        wanted = {name: written(name, net, inputs[name], folder) for name, net in networks.items()}
        kinds = {file.suffix for file in folder.iterdir()}
        assert kinds == {".pt2", ".onnx"}
        arrays = {f"{name} {given}": x.numpy() for name, some in inputs.items() for given, x in some.items()}
        np.savez(folder / "inputs.npz", **arrays)
        script = Path(traced_alone.__file__)
        subprocess.run([sys.executable, "-I", script, folder], check=True, cwd=folder)
        with np.load(folder / "outputs.npz") as outputs:
            found = {key: torch.from_numpy(outputs[key]) for key in outputs.files}
    assert len(found) == 4 * sum(map(len, wanted.values()))
    failures = [
        line
        for name, outputs in wanted.items()
        for i, output in enumerate(outputs)
        for line in _differences(name, i, output, found)
    ]
    assert not failures, "\n".join(failures)


def random_inputs(net: Architecture) -> Tensors:
    """Three samples of each input."""
    generator = torch.Generator().manual_seed(1)
    return {name: torch.randn(3, *shape, generator=generator) for name, shape in net.inputs.items()}


def _differences(name: str, output: int, wanted: Wanted, found: Tensors) -> Iterable[str]:
    near = TOLERANCE * wanted.scale
    far = max(near, 2 * wanted.rounding)
    print(f"{name}: float32 itself is {wanted.rounding / wanted.scale:.2g} of the output apart")
    for key, expected, most in (
        (f"{name}.pt2", wanted.single, near),
        (f"{name}.pt2[:1]", wanted.first, near),
        (f"{name}.onnx", wanted.exact, far),
        (f"{name}.onnx[:1]", wanted.exact[:1], far),
    ):
        given = found[f"{key} {output}"]
        assert given.shape == expected.shape
        apart = (given - expected).abs().max().item()
        line = f"{key} is {apart / wanted.scale:.2g} of the output apart"
        print(line, flush=True)
        if not apart <= most:
            yield line
