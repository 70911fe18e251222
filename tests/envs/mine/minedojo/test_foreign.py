"""Kind K: the process of MineDojo is foreign. Whatever it answers and does to the files that it shares with us, this process
lives on, the error names the field, and neither the process nor its folder stays.
"""

import json
import shlex
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence as same
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from papergym import assets
from papergym.envs.mine.minedojo.client import MineDojoCrash, MineDojoError, family
from papergym.envs.mine.minedojo.env import MineDojoEnv

NO_OP = np.array([0, 0, 0, 12, 12, 0, 0, 0])
RECORDED = json.loads((assets.ROOT / "mine" / "minedojo_spaces.json").read_text())["observation"]
SPACE = {path: entry for path, entry in RECORDED.items() if not path.startswith(("rays/", "voxels/"))}
SPACE["rgb"] = {**SPACE["rgb"], "shape": [3, 16, 16]}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """make("step:text") builds an environment over a program that misbehaves so; the folders that were made are seen after."""
    program, space, opened = tmp_path / "python", tmp_path / "space.json", []
    rogue = Path(__file__).with_name("rogue.py")
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(rogue))} "$@"\n')
    program.chmod(0o755)
    space.write_text(json.dumps(SPACE))
    monkeypatch.setenv("ROGUE_SPACE", str(space))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))

    def build(how, **kwargs):
        monkeypatch.setenv("ROGUE", how)
        env = MineDojoEnv(image_size=16, python=str(program), **{"timeout_s": 20.0, "reset_timeout_s": 20.0, **kwargs})
        opened.append(env)
        return env

    build.folders = lambda: list((tmp_path / "tmp").iterdir())
    yield build
    for env in opened:
        env.close()
    assert not build.folders()


def wrong(*values):
    return [json.dumps(value) for value in values]


FIELDS = {
    "reward": wrong(float("nan"), float("inf"), "1", True, None, [1], {}),
    "done": wrong("no", 0, None, []),
    "success": wrong("yes", 1),
    "dead": wrong("no", 0.0),
    "failed": wrong("false", None),
    "ok": wrong(1, "true", None),
    "id": wrong("1", None, 1.5, 77, -1, True),
    "observation": wrong(3, None, [], "air"),
}
LEAVES = {
    "life_stats/life:data": wrong([float("nan")], [float("-inf")], [], [1, 2], ["a"], [None], [10**400], [[1]], 1, None),
    "life_stats/life:shape": wrong([2], [], ["1"], [True], [-1], None, 1),
    "life_stats/life:dtype": wrong(3, None, "str"),
    "inventory/name:data": wrong(["the moon"] * 36, [7] * 36, ["air"]),
    "inventory/variant:data": wrong([1000] * 36, [-1] * 36, [10**30] * 36),
    "life_stats/life": wrong(3, None, [], "air"),
    "life_stats/mana": wrong({"dtype": "float32", "shape": [1], "data": [1.0]}),
    "rgb": wrong({"dtype": "uint8", "shape": [], "data": [1]}),
}
BAD = [
    *((f"set_{name}={value}", name) for name, values in FIELDS.items() for value in values),
    *((f"set_observation/{path}={value}", path.split(":")[0]) for path, values in LEAVES.items() for value in values),
    *((f"no_{name}", name) for name in FIELDS),
    ("no_observation/life_stats/life", "life_stats/life"),
    ("set_ok=false", "kind"),
    *((how, "expected JSON") for how in ("text", "bytes", "deep")),
    ("list", "expected a JSON object"),
    ("huge", "expected at most"),
    ("exit", "the process ended during 'step'"),
    ("cut", "in the shared file, got 0"),
    *((how, "the process ended during 'step'") for how in ("fifo", "link")),
    ("long_log", "the last line"),
]
"""What is wrong with the answer to a step -> what the error says."""


@pytest.mark.parametrize(("how", "said"), BAD)
def test_a_step_that_is_answered_wrongly_ends_the_episode_and_the_process(make, how, said):
    env = make(f"step:{how}")
    start, _ = env.reset()
    token = env._game.token
    observation, reward, terminated, truncated, info = env.step(NO_OP)
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert said in info["error"] and len(info["error"]) < 20_000
    assert same(observation, start)
    assert not family(token) and not make.folders()
    with pytest.raises(gym.error.ResetNeeded):
        env.step(NO_OP)
    again, _ = env.reset()
    assert again in env.observation_space


