"""Memory of the process over a long training."""

from pathlib import Path

import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.agents.lsimagine.algorithm import LSImagine
from tests.agents.lsimagine.conftest import World, settings


def resident() -> int:
    """Bytes of this process that are in memory."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads Linux's /proc")
def test_memory_stays_flat_once_the_replay_is_full(make_agent):
    """At most 2 % more after 100,000 steps than after 20,000; a step in three has a closer view."""
    model = make_agent(world={"side": 64, "length": 200}, buffer_size=15_000, learning_starts=1000, train_ratio=0.1)
    model.learn(20_000, log_interval=None)
    before = resident()
    model.learn(80_000, log_interval=None, reset_num_timesteps=False)
    after = resident()
    print(f"resident memory {before / 2**20:.0f} -> {after / 2**20:.0f} MiB, {100 * (after / before - 1):+.2f} %")
    assert model.num_timesteps == 100_000 and len(model.replay_buffer.views) == 5_000
    assert after <= 1.02 * before


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads Linux's /proc")
def test_memory_stays_flat_over_updates():
    """The numbers of views, branches and jumps of an update differ; kernels that are compiled for each would be kept."""
    venv = DummyVecEnv([lambda: World(side=64, length=200)])
    config = settings(size="1M", batch_size=8, batch_length=16, imagined_steps=15, learning_starts=10_000, jump_threshold=0.3)
    model = LSImagine("LSImaginePolicy", venv, config, seed=0, device="cpu").learn(300)
    memory = []
    for _ in range(2):
        for _ in range(100):
            model.update()
        memory.append(resident())
    print(f"resident memory {memory[0] / 2**20:.0f} -> {memory[1] / 2**20:.0f} MiB, {100 * (memory[1] / memory[0] - 1):+.2f} %")
    assert memory[1] <= 1.05 * memory[0]
