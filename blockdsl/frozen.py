"""A dict that cannot be changed, for what readers of a graph are given."""

from __future__ import annotations

from typing import Any, NoReturn


class FrozenDict(dict[str, Any]):
    """A dict that refuses every change with a `TypeError`; `copy()` is a plain dict, free to change.

    FrozenDict(a=1).copy()["a"] = 2
    """

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("the network's graph cannot be changed; change a copy of it: net.graph.copy()")

    __setitem__ = __delitem__ = _refuse
    __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def copy(self) -> dict[str, Any]:
        """A plain dict of the same items; frozen dicts among the values become plain ones too."""
        return {key: v.copy() if isinstance(v, FrozenDict) else v for key, v in self.items()}

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)
