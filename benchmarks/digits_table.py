"""Trains every network of search/residual_stages.arch on the digits, three times: a table for the benchmark.

    python benchmarks/digits_table.py benchmarks/digits_table.json

Each network trains 6 epochs (SGD, momentum 0.9, rate 0.1 on a cosine, batch 50) on 600 of
scikit-learn's digits and is measured on the other 1,197; the seeds are 0, 1 and 2. Few images to
train on and many to measure with: networks then differ by more than one network's runs do. The file
is written as it grows, and a second start goes on where the first one ended.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from blockdsl import Space
from blockdsl.codegen import build
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph

SPACE = "residual_stages"
IMAGES, EPOCHS, BATCH, RATE, SEEDS = 600, 6, 50, 0.1, (0, 1, 2)


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images / 16.0, labels, train_size=IMAGES, stratify=labels, random_state=0)
    x, x_test = (torch.tensor(p, dtype=torch.float32).reshape(-1, 1, 8, 8) for p in parts[:2])
    y, y_test = (torch.tensor(p) for p in parts[2:])
    return x, y, x_test, y_test


def accuracy(graph: Graph, data: tuple[Tensor, Tensor, Tensor, Tensor], seed: int) -> float:
    x, y, x_test, y_test = data
    torch.manual_seed(seed)
    module = build(graph, seed=seed)
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4)
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        for indices in torch.randperm(len(x))[: len(x) // BATCH * BATCH].split(BATCH):
            loss = nn.functional.cross_entropy(module(x[indices]), y[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    module.eval()
    with torch.no_grad():
        return round(float((module(x_test).argmax(dim=1) == y_test).float().mean()), 6)


def main(path: Path) -> None:
    torch.set_num_threads(1)
    networks = json.loads(path.read_text())["networks"] if path.is_file() else []
    known = {json.dumps(n["assignment"]) for n in networks}
    data = digits()
    for candidate in Space.load(SPACE).enumerate():
        if isinstance(candidate, ArchError) or json.dumps(candidate.assignment) in known:
            continue
        runs = [accuracy(candidate.program.graph, data, seed) for seed in SEEDS]
        networks.append({"assignment": candidate.assignment, "accuracy": runs})
        if len(networks) % 50 == 0:
            print(len(networks), max(max(n["accuracy"]) for n in networks), flush=True)
            save(path, networks)
    save(path, networks)


def save(path: Path, networks: list[dict[str, object]]) -> None:
    rows = ",\n".join(json.dumps(n) for n in networks)
    path.write_text(f'{{"space": "{SPACE}", "networks": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    main(Path(sys.argv[1]))
