"""What holds for all tests: they draw from fixed seeds, so that every run says the same.

`make fuzz` runs the property tests with the profile "fuzz" and new seeds instead (see `tests/fuzz.py`).
"""

import random
import sys

import pytest
from hypothesis import HealthCheck, settings

# The first call into PyTorch takes its time, so no single example has a deadline.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.register_profile(
    "fuzz", database=None, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Every test begins from the same random state, whatever ran before it in the process."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
