"""The adapter over the installed minedojo 0.1: real up to the game, whose socket server a stand-in plays."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from papergym import assets
from papergym.envs.mine import tasks
from papergym.envs.mine.actions import InvalidAction, InventoryItem
from papergym.envs.mine.minedojo.client import PYTHON_VARIABLE, MineDojoCrash, MineDojoError, MineDojoProcess, family
from papergym.envs.mine.minedojo.env import MineDojoEnv
from papergym.envs.mine.spaces import VOXEL_SIZE, names
from papergym.envs.mine.voxel.reach import obtainable

pytestmark = pytest.mark.skipif(
    not os.environ.get(PYTHON_VARIABLE),
    reason=f"needs an interpreter with minedojo 0.1, which cannot live in this one: make test-minedojo or {PYTHON_VARIABLE}",
)
FORWARD = np.array([1, 0, 0, 12, 12, 0, 0, 0])
TURN_RIGHT = np.array([0, 0, 0, 12, 13, 0, 0, 0])


@pytest.fixture
def game_dir(tmp_path):
    """A game directory whose launch script starts the stand-in."""
    script = tmp_path / "game" / "launchClient.sh"
    script.parent.mkdir()
    standin = Path(__file__).with_name("standin.py")
    script.write_text(f'#!/bin/bash\nexec {sys.executable} {standin} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    return str(script.parent)


@pytest.fixture
def make(game_dir):
    opened = []

    def build(task_id="harvest_milk", **kwargs):
        env = MineDojoEnv(task_id, game_dir=game_dir, **{"timeout_s": 60.0, "reset_timeout_s": 60.0, **kwargs})
        opened.append(env)
        return env

    yield build
    for env in opened:
        env.close()


def test_spaces_equal_the_recorded_dump(make):
    """The dump that the contract is tested with everywhere is what the installed package says."""
    rays = [(0.0, 0.0, 10.0), (0.1, 0.0, 10.0), (-0.1, 0.0, 10.0)]
    env = make("open-ended", use_voxel=True, voxel_size=VOXEL_SIZE, use_lidar=True, lidar_rays=rays)
    made = env._game.request("make", **env._make)
    recorded = json.loads((assets.ROOT / "mine" / "minedojo_spaces.json").read_text())
    assert made["action_nvec"] == recorded["action_nvec"]
    assert made["no_op"] == recorded["action_no_op"]
    assert set(made["observation_space"]) == set(recorded["observation"])
    for key, entry in made["observation_space"].items():
        expected = recorded["observation"][key]
        assert entry["shape"] == expected["shape"], key
        for bound in ("low", "high"):
            if bound in expected:
                assert entry[bound] == float(expected[bound]), key


def test_reach_of_the_embedded_world():
    """The counts in assets/mine/tasks.toml are those of the installed package's task ids, parsed and checked one by one."""
    code = "import json; from minedojo.tasks import ALL_PROGRAMMATIC_TASK_IDS as ids; print(json.dumps(list(ids)))"
    answer = subprocess.run([os.environ[PYTHON_VARIABLE], "-c", code], capture_output=True, text=True, check=True, timeout=120)
    found = {family: [0, 0] for family in tasks.FACTS["minedojo"]["reach"]}
    for task_id in json.loads(answer.stdout.splitlines()[-1]):
        counts = found[task_id.split("_")[0]]
        counts[1] += 1
        try:
            tasks.check_reach(tasks.parse(task_id), obtainable())
            counts[0] += 1
        except ValueError as error:
            assert "embedded world" in str(error) or "no techtree task" in str(error)
    assert found == tasks.FACTS["minedojo"]["reach"]


