"""A page for every bonus, whose table of knobs says what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import papergym
from papergym.wrappers.intrinsic import BONUSES, make_bonus

PAGES = Path(__file__).parents[3] / "docs" / "wrappers" / "intrinsic"


@pytest.mark.parametrize("name", BONUSES)
def test_documented_defaults_are_the_defaults(name):
    text = (PAGES / f"{name}.md").read_text()
    defaults = {field.name: repr(field.default) for field in fields(make_bonus(name))}
    knobs = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", text, re.MULTILINE))
    assert len(knobs) >= 3
    for knob, value in knobs.items():
        assert defaults[knob] == value, knob
    for knob, value in re.findall(r"`(\w+)` = ([\de.-]+)", text):
        assert float(defaults[knob]) == float(value), knob


def test_the_index_lists_every_page():
    listed = set(re.findall(r"^(\w+)$", (PAGES / "index.md").read_text(), re.MULTILINE))
    assert set(BONUSES) <= listed


@pytest.mark.parametrize("page", [*BONUSES, "index"])
def test_code_of_the_page_runs(page):
    """Each page's lines around an environment of the reader's, which then pays."""
    rows = np.random.default_rng(0).standard_normal((32, 4))
    names = {"papergym": papergym, "env": gym.make("CartPole-v1"), "batch": {"next_obs": rows, "reward": np.zeros(32)}}
    (code,) = re.findall(r"^```python\n(.*?)^```", (PAGES / f"{page}.md").read_text(), re.MULTILINE | re.DOTALL)
    exec(compile(code, page, "exec"), names)
    if page == "APT":
        assert (names["batch"]["reward"] > 0).all()
        return
    env = names["env"]
    env.reset(seed=0)
    paid = [env.step(env.action_space.sample())[4]["reward_intrinsic"] for _ in range(5)]
    assert env.bonus.stats()["rewards"] == 5 and np.isfinite(paid).all()
    assert type(env.bonus).__name__ == ("KNNNovelty" if page == "index" else page)
