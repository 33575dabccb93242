"""What a study is about: the space and how its networks are measured. Kept with the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from blockdsl.ops import Shape
from blockdsl.search.objectives import Objective, objectives_of
from blockdsl.search.space import Space
from blockdsl.source import Source

ATTRIBUTE = "blockdsl"


@dataclass(frozen=True)
class Setup:
    """All that a worker needs, and that two runs of a study must share.

    Attributes:
        name, text, folder: the space's file.
        input, settings: what was given in place of the file's.
        data: the data set.
        epochs, share, seeds: of each training: epochs (None: the file's), share of the images, repeats.
        table: a file of measurements in place of training.
        trusted: Python functions that may be called.
        device: where networks are trained.
    """

    name: str
    text: str
    folder: str | None
    input: Shape | None = None
    settings: Mapping[str, str] | None = None
    data: str = "digits"
    epochs: int | None = None
    share: float = 1.0
    seeds: int = 1
    table: str | None = None
    trusted: tuple[str, ...] = ()
    device: str = "auto"

    def space(self) -> Space:
        """The space (raises `ArchError`)."""
        return Space(Source(self.name, self.text, self.folder), input=self.input, settings=self.settings)

    def objectives(self, space: Space) -> tuple[Objective, ...]:
        """What is optimised (raises `ArchError`)."""
        return objectives_of(space, self.trusted)

    def written(self) -> dict[str, Any]:
        """As a study keeps it."""
        return asdict(self)

    @staticmethod
    def read(kept: Mapping[str, Any]) -> Setup:
        """From what a study keeps."""
        values = {f.name: kept[f.name] for f in fields(Setup) if f.name in kept}
        values["input"] = tuple(values["input"]) if values.get("input") else None
        values["trusted"] = tuple(values.get("trusted") or ())
        return Setup(**values)


SAME = {
    "data": "--data", "epochs": "--epochs", "share": "--share", "seeds": "--seeds", "table": "--table",
    "input": "--input", "settings": "--set",
}  # fmt: skip
"""What must be the same when a study goes on, with the option that sets it."""
