"""A page for every bonus, whose table of knobs says what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

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
