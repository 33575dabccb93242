"""What a search asks for: objectives, limits, and scores that need no training."""

from blockdsl.nas.objectives.objective import (
    CALLED,
    PROXIES,
    STATIC,
    TRAINED,
    Objective,
    called,
    objectives_of,
)

__all__ = ["CALLED", "PROXIES", "STATIC", "TRAINED", "Objective", "called", "objectives_of"]
