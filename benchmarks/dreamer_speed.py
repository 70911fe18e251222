"""CPU seconds of an update and of an action of DreamerV3, and of the whole loop of LS-Imagine, and where they go.

One thread. For an update the environment returns random observations and costs nothing. Medians over updates. Shares are of one
update whose parts are timed; the backward pass of everything is one part.

The case ``lsimagine-loop`` trains LS-Imagine on the embedded world, one frame a step at train ratio 16: the CPU time of
everything, resets and tables included, and the shares of its parts. Time inside another part counts for the inner one.

    python benchmarks/dreamer_speed.py                           # all cases; rows go to assets/results/dreamer-speed.csv
    python benchmarks/dreamer_speed.py --cases image-16x32 --dry # print only
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.dreamerv3.algorithm import DreamerV3
from papergym.agents.dreamerv3.config import Config
from papergym.agents.fast.precision import fast_matmul
from papergym.agents.lsimagine.algorithm import LSImagine
from papergym.agents.lsimagine.build import build
from papergym.agents.lsimagine.config import Config as LSImagineConfig
from papergym.agents.reproduction.results import read_rows, results_path, write_rows

NAME, LOOP = "dreamer-speed", "lsimagine-loop"
IMAGE, STATE = spaces.Box(0, 255, (3, 64, 64), np.uint8), spaces.Box(-1, 1, (17,), np.float32)


@dataclass(frozen=True)
class Case:
    """Sizes of an update."""

    key: str
    size: str
    batch_size: int
    batch_length: int
    observation: spaces.Box


CASES = {
    case.key: case
    for case in (
        Case("image-16x32", "1M", 16, 32, IMAGE),
        Case("image-16x64", "1M", 16, 64, IMAGE),
        Case("state-8x64", "1M", 8, 64, STATE),
        Case("state-16x64", "1M", 16, 64, STATE),
        Case("image-8x32-12M", "12M", 8, 32, IMAGE),
    )
}


class Noise(gym.Env):
    """Random observations, no end; twelve actions for images, six numbers for states."""

    def __init__(self, observation_space: spaces.Box) -> None:
        self.observation_space = observation_space
        self.action_space = spaces.Discrete(12) if observation_space.dtype == np.uint8 else spaces.Box(-1, 1, (6,))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin."""
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Ignore the action."""
        return self.observation_space.sample(), 0.0, False, False, {}


def agent(case: Case) -> DreamerV3:
    """With a memory from which batches can be drawn, and without an update so far."""
    config = Config(
        size=case.size,
        batch_size=case.batch_size,
        batch_length=case.batch_length,
        buffer_size=2_000,
        learning_starts=10_000,
    )
    model = DreamerV3("DreamerPolicy", DummyVecEnv([lambda: Noise(case.observation)]), config, seed=0, device="cpu")
    return model.learn(2 * case.batch_length + 2)


def cpu_seconds(call: Callable[[], Any], times: int) -> float:
    """Median of CPU seconds of this process."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        call()
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def shares(model: DreamerV3) -> dict[str, float]:
    """CPU seconds of the parts of an update."""
    policy = model.policy
    parts = {
        "encoder": (policy.world.encoder, "forward"),
        "sequence": (policy.world.rssm, "observe"),
        "decoder": (policy.world.decoder, "losses"),
        "imagination": (policy.behaviour, "imagine"),
        "returns": (policy.behaviour, "returns"),
        "behaviour": (policy.behaviour, "losses"),
        "replay_value": (policy.behaviour, "replay_loss"),
        "backward": (torch.Tensor, "backward"),
        "optimizer": (policy.optimizer, "step"),
        "memory": (model.replay_buffer, "sample"),
    }
    with Stopwatch(parts) as found:
        model.update()
    return found


