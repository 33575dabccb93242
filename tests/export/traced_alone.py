"""Run pt2 and ONNX files where blockdsl cannot be imported: `python -I traced_alone.py FOLDER`.

`inputs.npz` has an input by network; `outputs.npz` gets what came out, by the name of the file. ONNX files
are run first, where PyTorch is not loaded either. Each is also run for the first sample alone.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

Arrays = dict[str, np.ndarray]


def onnx_outputs(file: Path, x: np.ndarray) -> list[np.ndarray]:
    """What ONNX Runtime makes of a file, as it optimises one by default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options)
    assert [i.name for i in session.get_inputs()] == ["x"]
    assert [o.name for o in session.get_outputs()] == ["y"]
    return [np.asarray(session.run(["y"], {"x": part})[0]) for part in (x, x[:1])]


def pt2_outputs(file: Path, x: np.ndarray) -> list[np.ndarray]:
    """What the traced network makes of an input."""
    import torch

    torch.set_num_threads(1)
    module = torch.export.load(file).module()
    with torch.no_grad():
        return [module(torch.from_numpy(part)).numpy() for part in (x, x[:1])]


def main(folder: Path) -> None:
    """See the module."""
    sys.modules["blockdsl"] = None  # type: ignore[assignment]
    found: Arrays = {}
    with np.load(folder / "inputs.npz") as inputs:
        for kind, run in (("onnx", onnx_outputs), ("pt2", pt2_outputs)):
            assert kind == "pt2" or "torch" not in sys.modules
            for name in inputs.files:
                file = folder / f"{name}.{kind}"
                found[file.name], first = run(file, inputs[name])
                found[f"{file.name}[:1]"] = first
    np.savez(folder / "outputs.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
