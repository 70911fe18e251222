"""The planners: beam search by reward and by likelihood, for many environments at once, on the cached decoder.

:mod:`papergym.agents.tt.reference` holds the same searches in their plain form, without a cache and for one environment.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from papergym.agents.tt.decoder import Decoder
from papergym.agents.tt.discretizer import Discretizer
from papergym.agents.tt.model import TrajectoryTransformer
from papergym.agents.tt.sampling import Draw, Filter

QFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""``q(observations (B, N), actions (B, M)) -> (B,)``, numbers in the data's units."""

HEAD, LIKELIEST = Filter(cdf=0.6), Filter(k=1)


@dataclass(frozen=True)
class Search:
    """Settings of a search.

    Attributes:
        horizon: transitions that are planned, the present one included.
        beam_width: sequences that are kept.
        n_expand: continuations that are drawn of each.
        action, observation, outcome: filters of the drawn tokens of actions, observations, and rewards and values.
        context: transitions that the model sees, the present one included.
        discount: of rewards and values.
    """

    horizon: int = 15
    beam_width: int = 128
    n_expand: int = 2
    action: Filter = HEAD
    observation: Filter = LIKELIEST
    outcome: Filter = LIKELIEST
    context: int = 5
    discount: float = 0.99


@dataclass(frozen=True)
class Plan:
    """The best sequence for each of n environments.

    Attributes:
        tokens: ``(n, T)`` int64, from the present observation on.
        values: ``(n,)`` float64, its discounted rewards and last value, or its log-likelihood.
        passes: tokens that went through the model.
    """

    tokens: torch.Tensor
    values: torch.Tensor
    passes: int


def window(model: TrajectoryTransformer, transitions: torch.Tensor, search: Search) -> torch.Tensor:
    """The last whole transitions (..., K, size) that the model sees beside the present one."""
    kept = min(search.context, model.window) - 1
    return transitions[..., max(transitions.shape[-2] - kept, 0) :, :]


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
) -> Plan:
    """Beam search by discounted rewards and the value behind them (section 3.2, offline reinforcement learning).

    Each step draws actions for ``n_expand`` copies of each sequence, ranks them by the rewards so far and the value of the
    rest, keeps the best, and draws their next observations. Rewards and values count with their expectation.

    Args:
        model: in evaluation mode.
        discretizer: its bins.
        past: (n, K, size) int64, the transitions so far; the same number for all environments.
        current: (n, N) int64, the present observations.
        search: settings.
        draw: uniform numbers.
        goal: (n, N) int64, for a model with a goal.
        q_function: ranks instead of reward and value of the step ("TT (+Q)", section 4.2), where rewards are sparse.
    """
    count, width, copies = len(past), search.beam_width, search.n_expand
    decoder = Decoder(model)
    made = past.new_empty(count, width, 0, model.size)
    earned = torch.zeros(count, width, dtype=torch.float64, device=past.device)
    goals = None if goal is None else goal.repeat_interleave(width, 0)
    values = earned
    for step in range(search.horizon):
        if step == 0:
            logits = decoder.read(window(model, past, search), current, goal)
            observation, times = current[:, None].expand(-1, width, -1), width * copies
        else:
            whole = torch.cat((past[:, None].expand(-1, width, -1, -1), made), 2)
            logits = decoder.read(window(model, whole, search).flatten(0, 1), None, goals)
            logits, observation = _observe(decoder, logits, search, draw, count)
            times = copies
        decoder.fork(times)
        tokens, reward, value = _act(decoder, discretizer, logits.repeat_interleave(times, 0), search, draw, count)
        candidates = torch.cat((observation[:, :, None].expand(-1, -1, copies, -1), tokens), -1)
        scale = search.discount**step
        if q_function is None:
            scores = earned[..., None] + scale * (reward + search.discount * value)
        else:
            scores = earned[..., None] + scale * _judge(q_function, discretizer, candidates, model)
        values, beam, copy = best(scores, width)
        rows = torch.arange(count, device=past.device)[:, None]
        earned = earned[rows, beam] + scale * reward[rows, beam, copy]
        made = torch.cat((made[rows, beam], candidates[rows, beam, copy][:, :, None]), 2)
    return Plan(made[:, 0].flatten(1), values[:, 0], decoder.passes)