@pytest.mark.parametrize("how", [how for how, _ in BAD if "reward" not in how and "done" not in how and "long" not in how][::3])
def test_a_reset_that_is_answered_wrongly_is_one_type_of_error(make, how):
    """Every third case: the checks are those of a step."""
    if how.removeprefix("set_").split("=")[0] in ("success", "dead", "failed") or how in ("no_success", "no_dead", "no_failed"):
        how = "text"  # fields that the answer to a reset does not have
    env = make(f"reset:{how}")
    token = env._game.token
    with pytest.raises(MineDojoCrash):
        env.reset()
    assert not family(token) and not make.folders()


@pytest.mark.parametrize(("how", "said"), [
    ("other_space", "life_stats/mana"), ("no_observation_space", "observation_space"), ("set_observation_space=3", "an object"),
    ('set_observation_space={"rgb": {}}', "observation_space/rgb/shape"), ("set_prompt=3", "prompt"), ("text", "expected JSON"),
    ("set_action_nvec=[1]", "action_nvec"), ("set_ok=0", "ok"), ("exit", "ended during 'make'"), ("nothing", "within 1 s"),
])  # fmt: skip
def test_another_contract_leaves_neither_process_nor_folder(make, how, said):
    with pytest.raises(MineDojoError, match=said):
        make(f"make:{how}", reset_timeout_s=1.0 if how == "nothing" else 20.0)
    assert not make.folders()


def test_an_extra_answer_does_not_shift_the_later_ones(make):
    env = make("reset:twice")
    env.reset()
    for _ in range(3):  # the second answer to reset has no reward
        assert env.step(NO_OP)[1:4] == (0.5, False, False)


def test_a_game_that_does_not_answer_is_ended_in_time(make):
    env = make("step:nothing", timeout_s=1.0)
    env.reset()
    begun = time.monotonic()
    assert "no answer to 'step' within 1 s" in env.step(NO_OP)[4]["error"]
    env = make("close:nothing", timeout_s=1.0)
    token = env._game.token
    env.close()
    assert not family(token)
    assert time.monotonic() - begun < 15.0


def test_a_program_that_does_not_start_leaves_nothing(make, tmp_path):
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    with pytest.raises(MineDojoError, match="broken"):
        MineDojoEnv(image_size=16, python=str(broken))
    assert not make.folders()


def test_what_json_cannot_hold_is_not_sent(make):
    env = make("none:")
    env.reset()
    for call in (lambda: env.command("set_time", time={1, 2}), lambda: env.reset(seed=object()), lambda: env.reset(seed=-1)):
        with pytest.raises(ValueError, match=r"expected values that JSON can hold|seed is a whole number"):
            call()
    assert env.step(NO_OP)[1] == 0.5
    with pytest.raises(ValueError, match="JSON"):
        make("none:", spawn_rate={1, 2})


def test_a_closed_environment_stays_closed(make):
    env = make("none:")
    env.reset()
    env.close()
    for call in (env.reset, lambda: env.step(NO_OP), lambda: env.command("set_time", time=1)):
        with pytest.raises(RuntimeError, match="closed; make a new one"):
            call()


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.parametrize(
    "where", ["reward", "observation", "observation/life_stats/life:data", "observation/inventory/name:data"]
)
def test_any_json_in_any_field(make, where):
    """Values by chance, one process for each: an observation of the space, or an error and no process."""
    values = []

    @seed(3)
    @settings(max_examples=12, deadline=None, database=None)
    @given(value=ANY)
    def gather(value):
        values.append(json.dumps(value))

    gather()
    for value in values:
        env = make(f"step:set_{where}={value}")
        env.reset()
        observation, reward, _, truncated, info = env.step(NO_OP)
        assert observation in env.observation_space and np.isfinite(reward)
        assert truncated == bool(info["error"])
        assert truncated != env._game.alive
        env.close()
