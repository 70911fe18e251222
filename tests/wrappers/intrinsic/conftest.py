import importlib.util
from pathlib import Path

import pytest


def _load(name):
    spec = importlib.util.spec_from_file_location(f"intrinsic_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_REFERENCE, _WORLDS = _load("reference"), _load("worlds")


@pytest.fixture
def reference():
    return _REFERENCE


@pytest.fixture
def worlds():
    return _WORLDS
