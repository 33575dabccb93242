"""Run pt2 and ONNX files where blockdsl cannot be imported: `python -I traced_alone.py FOLDER`.

`inputs.npz` has the inputs by the names of the network and the input; `outputs.npz` gets what came out, by
the names of the files and the numbers of the outputs. ONNX files are run first, without PyTorch.
Each is also run for the first sample alone.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

Arrays = dict[str, np.ndarray]


def onnx_outputs(file: Path, inputs: Arrays) -> list[np.ndarray]:
    """What ONNX Runtime makes of a file, as it optimises one by default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options)
    assert [i.name for i in session.get_inputs()] == list(inputs)
    return list(map(np.asarray, session.run(None, inputs)))


def pt2_outputs(file: Path, inputs: Arrays) -> list[np.ndarray]:
    """What the traced network makes of its inputs."""
    import torch

    torch.set_num_threads(1)
    module = torch.export.load(file).module()
    with torch.no_grad():
        outputs = module(*map(torch.from_numpy, inputs.values()))
    return [output.detach().numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]


def main(folder: Path) -> None:
    """See the module."""
    sys.modules["blockdsl"] = None  # type: ignore[assignment]
    found: Arrays = {}
    networks: dict[str, Arrays] = {}
    with np.load(folder / "inputs.npz") as inputs:
        for key in inputs.files:
            name, given = key.split()
            networks.setdefault(name, {})[given] = inputs[key]
    for kind, run in (("onnx", onnx_outputs), ("pt2", pt2_outputs)):
        assert kind == "pt2" or "torch" not in sys.modules
        for name, batch in networks.items():
            file = folder / f"{name}.{kind}"
            first = {given: x[:1] for given, x in batch.items()}
            for key, part in ((file.name, batch), (f"{file.name}[:1]", first)):
                found |= {f"{key} {i}": output for i, output in enumerate(run(file, part))}
    np.savez(folder / "outputs.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
