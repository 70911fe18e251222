"""The planner as a stable-baselines3 policy with a memory: ``predict(observation, state, episode_start)``."""

import time
import warnings
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy

from papergym.agents.errors import UsageError
from papergym.agents.tt.discretizer import Discretizer
from papergym.agents.tt.latency import LatencyBudget
from papergym.agents.tt.model import TrajectoryTransformer
from papergym.agents.tt.planning import QFunction, Search, plan_likelihood, plan_reward
from papergym.agents.tt.sampling import Filter, uniform_draws

Memory = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Tokens of the last transitions ``(n, context - 1, size)``, the newest last; how many are filled ``(n,)``; tokens of the last
observation and action ``(n, size - 2)``. All int64."""

REWARD = "previous_reward"
"""Entry of an observation that holds the reward of the last step."""

MARGIN = 0.01
"""Share of the bins' range by which a number may lie outside it without a warning."""


def dimension(space: spaces.Space, what: str) -> int:
    """Numbers of a Box of one axis.

    Raises:
        UsageError: another space.
    """
    if not isinstance(space, spaces.Box) or len(space.shape) != 1 or np.issubdtype(space.dtype or float, np.integer):
        raise UsageError(f"{what}s: the Trajectory Transformer needs a Box of numbers with one axis, got {space}.")
    return space.shape[0]


