"""The Decision Transformer as a policy of stable-baselines3: it carries its history in the state of ``predict``."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.utils import is_vectorized_observation

from papergym.agents.dt.history import History, empty, observe
from papergym.agents.dt.network import DecisionTransformerNetwork
from papergym.agents.errors import UsageError
from papergym.agents.fast.precision import fast_matmul

log = logging.getLogger(__name__)

REWARD_KEY = "previous_reward"
"""Entry that :class:`papergym.wrappers.PreviousReward` adds to the observation."""


class DecisionTransformerPolicy(DecisionTransformerNetwork):
    """Acts with the network, for one or several environments; arguments and buffers are the network's.

    Source: Chen et al. 2021 (arXiv 2106.01345), with the shapes of the official code for MuJoCo.
    """

    def __init__(self, observation_space: spaces.Space, action_space: spaces.Space, **settings: Any) -> None:
        super().__init__(observation_space, action_space, **settings)
        self._said: set[str] = set()

    def predict(
        self,
        observation: Any,
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Any]:
        """SB3's ``predict``: aims at :attr:`target`, or at the best return that it believes in, with ``return_values``.

        Args:
            observation: one or a batch; a dict with ``previous_reward`` as :class:`papergym.wrappers.PreviousReward` makes it.
                Without it the target stays as it is, which is said once.
            state: what the last call returned, None at first.
            episode_start: (n,) True where an episode begins.
            deterministic: the most likely action, else a sample; a Box action is always the mean.
        """
        paid = None
        if isinstance(observation, Mapping):
            observation, paid = self._split(observation)
        elif not self.delayed and not self.hide_returns:
            self._say_once(
                "predict is not told the rewards, so its target stays constant. Wrap the environment in PreviousReward "
                "(papergym.wrappers, also .vector and .sb3), or train with delayed=True."
            )
        observation = np.asarray(observation)
        batched = is_vectorized_observation(observation, self.observation_space)
        observation = observation if batched else observation[None]
        n = len(observation)
        start = np.full(n, state is None) if state is None or episode_start is None else np.asarray(episode_start, bool)
        actions, after = self.act(observation, start.reshape(n), paid, None, state, deterministic=deterministic)
        return (actions if batched else actions[0]), after

    def _split(self, observation: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        if set(observation) != {"observation", REWARD_KEY}:
            raise ValueError(
                f"expected observations of {self.observation_space}, or a dict with 'observation' and {REWARD_KEY!r} "
                f"(papergym.wrappers.PreviousReward), got the keys {sorted(observation)}."
            )
        return np.asarray(observation["observation"]), np.asarray(observation[REWARD_KEY], np.float64).reshape(-1)

    def act(
        self,
        observation: np.ndarray,
        first: np.ndarray,
        paid: np.ndarray | None,
        target: float | np.ndarray | None,
        state: tuple[np.ndarray, ...] | None = None,
        *,
        deterministic: bool = True,
        generator: torch.Generator | None = None,
    ) -> tuple[np.ndarray, History]:
        """Act in n environments, which may be at different steps of their episodes.

        Args:
            observation: (n, ...).
            first: (n,) bool.
            paid: (n,) rewards that led to the observations, None where they are not known.
            target: return to aim at, one or (n,); None is the policy's own.
            state: what the last call returned, None at first.
            deterministic: see :meth:`predict`.
            generator: of samples.

        Raises:
            ValueError: another number of environments than in ``state``.
            UsageError: more steps than the table of time steps has rows.
        """
        if self.training:  # it walks over all modules, an eighth of a decision
            self.set_training_mode(False)
        own = target is None
        wanted = np.broadcast_to(np.asarray(self.target.item() if own else target, np.float64), (len(observation),))
        if not self.hide_returns:
            self._check_target(wanted)
        elif not own:
            self._say_once("the network was trained without returns (hide_returns): the target has no effect.")
        before = empty(observation, self.context, self.action_space) if state is None else History(*state)
        if len(before.age) != len(observation):
            raise ValueError(f"expected observations of {len(before.age)} environments, as in state, got {len(observation)}.")
        history = observe(before, observation, first, None if self.delayed else paid, wanted)
        if history.age.max() >= self.max_timestep:
            raise UsageError(
                f"expected episodes of at most {self.max_timestep} steps, the rows of the table of time steps, got step "
                f"{history.age.max() + 1}. Train with a larger max_timestep."
            )
        if own and self.return_head is not None and not self.hide_returns:
            history = self._choose_returns(history, first)
        actions = self._choose_actions(history, deterministic, generator)
        history.actions[np.arange(len(actions)), history.last] = actions
        return actions, history

    def inputs(self, history: History) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Arguments of :meth:`forward` for a history, cut to the longest episode."""
        steps, device = int(history.last.max()) + 1, self.device
        arrays = (history.observations, history.actions, history.returns.astype(np.float32), history.timesteps)
        observations, actions, returns, timesteps = (torch.as_tensor(array[:, :steps], device=device) for array in arrays)
        observations = observations.float() if observations.is_floating_point() else observations
        return observations, actions, returns, timesteps

    @torch.no_grad()
    def _at_newest(self, head: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], history: History) -> torch.Tensor:
        """``head`` at each row's newest step. The action of the longest history's is still to be chosen and stays away."""
        observations, actions, returns, timesteps = self.inputs(history)
        last = torch.as_tensor(history.last, device=self.device)
        with fast_matmul(self.device, rows=3 * returns.numel()):
            return head(self.tokens(observations, actions, returns, timesteps)[:, :-1], last)

    def predictions(self, history: History) -> tuple[torch.Tensor, torch.Tensor | None]:
        """:meth:`forward` for a history."""
        return self(*self.inputs(history))

    def _choose_actions(self, history: History, deterministic: bool, generator: torch.Generator | None) -> np.ndarray:
        head = self._at_newest(self.action_at, history)
        if isinstance(self.action_space, spaces.Discrete):
            chosen = head.argmax(1) if deterministic else torch.multinomial(head.softmax(1), 1, generator=generator).squeeze(1)
            return chosen.cpu().numpy().astype(self.action_space.dtype) + self.action_space.start
        actions = (head * self.action_half + self.action_center).cpu().numpy()
        return actions.reshape(-1, *(self.action_space.shape or ())).astype(self.action_space.dtype or np.float32)

    def _choose_returns(self, history: History, first: np.ndarray) -> History:
        """The likeliest first return-to-go under the prior; later ones stay within the values that are known."""
        values = self.return_values
        history = history._replace(wanted=np.minimum(history.wanted, float(values.max())))
        if first.any():
            logits = self._at_newest(self.return_at, history)
            prior = self.prior_power * (values - values.min()).log()
            chosen = values[(logits.log_softmax(1) + prior).argmax(1)].cpu().numpy()
            history = history._replace(wanted=np.where(first, chosen, history.wanted))
        history.returns[np.arange(len(first)), history.last] = history.wanted
        return history

    def _check_target(self, wanted: np.ndarray) -> None:
        low, high = self.returns_range.tolist()
        outside = wanted[(wanted < low - 1e-3 * abs(low)) | (wanted > high + 1e-3 * abs(high))]
        if (low, high) != (0, 0) and len(outside):  # zeros stand for data that is not known
            self._say_once(
                f"the target {outside[0]:g} lies outside the returns of the data, {low:g} to {high:g}: what the policy does "
                "there is extrapolation. Targets are whole returns, not divided by the scale "
                f"{self.return_scale.item():g}."
            )

    def _say_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            log.warning(message)

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        """Actions at the first step of an episode; SB3 asks for it."""
        seen = observation.cpu().numpy()
        actions, _ = self.act(seen, np.ones(len(seen), bool), None, None, deterministic=deterministic)
        return torch.as_tensor(actions, device=self.device)