def test_programmatic_tasks_are_the_packages():
    """Start, goal, words and observation of every id that the embedded world reaches."""
    code = """
import json
from minedojo.tasks import ALL_TASKS_SPECS, P_TASKS_PROMPTS_GUIDANCE

def plain(value):
    if hasattr(value, "items"):
        return {str(key): plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if not isinstance(value, (str, int, float)) else value

words = {key: {"prompt": entry["prompt"]} for key, entry in P_TASKS_PROMPTS_GUIDANCE.items()}
print(json.dumps({key: {**plain(ALL_TASKS_SPECS[key]), **entry} for key, entry in words.items()}))
"""
    answer = subprocess.run([os.environ[PYTHON_VARIABLE], "-c", code], capture_output=True, text=True, check=True, timeout=120)
    compared = 0
    for task_id, spec in json.loads(answer.stdout.splitlines()[-1]).items():
        try:
            task = tasks.parse(task_id)
            tasks.check_reach(task, obtainable())
        except ValueError:
            continue
        compared += 1
        start = {str(slot): (item["name"], item.get("quantity", 1)) for slot, item in spec.get("initial_inventory", {}).items()}
        assert {str(item.slot): (item.name, item.quantity) for item in task.inventory} == start, task_id
        assert (task.prompt, task.biome, task.use_voxel) == (spec["prompt"], spec.get("specified_biome"), spec["use_voxel"])
        assert (task.always_night, task.allow_mob_spawn) == (spec.get("always_night", False), spec.get("allow_mob_spawn", True))
        if task.family in ("harvest", "combat"):
            assert task.targets == {spec["target_names"]: int(spec["target_quantities"])}
        if task.family == "techtree":
            assert list(task.targets) == [spec["tech_item"]]
        if task.family == "survival":
            assert task.days == spec["target_days"]
        assert list(task.mobs) == ([spec["initial_mobs"]] if "initial_mobs" in spec else [])
        if task.mobs:
            corners = [spec["initial_mob_spawn_range_low"], spec["initial_mob_spawn_range_high"]]
            assert [list(task.mob_low), list(task.mob_high)] == corners, task_id
    assert compared == sum(reached for reached, _ in tasks.FACTS["minedojo"]["reach"].values())


def test_episode(make):
    env = make(max_steps=5, render_mode="rgb_array")
    observation, info = env.reset(seed=3)
    assert env.observation_space.contains(observation)
    assert info["prompt"]
    start = observation["location_stats"]["pos"].copy()
    for step in range(1, 6):
        observation, reward, terminated, truncated, info = env.step(FORWARD if step < 5 else TURN_RIGHT)
        assert env.observation_space.contains(observation)
        assert (reward, terminated, truncated) == (0.0, False, step == 5)
    assert observation["location_stats"]["pos"] - start == pytest.approx([0.0, 0.0, 0.8], abs=1e-5)
    assert observation["location_stats"]["yaw"] == pytest.approx(15.0)
    sky, grass = env.render()[0, 0], env.render()[-1, 0]
    assert sky.tolist() == [130, 170, 250]
    assert grass.tolist() == [90, 160, 60]
    with pytest.raises(RuntimeError, match="call reset"):
        env.step(FORWARD)


def test_check_env(make):
    check_env(make(max_steps=50), skip_render_check=True)


def test_seed_reaches_the_world(make):
    """The mission that the game receives carries the seed of reset."""
    env = make("open-ended", generate_world_type="default")
    for seed in (11, 12):
        observation, _ = env.reset(seed=seed)
        assert observation["location_stats"]["sea_level"] == seed  # the stand-in shows its world seed there
    observation, _ = env.reset()
    assert observation["location_stats"]["sea_level"] == 63, "no seed, no world of the seed before"


def test_names_come_as_ids(make):
    env = make()
    observation, _ = env.reset()
    assert names(observation["inventory"]["name"])[0] == "iron_ore"
    assert observation["inventory"]["quantity"][0] == 3.0
    assert observation["masks"]["destroy"].tolist() == [True] + [False] * 35


def test_commands(make):
    env = make()
    env.reset()
    observation = env.command("set_time", time=13000)
    assert env.observation_space.contains(observation)
    for item in (InventoryItem("mainhand", "log", 0, 3), ["mainhand", "log", 0, 3], {"slot": 1, "name": "log"}):
        assert env.observation_space.contains(env.command("set_inventory", inventory_list=[item]))
    with pytest.raises(ValueError, match="slot and name are needed"):
        env.command("set_inventory", inventory_list=[("mainhand",)])
    with pytest.raises(ValueError, match="known: spawn_mobs"):
        env.command("explode")


