"""Run exported files where blockdsl cannot be imported: `python -I alone.py FOLDER`.

Every `*.py` of the folder is loaded; its network is built without memory, filled with weights that
depend on their names alone, and run on fixed inputs. `results.pt` gets what came out.
"""

import runpy
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def fill(module: nn.Module) -> None:
    """Weights that only depend on their name and shape, so that two modules agree if their keys do."""
    state = module.state_dict()
    deep = sum(name.endswith("running_var") for name in state) > 300
    with torch.no_grad():
        for name, tensor in state.items():
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            if not tensor.is_floating_point():
                tensor.zero_()
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=generator)
            elif tensor.dim() > 1:
                tensor.normal_(0, (1.5 / tensor[0].numel()) ** 0.5, generator=generator)
            else:
                # The sum over hundreds of residual units would leave the range of float32.
                mean = (0.1 if deep else 1.0) if name.endswith("weight") else 0.0
                tensor.normal_(mean, 0.1, generator=generator)


def results(module: nn.Module, shapes: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    """Keys and shapes of the state, outputs in evaluation mode, and with heads those of training."""
    module = module.to_empty(device="cpu").eval()
    fill(module)
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(2, *shape, generator=generator) for shape in shapes]
    with torch.no_grad():
        outputs = numbered("y", module(*(x[:1] for x in inputs)))
        if any(name.startswith("aux") for name, _ in module.named_children()):
            torch.manual_seed(0)
            y, heads = module.train()(*inputs)
            assert isinstance(heads, Mapping)
            outputs |= {**numbered("training", y), **heads}
    return {"state": state_shapes(module), "outputs": outputs}


def numbered(name: str, outputs: Tensor | tuple[Tensor, ...]) -> dict[str, Tensor]:
    """The outputs by a name and their number, of which there may be one."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return {f"{name}{i}": output for i, output in enumerate(outputs, 1)}


def state_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shapes by key."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def load(file: Path) -> nn.Module:
    """The network of an exported file, without memory."""
    names = runpy.run_path(str(file))
    network = [v for v in names.values() if isinstance(v, type) and v.__module__ == "<run_path>"][-1]
    with torch.device("meta"):
        module: nn.Module = network()
    return module


def main(folder: Path) -> None:
    """See the module."""
    sys.modules["blockdsl"] = None  # type: ignore[assignment]
    shapes = torch.load(folder / "shapes.pt")
    found = {}
    for file in sorted(folder.glob("*.py")):
        module = load(file)
        run = shapes[file.stem]
        found[file.stem] = results(module, run) if run else {"state": state_shapes(module)}
    torch.save(found, folder / "results.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
