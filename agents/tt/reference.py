"""The searches in their plain form: no cache, one environment, every window computed anew for every token.

They are what :mod:`papergym.agents.tt.planning` is tested against and measured against. The window is that of
jannerm/trajectory-transformer (trajectory/search/sampling.py): whole transitions are cut off until at most
``context * size - 1`` tokens are left.
"""

import torch

from papergym.agents.tt.discretizer import Discretizer
from papergym.agents.tt.model import TrajectoryTransformer
from papergym.agents.tt.planning import QFunction, Search
from papergym.agents.tt.sampling import Draw, Filter


class Plain:
    """Next-token logits by recomputation.

    Args:
        model: in evaluation mode.
        context: transitions of the window.
        goal: (1, N) int64 or None.

    Attributes:
        passes: tokens that went through the model, over all rows.
    """

    def __init__(self, model: TrajectoryTransformer, context: int, goal: torch.Tensor | None = None) -> None:
        self.model, self.goal = model, goal
        self.longest = min(context, model.window) * model.size - 1
        self.passes = 0

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T) tokens -> (B, bins + 1)."""
        if x.shape[1] > self.longest:
            transitions = -(-(x.shape[1] - self.longest) // self.model.size)
            x = x[:, transitions * self.model.size :]
        goal = None if self.goal is None else self.goal.expand(len(x), -1)
        self.passes += x.numel()
        return self.model(x, goal)[:, -1]

    def sample(self, x: torch.Tensor, count: int, chosen: Filter, draw: Draw) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Draw ``count`` more tokens of each row; the longer sequences, and the probabilities of each token."""
        probabilities = []
        for _ in range(count):
            logits = self.logits(x)
            probabilities.append(logits.softmax(-1))
            token = chosen.sample(logits, draw(1, len(x)).flatten())
            x = torch.cat((x, token[:, None]), 1)
        return x, probabilities


@torch.no_grad()
def plan_reward(
    model: TrajectoryTransformer,
    discretizer: Discretizer,
    past: torch.Tensor,
    current: torch.Tensor,
    search: Search,
    draw: Draw,
    *,
    goal: torch.Tensor | None = None,
    q_function: QFunction | None = None,
) -> tuple[torch.Tensor, int]:
    """:func:`papergym.agents.tt.planning.plan_reward` for past (K, size) and current (N,); the plan (T,), token passes."""
    plain = Plain(model, search.context, goal)
    begin = past.numel()
    x = torch.cat((past.flatten(), current)).repeat(search.beam_width, 1)
    rewards = torch.zeros(search.beam_width, search.horizon + 1, dtype=torch.float64)
    discounts = search.discount ** torch.arange(search.horizon + 1, dtype=torch.float64)
    values = rewards[:, 0]
    for step in range(search.horizon):
        x, rewards = x.repeat(search.n_expand, 1), rewards.repeat(search.n_expand, 1)
        x, _ = plain.sample(x, model.action_dim, search.action, draw)
        if q_function is not None:
            numbers = discretizer.values(x[:, -(model.size - 2) :]).float()
            judged = q_function(numbers[:, : model.observation_dim], numbers[:, model.observation_dim :]).double()
        x, (reward, value) = plain.sample(x, 2, search.outcome, draw)
        rewards[:, step] = discretizer.expectation(reward[:, :-1], model.size - 2)
        rewards[:, step + 1] = discretizer.expectation(value[:, :-1], model.size - 1)
        values = (rewards * discounts).sum(1)
        if q_function is not None:
            values = (rewards * discounts)[:, :step].sum(1) + discounts[step] * judged
        values, kept = (part[: search.beam_width] for part in values.sort(descending=True, stable=True))
        x, rewards = x[kept], rewards[kept]
        if step < search.horizon - 1:
            x, _ = plain.sample(x, model.observation_dim, search.observation, draw)
    return x[values.argmax(), begin:], plain.passes


@torch.no_grad()
def plan_likelihood(
    model: TrajectoryTransformer,
    past: torch.Tensor,
    current: torch.Tensor,
    search: Search,
    *,
    discretizer: Discretizer | None = None,
    goal: torch.Tensor | None = None,
) -> tuple[torch.Tensor, int]:
    """:func:`papergym.agents.tt.planning.plan_likelihood` for one environment, as the paper's algorithm 1 has it.

    Y_0 holds the input. C_t holds all sequences of Y_{t-1} with every token behind them; Y_t the likeliest of them, as many
    as the beam is wide.
    """
    plain = Plain(model, search.context, goal)
    begin = past.numel()
    y = torch.cat((past.flatten(), current))[None]
    likelihood = torch.zeros(1)
    tokens = torch.arange(model.bins)
    widths = torch.ones(model.bins, model.size) if discretizer is None else discretizer.thresholds.diff(dim=0)
    for step in range((search.horizon - 1) * model.size + model.action_dim):
        density = plain.logits(y).softmax(-1)[:, :-1] / widths[:, (model.observation_dim + step) % model.size]
        candidates = torch.cat((y.repeat_interleave(len(tokens), 0), tokens.repeat(len(y))[:, None]), 1)
        likelihoods = (likelihood[:, None] + density.log()).flatten()
        likelihood, kept = likelihoods.topk(min(search.beam_width, len(likelihoods)))
        y = candidates[kept]
    return y[0, begin:], plain.passes
