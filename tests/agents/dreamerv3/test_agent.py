"""The agent in environments: what it stores, how it goes on, how it fails.

Long because all of it is tested on one small world, for every kind of space.
"""

import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.dreamerv3.algorithm import DreamerV3
from papergym.agents.dreamerv3.build import build
from papergym.agents.dreamerv3.config import Config
from papergym.agents.dreamerv3.policy import DreamerPolicy
from papergym.agents.dreamerv3.spaces import observation_parts
from papergym.agents.errors import BadNumbersError, UsageError

pytestmark = pytest.mark.usefixtures("tiny")


def config(**changes):
    small = {"size": "1M", "batch_size": 3, "batch_length": 6, "imagined_steps": 4, "buffer_size": 400}
    return Config(**{**small, "train_ratio": 9.0, "learning_starts": 20, "warmup": 2, "learning_rate": 1e-3, **changes})


class World(gym.Env):
    """Counts its steps: observation, reward and end are functions of the count."""

    def __init__(self, observation_space, action_space=None, length=7, truncated=False):
        self.observation_space = observation_space
        self.action_space = action_space or spaces.Discrete(3)
        self.length, self.cut = length, truncated

    def seen(self, space=None):
        space = space or self.observation_space
        if isinstance(space, spaces.Dict):
            return {key: World.seen(self, part) for key, part in space.spaces.items()}
        if isinstance(space, spaces.Discrete):
            return self.count % space.n + space.start
        if isinstance(space, spaces.MultiDiscrete):
            return self.count % space.nvec + space.start
        return np.full(space.shape, self.count, space.dtype)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.seen(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.count += 1
        over = self.count == self.length
        return self.seen(), float(self.count), over and not self.cut, over and self.cut, {}

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


IMAGE = spaces.Box(0, 255, (3, 16, 16), np.uint8)
VECTOR = spaces.Box(-np.inf, np.inf, (4,), np.float64)
SPACES = {
    "image": IMAGE,
    "image, channels last": spaces.Box(0, 255, (16, 16, 3), np.uint8),
    "vector": VECTOR,
    "discrete": spaces.Discrete(5, start=2),
    "classes": spaces.MultiDiscrete([3, 4], start=[-1, 7]),
    "mixed": spaces.Dict(
        {"image": IMAGE, "map": spaces.Box(0, 255, (1, 16, 16), np.uint8), "speed": VECTOR, "flag": spaces.Discrete(2)}
    ),
}
ACTIONS = {
    "discrete": spaces.Discrete(3, start=2),
    "box": spaces.Box(np.array([-1.0, 0.0], np.float32), np.array([2.0, 0.5], np.float32)),
}


def agent(observation="vector", action="discrete", *, n_envs=1, seed=0, settings=None, **kwargs):
    made = DummyVecEnv([lambda: gym.wrappers.TimeLimit(World(SPACES[observation], ACTIONS[action], **kwargs), 1000)] * n_envs)
    return DreamerV3("DreamerPolicy", made, config(**(settings or {})), seed=seed, device="cpu")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("observation", SPACES)
def test_learns_on_every_kind_of_space(observation, action):
    model = agent(observation, action, n_envs=2)
    before = copy.deepcopy(model.policy.state_dict())
    model.learn(60)
    assert model.num_timesteps == 60 and model._n_updates == 1 + (60 - 22) // 2
    after = model.policy.state_dict()
    still = [name for name, value in after.items() if torch.equal(value, before[name])]
    assert not still, still
    observations = model.env.reset()
    actions, state = model.predict(observations)
    again, _ = model.predict(observations, state, np.array([False, True]))
    assert actions.shape == again.shape == (2, *model.action_space.shape) and all(map(model.action_space.contains, actions))


def test_records_tell_what_happened():
    """Each observation once, with the reward of arriving; the last one of an episode is a record without action."""
    for truncated in (False, True):
        model = agent(truncated=truncated, length=3, settings={"learning_starts": 1000})
        model.learn(7)
        rows = {name: value[: len(model.replay_buffer)] for name, value in model.replay_buffer._rows.items()}
        assert rows["observation/observation"][:, 0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
        assert rows["reward"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
        assert rows["first"].tolist() == [True, False, False, False] * 2 + [True]
        assert rows["last"].tolist() == [False, False, False, True] * 2 + [False]
        assert rows["terminal"].tolist() == [False, False, False, not truncated] * 2 + [False]
        taken = rows["action"].sum(1)
        assert taken.tolist() == [1, 1, 1, 0, 1, 1, 1, 0, 1]
        known = (taken == 1) & ~rows["first"]  # of nothing, an untrained model knows nothing
        np.testing.assert_array_equal((rows["deter"] != 0).any(1), known)


def test_latent_states_are_written_back():
    model = agent(settings={"learning_starts": 1000})
    model.learn(40)
    memory = model.replay_buffer
    sampled = {}
    original = memory.sample
    memory.sample = lambda batch: sampled.setdefault("it", original(batch))
    before = memory._rows["deter"].copy()
    model.update()
    places = sampled["it"][1]
    changed = np.flatnonzero((memory._rows["deter"] != before).any(1))
    assert len(changed) and set(changed) <= set(places[1:].ravel())


def test_updates_follow_the_train_ratio():
    for ratio, updates in ((18.0, 80), (9.0, 40), (1.0, 5)):
        model = agent(settings={"train_ratio": ratio})
        model.learn(100)
        assert model._n_updates == updates, ratio


def test_predict_carries_the_state():
    model = agent()
    model.learn(30)
    observation = np.ones((1, 4))
    torch.manual_seed(1)
    _, state = model.predict(observation, None, np.array([True]), deterministic=True)
    _, later = model.predict(observation, state, np.array([False]), deterministic=True)
    torch.manual_seed(1)
    _, again = model.predict(observation, state, np.array([True]), deterministic=True)
    assert not np.allclose(state[0], later[0])
    np.testing.assert_array_equal(again[0], state[0])  # an episode that begins forgets everything
    single, _ = model.predict(observation[0])
    assert np.shape(single) == ()


def test_the_world_model_learns_the_world():
    """Rewards and ends that follow from the count are learned; a fresh model knows neither."""
    model = agent(settings={"learning_rate": 3e-3, "train_ratio": 36.0})
    model.learn(60)
    first = dict(model.logger.name_to_value)
    model.logger.name_to_value.clear()
    model.logger.name_to_count.clear()
    model.learn(250, reset_num_timesteps=False)
    last = model.logger.name_to_value
    for name in ("decoder/observation", "reward", "continuation"):
        assert last[f"train/loss/{name}"] < 0.6 * first[f"train/loss/{name}"], name


@pytest.mark.parametrize("action", ACTIONS)
def test_bf16_losses_are_float32_and_near(action):
    """Networks compute in bfloat16, losses in float32. With the same draws they differ by rounding. Weights stay float32."""
    model = agent("mixed", action).learn(24)
    fields, _ = model.replay_buffer.sample(3)
    start = model.policy.latent(fields.pop("deter")[0], fields.pop("stoch")[0])
    before = torch.as_tensor(fields.pop("action")[:-1])
    batch = model.policy.tensors({name: value[1:] for name, value in fields.items()})
    observation = {name.removeprefix("observation/"): batch.pop(name) for name in list(batch) if "observation/" in name}
    found = []
    for bf16 in (False, True):
        torch.manual_seed(0)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            found.append(model.policy.world.losses(start, {**batch, "previous_action": before}, observation)[0])
    for name, exact in found[0].items():
        assert found[1][name].dtype == torch.float32, name
        assert float(found[1][name].mean()) == pytest.approx(float(exact.mean()), rel=0.1, abs=0.02), name
    assert any(not torch.equal(exact, found[1][name]) for name, exact in found[0].items())
    half = agent("mixed", action, settings={"bf16": True}).learn(24)
    assert half._n_updates and all(value.dtype != torch.bfloat16 for value in half.policy.state_dict().values())


@pytest.mark.parametrize("n_envs", [1, 2])
def test_resume_is_exact(tmp_path, n_envs):
    whole = agent("mixed", "box", n_envs=n_envs).learn(80)
    first = agent("mixed", "box", n_envs=n_envs).learn(48)
    save_state(tmp_path / "state.safetensors", first.get_state(), kind="test")
    second = agent("mixed", "box", n_envs=n_envs, seed=5)
    second.set_state(load_state(tmp_path / "state.safetensors", kind="test"))
    second.learn_until(80)
    for name, value in whole.policy.state_dict().items():
        assert torch.equal(value, second.policy.state_dict()[name]), name
    for name, rows in whole.replay_buffer._rows.items():
        np.testing.assert_array_equal(rows, second.replay_buffer._rows[name], err_msg=name)
    assert whole.logger.name_to_value == second.logger.name_to_value


def test_files_load_in_plain_sb3(tmp_path):
    model = agent().learn(40)
    model.save(tmp_path / "model.zip")
    loaded = DreamerV3.load(tmp_path / "model.zip", env=model.env)
    for name, value in model.policy.state_dict().items():
        assert torch.equal(value, loaded.policy.state_dict()[name]), name
    torch.manual_seed(0)
    one, _ = model.predict(np.ones((1, 4)), deterministic=True)
    torch.manual_seed(0)
    two, _ = loaded.predict(np.ones((1, 4)), deterministic=True)
    assert one == two
    loaded.learn(40)
    model.policy.save(tmp_path / "policy.zip")
    alone = DreamerPolicy.load(tmp_path / "policy.zip", device="cpu")
    torch.manual_seed(0)
    assert alone.predict(np.ones((1, 4)), deterministic=True)[0] == one


def test_the_actor_learns_from_the_score_function_alone():
    """Its gradient reaches neither the world model nor the critic."""
    model = agent(action="box").learn(40)
    policy = model.policy
    policy.optimizer.zero_grad()
    world, behaviour = policy.world, policy.behaviour
    start = policy.latent(*model._state[:2])
    trajectory = behaviour.imagine(world, start)
    assert not trajectory.latent.deter.requires_grad and not trajectory.action.requires_grad
    features = trajectory.latent.features()
    behaviour.losses(features[:-1], trajectory.action[:-1], behaviour.returns(world, features))["actor"].sum().backward()
    moved = {name for name, value in policy.named_parameters() if value.grad is not None and value.grad.abs().sum() > 0}
    assert moved and all(name.startswith("behaviour.actor.") for name in moved)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"buffer_size": 5}, "room for a sequence of 7 records .* Raise buffer_size or lower batch_length"),
        ({"batch_length": 1}, "batch_length is 1, expected at least 2"),
        ({"batch_size": 0}, "batch_size is 0, expected a whole number of at least 1"),
        ({"imagined_steps": 1.5}, "imagined_steps is 1.5, expected a whole number"),
        ({"unimix": 1.0}, "unimix is 1.0, expected from 0 to below 1"),
        ({"slow_rate": 5}, "slow_rate is 5, expected above 0 and at most 1"),
        ({"train_ratio": 0}, "train_ratio is 0, expected a positive number"),
        ({"horizon": float("nan")}, "horizon is nan, expected more than 1"),
        ({"warmup": -5}, "warmup is -5, expected at least 0"),
        ({"horizon": 1.0}, "horizon is 1.0, expected more than 1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        agent(settings=settings)


def test_unknown_size(monkeypatch):
    monkeypatch.undo()
    with pytest.raises(UsageError, match="size is 'huge', expected one of 1M, 12M, 25M, 50M"):
        build(Config(size="huge"), "CartPole-v1", seed=0)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Box(0, 255, (16, 3, 16), np.uint8), "channels first or last"),
        (spaces.Box(0, 255, (3, 6, 6), np.uint8), "at least 8 pixels"),
        (spaces.Dict({"a": IMAGE, "b": spaces.Box(0, 255, (3, 32, 32), np.uint8)}), "images of one size"),
    ],
)
def test_spaces_that_it_cannot_see(space, message, monkeypatch):
    monkeypatch.setitem(SPACES, "bad", space)
    with pytest.raises(ValueError, match=message):
        agent("bad")


