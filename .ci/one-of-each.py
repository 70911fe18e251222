"""Make, reset and step one environment of each family, and train for a moment: what a new interpreter has to show."""

import os
import tempfile

os.environ.setdefault("MUJOCO_GL", "egl")

import gymnasium as gym

import papergym  # noqa: F401  (registers the ids)
from papergym.agents.run import main
from papergym.wrappers.rows import rows

TRAIN = ["train", "ppo", "--env", "Pendulum-v1", "--steps", "128", "--n-steps", "64", "--batch-size", "32", "--no-video"]

seen: set[str] = set()
for row in rows():
    if row.family in seen or row.unavailable:
        continue
    env = gym.make(row.id)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(3):
        *_, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
    env.close()
    seen.add(row.family)
    print(f"{row.family}: {row.id}", flush=True)
assert len(seen) > 4, f"expected every family, got {sorted(seen)}"
with tempfile.TemporaryDirectory() as folder:
    assert main([*TRAIN, "--run-folder", f"{folder}/run"]) == 0