@pytest.mark.parametrize(("action", "error", "message"), [
    ([0, 0, 0, 12, 12, 5, 0, 7], InvalidAction, "slot 7 of 36, which is empty"),
    ([0, 0, 0, 12, 99, 0, 0, 0], ValueError, "sample from action_space"),
    ([0.5] * 8, ValueError, "8 integers"),
])  # fmt: skip
def test_invalid_actions_cost_nothing(make, action, error, message):
    env = make(strict_actions=True)
    env.reset()
    with pytest.raises(error, match=message):
        env.step(np.array(action))
    env.step(FORWARD)


def test_lenient_action_keeps_its_movement(make):
    env = make()
    env.reset()
    observation, _, _, _, info = env.step(np.array([1, 0, 0, 12, 12, 5, 0, 7]))
    assert info["invalid_action"]
    assert observation["location_stats"]["pos"][2] == pytest.approx(0.7)


def test_death_terminates(make, monkeypatch):
    monkeypatch.setenv("STANDIN", "death:3")
    env = make()
    env.reset()
    ends = [env.step(FORWARD)[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (True, False)]


@pytest.mark.parametrize("mode", ["crash:3", "hang:3"])
def test_broken_game_truncates_and_starts_again(make, monkeypatch, mode):
    monkeypatch.setenv("STANDIN", mode)
    env = make(timeout_s=3.0)
    env.reset()
    token = env._game.token
    env.step(FORWARD)
    last = env.step(FORWARD)[0]
    observation, reward, terminated, truncated, info = env.step(FORWARD)
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["error"]
    assert observation["location_stats"]["pos"].tolist() == last["location_stats"]["pos"].tolist()
    assert not family(token)
    monkeypatch.setenv("STANDIN", "none:0")
    env.reset()
    assert env.step(FORWARD)[2:4] == (False, False)


def test_nothing_is_left_behind(make):
    env = make()
    env.reset()
    game = env._game
    assert len(family(game.token)) >= 3  # interpreter, watchdog, game
    assert any(game.folder.iterdir())
    env.close()
    time.sleep(0.2)
    assert not family(game.token)
    assert not game.folder.exists()


def test_nothing_outlives_a_killed_client(game_dir):
    """A client that cannot close anything any more: the far side notices, ends the game and removes the files."""
    code = (
        "import sys, time; from papergym.envs.mine.minedojo.env import MineDojoEnv; "
        "env = MineDojoEnv('open-ended', game_dir=sys.argv[1], reset_timeout_s=60.0); env.reset(); "
        "print(env._game.token, env._game.folder, flush=True); time.sleep(600)"
    )
    client = subprocess.Popen([sys.executable, "-c", code, game_dir], stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    token, folder = client.stdout.readline().split()
    assert len(family(token)) >= 3
    client.kill()
    client.wait()
    deadline = time.monotonic() + 60.0
    while (family(token) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not family(token) and not Path(folder).exists()


def test_interpreter_without_minedojo():
    with pytest.raises(MineDojoError, match="papergym doctor minedojo"):
        MineDojoEnv("open-ended", python=sys.executable)


def test_game_that_cannot_start(make, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "launchClient.sh").write_text("#!/bin/bash\necho no java here\nexit 1\n")
    (broken / "launchClient.sh").chmod(0o755)
    env = MineDojoEnv("harvest_milk", game_dir=str(broken), reset_timeout_s=60.0)
    token = env._game.token
    with pytest.raises(MineDojoError, match="no java here"):
        env.reset()
    env.close()
    assert not family(token)


def test_unknown_task_leaves_no_process():
    with pytest.raises(MineDojoError, match="nope"):
        MineDojoEnv("nope")


@pytest.mark.parametrize(
    "item", [InventoryItem("mainhand", "bucket", None, 1), ["mainhand", "bucket"], {"slot": "mainhand", "name": "bucket"}]
)
def test_initial_inventory_reaches_the_mission(make, item):
    env = make(initial_inventory=[item])
    env.reset()


def test_killed_interpreter_is_a_crash():
    game = MineDojoProcess((64, 64))
    game._process.kill()
    with pytest.raises(MineDojoCrash, match="ended during"):
        game.request("make", task_id="open-ended", kwargs={"image_size": [64, 64]})
    assert not game.folder.exists()