class Stopwatch:
    """Times calls of methods within the block; the time of a timed call inside another one is the inner one's alone.

    Args:
        parts: name -> object or class, and method.
    """

    def __init__(self, parts: dict[str, tuple[Any, str]]) -> None:
        self.parts, self.found, self._inner = parts, dict.fromkeys(parts, 0.0), [0.0]

    def __enter__(self) -> dict[str, float]:
        self._originals = [(owner, method, getattr(owner, method)) for owner, method in self.parts.values()]
        for name, (owner, method, original) in zip(self.parts, self._originals):
            setattr(owner, method, self._timed(original, name))
        return self.found

    def __exit__(self, *_: object) -> None:
        for owner, method, original in self._originals:
            setattr(owner, method, original)

    def _timed(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            begun = time.process_time()
            self._inner.append(0.0)
            try:
                return original(*arguments, **keywords)
            finally:
                taken = time.process_time() - begun
                self.found[name] += taken - self._inner.pop()
                self._inner[-1] += taken

        return call


def loop(steps: int) -> dict[str, Any]:
    """Row of the case ``lsimagine-loop``: ``steps`` frames after the first update, which comes after 200."""
    config = LSImagineConfig(size="1M", buffer_size=5_000, learning_starts=200, train_ratio=16)
    kwargs = {"affordance": True}
    model = build(config, "LSImagine-HarvestLogInPlains-v0", seed=0, device="cpu", env_kwargs=kwargs)
    assert isinstance(model, LSImagine) and model.env is not None
    model.learn(233)  # one update: it allocates
    policy, env, updates = model.policy, model.env.unwrapped.envs[0], model._n_updates  # pyright: ignore[reportAttributeAccessIssue]
    signals = env.get_wrapper_attr("_scored").__self__
    views = env.get_wrapper_attr("parts")
    parts = {
        "world": (env.unwrapped, "step"),
        "scorer": (signals, "_scored"),
        "unet": (type(views.maps), "__call__"),
        "flag": (type(views.flag), "__call__"),
        "acting": (policy, "step"),
        "memory": (model.replay_buffer, "sample"),
        "world_model": (policy.world, "losses"),
        "imagination": (policy.behaviour, "pathways"),
        "behaviour": (policy, "losses"),
        "backward": (torch.Tensor, "backward"),
        "optimizer": (policy.optimizer, "step"),
    }
    with Stopwatch(parts) as found:
        begun = time.process_time()
        model.learn(steps, reset_num_timesteps=False)
        whole = time.process_time() - begun
    done = model._n_updates - updates
    return {
        "case": LOOP,
        "update_cpu_s": round(sum(found[name] for name in list(parts)[5:]) / done, 3),
        "acting_cpu_ms": round(1e3 * found["acting"] / steps, 2),
        "parameters": sum(value.numel() for value in policy.parameters() if value.requires_grad),
        **{f"share_{name}": round(value / whole, 3) for name, value in found.items()},
        "share_rest": round(1 - sum(found.values()) / whole, 3),
        "updates": done,
        "frames_per_core_hour": round(3600 * steps / whole),
    }


def measure(case: Case, updates: int) -> dict[str, Any]:
    """Row of the table."""
    model = agent(case)
    model.update()  # the first one allocates
    with fast_matmul(model.device):  # as in learn()
        update = cpu_seconds(model.update, updates)
    observation, state = case.observation.sample()[None], None
    for _ in range(10):
        _, state = model.predict(observation, state)
    acting = cpu_seconds(lambda: model.predict(observation, state), 100)
    with fast_matmul(model.device):
        parts = shares(model)
    whole = sum(parts.values())
    return {
        "case": case.key,
        "update_cpu_s": round(update, 3),
        "acting_cpu_ms": round(1e3 * acting, 2),
        "parameters": sum(value.numel() for value in model.policy.parameters() if value.requires_grad),
        **{f"share_{name}": round(value / whole, 3) for name, value in parts.items()},
        "updates": updates,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=[*CASES, LOOP], default=[*CASES, LOOP])
    parser.add_argument("--updates", type=int, default=7)
    parser.add_argument("--loop-frames", type=int, default=960)
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = results_path(NAME)
    for key in arguments.cases:
        row = loop(arguments.loop_frames) if key == LOOP else measure(CASES[key], arguments.updates)
        print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
        if not arguments.dry:
            row |= row_provenance() | {"command": f"python benchmarks/dreamer_speed.py --cases {key}"}
            write_rows(path, [*(old for old in read_rows(path) if old["case"] != key), row])


if __name__ == "__main__":
    main()
