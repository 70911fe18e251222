"""Updates per second of DT, TT and DreamerV3 on a GPU: float32, bfloat16, and compiled.

DT and TT have the sizes of their papers for MuJoCo, on random data of Hopper's sizes. DreamerV3 has 12 million parameters and
images of 64x64. bfloat16 is the agents' option; compiled is ``torch.compile`` of the networks, in bfloat16. The variants take
turns; the first turn is not counted.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from common import Calls, options, rates, rows_of, write

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the benchmarks whose data and environments are used

import dreamer_speed
import sequence_speed
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.agents.dreamerv3.algorithm import DreamerV3
from papergym.agents.dreamerv3.config import Config as DreamerConfig
from papergym.agents.runner.plan import draft
from papergym.agents.runner.registry import agent

VARIANTS = ("fp32", "bf16", "bf16 compiled")
SEQUENCES = {"dt": {}, "tt": {}}


def sequence(name: str, variant: str, device: str, preset: str) -> Any:
    """A learner on random data, and its update."""
    data = sequence_speed.make_data()
    entry = agent(name)
    config = draft(entry, preset, {"bf16": variant != "fp32", **({"max_timestep": 1000} if name == "dt" else {})}).config
    kinds = {"dt": sequence_speed.DecisionTransformer, "tt": sequence_speed.TrajectoryTransformerLearner}
    learner: Any = kinds[name](sequence_speed.Spaces(), config, data, seed=0, device=device)
    learner.begin(data)
    if "compiled" in variant:
        for module in learner.policy.children():
            module.compile()
    return lambda: learner.update(data)


def dreamer(variant: str, device: str, size: str) -> Any:
    """An agent with a memory of random images, and its update."""
    case = dreamer_speed.Case("gpu", size, 16, 64, dreamer_speed.IMAGE)
    sizes = {"size": size, "batch_size": 16, "batch_length": 64, "buffer_size": 2_000, "learning_starts": 10_000}
    config = DreamerConfig(**sizes, bf16=variant != "fp32", compile="compiled" in variant)
    env = DummyVecEnv([lambda: dreamer_speed.Noise(case.observation)])
    return DreamerV3("DreamerPolicy", env, config, seed=0, device=device).learn(2 * case.batch_length + 2).update


def main() -> None:
    """Measure, and keep the rows."""
    given = options(__doc__, times=20, rounds=5, small=0)
    np.random.seed(0)  # noqa: NPY002  (Dataset's random episodes have generators of their own)
    preset, size = ("quick", "1M") if given.small else ("paper", "12M")
    rows: list[dict[str, Any]] = []
    for name in SEQUENCES:
        calls: Calls = {variant: sequence(name, variant, given.device, preset) for variant in VARIANTS}
        rows += rows_of(f"{name} updates/s, preset {preset}", rates(calls, given.device, given.times, given.rounds))
    calls = {variant: dreamer(variant, given.device, size) for variant in VARIANTS}
    rows += rows_of(f"dreamerv3 updates/s, {size}, 16x64", rates(calls, given.device, given.times, given.rounds))
    write("updates", given.device, rows)


if __name__ == "__main__":
    main()
