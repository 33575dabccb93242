"""Speed of the compiler and of what it compiles, as ratios measured side by side in one run.

    python benchmarks/compile.py            # the table
    python benchmarks/compile.py --write    # also into docs/benchmarks_compile.md

Every figure is a ratio of medians; both sides are timed in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
import torchinfo  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import blockdsl  # noqa: E402
from blockdsl.analysis import summarise  # noqa: E402
from blockdsl.lowering import lower  # noqa: E402
from blockdsl.resources import find_source  # noqa: E402
from blockdsl.syntax.parser import parse  # noqa: E402
from tests.references import declare_operators, torchvision_models  # noqa: E402

RESNET50 = find_source("resnet50").text
CHAIN = "input 3x32x32\nnet (CONV(16,3,p1)-RELU)*5000"


class Figure(NamedTuple):
    """One row: what was compared, both medians in seconds, and the ratio with what is asked of it."""

    name: str
    ours: float
    theirs: float
    ratio: float
    wanted: str


def medians(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """Median seconds of each function, run in turn after one round that does not count."""
    times: list[list[float]] = [[] for _ in functions]
    for number in range(rounds + 1):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if number:
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def summarised(text: str) -> str:
    return str(blockdsl.parse(text).summary())


SUMMARIES = {
    "resnet50": (15, 30), "resnet152": (15, 30), "densenet201": (15, 30), "googlenet": (15, 30),
    "efficientnet_b0": (15, 30), "alexnet": (1.3, 6), "vgg16": (3, 6),
}  # fmt: skip
"""How many times faster than the cheapest peer: from the text, and from the syntax tree on."""


def summaries(rounds: int) -> list[Figure]:
    """Text to table against the cheapest way to count torchvision's module, in one warm process.

    The module is built on the meta device. PyTorch's `FlopCounterMode` and torchinfo are both timed.
    """
    models = torchvision_models()
    figures = []
    for name, (of_text, of_tree) in SUMMARIES.items():
        source = find_source(name)
        options = {"init_weights": False, "aux_logits": True} if name == "googlenet" else {}

        def built(name: str = name, options: dict[str, bool] = options) -> nn.Module:
            with torch.device("meta"):
                return getattr(models, name)(weights=None, **options).eval()  # type: ignore[no-any-return]

        def counted(built: Callable[[], nn.Module] = built) -> object:
            with FlopCounterMode(display=False) as counter:
                built()(torch.empty(1, 3, 224, 224, device="meta"))
            return counter.get_total_flops()

        def told(built: Callable[[], nn.Module] = built) -> str:
            return str(torchinfo.summary(built(), (1, 3, 224, 224), device="meta", verbose=0))

        tree = parse(source)
        ours, after, *peers = medians(
            rounds,
            lambda text=source.text: summarised(text),  # type: ignore[misc]
            lambda tree=tree: str(summarise(lower(tree).graph)),  # type: ignore[misc]
            counted,
            told,
        )
        other = min(peers)
        figures += [
            Figure(f"summary of {name}", ours, other, other / ours, f">= {of_text}"),
            Figure("the same from the syntax tree on", after, other, other / after, f">= {of_tree}"),
        ]
    return figures


def whole_process(rounds: int) -> Figure:
    """`blockdsl summary resnet50` against `python -c` with torchvision and torchinfo."""
    setup = "" if not declare_operators() else f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    setup += "" if not setup else "from tests.references import declare_operators; declare_operators()\n"
    program = (
        f"{setup}import torchinfo\nfrom torchvision.models import resnet50\n"
        "torchinfo.summary(resnet50(weights=None), (1, 3, 224, 224))"
    )

    def call(*arguments: str) -> Callable[[], object]:
        command = [sys.executable, *arguments]
        return lambda: subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)

    ours, theirs = medians(
        rounds, call("-m", "blockdsl.cli", "summary", "resnet50.arch"), call("-c", program)
    )
    return Figure("summary of resnet50, whole process", ours, theirs, theirs / ours, ">= 8")


def construction(rounds: int) -> list[Figure]:
    """Text to a module, initialised and checked, against pytorchcv's constructor, in one warm process."""
    from pytorchcv.models.fractalnet_cifar import fractalnet_cifar10
    from pytorchcv.models.preresnet_cifar import preresnet1001_cifar10

    figures = []
    for name, theirs in (("preact_resnet1001", preresnet1001_cifar10), ("fractalnet_20", fractalnet_cifar10)):
        ours, other = medians(rounds, module_of(find_source(name).text), theirs)
        figures.append(Figure(f"{name} to a module, pytorchcv's", ours, other, ours / other, "<= 1.2"))
    return figures


