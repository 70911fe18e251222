"""Networks small enough for tests."""

import pytest

from papergym.agents.dreamerv3.config import Config
from papergym.agents.dreamerv3.world_model import Size

TINY = Size(deter=16, hidden=8, classes=4, depth=4, units=8)


@pytest.fixture
def tiny(monkeypatch):
    """Networks of a few thousand parameters under the name 1M."""
    monkeypatch.setattr(Config, "widths", lambda self: TINY)
