"""Returns of policies that do not learn: the zero points of table 1."""

import time
from typing import Any

import numpy as np

from papergym.agents.ppo.build import build
from papergym.agents.ppo.row import AGENT
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.plan import make_plan


def run(trial: dict[str, Any]) -> dict[str, Any]:
    """Mean return of uniform actions, or of the Gaussian policy before training.

    Args:
        trial: ``policy`` (``uniform`` or ``untrained``), ``env_id``, ``seed``, ``episodes``.

    Returns:
        ``score``, ``standard_error``, ``steps_done``, ``cpu_s``.
    """
    begun, generator = time.process_time(), np.random.default_rng(trial["seed"])
    config = make_plan(AGENT, "paper", {"env": trial["env_id"]}).config
    model = build(config, trial["env_id"], seed=trial["seed"], device="cpu")
    env = make_env(trial["env_id"], {})
    low, high = env.action_space.low, env.action_space.high  # pyright: ignore[reportAttributeAccessIssue]
    returns, steps = [], 0
    for episode in range(trial["episodes"]):
        observation, _ = env.reset(seed=trial["seed"] if episode == 0 else None)
        total, ended = 0.0, False
        while not ended:
            if trial["policy"] == "uniform":
                action = generator.uniform(low, high).astype(np.float32)
            else:
                action, _ = model.predict(observation)
            observation, reward, terminated, truncated, _ = env.step(action)
            total, steps, ended = total + float(reward), steps + 1, terminated or truncated
        returns.append(total)
    return {
        "score": float(np.mean(returns)),
        "standard_error": float(np.std(returns, ddof=1) / np.sqrt(len(returns))),
        "steps_done": steps,
        "cpu_s": time.process_time() - begun,
    }
