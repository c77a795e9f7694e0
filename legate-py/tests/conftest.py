"""The tests run as they are on any number of simulated ranks: `LEGATE_SIM_RANKS=3 pytest`, with `LEGATE_MAPPER=random:7`, and
with `LEGATE_INLINE=0`, which sends the smallest array through the runtime."""

import warnings

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "legate", deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("legate")


@pytest.fixture(autouse=True)
def silent_fallback():
    """Falling back is tested where it is the claim; elsewhere it may happen."""
    import legate

    with legate.fallback("silent"), warnings.catch_warnings():
        yield
