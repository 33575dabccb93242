"""A data set that was loaded in Python, on its way to the workers."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

from blockdsl.diagnostics import error, exception_text

if TYPE_CHECKING:
    from blockdsl.training import Data

_HELP = "its splits are of classes that pickle can carry, in a module that other processes can import"


def packed(data: Data) -> bytes:
    """A data set for another process, without its test images, which a search does not look at.

    These are bytes since multiprocessing itself would put the tensors into shared memory, of which a
    container may have little.

    Raises:
        ArchError: pickle cannot carry it.
    """
    try:
        return pickle.dumps(replace(data, test=None))
    except Exception as reason:  # the data may be of a class of the user's, which may raise anything
        raise error(
            "data", f"{data.name} cannot be handed to the workers: {exception_text(reason)}", help=_HELP
        ) from None


def unpacked(content: bytes) -> Data:
    """The data set in a worker.

    Raises:
        ArchError: its classes are not found there.
    """
    try:
        data: Data = pickle.loads(content)
    except Exception as reason:  # as in `packed`
        raise error("data", f"a worker cannot read the data: {exception_text(reason)}", help=_HELP) from None
    return data
