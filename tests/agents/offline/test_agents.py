"""What every agent must do that learns from single transitions of a dataset, and the quick preset on every kind of spaces."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from papergym.agents.checkpoint.state import CheckpointError, load_state, save_state
from papergym.agents.errors import UsageError
from papergym.agents.offline.config import DatasetConfig
from papergym.agents.runner.plan import draft
from papergym.agents.runner.registry import agent, agents

KEYS = ("bc", "td3bc", "iql", "cql", "rvs")
OFFLINE = [row.key for row in agents() if issubclass(row.load(row.config), DatasetConfig)]
VECTOR, NUMBER, IMAGE = spaces.Box(-np.inf, np.inf, (4,)), spaces.Discrete(5), spaces.Box(0, 255, (3, 36, 36), np.uint8)
MATRIX, BYTES = spaces.Box(-1, 1, (2, 3), np.float64), spaces.Box(0, 255, (7,), np.uint8)
BOX, WIDE, DISCRETE = spaces.Box(-2, 2, (2,)), spaces.Box(np.array([[0, -3]]), np.array([[4, 1]])), spaces.Discrete(3)
KINDS = {
    "vector": (VECTOR, BOX),
    "matrix": (MATRIX, WIDE),
    "number": (NUMBER, BOX),
    "bytes": (BYTES, BOX),
    "image": (IMAGE, BOX),
    "vector-discrete": (VECTOR, DISCRETE),
    "number-discrete": (NUMBER, DISCRETE),
    "image-discrete": (IMAGE, DISCRETE),
}
CASES = [
    pytest.param(key, *kind, id=f"{key}-{name}")
    for key in KEYS
    for name, kind in KINDS.items()
    if type(kind[1]).__name__ in agent(key).action_spaces
]


class Hooks:
    def safe_point(self):
        pass

    def progress(self):
        pass


def make(key, env, data, preset="quick", **settings):
    """The learner of a preset with the data in memory."""
    row = agent(key)
    name = "OfflineTest-v0"
    gym.registry.pop(name, None)
    gym.register(name, entry_point=lambda **_: env, order_enforce=False)
    learner = row.make(draft(row, preset, settings).config, name, seed=3, device="cpu")
    learner.data = data
    return learner


@pytest.mark.parametrize(("key", "seen", "done"), CASES)
def test_the_quick_preset_runs_on_every_kind_of_spaces(memory_data, key, seen, done, tmp_path):
    env, data = memory_data(seen, done)
    learner = make(key, env, data, batch_size=4)
    learner.learn(3, Hooks())
    numbers = learner.metrics()
    assert numbers and all(np.isfinite(value) for value in numbers.values())
    for deterministic in (True, False):
        actions, _ = learner.act(data.observations[:5], np.ones(5, bool), np.zeros(5), None, deterministic=deterministic)
        assert len(actions) == 5 and all(done.contains(action) for action in np.asarray(actions, done.dtype))
    learner.save(tmp_path)
    assert (tmp_path / "policy.zip").is_file()


@pytest.mark.parametrize("preset", ["quick", "plain"])
@pytest.mark.parametrize("key", KEYS)
def test_a_resumed_run_ends_with_the_same_numbers(memory_data, key, preset, tmp_path):
    env, data = memory_data(VECTOR, BOX)
    settings = {"batch_size": 16, "hidden": [16, 16]}
    if preset == "plain":
        settings |= {"lean": False} if "lean" in vars(make(key, env, data).config) else {"learning_rate": 1e-2}
    if key == "cql":
        settings["cloning_updates"] = 15  # both kinds of the actor's update
    whole, cut, rest = (make(key, env, data, **settings) for _ in range(3))
    whole.learn(20, Hooks())
    cut.learn(13, Hooks())
    save_state(tmp_path / "state", {"model": cut.get_state()}, kind=key)
    rest.set_state(load_state(tmp_path / "state", kind=key)["model"])
    rest.learn(20, Hooks())
    assert rest.done == 20 and rest.metrics() == whole.metrics()
    for (name, left), (_, right) in zip(whole.parameters(), rest.parameters(), strict=True):
        assert torch.equal(left, right), name
    arguments = (data.observations[:4], np.ones(4, bool), np.zeros(4), None)
    for deterministic in (True, False):
        drawn = []
        for learner in (whole, rest):
            torch.manual_seed(0)  # SB3's own sampling, of bc, draws from the global generator
            drawn.append(learner.act(*arguments, deterministic=deterministic)[0])
        left, right = drawn
        np.testing.assert_array_equal(left, right)


SMALL = {
    "dt": {"context": 4, "width": 8, "layers": 1, "max_timestep": 40, "timesteps": False},
    "tt": {"bins": 7, "window": 2, "context": 2, "width": 8, "layers": 1, "heads": 1, "termination_penalty": None},
}
"""Settings of agents that learn from windows, for small networks."""


@pytest.mark.parametrize("key", OFFLINE)
def test_delayed_learns_from_the_delayed_data(memory_data, key):
    """The same numbers as from data in which every reward was moved to the end of its episode by hand."""
    env, data = memory_data(VECTOR, BOX)
    rewards = np.concatenate([[0.0] * (n - 1) + [data.rewards[a : a + n].sum()] for a, n in zip(data.starts, data.lengths)])
    settings = {"batch_size": 8, **SMALL.get(key, {"hidden": [8]})}
    runs = {"dense": (data, False), "delayed": (data, True), "by hand": (replace(data, rewards=rewards), False)}
    weights, losses = {}, {}
    for name, (used, delayed) in runs.items():
        learner = make(key, env, used, delayed=delayed, **settings)
        learner.learn(5, Hooks())
        weights[name] = torch.cat([value.detach().flatten().double() for _, value in learner.parameters()])
        losses[name] = learner.metrics()["train/loss"]
    if key != "rvs":  # it is told the same average at every step then
        torch.testing.assert_close(weights["delayed"], weights["by hand"])
        assert losses["delayed"] == pytest.approx(losses["by hand"])
    assert (losses["delayed"] == losses["dense"]) == (key == "bc"), "only cloning does not look at rewards"


def units(learner):
    """The buffers in whose units the networks read."""
    modules = [part for part in learner.parts().values() if isinstance(part, torch.nn.Module)]
    names = ("mean", "scale", "state_mean", "state_std", "return_scale", "thresholds")
    buffers = [pair for module in modules for pair in module.named_buffers()]
    return {name: value.clone() for name, value in buffers if name.rsplit(".", 1)[-1] in names}


@pytest.mark.parametrize("key", OFFLINE)
def test_networks_of_another_run_keep_the_units_of_their_inputs(memory_data, key, tmp_path):
    """Also over a checkpoint; a run that begins anew takes the units from its own data."""
    env, data = memory_data(VECTOR, BOX)
    other = replace(data, observations=3 * data.observations + 1, next_observations=3 * data.next_observations + 1)
    settings = {"batch_size": 8, **SMALL.get(key, {"hidden": [8]})}
    settings |= {"normalize": True} if key in ("td3bc", "iql", "cql") else {}
    first, second, third, fresh = (make(key, env, used, **settings) for used in (data, other, other, other))
    first.learn(2, Hooks())
    second.start_from(first.get_state())
    second.learn(2, Hooks())
    save_state(tmp_path / "state", {"model": second.get_state()}, kind=key)
    third.set_state(load_state(tmp_path / "state", kind=key)["model"])
    third.learn(4, Hooks())
    fresh.learn(2, Hooks())
    expected = units(first)
    assert bool(expected) == (key not in ("bc", "rvs")), "these two read plain numbers"
    for name, value in expected.items():
        assert torch.equal(units(second)[name], value) and torch.equal(units(third)[name], value), name
    assert not expected or any(not torch.equal(units(fresh)[name], value) for name, value in expected.items())


@pytest.mark.parametrize("shape", [(36, 36, 3), (3, 20, 36)])
@pytest.mark.parametrize("key", [key for key in OFFLINE if key != "tt"])
def test_images_that_the_policies_cannot_read_are_refused(memory_data, key, shape):
    env, data = memory_data(spaces.Box(0, 255, shape, np.uint8), BOX)
    with pytest.raises(UsageError, match=r"expected images of shape \(channels, height, width\), at least 36 pixels"):
        make(key, env, data, **SMALL.get(key, {}))


@pytest.mark.parametrize("key", KEYS)
def test_a_checkpoint_of_other_networks_is_refused(memory_data, key):
    env, data = memory_data(VECTOR, BOX)
    with pytest.raises(CheckpointError, match="does not fit"):
        make(key, env, data, hidden=[16]).set_state(make(key, env, data, hidden=[8]).get_state())


@pytest.mark.parametrize("key", ["td3bc", "iql", "cql"])
def test_spaces_that_the_policies_cannot_scale_are_refused(memory_data, key):
    env, data = memory_data(VECTOR, spaces.Box(-np.inf, np.inf, (2,)))
    with pytest.raises(UsageError, match="expected a bounded Box"):
        make(key, env, data)


@pytest.mark.parametrize(
    ("key", "name", "value", "said"),
    [
        *[(key, "hidden", [], "at least one hidden layer") for key in ("td3bc", "iql", "cql")],
        ("td3bc", "policy_delay", 0, "at least 1"),
        ("td3bc", "policy_noise", -0.1, "at least 0"),
        ("iql", "expectile", 1.0, "between 0 and 1"),
        ("iql", "largest_weight", 0.0, "a positive number"),
        ("cql", "weight", -1.0, "at least 0"),
        ("cql", "sampled_actions", 0, "at least 1"),
        ("cql", "policy_learning_rate", 0.0, "a positive number"),
    ],
)
def test_settings_that_allow_no_update_are_refused(memory_data, key, name, value, said):
    env, data = memory_data(VECTOR, BOX)
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} is .*, expected {said}"):
        make(key, env, data, **{name: value})


@pytest.mark.parametrize("key", KEYS)
def test_discrete_spaces_that_do_not_start_at_0_are_refused(memory_data, key):
    env, _ = memory_data(NUMBER, BOX)
    env.observation_space = spaces.Discrete(5, start=2)
    with pytest.raises(UsageError, match=r"observations: .*starts at 0"):
        make(key, env, None)
    if "Discrete" in agent(key).action_spaces:
        env.observation_space, env.action_space = VECTOR, spaces.Discrete(3, start=1)
        with pytest.raises(UsageError, match=r"actions: .*starts at 0"):
            make(key, env, None)


def test_cloning_takes_whole_numbers_of_any_kind(memory_data):
    env, data = memory_data(VECTOR, DISCRETE)
    make("bc", env, replace(data, actions=data.actions.astype(np.int32)), batch_size=4).learn(1, Hooks())


def test_policy_zip_takes_raw_observations_in_plain_sb3(memory_data, without_papergym, tmp_path):
    """The normalization is part of its first layers."""
    cases = [
        ("td3bc", BOX, "td3.policies", "TD3Policy"),
        ("iql", BOX, "td3.policies", "TD3Policy"),
        ("cql", BOX, "sac.policies", "SACPolicy"),
        ("cql", DISCRETE, "dqn.policies", "DQNPolicy"),
    ]
    seen, code, ours = (
        spaces.Box(np.array([-1.0, 50, 0]), np.array([1.0, 90, 1e-4]), dtype=np.float32),
        ["import numpy as np"],
        [],
    )
    for number, (key, done, module, name) in enumerate(cases):
        env, data = memory_data(seen, done)
        learner, folder = make(key, env, data, batch_size=16, normalize=True), tmp_path / str(number)
        folder.mkdir()
        learner.learn(30, Hooks())
        learner.save(folder)
        np.save(folder / "observations.npy", data.observations[:20])
        ours.append(learner.act(data.observations[:20], np.ones(20, bool), np.zeros(20), None)[0])
        code += [
            f"from stable_baselines3.{module} import {name}",
            f"policy = {name}.load(r'{folder / 'policy.zip'}')",
            f"actions, _ = policy.predict(np.load(r'{folder / 'observations.npy'}'), deterministic=True)",
            f"np.save(r'{folder / 'actions.npy'}', actions)",
        ]
    without_papergym("\n".join(code))
    for number, actions in enumerate(ours):
        np.testing.assert_allclose(np.load(tmp_path / str(number) / "actions.npy"), actions, atol=1e-4)
