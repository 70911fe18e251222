"""The voxel world across processes: the same story in each, memory, and compiled code."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest

import papergym  # noqa: F401  # registers the ids

_STORY = """
import numpy as np, papergym
from papergym.envs.mine import make
import hashlib
env = make("survival", (16, 24)); obs, _ = env.reset(seed=9); rng = np.random.default_rng(2); sha = hashlib.sha256()
for _ in range({steps}):
    obs, reward, dead, _, _ = env.step(rng.integers(0, env.action_space.nvec))
    sha.update(obs["rgb"].tobytes() + obs["location_stats"]["pos"].tobytes() + obs["inventory"]["name"].tobytes())
    if dead:
        obs, _ = env.reset()
state = env.get_state()["world"]
for part in (state["grid"]["blocks"], state["grid"]["light"], state["body"], state["mobs"]):
    sha.update(part.tobytes())
print(sha.hexdigest())
"""


def _story(steps):
    result = subprocess.run([sys.executable, "-c", _STORY.format(steps=steps)], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_processes_agree():
    assert _story(200) == _story(200)


@pytest.mark.slow
def test_ten_thousand_steps_agree():
    assert _story(10_000) == _story(10_000)


_NOWHERE = """
from numba.core import caching
provided = getattr(caching, "UserProvidedCacheLocator", None) or caching._UserProvidedCacheLocator
caching.CacheImpl._locator_classes = [provided]  # as if neither the package nor the home folder could be written
import os, pathlib
import numpy as np
{use}
place = pathlib.Path(os.environ["NUMBA_CACHE_DIR"])
print(place, len(list(place.rglob("*.nbc"))))
"""


@pytest.mark.parametrize(
    "use",
    [
        "from papergym.envs.mine.voxel import noise; noise.next_u64(np.zeros(1, np.uint64))",
        "from papergym.wrappers.intrinsic import neighbours as n; x = np.ones((4, 2), np.float32); n.nearest(x, x, x[:, 0], 1)",
    ],
)
def test_compiled_code_without_a_place_to_keep_it(use):
    env = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", _NOWHERE.replace("{use}", use)], capture_output=True, text=True, env=env, timeout=300
    )
    assert done.returncode == 0 and "set NUMBA_CACHE_DIR" in done.stderr, done.stderr
    place, files = done.stdout.split()
    assert int(files) >= 1 and not Path(place).exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_eight_environments_in_processes_keep_their_memory():
    """10,000 steps of eight environments, with new worlds in between: what the processes hold stays where it was."""
    envs = gym.make_vec("Mine-HarvestLogInPlains-v0", 8, "async", {"context": "spawn"}, image_size=(64, 64))
    envs.reset(seed=0)
    envs.action_space.seed(0)
    workers = [child.pid for child in multiprocessing.active_children()]
    page, held = os.sysconf("SC_PAGE_SIZE"), []
    for step in range(10_000):
        if step in (2_000, 9_999):
            held.append(sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in workers) / 2**20)
        envs.step(envs.action_space.sample())
    envs.close()
    print(f"resident after 2,000 and 10,000 steps: {held[0]:.0f} and {held[1]:.0f} MiB")
    assert len(workers) == 8 and held[1] < 1.03 * held[0]
