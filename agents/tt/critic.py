"""The critic of another run as the heuristic of the search: "TT (+Q)" of section 4.2."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.policies import ContinuousCritic

from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import UsageError
from papergym.agents.offline.transition_learner import TransitionLearner
from papergym.agents.runner.load import load
from papergym.agents.tt.planning import QFunction


def run_critic(folder: str | Path, env: gym.Env, device: str | torch.device) -> QFunction:
    """The smallest of a run's Q-functions, in the units of the environment's rewards.

    Args:
        folder: of a run of td3bc, iql or cql.
        env: of the Trajectory Transformer; the run's spaces must have the same shapes.
        device: of the networks.

    Raises:
        UsageError: another kind of run, other spaces, or a dataset that is gone and decided the unit of the rewards.
    """
    learner, own = load(folder, device=str(device))
    own.close()
    critic = getattr(getattr(learner, "policy", None), "critic", None)
    if not isinstance(learner, TransitionLearner) or not isinstance(critic, ContinuousCritic):
        raise UsageError(f"--critic {folder}: expected a run of td3bc, iql or cql on continuous actions, got {type(learner)}.")
    for name in ("observation_space", "action_space"):
        ours, theirs = getattr(env, name), getattr(own, name)
        if ours.shape != theirs.shape:
            raise UsageError(f"--critic {folder}, {name}: expected shape {ours.shape}, got {theirs.shape}.")
    unit = _unit(learner)

    @torch.no_grad()
    def q_function(observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        seen = torch.as_tensor(learner.normalizer.normalize(observations.cpu().numpy()), device=learner.device)
        taken = torch.as_tensor(learner.policy.scale_action(actions.cpu().numpy()), device=learner.device)
        return torch.cat(critic(seen.float(), taken.float()), 1).amin(1).to(observations.device) / unit

    return q_function


def _unit(learner: TransitionLearner) -> float:
    """What the run multiplied the data's rewards with."""
    if not getattr(learner.config, "scale_rewards", False):
        return 1.0
    data = load_dataset(learner.config.dataset)
    used = learner.rewards(data)
    return 1.0 if used is None or not data.rewards.any() else float(np.abs(used).max() / np.abs(data.rewards).max())
