"""What a run has learned as the policy of a dataset: sampled actions and their log-probabilities."""

import math
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.dqn import DQN
from stable_baselines3.sac.policies import SACPolicy

from papergym.agents.runner.learner import Learner
from papergym.agents.runner.sb3 import SB3Learner

State = Any


class LearnedPolicy:
    """A learner that samples its actions as in training; :class:`papergym.agents.data.collect.Policy`.

    - SAC's policies: the tanh-squashed Gaussian; the density is that in the environment's units.
    - PPO's policies: their distribution; for a Box the density is that before actions are clipped to the bounds.
    - DQN: epsilon-greedy with the last epsilon of training, ``exploration_final_eps``.
    - other learners: what they do without ``deterministic``; the log-probability is not known.

    Args:
        learner: acts.
        name: for the metadata of the episodes, for example ``sac at step 50000``.
    """

    def __init__(self, learner: Learner, name: str) -> None:
        self.learner, self.name = learner, name
        self._sample = _sampler(learner)
        self._state: State = None

    def begin(self, seed: int) -> None:
        """Seed everything that actions are drawn from."""
        set_random_seed(seed)
        for generator in self.learner.generators():
            if isinstance(generator, torch.Generator):
                generator.manual_seed(seed)
            else:
                generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
        self._draws = np.random.default_rng(seed)

    def __call__(self, observation: Any, first: bool, reward: float) -> tuple[Any, float | None]:
        """See :class:`papergym.agents.data.collect.Policy`."""
        batch = np.asarray(observation)[None]
        if self._sample is not None:
            return self._sample(batch, self._draws)
        self._state = None if first else self._state
        action, self._state = self.learner.act(
            batch, np.array([first]), np.array([reward]), None, self._state, deterministic=False
        )
        return action[0], None


def _sampler(learner: Learner) -> Any:
    """(batch of one observation, generator) -> action, log-probability; None where only ``act`` can be used."""
    if not isinstance(learner, SB3Learner) or learner.model.use_sde:
        return None
    model = learner.model
    if isinstance(model.policy, SACPolicy):
        return lambda batch, draws: _squashed(model, batch)
    if isinstance(model.policy, ActorCriticPolicy) and isinstance(model.action_space, (spaces.Box, spaces.Discrete)):
        return lambda batch, draws: _actor_critic(model, batch)
    if isinstance(model, DQN):
        return lambda batch, draws: _epsilon_greedy(model, batch, draws)
    return None


@torch.no_grad()
def _squashed(model: OffPolicyAlgorithm, batch: np.ndarray) -> tuple[np.ndarray, float]:
    scaled, log_prob = model.policy.actor.action_log_prob(model.policy.obs_to_tensor(batch)[0])  # pyright: ignore
    space = model.action_space
    assert isinstance(space, spaces.Box)
    widths = np.log((space.high.astype(np.float64) - space.low) / 2).sum()  # the density of a in [low, high], not [-1, 1]
    return model.policy.unscale_action(scaled.cpu().numpy())[0], float(log_prob.item() - widths)


@torch.no_grad()
def _actor_critic(model: Any, batch: np.ndarray) -> tuple[Any, float]:
    statistics = model.get_vec_normalize_env()
    seen = batch if statistics is None else statistics.normalize_obs(batch)
    action, _, log_prob = model.policy(model.policy.obs_to_tensor(seen)[0])
    action = action.cpu().numpy()[0]
    if isinstance(model.action_space, spaces.Box):
        action = np.clip(action.reshape(model.action_space.shape), model.action_space.low, model.action_space.high)
    return action, float(log_prob.item())


@torch.no_grad()
def _epsilon_greedy(model: DQN, batch: np.ndarray, draws: np.random.Generator) -> tuple[np.ndarray, float]:
    count, epsilon = int(model.action_space.n), model.exploration_final_eps  # pyright: ignore
    best = int(model.q_net(model.policy.obs_to_tensor(batch)[0]).argmax(1).item())
    action = int(draws.integers(count)) if draws.random() < epsilon else best
    probability = epsilon / count + (1 - epsilon if action == best else 0.0)
    return np.array(action, np.int64), math.log(probability)