def module_of(text: str) -> Callable[[], nn.Module]:
    return lambda: blockdsl.parse(text).module()


def checked_zoo(rounds: int) -> Figure:
    """`blockdsl check zoo/*.arch` in one process; the ratio is to the ten seconds that it may take."""
    files = [str(path) for path in sorted((ROOT / "zoo").glob("*.arch"))]
    command = [sys.executable, "-m", "blockdsl.cli", "check", *files]
    (seconds,) = medians(
        rounds, lambda: subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    )
    return Figure(f"check of the {len(files)} networks of the zoo, 10 s", seconds, 10, seconds / 10, "<= 1")


def linear_growth(rounds: int) -> Figure:
    """Cost per layer of 10,000 layers in a row against resnet50's."""

    def analysed(text: str) -> int:
        return len(blockdsl.parse(text).summary().layers)

    layers, few = analysed(CHAIN), analysed(RESNET50)
    chain, resnet = medians(rounds, lambda: analysed(CHAIN), lambda: analysed(RESNET50))
    each, other = chain / layers, resnet / few
    return Figure("a layer of (CONV-RELU)*5000 against one of resnet50", each, other, each / other, "<= 2")


def training_steps(rounds: int) -> list[Figure]:
    """An eager step (forward, backward, SGD) of ours against torchvision's resnet50, batch 4 of 3x64x64."""
    ours = blockdsl.load("resnet50_v1_5").module(seed=0)  # torchvision's stride is on the 3x3
    theirs = torchvision_models().resnet50(weights=None)
    last = blockdsl.load("resnet50_v1_5").module(seed=0).to(memory_format=torch.channels_last)
    steps = [step(module, last_axis) for module, last_axis in ((ours, False), (theirs, False), (last, True))]
    mine, other, channels_last = medians(rounds, *steps)
    return [
        Figure("training step of resnet50, NCHW", mine, other, other / mine, ">= 1"),
        Figure("the same in channels_last against NCHW", channels_last, other, other / channels_last, "> 1"),
    ]


def step(module: nn.Module, channels_last: bool) -> Callable[[], object]:
    optimizer = torch.optim.SGD(module.train().parameters(), lr=0.001, momentum=0.9)
    x, labels = torch.randn(4, 3, 64, 64), torch.randint(0, 1000, (4,))
    if channels_last:
        x = x.to(memory_format=torch.channels_last)

    def run() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), labels).backward()
        optimizer.step()

    return run


def table(figures: list[Figure]) -> str:
    lines = ["| what | ours | the other | ratio | wanted |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, ours, theirs, ratio, wanted in figures:
        lines.append(f"| {name} | {shown(ours)} | {shown(theirs)} | {ratio:.2f} | {wanted} |")
    return "\n".join(lines)


def shown(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--write", action="store_true", help="write docs/benchmarks_compile.md")
    arguments.add_argument("--rounds", type=int, default=11)
    given = arguments.parse_args()
    figures = [
        *summaries(given.rounds),
        whole_process(max(3, given.rounds // 2)),
        linear_growth(max(3, given.rounds // 2)),
        *construction(given.rounds),
        checked_zoo(max(3, given.rounds // 4)),
        *training_steps(given.rounds),
    ]
    text = table(figures)
    print(text)
    if given.write:
        machine = (
            f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}"
        )
        note = f"`make bench` on {machine}, torch {torch.__version__}; medians, both sides timed in turn.\n"
        page = f"# Speed of the compiler\n\n{note}\n{text}\n"
        (ROOT / "docs" / "benchmarks_compile.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