def test_other_spaces_are_refused():
    with pytest.raises(ValueError, match="Box, Discrete, MultiDiscrete, MultiBinary or a flat Dict"):
        observation_parts(spaces.Dict({"word": spaces.Text(4)}))


def test_actions_without_bounds_are_refused(monkeypatch):
    monkeypatch.setitem(ACTIONS, "open", spaces.Box(-np.inf, np.inf, (2,)))
    with pytest.raises((ValueError, AssertionError), match="bound"):
        agent(action="open")


def test_a_key_that_disappears_is_named():
    model = agent("mixed").learn(10)
    world = model.env.envs[0].unwrapped
    world.seen = lambda: {key: value for key, value in World.seen(world, world.observation_space).items() if key != "speed"}
    with pytest.raises(UsageError, match="'speed' in every observation"):
        model.learn(20, reset_num_timesteps=False)
    assert model.num_timesteps == 10


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300])
def test_an_observation_that_is_not_finite_is_named(number, action):
    """At the first reset as well as later; 1e300 is more than float32 can hold."""
    for before in (0, 10):
        model = agent(action=action)
        if before:
            model.learn(before)
        world = model.env.envs[0].unwrapped
        world.seen = lambda: np.full(4, number)
        with pytest.raises(BadNumbersError, match="'observation'"):
            model.learn(20, reset_num_timesteps=False)


