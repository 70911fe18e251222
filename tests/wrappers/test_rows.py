"""Ids that are an environment plus a preset chain belong to wrappers/, and nothing in envs/ knows of that room."""

import re
from pathlib import Path

import gymnasium as gym
import pytest

from papergym.envs.table import FAMILIES, rows_of
from papergym.wrappers.rows import ROWS, rows

ENVS = Path(__file__).resolve().parents[2] / "envs"


def test_no_file_of_envs_names_the_room_of_the_wrappers():
    """Neither as an import nor inside a string, an entry point for example."""
    named = re.compile(r"papergym[./]wrappers|from papergym import[^\n]*\bwrappers\b|\bwrappers/")
    wrong = [str(path) for path in ENVS.rglob("*") if path.suffix in (".py", ".toml") and named.search(path.read_text("utf-8"))]
    assert not wrong


@pytest.mark.parametrize("room", FAMILIES)
def test_each_room_registers_its_own_entry_points(room):
    for home, own in (("envs", rows_of(room)), ("wrappers", ROWS.get(room, ()))):
        for row in own:
            assert row.entry_point.startswith(f"papergym.{home}."), row.id
            assert (row.vector_entry_point or row.entry_point).startswith(f"papergym.{home}."), row.id
            assert gym.spec(row.id).entry_point == ("papergym.envs.table:unavailable" if row.unavailable else row.entry_point)


def test_the_list_of_all_rows_holds_those_of_both_rooms_once():
    assert set(ROWS) <= set(FAMILIES)
    parts = [*(row for own in ROWS.values() for row in own), *(row for room in FAMILIES for row in rows_of(room))]
    assert sorted(row.id for row in rows()) == sorted(row.id for row in parts)
    headings = [row.family for row in rows()]
    assert list(dict.fromkeys(headings)) == ["protorl", "dmc", "mujoco", "toys", "LS-Imagine", "Mine", "football"]


def test_a_preset_id_keeps_the_facts_of_its_environment():
    by_id = {row.id: row for row in rows()}
    pixels, state = by_id["ProtoRL-JacoReachTopLeft-v0"], by_id["DMC-JacoReachTopLeft-v0"]
    assert (pixels.summary, pixels.limit_frames, pixels.version_note) == (state.summary, state.limit_frames, state.version_note)
    assert pixels.kwargs["limit_frames"] == state.kwargs["limit_frames"] == 250
    assert by_id["LSImagine-MineIronOre-v0"].max_episode_steps == by_id["Mine-MineIronOre-v0"].max_episode_steps == 2000
