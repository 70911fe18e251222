"""Blind Cliffwalk, figure 2 of the paper: updates until Q-learning from a full memory is right, by sampling rule."""

from dataclasses import dataclass

import numpy as np

from papergym.agents.jit import jit
from papergym.agents.replay.heap import new_heap, sift
from papergym.agents.replay.tree import SumTree, find_leaves, set_leaves
from papergym.envs.toys.cliffwalk import cliffwalk_memory, optimal_values

METHODS = ("uniform", "oracle", "greedy", "rank", "proportional")
REPRESENTATIONS = ("tabular", "linear")
ALPHA = {"rank": 0.7, "proportional": 0.6}  # table 3; the paper does not say what the cliffwalk used
EPSILON = 1e-4  # neither given


@dataclass(frozen=True)
class Outcome:
    """How one run of the cliffwalk ended."""

    memory: int
    """Transitions in the memory."""
    updates: int
    """Q-learning updates made, one transition each."""
    solved: bool
    """The mean squared error fell below the tolerance."""
    stuck: bool
    """Oracle only: no single update lowers the error any more, although it is not solved."""
    mse: float
    """Mean squared error over all state-action pairs at the end."""


def solve(
    method: str,
    representation: str,
    n: int,
    seed: int,
    *,
    step_size: float = 0.25,
    tolerance: float = 1e-3,
    init_std: float = 0.1,
    max_updates: int | None = None,
) -> Outcome:
    """Run Q-learning (gamma = 1 - 1/n) on the full memory until its error is below ``tolerance`` (appendix B.1).

    Args:
        method: one of :data:`METHODS`. No importance weights are used.
        representation: "tabular", or "linear": one-hot state and a constant feature, per action, the right action
            alternating from state to state.
        n: number of states, at least 2; the memory holds ``2 ** (n + 1) - 2`` transitions.
        seed: of the memory's order, the initial parameters and the sampling.
        step_size: of Q-learning.
        tolerance: mean squared error that counts as solved.
        init_std: standard deviation of the initial parameters; zero would make unrewarded transitions look solved.
        max_updates: give up after so many; None is 200 times the memory's size.
    """
    if method not in METHODS or representation not in REPRESENTATIONS:
        raise ValueError(f"method is one of {METHODS}, representation one of {REPRESENTATIONS}: got {method}, {representation}")
    if n < 2:
        raise ValueError(f"n counts states and must be at least 2, got {n}")
    rng = np.random.default_rng([seed, n])
    linear = representation == "linear"
    memory = cliffwalk_memory(n, alternate=linear, rng=rng)
    columns = (memory.state, memory.action, memory.reward.astype(np.float64), memory.next_state, memory.terminated)
    weights = rng.normal(0.0, init_std, (n + 1, 2))
    if not linear:
        weights[n] = 0.0  # the row of the constant feature
    size = len(memory.state)
    limit = 200 * size if max_updates is None else max_updates
    truth = optimal_values(n, alternate=linear)
    common = (columns, weights, truth, linear, 1 - 1 / n, step_size, tolerance, limit)
    if method == "oracle":
        updates, mse, stuck = _oracle(*common)
    elif method in ("greedy", "rank"):
        cumulative = np.cumsum(np.arange(1.0, size + 1) ** -ALPHA["rank"])
        updates, mse, stuck = _heap(*common, rng, cumulative, method == "greedy")
    else:
        tree = SumTree(size)
        alpha = 0.0 if method == "uniform" else ALPHA["proportional"]
        updates, mse, stuck = _tree(*common, rng, tree._nodes, tree._level_starts, alpha)
    return Outcome(size, updates, mse < tolerance, stuck, mse)


@jit
def _error(weights, truth, linear):
    n = len(truth)
    total = 0.0
    for state in range(n):
        for action in range(2):
            value = weights[state, action] + (weights[n, action] if linear else 0.0)
            total += (value - truth[state, action]) ** 2
    return total / (2 * n)


