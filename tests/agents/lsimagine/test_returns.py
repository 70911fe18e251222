"""Returns of pathways with jumps against brute force, in float64 and loops."""

import numpy as np
import pytest
import torch

from papergym.agents.dreamerv3.returns import ReturnScale, lambda_return
from papergym.agents.lsimagine.returns import Jumps, jump_live, jump_rewards

GAMMA, MIX = 1 - 1 / 333, 0.95


def pathways(horizon=15, count=1000, chance=0.3):
    """Random ones: rewards, values, discounted probabilities to go on, jumps of 1 to 30 steps and what they bring."""
    draw = np.random.default_rng(0)
    reward, value, gathered = draw.normal(size=(3, horizon, count))
    alive = GAMMA * (1 - draw.random((horizon, count)) * 0.1) * (draw.random((horizon, count)) > 0.05)
    jumped, steps = draw.random((horizon, count)) < chance, draw.integers(1, 31, (horizon, count)).astype(float)
    return reward, value, alive, Jumps(*map(torch.from_numpy, (jumped, steps, gathered)))


def brute(reward, value, alive, jumps, transition, time, path):
    """Sum over where the return bootstraps. ``transition`` gives what a transition brings."""
    total, weight = 0.0, 1.0
    for step in range(time, len(reward)):
        brought, live = reward[step, path], alive[step, path]
        if jumps.jumped[step, path]:
            steps = int(jumps.steps[step, path])
            brought = transition(float(jumps.gathered[step, path]), steps, reward[step, path])
            for _ in range(steps - 1):
                live *= GAMMA
        total += weight * brought
        total += weight * live * value[step, path] * (1.0 if step == len(reward) - 1 else 1 - MIX)
        weight *= live * MIX
    return total


def of_mean(least):
    """The official code's: the mean of all rewards but the last, as often as there are discounts, and the last reward."""

    def brought(mean, steps, arrival):
        terms = sum(GAMMA**i for i in range(max(steps - 1, least)))
        return mean * terms + GAMMA ** (steps - 1) * arrival

    return brought


@pytest.mark.parametrize(
    ("settings", "transition"),
    [
        ({}, lambda gathered, steps, arrival: gathered),
        ({"gathered": "mean"}, of_mean(0)),
        ({"gathered": "mean", "least_terms": 1}, of_mean(1)),
    ],
    ids=["sum", "mean", "mean, one term at least"],
)
def test_lambda_returns_by_brute_force(settings, transition):
    """On 1,000 random pathways, from each of their 15 states."""
    reward, value, alive, jumps = pathways()
    rewards = jump_rewards(torch.from_numpy(reward), jumps, GAMMA, **settings)
    got = lambda_return(rewards, torch.from_numpy(value), jump_live(torch.from_numpy(alive), jumps, GAMMA), MIX)
    expected = [
        [brute(reward, value, alive, jumps, transition, time, path) for path in range(reward.shape[1])]
        for time in range(len(reward))
    ]
    np.testing.assert_allclose(got, expected, atol=1e-9, rtol=0)


def test_the_scale_of_returns_that_contain_jumps():
    """Percentiles over all states of four batches of pathways, a running mean from 0, and never below 1."""
    scale, running = ReturnScale().double(), np.zeros(2)
    for size in (1.0, 300.0, 0.1, 40.0):
        reward, value, alive, jumps = pathways(count=60)
        reward, value = size * reward, size * value
        jumps = jumps._replace(gathered=size * jumps.gathered)
        live = jump_live(torch.from_numpy(alive), jumps, GAMMA)
        rewards = jump_rewards(torch.from_numpy(reward), jumps, GAMMA)
        got = float(scale.update(lambda_return(rewards, torch.from_numpy(value), live, MIX)))
        states = ((time, path) for time in range(15) for path in range(60))
        returns = np.sort([brute(reward, value, alive, jumps, lambda gathered, *_: gathered, *state) for state in states])
        for place, share in enumerate((0.05, 0.95)):
            position = share * (len(returns) - 1)
            below = int(position)
            level = returns[below] + (position - below) * (returns[below + 1] - returns[below])
            running[place] = 0.99 * running[place] + 0.01 * level
        assert got == pytest.approx(max(1.0, running[1] - running[0]), rel=1e-12)
    assert running[1] - running[0] > 1


def test_a_jump_of_one_step_brings_the_reward_of_arriving_alone():
    """There are no rewards before the last one; the official code counts their mean once."""
    jumps = Jumps(torch.tensor([True]), torch.tensor([1.0]), torch.tensor([5.0]))
    for least, expected in ((0, 2.0), (1, 7.0)):
        got = jump_rewards(torch.tensor([2.0]), jumps, 0.9, gathered="mean", least_terms=least)
        torch.testing.assert_close(got, torch.tensor([expected]))


@pytest.mark.parametrize("gathered", ["sum", "mean"])
def test_a_jump_stands_for_the_steps_that_it_leaves_out(gathered):
    """With lambda 1, the return over a true jump is the return over its steps."""
    draw = np.random.default_rng(1)
    for _ in range(50):
        before, inside, after = (draw.normal(size=draw.integers(1, 9)) for _ in range(3))
        value = draw.normal()
        whole = torch.from_numpy(np.concatenate([before, inside, after]))
        values = torch.full_like(whole, value)
        expected = lambda_return(whole, values, torch.full_like(whole, GAMMA), 1.0)[0]
        weights, steps = GAMMA ** np.arange(len(inside)), len(inside)
        total = inside @ weights
        mean = inside[:-1] @ weights[:-1] / weights[:-1].sum() if steps > 1 else 0.0
        short = torch.from_numpy(np.concatenate([before, inside[-1:], after]))
        jumped = torch.arange(len(short)) == len(before)
        brought = {"sum": total, "mean": mean}[gathered]
        jumps = Jumps(jumped, torch.full_like(short, steps), torch.full_like(short, brought))
        rewards, live = (
            jump_rewards(short, jumps, GAMMA, gathered=gathered),
            jump_live(torch.full_like(short, GAMMA), jumps, GAMMA),
        )
        got = lambda_return(rewards, torch.full_like(short, value), live, 1.0)[0]
        torch.testing.assert_close(got, expected, atol=1e-9, rtol=0)
