"""Exact soft values of the multi-goal task, and the estimates of the agent against quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import RegularGridInterpolator

from papergym.agents.reproduction.statistics import estimate
from papergym.agents.reproduction.trial import ReproductionTrial
from papergym.agents.reproduction.trials import reproduction
from papergym.agents.sql.build import build
from papergym.agents.sql.config import Config
from papergym.agents.sql.exact import soft_values
from papergym.agents.sql.policy import q_of
from papergym.agents.sql.score import evenness, value_error
from papergym.envs.toys.multi_goal import GOALS

torch.set_num_threads(1)


@pytest.mark.parametrize("state", [(0.0, 0.0), (2.0, -1.0), (-3.5, 0.5)])
def test_values_satisfy_the_soft_bellman_equation(state):
    """The integral over actions by the midpoint rule on 400 x 400 of them, the rewards written out from the task's page."""
    temperature, gamma = 10.0, 0.9
    axis, values = soft_values(temperature, gamma)
    at = RegularGridInterpolator((axis, axis), values)
    middles = (np.arange(400) + 0.5) / 200 - 1
    actions = np.stack(np.meshgrid(middles, middles), -1).reshape(-1, 2)
    reached = np.clip(np.array(state) + actions, -7, 7)
    distance = np.min([np.hypot(*(reached - goal).T) for goal in GOALS], axis=0)
    q_values = -30 * (actions**2).sum(1) - distance**2 + np.where(distance < 1, 10.0, gamma * at(reached))
    center = at(state).item()
    integral = np.exp((q_values - center) / temperature).sum() / 200**2
    assert temperature * np.log(integral) == pytest.approx(0.0, abs=0.3)  # the rule sees 13 x 13 actions, V kinks between goals


def test_values_have_the_symmetry_of_the_task():
    _, values = soft_values(10.0, 0.9)
    np.testing.assert_allclose(values, values.T, atol=1e-5)
    np.testing.assert_allclose(values, values[::-1], atol=1e-5)


def test_target_against_quadrature():
    """Reward / alpha + gamma log integral exp(critic) of an arbitrary critic, on a grid of actions in float64."""
    model = build(Config(value_particles=20_000, hidden=(16,), temperature=0.5), "SQL-MultiGoal-v0", seed=0, device="cpu")
    rng = np.random.default_rng(0)
    for _ in range(12):
        first, second = rng.uniform(-7, 7, (2, 1, 2))
        model.replay_buffer.add(first, second, rng.uniform(-1, 1, (1, 2)), rng.normal(size=1), rng.random(1) < 0.3, [{}])
    batch = model.replay_buffer.sample(12)
    points, weights = np.polynomial.legendre.leggauss(40)
    actions = torch.tensor(np.stack(np.meshgrid(points, points), -1).reshape(-1, 2))
    critic = model.critic_target.double()
    with torch.no_grad():
        q_values = q_of(critic, batch.next_observations.double(), actions.expand(12, -1, -1)).numpy()
    value = np.log(np.exp(q_values) @ np.outer(weights, weights).ravel())
    expected = batch.rewards[:, 0].numpy() / 0.5 + 0.99 * (1 - batch.dones[:, 0].numpy()) * value
    critic.float()
    np.testing.assert_allclose(model.target(batch)[:, 0].numpy(), expected, atol=0.03)


def test_evenness():
    assert evenness(np.array([0.2, 0.2, 0.2, 0.2])) == pytest.approx(1.0)
    assert evenness(np.array([0.5, 0.5, 0.0, 0.0])) == pytest.approx(0.5)
    assert evenness(np.array([0.0, 0.7, 0.0, 0.0])) == evenness(np.zeros(4)) == 0.0


def test_value_error_of_a_constant_critic():
    """A critic of zeros gives V = alpha log 4, 4 being the area of the square of actions."""
    model = build(Config(hidden=(8,)), "SQL-MultiGoal-v0", seed=0, device="cpu")
    with torch.no_grad():
        for parameter in model.critic.parameters():
            parameter.zero_()
    axis, values = soft_values(model.temperature, model.gamma)
    inside = values[np.ix_(np.abs(axis) <= 4, np.abs(axis) <= 4)]
    assert value_error(model) == pytest.approx(np.abs(model.temperature * math.log(4) - inside).mean(), rel=1e-6)


@pytest.mark.slow
def test_samples_reach_all_goals_evenly(tmp_path):
    run, trials = ReproductionTrial(reproduction("sql-multigoal")), [{"seed": seed, "steps": 10_000} for seed in (0, 1)]
    rows = [run(trial, tmp_path / str(trial["seed"]), resume=False, device="cpu") for trial in trials]
    for row in rows:
        assert row["reached"] > 0.9 and min(row[name] for name in ("east", "west", "north", "south")) > 0.05
    assert estimate([row["evenness"] for row in rows]).center > 0.85