@jit
def _td_error(weights, linear, gamma, state, action, reward, next_state, terminated):
    n = len(weights) - 1
    bias0, bias1 = (weights[n, 0], weights[n, 1]) if linear else (0.0, 0.0)
    target = reward
    if not terminated:
        target += gamma * max(weights[next_state, 0] + bias0, weights[next_state, 1] + bias1)
    return target - weights[state, action] - (bias1 if action == 1 else bias0)


@jit
def _learn(weights, linear, step_size, state, action, td_error):
    weights[state, action] += step_size * td_error
    if linear:
        weights[len(weights) - 1, action] += step_size * td_error


@jit
def _tree(columns, weights, truth, linear, gamma, step_size, tolerance, limit, rng, nodes, level_starts, alpha):
    """Proportional sampling from the sum tree of the replay buffer; ``alpha = 0`` is uniform sampling."""
    states, actions, rewards, next_states, ends = columns
    size = len(states)
    set_leaves(nodes, level_starts, size, np.arange(size), np.ones(size))
    one, value, target = np.zeros(1, np.int64), np.zeros(1), np.zeros(1)
    mse = _error(weights, truth, linear)
    updates = 0
    while mse >= tolerance and updates < limit:
        if alpha == 0.0:
            i = int(rng.random() * size)
        else:
            target[0] = rng.random() * nodes[0]
            i = find_leaves(nodes, level_starts, target)[0]
        td_error = _td_error(weights, linear, gamma, states[i], actions[i], rewards[i], next_states[i], ends[i])
        _learn(weights, linear, step_size, states[i], actions[i], td_error)
        if alpha != 0.0:
            one[0], value[0] = i, (abs(td_error) + EPSILON) ** alpha
            set_leaves(nodes, level_starts, size, one, value)
        mse = _error(weights, truth, linear)
        updates += 1
    return updates, mse, False


@jit
def _heap(columns, weights, truth, linear, gamma, step_size, tolerance, limit, rng, cumulative, greedy):
    """Greedy (the largest priority) and rank-based sampling, ranks read off the heap."""
    states, actions, rewards, next_states, ends = columns
    size = len(states)
    heap, places = new_heap(size)
    values = np.full(size, np.inf)  # every transition not yet replayed comes first
    mse = _error(weights, truth, linear)
    updates = 0
    while mse >= tolerance and updates < limit:
        rank = 0 if greedy else min(np.searchsorted(cumulative, rng.random() * cumulative[-1]), size - 1)
        i = heap[rank]
        td_error = _td_error(weights, linear, gamma, states[i], actions[i], rewards[i], next_states[i], ends[i])
        _learn(weights, linear, step_size, states[i], actions[i], td_error)
        values[i] = abs(td_error)
        sift(heap, places, values, places[i])
        mse = _error(weights, truth, linear)
        updates += 1
    return updates, mse, False


@jit
def _oracle(columns, weights, truth, linear, gamma, step_size, tolerance, limit):
    """The transition whose update lowers the error most, in hindsight; copies of a transition count once."""
    states, actions, rewards, next_states, ends = columns
    n = len(truth)
    kinds = np.full((n, 2), -1)
    for i in range(len(states)):
        kinds[states[i], actions[i]] = i
    mse = _error(weights, truth, linear)
    updates = 0
    while mse >= tolerance and updates < limit:
        best, best_mse = -1, np.inf
        for state in range(n):
            for action in range(2):
                i = kinds[state, action]
                trial = weights.copy()
                td_error = _td_error(weights, linear, gamma, state, action, rewards[i], next_states[i], ends[i])
                _learn(trial, linear, step_size, state, action, td_error)
                trial_mse = _error(trial, truth, linear)
                if trial_mse < best_mse:
                    best, best_mse = i, trial_mse
        if best_mse >= mse:
            return updates, mse, True
        td_error = _td_error(weights, linear, gamma, states[best], actions[best], rewards[best], next_states[best], ends[best])
        _learn(weights, linear, step_size, states[best], actions[best], td_error)
        mse = best_mse
        updates += 1
    return updates, mse, False
