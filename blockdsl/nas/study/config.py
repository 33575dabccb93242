"""What a study is about: the space and how its networks are measured. Kept with the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from blockdsl.diagnostics import error
from blockdsl.nas.objectives import Objective, objectives_of
from blockdsl.ops import InputSizes
from blockdsl.ops.layouts import input_texts, read_input
from blockdsl.source import Source
from blockdsl.space import Space
from blockdsl.space.frozen import setting_expression
from blockdsl.syntax.printer import format_expr

ATTRIBUTE = "blockdsl"


def check_counts(**counts: int | None) -> None:
    """Refuse what is given and below 1 (raises `ArchError`)."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise error("search", f"{name} is a whole number, 1 or more, not {count}")


@dataclass(frozen=True)
class StudyConfig:
    """All that a worker needs, and that two runs of a study must share.

    Attributes:
        name, text, folder: the space's file.
        input, settings: what was given in place of the file's.
        data: the data set's name.
        loaded: the fingerprint of a data set that was loaded in Python.
        epochs, share, size, seeds, folds: of each training: epochs (None: the file's), share of the
            images, side of the input (None: the network's), repeats, parts of a cross-validation.
        table: a file of measurements in place of training.
        trusted: Python functions that may be called.
        device: where networks are trained.
    """

    name: str
    text: str
    folder: str | None
    input: InputSizes | None = None
    settings: Mapping[str, str] | None = None
    data: str = "digits"
    loaded: str | None = None
    epochs: int | None = None
    share: float = 1.0
    size: int | None = None
    seeds: int = 1
    folds: int = 1
    table: str | None = None
    trusted: tuple[str, ...] = ()
    device: str = "auto"

    def check(self) -> None:
        """Refuse numbers out of range (raises `ArchError`)."""
        check_counts(epochs=self.epochs, size=self.size, seeds=self.seeds, folds=self.folds)
        if not 0 < self.share <= 1:
            raise error("search", f"share is above 0 and at most 1, not {self.share}")
        if self.loaded and (self.share != 1 or self.folds > 1):
            raise error(
                "search", "a data set that was loaded has its share already, and its images to validate on",
                help="load(…, share=…), load(…, fold=(i, k))",
            )  # fmt: skip

    def space(self) -> Space:
        """The space (raises `ArchError`)."""
        return Space(Source(self.name, self.text, self.folder), input=self.input, settings=self.settings)

    def objectives(self, space: Space) -> tuple[Objective, ...]:
        """What is optimised (raises `ArchError`)."""
        return objectives_of(space, self.trusted)

    def words(self, epochs: int, seed: int) -> str:
        """Where figures are from: `on digits, 50% of it; 12 epochs, seed 0`.

        Args:
            epochs: that were trained in all; 0 for none.
            seed: the first one.
        """
        if self.table is not None:
            return f"on {self.data}; read from {Path(self.table).name}"
        where = [f"on {self.data}"]
        where += [f"loaded data {self.loaded}"] if self.loaded else []
        where += [f"{self.share:.0%} of it"] if self.share < 1 else []
        where += [f"at {self.size}x{self.size}"] if self.size else []
        how = [f"{epochs} epochs" if self.seeds * self.folds == 1 else f"{epochs} epochs in all"]
        how += [f"{self.folds} folds"] if self.folds > 1 else []
        how += [f"seed {seed}" if self.seeds == 1 else f"seeds {seed} to {seed + self.seeds - 1}"]
        return f"{', '.join(where)}; {', '.join(how)}"

    def written(self) -> dict[str, Any]:
        """As a study keeps it."""
        return asdict(self) | {"input": input_texts(self.input) if self.input else None}

    @staticmethod
    def read(kept: Mapping[str, Any]) -> StudyConfig:
        """From what a study keeps."""
        values = {f.name: kept[f.name] for f in fields(StudyConfig) if f.name in kept}
        given = values.get("input") or []
        # Studies of earlier versions have the sizes themselves.
        is_sizes = all(isinstance(size, int) for size in given)
        values["input"] = (tuple(given) or None) if is_sizes else read_input(given)
        values["trusted"] = tuple(values.get("trusted") or ())
        return StudyConfig(**values)


def setting_text(name: str, value: Any) -> str:
    """A setting as the language writes it, so that it stays the same in a storage.

    >>> setting_text("sizes", (4, 6)), setting_text("norm", "batch"), setting_text("bias", True)
    ('[4, 6]', 'batch', 'yes')
    """
    if isinstance(value, str):
        return value
    return format_expr(setting_expression(name, value))


SAME = {
    "data": "--data", "loaded": "loaded data", "epochs": "--epochs", "share": "--share", "size": "--size",
    "seeds": "--seeds", "folds": "--folds", "table": "--table", "input": "--input", "settings": "--set",
}  # fmt: skip
"""What must be the same when a study goes on, with the option that sets it; only Python has `loaded data`."""
