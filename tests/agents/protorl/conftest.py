import gymnasium as gym
import numpy as np
import pytest
import torch

from papergym.agents.protorl.algorithm import ProtoRL

SIDE = 24


class Blocks(gym.Env):
    """Images that show a hidden position, stacked three deep; the reward is the position. Exact state."""

    def __init__(self, length=20, obs_type="pixels", ends=False, action_dim=2):
        self.action_space = gym.spaces.Box(-1, 1, (action_dim,), np.float32)
        self.pixels, self.length, self.ends = obs_type == "pixels", length, ends
        shape = (9, SIDE, SIDE)
        self.observation_space = (
            gym.spaces.Box(0, 255, shape, np.uint8) if self.pixels else gym.spaces.Box(-np.inf, np.inf, (3,), np.float32)
        )

    def _frame(self):
        frame = np.full((3, SIDE, SIDE), 30, np.uint8)
        row, column = ((self.place + 1) / 2 * (SIDE - 6)).astype(int)
        frame[:, row : row + 6, column : column + 6] = [[[250]], [[150]], [[int(self.time) % 256]]]
        return frame

    def _observation(self):
        return np.concatenate(self.frames) if self.pixels else np.array([*self.place, self.time / 10], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time, self.place = 0, self.np_random.uniform(-1, 1, 2)
        self.frames = [self._frame()] * 3
        return self._observation(), {}

    def step(self, action):
        self.time += 1
        self.place = np.clip(self.place + 0.3 * action[:2] + self.np_random.normal(0, 0.02, 2), -1, 1)
        self.frames = [*self.frames[1:], self._frame()]
        terminated = bool(self.ends and self.place[0] > 0.5)
        return self._observation(), float(self.place[0]), terminated, not terminated and self.time >= self.length, {}

    def get_state(self):
        return {
            "time": self.time,
            "place": self.place.copy(),
            "frames": np.stack(self.frames),
            "random": self.np_random.bit_generator.state,
        }

    def set_state(self, state):
        self.time, self.place, self.frames = state["time"], np.array(state["place"]), list(state["frames"])
        self.np_random.bit_generator.state = state["random"]


@pytest.fixture
def blocks():
    return Blocks


SMALL = {
    "learning_starts": 10,
    "batch_size": 16,
    "buffer_size": 200,
    "pretrain_steps": 40,
    "log_every": 4,
    "learning_rate": 1e-3,
    "seed": 3,
    "device": "cpu",
}
NETS = {"net_arch": [32], "prototypes": 16, "projection_dim": 8, "predictor_dim": 16}


@pytest.fixture
def make(blocks):
    """Small ProtoRL on Blocks; keyword arguments go to the algorithm, ``nets`` to the policy."""
    torch.set_num_threads(1)

    def build(env=None, nets=None, queue=None, **kwargs):
        policy = {**NETS, "queue_kwargs": {"size": 64, **(queue or {})}, **(nets or {})}
        return ProtoRL("ProtoPolicy", env if env is not None else blocks(), policy_kwargs=policy, **{**SMALL, **kwargs})

    return build