def test_classes_count_from_zero():
    parts = {part.key: part for part in observation_parts(spaces.Dict({"a": SPACES["discrete"], "b": SPACES["classes"]}))}
    assert parts["a"].array(np.array([2, 6])).tolist() == [[0], [4]]
    assert parts["b"].array(np.array([[-1, 7], [1, 10]])).tolist() == [[0, 0], [2, 3]]


def test_a_gradient_that_is_not_finite_is_named():
    """The loss may be finite; no weight changes."""
    model = agent().learn(40)
    kernel = next(model.policy.world.reward.parameters())
    hook = kernel.register_hook(lambda gradient: gradient.index_fill(0, torch.tensor([0]), torch.inf))
    before = copy.deepcopy(model.policy.state_dict())
    with pytest.raises(BadNumbersError, match=r"gradients not finite: \['world.reward"):
        model.update()
    after = model.policy.state_dict()
    learned = {name for name, _ in model.policy.named_parameters()}
    assert all(torch.equal(after[name], before[name]) for name in learned)
    hook.remove()
    model.update()


def test_callbacks_hear_of_every_rollout():
    heard = []

    class Counts(BaseCallback):
        def _on_rollout_start(self):
            heard.append("start")

        def _on_step(self):
            heard.append("step")
            return True

        def _on_rollout_end(self):
            heard.append("end")

    agent().learn(30, callback=Counts())
    assert heard == ["start", "step", "end"] * 30


def test_a_loss_that_is_not_finite_is_named():
    model = agent().learn(40)
    with torch.no_grad():
        next(model.policy.world.reward.parameters()).fill_(float("nan"))
    before = copy.deepcopy(model.policy.optimizer.state_dict())
    with pytest.raises(BadNumbersError, match="loss/reward"):
        model.update()
    assert model.policy.optimizer.param_groups[0]["steps"] == before["param_groups"][0]["steps"]


def test_sizes_have_the_parameters_they_are_named_for(monkeypatch):
    """With images of 64 pixels, as the official names count them, within a fifth; the largest two are not built here."""
    monkeypatch.undo()
    for size, million in (("1M", 1), ("12M", 12)):
        env = make_vec_env("CartPole-v1")
        env.observation_space = spaces.Box(0, 255, (3, 64, 64), np.uint8)
        model = DreamerV3("DreamerPolicy", env, Config(size=size, buffer_size=100), device="cpu")
        count = sum(value.numel() for value in model.policy.parameters() if value.requires_grad)
        assert 0.6 * million < count / 1e6 < 1.2 * million, (size, count)
