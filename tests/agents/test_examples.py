"""The examples that stand on the paper pages run as they are, but shorter."""

import re

import pytest

from papergym import assets


@pytest.mark.parametrize(("key", "steps"), [("per", 300), ("sac", 300), ("ppo", 2048)])
def test_example_of_a_paper(key, steps, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, count = re.subn(r"learn\([\d_]+\)", f"learn({steps})", assets.paper(key)["paper"]["example"])
    assert count
    exec(compile(code, f"the example of {key}.toml", "exec"), {})