def best(scores: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The ``width`` highest of scores (n, beams, copies), highest first: scores, beams and copies, (n, width) each.

    Equal ones keep the official order: the first copy of every beam, then the second.
    """
    beams = scores.shape[1]
    ordered = scores.transpose(1, 2).flatten(1).sort(dim=-1, descending=True, stable=True)
    chosen = ordered.indices[:, :width]
    return ordered.values[:, :width], chosen % beams, chosen // beams


def _observe(
    decoder: Decoder, logits: torch.Tensor, search: Search, draw: Draw, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the next observation of each sequence; logits of the first action, and tokens (n, beams, N)."""
    tokens = []
    for _ in range(decoder.model.observation_dim):
        tokens.append(search.observation.sample(logits, draw(count, search.beam_width).flatten()))
        logits = decoder.step(tokens[-1])
    return logits, torch.stack(tokens, -1).view(count, search.beam_width, -1)


def _act(
    decoder: Decoder, discretizer: Discretizer, logits: torch.Tensor, search: Search, draw: Draw, count: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw action, reward and value: tokens (n, beams, copies, M + 2), expected rewards and values (n, beams, copies)."""
    actions, shape = decoder.model.action_dim, (count, search.beam_width, search.n_expand)
    tokens, expected = [], []
    for index in range(actions + 2):
        uniform = draw(count, search.n_expand * search.beam_width).view(count, search.n_expand, -1).transpose(1, 2)
        chosen = search.action if index < actions else search.outcome
        tokens.append(chosen.sample(logits, uniform.flatten()))
        if index >= actions:
            dimension = decoder.model.observation_dim + index
            expected.append(discretizer.expectation(logits.softmax(-1)[:, :-1], dimension).view(shape))
        if index <= actions:
            logits = decoder.step(tokens[-1])
    return torch.stack(tokens, -1).view(*shape, -1), expected[0], expected[1]


def _judge(
    q_function: QFunction, discretizer: Discretizer, candidates: torch.Tensor, model: TrajectoryTransformer
) -> torch.Tensor:
    numbers = discretizer.values(candidates).float().flatten(0, 2)
    observations, actions = numbers[:, : model.observation_dim], numbers[:, model.observation_dim : -2]
    return q_function(observations, actions).double().reshape(candidates.shape[:3])


@torch.no_grad()
def plan_likelihood(
    model: TrajectoryTransformer,
    past: torch.Tensor,
    current: torch.Tensor,
    search: Search,
    *,
    discretizer: Discretizer | None = None,
    goal: torch.Tensor | None = None,
) -> Plan:
    """Beam search by log-likelihood: imitation, or with a goal, the way to it (section 3.2, algorithm 1).

    It ends with the last action of the horizon: for a horizon of 1 it decodes the present action and nothing else. Plans hold
    no stop tokens: all behind one is certain, so plans that end the task would win.

    Args:
        model: in evaluation mode.
        past: (n, K, size) int64, the transitions so far; the same number for all environments.
        current: (n, N) int64, the present observations.
        search: horizon, beam width and context count.
        discretizer: for the likelihood of numbers, a bin's probability divided by its width; None for that of bins.
        goal: (n, N) int64, for a model with a goal.
    """
    count, choices = len(past), model.bins
    decoder = Decoder(model)
    made = current[:, None]
    widths = past.new_zeros(choices, model.size) if discretizer is None else discretizer.log_widths
    total = torch.zeros(count, 1, device=past.device)
    logits = decoder.read(window(model, past, search), current, goal)
    rows = torch.arange(count, device=past.device)[:, None]
    length = (search.horizon - 1) * model.size + model.observation_dim + model.action_dim
    while made.shape[2] < length:
        likelihood = logits.log_softmax(-1)[:, :-1] - widths[:, made.shape[2] % model.size]  # (count * beams, choices)
        scores = (total[..., None] + likelihood.reshape(count, -1, choices)).flatten(1)
        beams = total.shape[1]
        total, chosen = scores.topk(min(search.beam_width, scores.shape[1]), -1)
        parent, token = chosen // choices, chosen % choices
        made = torch.cat((made[rows, parent], token[..., None]), 2)
        if made.shape[2] == length:
            break
        if made.shape[2] % model.size:
            decoder.select((parent + rows * beams).flatten())
            logits = decoder.step(token.flatten())
        else:
            width = made.shape[1]
            whole = torch.cat((past[:, None].expand(-1, width, -1, -1), made.view(count, width, -1, model.size)), 2)
            goals = None if goal is None else goal.repeat_interleave(width, 0)
            logits = decoder.read(window(model, whole, search).flatten(0, 1), None, goals)
    return Plan(made[:, 0], total[:, 0].double(), decoder.passes)