class TTPolicy(BasePolicy):
    """Plans at every step and executes the first action.

    The history that the model sees is in ``state``. stable-baselines3 gives ``predict`` no rewards. They reach it in an
    observation ``{"observation": ..., "previous_reward": ...}``, as :class:`papergym.wrappers.PreviousReward` makes them.
    Without them the history holds the reward that the model finds most likely.

    Args:
        observation_space: Box of one axis; with a goal, a Dict with ``observation`` and ``desired_goal``.
        action_space: Box of one axis.
        model: arguments of :class:`papergym.agents.tt.model.TrajectoryTransformer`, ``goal`` among them.
        planner: ``reward`` or ``likelihood``.
        search: arguments of :class:`papergym.agents.tt.planning.Search`; filters as ``(k, cdf)``.
        latency_s: seconds that a decision may take, 0 for no limit; see :class:`papergym.agents.tt.latency.LatencyBudget`.
        density: a plan's likelihood is that of its numbers, a bin's probability divided by its width; False: that of bins.
        delayed: the history holds no rewards, as in data that pays an episode's return at its end.

    Attributes:
        q_function: ranks plans in place of the value token, None for none; it is not saved.
            See :data:`papergym.agents.tt.planning.QFunction`, and :func:`papergym.agents.tt.critic.run_critic` for a run's.
        generator: of the plans' random numbers.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        model: dict[str, Any],
        planner: str,
        search: dict[str, Any],
        latency_s: float = 0.0,
        density: bool = True,
        delayed: bool = False,
    ) -> None:
        super().__init__(observation_space, action_space)
        self._arguments = {"model": model, "planner": planner, "search": search, "latency_s": latency_s}
        self._arguments |= {"density": density, "delayed": delayed}
        goal = isinstance(observation_space, spaces.Dict)
        if goal != bool(model.get("goal")):
            raise UsageError(
                f"observations {observation_space}: expected a Dict with desired_goal if, and only if, goal is set."
            )
        plain = observation_space["observation"] if isinstance(observation_space, spaces.Dict) else observation_space
        sizes = dimension(plain, "observation"), dimension(action_space, "action")
        self.model = TrajectoryTransformer(*sizes, **model)
        self.bins = Discretizer.empty(self.model.bins, self.model.size)
        self.planner, self.density, self.delayed = planner, density, delayed
        filters = {name: Filter(*search[name]) for name in ("action", "observation") if name in search}
        self.budget = LatencyBudget(latency_s, Search(**{**search, **filters}))
        self.q_function: QFunction | None = None
        self.generator = torch.Generator().manual_seed(0)
        self._warned: set[str] = set()  # of which numbers it has been said that they are outside the bins

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {"observation_space": self.observation_space, "action_space": self.action_space, **self._arguments}

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        actions, _ = self.plan(observation, np.ones(len(self._parts(observation)[0]), bool), None, None)
        return torch.as_tensor(actions, device=self.device)

    def predict(
        self,
        observation: Any,
        state: Memory | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Memory]:
        """As in stable-baselines3; ``state`` is the memory that the last call returned, None at the first one.

        Raises:
            ValueError: other entries than expected, another number of environments than in ``state``, numbers that are not
                finite.
        """
        self.set_training_mode(False)
        observation, reward = self._split(observation)
        batch, vectorized = self.obs_to_tensor(observation)
        count = len(self._parts(batch)[0])
        first = np.full(count, state is None) if episode_start is None else np.asarray(episode_start, bool).reshape(-1)
        actions, memory = self.plan(batch, first, reward, state)
        return (actions if vectorized else actions[0]), memory

    def _split(self, observation: Any) -> tuple[Any, np.ndarray | None]:
        """The observation as in the space, and the rewards (n,) that came beside it."""
        goal = isinstance(self.observation_space, spaces.Dict)
        if not isinstance(observation, dict):
            return observation, None
        expected = {"observation", "desired_goal"} if goal else {"observation", REWARD}
        missing = expected - set(observation)
        if missing:
            raise ValueError(
                f"expected observations of {self.observation_space}, with {REWARD!r} beside them as "
                f"papergym.wrappers.PreviousReward gives it; {sorted(missing)} missing among {sorted(observation)}."
            )
        reward = np.asarray(observation[REWARD], np.float64).reshape(-1) if REWARD in observation else None
        plain = {name: part for name, part in observation.items() if name != REWARD}
        return (plain if goal else plain["observation"]), reward

    def plan(
        self, observation: Any, first: np.ndarray, reward: np.ndarray | None, memory: Memory | None
    ) -> tuple[np.ndarray, Memory]:
        """Act for n environments at once.

        Args:
            observation: tensor (n, N), or a dict of ``observation`` and ``desired_goal``.
            first: (n,) bool, where an episode begins.
            reward: (n,) of the last step; None takes the likeliest.
            memory: what the last call returned; None at the first one.

        Returns:
            Actions (n, M) in the action space, and the memory for the next call.

        Raises:
            ValueError: a memory of another number of environments, or numbers that are not finite.
        """
        numbers, goals = self._parts(observation)
        if memory is not None and len(memory[1]) != len(numbers):
            raise ValueError(f"expected observations of {len(memory[1])} environments, as in state, got {len(numbers)}.")
        tokens = self._tokens(numbers, "observation")
        goal = None if goals is None else self._tokens(goals, "desired_goal")
        past, known = self._remember(first, reward, memory, goal, len(numbers))
        begun = time.perf_counter()
        chosen = tokens.new_empty(len(numbers), self.model.action_dim)
        for count in known.unique().tolist():  # a search has one length of the past
            rows = torch.nonzero(known == count)[:, 0]
            seen = past[rows, past.shape[1] - count :]
            chosen[rows] = self._search(seen, tokens[rows], None if goal is None else goal[rows])
        self.budget.note(time.perf_counter() - begun)
        actions = self.bins.values(chosen, self.model.observation_dim).cpu().numpy()
        assert isinstance(self.action_space, spaces.Box)
        actions = np.clip(actions, self.action_space.low, self.action_space.high).astype(self.action_space.dtype)
        pending = torch.cat((tokens, chosen), 1)
        return actions, (past.cpu().numpy(), known.cpu().numpy(), pending.cpu().numpy())

    def _search(self, past: torch.Tensor, current: torch.Tensor, goal: torch.Tensor | None) -> torch.Tensor:
        if self.planner == "likelihood":
            bins = self.bins if self.density else None
            found = plan_likelihood(self.model, past, current, self.budget.search, discretizer=bins, goal=goal)
        else:
            draw = uniform_draws(self.generator)
            found = plan_reward(self.model, self.bins, past, current, self.budget.search, draw, q_function=self.q_function)
        first = self.model.observation_dim
        return found.tokens[:, first : first + self.model.action_dim]

    def _parts(self, observation: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        if isinstance(observation, dict):
            return observation["observation"], observation["desired_goal"]
        return observation, None

    def _tokens(self, numbers: torch.Tensor, what: str, first: int = 0, used: torch.Tensor | None = None) -> torch.Tensor:
        """Bins of numbers (n, k) of the dimensions from ``first`` on; only the rows ``used``, (n,) bool, are looked at."""
        seen = numbers if used is None else numbers[used]
        if not bool(torch.isfinite(seen).all()):
            raise ValueError(f"expected finite numbers, got {what} {seen[~torch.isfinite(seen).all(1)][0].tolist()}.")
        outside = self.bins.outside(seen, first, margin=MARGIN)
        if what not in self._warned and bool(outside.any()):
            self._warned.add(what)
            row, column = torch.nonzero(outside)[0].tolist()
            low, high = (float(self.bins.thresholds[end, first + column]) for end in (0, -1))
            warnings.warn(
                f"{what} {column} is {float(seen[row, column]):.4g}, outside the data's range of {low:.4g} to "
                f"{high:.4g}; such numbers count as the nearest bin. This is said once.",
                stacklevel=4 if used is None else 5,  # the caller of predict; rewards come through _remember
            )
        return self.bins.tokens(numbers, first)

    def _remember(
        self, first: np.ndarray, reward: np.ndarray | None, memory: Memory | None, goal: torch.Tensor | None, count: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The past and how much of it is filled, after the last transition has come to it."""
        kept = max(min(self.budget.search.context, self.model.window) - 1, 0)
        shape = (count, kept, self.model.size)
        if memory is None:
            memory = np.zeros(shape, np.int64), np.zeros(count, np.int64), np.zeros((count, self.model.size - 2), np.int64)
            first = np.ones(count, bool)
        past, known, pending = (torch.as_tensor(part, device=self.device) for part in memory)
        begins = torch.as_tensor(first, device=self.device)
        if reward is not None and self.delayed:
            reward = np.zeros_like(reward)  # as the data shows it before an end
        if reward is None:
            token = self._likeliest_reward(past, known, pending, goal)
        else:
            paid = torch.as_tensor(np.asarray(reward, np.float64)[:, None], device=self.device)
            token = self._tokens(paid, "reward", self.model.size - 2, ~begins)
        unseen = torch.full_like(token, self.model.bins - 1)  # the value, which no token attends to; the official placeholder
        newest = torch.cat((pending, token, unseen), 1)[:, None]
        past = torch.cat((past, newest), 1)[:, 1:] if kept else past
        return past, torch.where(begins, 0, (known + 1).clamp(max=kept))

    @torch.no_grad()
    def _likeliest_reward(
        self, past: torch.Tensor, known: torch.Tensor, pending: torch.Tensor, goal: torch.Tensor | None
    ) -> torch.Tensor:
        token = pending.new_empty(len(pending), 1)
        for count in known.unique().tolist():
            rows = torch.nonzero(known == count)[:, 0]
            x = torch.cat((past[rows, past.shape[1] - count :].flatten(1), pending[rows]), 1)
            token[rows] = self.model(x, None if goal is None else goal[rows])[:, -1, :-1].argmax(-1, keepdim=True)
        return token
