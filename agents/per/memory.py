"""DQN learning from the full memory of the Blind Cliffwalk: figure 2 with a network and minibatches.

No episode is played: the replay buffer is filled with the ``2^(n+1) - 2`` transitions of appendix B.1, one of which has a
reward, and the algorithm's own ``train`` runs until its action values are right. An agent that acts epsilon-greedily
would collect the reward many times once it has found it, which hides the effect of the sampling law.
"""

import time
from typing import Any

import numpy as np
import stable_baselines3 as sb3
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger

from papergym.agents.per.build import build
from papergym.agents.per.config import REPLAYS, Config
from papergym.agents.runner.score import curve_text
from papergym.envs.toys.cliffwalk import cliffwalk_memory, optimal_values

ENV = "PER-BlindCliffwalk-v0"
CHECK_EVERY = 50
"""Updates between two checks of the error; the targets are copied as often."""
TOLERANCE = 1e-3
"""Mean squared error over all state-action pairs that counts as solved (appendix B.1)."""
POINTS = 40
"""About how many points of the error's curve are kept with a run."""


def make_dqn(method: str, n: int, seed: int) -> sb3.DQN:
    """DQN whose replay buffer holds the cliffwalk's memory in random order.

    Args:
        method: "DQN" is stable-baselines3's class on its own buffer; "uniform", "proportional" and "rank" are
            :class:`papergym.agents.per.dqn.PrioritizedDQN`, the first with exponent 0.
        n: states.
        seed: of the network, the memory's order and the batches.
    """
    memory = cliffwalk_memory(n, rng=np.random.default_rng([seed, n]))
    config = Config(gamma=1 - 1 / n, learning_rate=1e-3, buffer_size=len(memory.state))
    if method in REPLAYS:
        config.replay = method
        model: sb3.DQN = build(config, ENV, seed=seed, device="cpu", env_kwargs={"n": n})
    else:
        common: dict[str, Any] = {
            "learning_rate": config.learning_rate,
            "gamma": config.gamma,
            "buffer_size": config.buffer_size,
        }
        venv = make_vec_env(ENV, 1, seed=seed, env_kwargs={"n": n})
        policy_kwargs = {"net_arch": list(config.hidden)}
        model = sb3.DQN("MlpPolicy", venv, policy_kwargs=policy_kwargs, seed=seed, device="cpu", **common)
    model.set_logger(Logger(None, []))
    assert model.replay_buffer is not None
    for state, action, reward, next_state, terminated in zip(*(column[:, None, None] for column in memory)):
        model.replay_buffer.add(state, next_state, action, reward[0], terminated[0], [{}])
    return model


def learn_from_memory(method: str, n: int, seed: int, steps: int) -> dict[str, Any]:
    """Train until the error is below the tolerance, or for ``steps`` updates.

    Returns:
        ``memory`` (transitions), ``updates``, ``solved``, ``mse``, ``updates_per_transition``, ``error_curve``, ``cpu_s``.
    """
    torch.set_num_threads(1)
    model, begun = make_dqn(method, n, seed), time.process_time()
    truth = optimal_values(n, gamma=model.gamma)
    errors = [[0, values_error(model, truth)]]
    while errors[-1][1] >= TOLERANCE and errors[-1][0] < steps:
        model._current_progress_remaining = 1 - errors[-1][0] / steps  # the importance weights' exponent follows it
        model.train(CHECK_EVERY, model.batch_size)
        model.q_net_target.load_state_dict(model.q_net.state_dict())
        errors.append([errors[-1][0] + CHECK_EVERY, values_error(model, truth)])
    assert model.replay_buffer is not None
    updates, mse = errors[-1]
    return {
        "memory": model.replay_buffer.buffer_size,
        "updates": updates,
        "solved": mse < TOLERANCE,
        "mse": mse,
        "updates_per_transition": updates / model.replay_buffer.buffer_size,
        "error_curve": curve_text([*errors[: -1 : max(len(errors) // POINTS, 1)], errors[-1]]),
        "cpu_s": round(time.process_time() - begun, 1),
    }


def values_error(model: sb3.DQN, truth: np.ndarray) -> float:
    """Mean squared error of the network's action values for all states, against ``truth`` ``(n, 2)``."""
    with torch.no_grad():
        values = model.q_net(torch.arange(len(truth))[:, None]).numpy()
    return float(np.square(values - truth).mean())
