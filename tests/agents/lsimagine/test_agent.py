"""The agent in a small world: what it stores, what it learns, how it goes on, how it fails."""

import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from papergym.agents.checkpoint.state import CheckpointError, load_state, save_state
from papergym.agents.dreamerv3.rssm import Latent
from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.lsimagine.algorithm import LSImagine
from tests.agents.lsimagine.conftest import Stateless, World, settings

VARIANTS = {
    "default": {},
    "official": {
        **{"rebranch": "drawn", "continuation": "left", "discount_jumps": False, "interval_heads": "next", "gathered": "mean"},
        **{"step_after_jump": True, "one_term_at_least": True, "same_step": True, "normalize_returns": False},
    },
    "parallel": {"pathways": "parallel"},
    "no long branch": {"pathways": "steps", "long_branch_weight": 0.0},
    "often": {"jump_threshold": 0.0, "jump_probability": 0.6},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_network_learns(make_agent, name):
    model = make_agent(n_envs=2, **VARIANTS[name])
    before = copy.deepcopy(model.policy.state_dict())
    model.learn(50)
    assert model._n_updates == 1 + (50 - 22) // 2
    after = model.policy.state_dict()
    still = {key for key, value in after.items() if torch.equal(value, before[key])}
    interval = {key for key in after if key.startswith(("world.steps.", "world.gathered."))}
    assert still == (interval if name == "no long branch" else set())
    observations = model.env.reset()
    actions, state = model.predict(observations)
    again, _ = model.predict(observations, state, np.array([False, True]))
    assert all(map(model.action_space.contains, (*actions, *again)))


def test_continuous_actions(make_agent):
    model = make_agent(world={"action_space": spaces.Box(-1, 2, (2,))}, jump_threshold=0.1).learn(40)
    assert model.action_space.contains(model.predict(model.env.reset())[0][0])


@pytest.mark.parametrize("truncated", [False, True])
def test_records_tell_what_happened(make_agent, truncated):
    """Of every step: flag, intrinsic reward, view, and the jump to it, which is completed two steps later or never."""
    model = make_agent(world={"truncated": truncated}, learning_starts=1000)
    model.learn(18)
    memory = model.replay_buffer
    rows = {name: value[:20] for name, value in memory._rows.items()}
    counts = np.arange(20) % 10
    np.testing.assert_array_equal(rows["observation/image"][:, 0, 0, 0], 2 * counts)
    np.testing.assert_array_equal(rows["reward"], counts)
    np.testing.assert_allclose(rows["intrinsic"], np.where(counts > 0, 0.1 * counts, 0), atol=1e-6)
    np.testing.assert_array_equal(rows["jump"], (counts % 3 == 1) & (counts % 2 == 1))
    np.testing.assert_array_equal(rows["terminal"], (counts == 9) & (not truncated))
    assert "observation/zoomed" not in rows
    shown = rows["view"] >= 0
    np.testing.assert_array_equal(shown, counts % 3 == 1)
    images = memory.views.get(rows["view"][shown])
    np.testing.assert_array_equal(images["image"][:, 0, 0, 0], 100 + counts[shown])
    assert (images["affordance"] == 50).all()
    reached = (counts % 6 == 1) & (counts + 2 <= 9)
    np.testing.assert_array_equal(rows["complete"], reached)
    np.testing.assert_array_equal(rows["steps"], 2 * reached)
    gamma = model.policy.world.discount
    np.testing.assert_allclose(rows["gathered"], reached * 1.1 * (counts + 1 + gamma * (counts + 2)), rtol=1e-6)
    assert memory.counts == {"begun": 6, "completed": 4, "steps": 8, "dropped": 2}
    shown = model.logger.name_to_value
    assert shown["rollout/jumps_completed"] == pytest.approx(4 / 6) and shown["rollout/jump_steps"] == 2
    assert shown["rollout/jump_threshold"] == 0.25 * 4.5 and shown["rollout/jump_rate"] == rows["jump"].mean()


def test_a_batch_has_the_views_of_its_steps(make_agent):
    model = make_agent(learning_starts=1000).learn(40)
    memory, seen = model.replay_buffer, {}
    sample, losses = memory.sample, model.policy.losses
    memory.sample = lambda batch: seen.setdefault("places", sample(batch))
    model.policy.losses = lambda start, batch, observation: (seen.update(batch=batch), losses(start, batch, observation))[1]
    model.update()
    places, batch = seen["places"][1][1:], seen["batch"]
    time, env = np.nonzero(memory._rows["view"][places] >= 0)
    np.testing.assert_array_equal(batch["view_time"], time)
    np.testing.assert_array_equal(batch["view_env"], env)
    numbers = memory._rows["observation/affordance"][places][time, env][:, 0, 0, 0]
    np.testing.assert_array_equal(batch["view/image"][:, 0, 0, 0], 100 + numbers)
    assert len(time) and batch["view_intrinsic"].tolist() == [0.5] * len(time)


def test_no_gradient_of_the_actor_through_a_jump(make_agent):
    """Where every transition is a jump the actor learns nothing, and the critic still does; without jumps it learns."""
    for chance, learns in ((1.0, False), (0.0, True)):
        model = make_agent(jump_threshold=0.0, jump_probability=chance, rebranch="none").learn(40)
        policy = model.policy
        path = policy.behaviour.pathways(policy.world, policy.latent(*model._state[:2]))
        assert bool(path.jumps.jumped.all()) is not learns
        assert not path.latent.deter.requires_grad and not path.action.requires_grad
        features = path.latent.features()
        losses = policy.behaviour.path_losses(
            features[:-1], path, policy.behaviour.path_returns(policy.world, features, path.jumps)
        )
        for name in ("actor", "critic"):
            policy.optimizer.zero_grad()
            losses[name].sum().backward(retain_graph=True)
            moved = {key for key, value in policy.named_parameters() if value.grad is not None and (value.grad != 0).any()}
            assert all(key.startswith(f"behaviour.{name}.") for key in moved), moved
            assert bool(moved) is (learns or name == "critic")


def test_a_jumps_action_is_masked_entry_by_entry(make_agent):
    """In mixed pathways the actor's loss is zero at jumps and what it is without them elsewhere."""
    model = make_agent(jump_threshold=0.0, jump_probability=0.5).learn(40)
    behaviour, world = model.policy.behaviour, model.policy.world
    start = Latent(*(part.repeat(20, *[1] * (part.ndim - 1)) for part in model.policy.latent(*model._state[:2])))
    path = behaviour.pathways(world, start)
    features, jumped = path.latent.features(), path.jumps.jumped
    returns = behaviour.path_returns(world, features, path.jumps)
    state = copy.deepcopy(behaviour.scale.state_dict())
    masked = behaviour.path_losses(features[:-1], path, returns)["actor"]
    behaviour.scale.load_state_dict(state)
    plain = behaviour.losses(features[:-1], path.action[:-1], returns)["actor"]
    assert 0.2 < jumped.float().mean() < 0.8
    torch.testing.assert_close(masked, torch.where(jumped, 0.0, plain))


@pytest.mark.parametrize(("n_envs", "baseline"), [(1, False), (2, False), (1, True)])
def test_resume_is_exact(make_agent, tmp_path, n_envs, baseline):
    given = {"n_envs": n_envs, "baseline": baseline, "buffer_size": 50, "train_ratio": 3.0}
    given |= {} if baseline else {"jump_threshold": 0.3}
    whole = make_agent(**given).learn(80)
    first = make_agent(**given).learn(56)
    save_state(tmp_path / "state.safetensors", first.get_state(), kind="test")
    second = make_agent(**given, seed=5)
    second.set_state(load_state(tmp_path / "state.safetensors", kind="test"))
    second.learn_until(80)
    for name, value in whole.policy.state_dict().items():
        assert torch.equal(value, second.policy.state_dict()[name]), name
    for name, rows in whole.replay_buffer._rows.items():
        np.testing.assert_array_equal(rows, second.replay_buffer._rows[name], err_msg=name)
    assert whole.logger.name_to_value == second.logger.name_to_value


def test_a_world_without_state_starts_a_new_episode(make_agent, tmp_path):
    """What was known of the lost episode is gone; its steps stay in the memory, cut off."""
    models = [make_agent(env=Stateless, seed=seed) for seed in (0, 1)]
    save_state(tmp_path / "state", models[0].learn(25).get_state(), kind="test")
    resumed = models[1]
    resumed.set_state(load_state(tmp_path / "state", kind="test"))
    assert [info["score"] for info in models[0]._last_infos] != [0.0]
    assert [info["score"] for info in resumed._last_infos] == [0.0] and resumed._last_episode_starts.all()
    rows = resumed.learn_until(30).replay_buffer._rows
    assert np.flatnonzero(rows["first"][:32]).tolist() == [0, 10, 20, 27] and rows["last"][26]


def test_files_load_in_plain_sb3(make_agent, tmp_path):
    model = make_agent().learn(40)
    model.save(tmp_path / "model.zip")
    loaded = LSImagine.load(tmp_path / "model.zip", env=model.env)
    for name, value in model.policy.state_dict().items():
        assert torch.equal(value, loaded.policy.state_dict()[name]), name
    loaded.learn(40)


def test_the_baseline_sees_the_image_alone_and_is_paid_everything(make_agent):
    model = make_agent(baseline=True, learning_starts=1000).learn(18)
    rows = {name: value[:20] for name, value in model.replay_buffer._rows.items()}
    np.testing.assert_allclose(rows["reward"], 1.1 * (np.arange(20) % 10), rtol=1e-6)
    assert [name for name in rows if name.startswith("observation/")] == ["observation/image"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"buffer_size": 5}, "room for a sequence of 7 records .* Raise buffer_size or lower batch_length"),
        ({"pathways": "both"}, "pathways is 'both', expected one of sequential, parallel, steps"),
        ({"rebranch": "some"}, "rebranch is 'some', expected one of likely, drawn, all, none"),
        ({"continuation": "x"}, "continuation is 'x', expected one of reached, left"),
        ({"interval_heads": "x"}, "interval_heads is 'x', expected one of landing, next"),
        ({"gathered": "x"}, "gathered is 'x', expected one of sum, mean"),
        ({"test_flag": "x"}, "test_flag is 'x', expected one of kept, lost"),
        ({"long_branch_weight": 0.0}, "long_branch_weight is 0 with pathways 'sequential', expected pathways 'steps'"),
        ({"jump_probability": 1.5}, "jump_probability is 1.5, expected between 0 and 1"),
        ({"jump_threshold": -0.1}, "jump_threshold is -0.1, expected between 0 and 1"),
        ({"long_branch_weight": -1.0}, "long_branch_weight is -1.0, expected at least 0"),
    ],
)
def test_bad_settings(make_agent, changes, message):
    with pytest.raises(ValueError, match=message):
        make_agent(**changes)


OF_JUMPS = {
    **{"jump_probability": 0.5, "jump_threshold": 0.4, "rebranch": "all", "discount_jumps": False},
    **{"interval_heads": "next", "step_after_jump": True, "one_term_at_least": True},
}
MEMORY = {"gathered": "mean", "same_step": True}
MEANINGLESS = [
    *(({"baseline": True}, *one) for one in {**OF_JUMPS, **MEMORY, "pathways": "steps", "long_branch_weight": 2.0}.items()),
    *(({"baseline": True}, *one) for one in {"continuation": "left", "normalize_returns": False, "test_flag": "lost"}.items()),
    *(({"pathways": "steps"}, *one) for one in OF_JUMPS.items()),
    *(({"pathways": "parallel"}, name, OF_JUMPS[name]) for name in ("jump_probability", "rebranch")),
    *(({"long_branch_weight": 0.0, "pathways": "steps"}, *one) for one in MEMORY.items()),
    ({"gathered": "sum"}, "one_term_at_least", True),
]


@pytest.mark.parametrize(("given", "name", "value"), MEANINGLESS)
def test_a_setting_that_another_makes_meaningless_is_refused(given, name, value):
    settings(**given).check()
    with pytest.raises(UsageError, match=f"{next(iter(given))} .* ignores, got .*{name} {value!r}.*Leave them out, or change"):
        settings(**given, **{name: value}).check()


def test_a_batch_cannot_come_from_a_memory_without_a_whole_sequence(make_agent):
    model = make_agent(learning_starts=1000).learn(4)
    with pytest.raises(ValueError, match="expected at least one environment with 7 records before sampling, got"):
        model.update()


def test_a_memory_without_the_end_of_an_episode_is_learned_from(make_agent):
    """Jumps are pending, none is complete: the heads of jumps learn nothing, and every loss is finite."""
    model = make_agent(world={"length": 1000}, learning_starts=1000).learn(30)
    memory = model.replay_buffer
    memory._rows["complete"][:] = False
    assert not memory._rows["last"].any()
    before = copy.deepcopy(model.policy.world.steps.state_dict())
    model.update()
    losses = {name: value for name, value in model.logger.name_to_value.items() if name.startswith("train/loss/")}
    assert np.isfinite(list(losses.values())).all() and losses["train/loss/steps"] == losses["train/loss/gathered"] == 0
    assert all(torch.equal(value, before[name]) for name, value in model.policy.world.steps.state_dict().items())


def test_an_observation_without_a_map_is_refused(make_agent):
    class Plain(World):
        def __init__(self):
            super().__init__()
            held = {key: space for key, space in self.observation_space.spaces.items() if key != "affordance"}
            self.observation_space = spaces.Dict(held)

    with pytest.raises(ValueError, match=r"without affordance\. Make an LSImagine id with affordance=True, or use dreamerv3"):
        make_agent(env=Plain)


def test_the_baseline_names_what_it_lacks(make_agent):
    """The image in the observation, and the intrinsic reward in ``info``."""
    with pytest.raises(ValueError, match=r"expected a Dict observation with image, got .* use dreamerv3"):
        make_agent(env=lambda: gym.make("CartPole-v1"), baseline=True)

    class Silent(World):
        def info(self):
            return {}

    with pytest.raises(UsageError, match=r"without intrinsic\. Make an LSImagine id with affordance=True"):
        make_agent(env=Silent, baseline=True).learn(3)


def test_keys_that_disappear_are_named(make_agent):
    for name, message in (("score", "without score"), ("zoomed_affordance", "'zoomed_affordance' in every observation")):
        model = make_agent().learn(10)
        world = model.env.envs[0].unwrapped
        seen, info = world.seen, world.info
        world.seen = lambda seen=seen, name=name: {key: value for key, value in seen().items() if key != name}
        world.info = lambda info=info, name=name: {key: value for key, value in info().items() if key != name}
        with pytest.raises(UsageError, match=message):
            model.learn(20, reset_num_timesteps=False)
        memory = model.replay_buffer
        assert 10 <= len(memory) <= 12 and len(memory.views) == (memory._rows["view"] >= 0).sum()


@pytest.mark.parametrize("head", ["jump", "intrinsic", "steps", "gathered"])
def test_a_loss_that_is_not_finite_is_named(make_agent, head):
    model = make_agent().learn(60)
    with torch.no_grad():
        next(getattr(model.policy.world, head).parameters()).fill_(float("nan"))
    with pytest.raises(BadNumbersError, match=f"loss/{head}"):
        for _ in range(20):  # a batch may hold no completed jump
            weights = copy.deepcopy(model.policy.world.encoder.state_dict())
            model.update()
    assert all(torch.equal(value, weights[name]) for name, value in model.policy.world.encoder.state_dict().items())


def test_a_checkpoint_of_another_size_is_refused(make_agent, tmp_path, monkeypatch):
    from papergym.agents.dreamerv3.world_model import Size
    from papergym.agents.lsimagine.config import Config

    small = make_agent().learn(30)
    save_state(tmp_path / "state.safetensors", small.get_state(), kind="test")
    monkeypatch.setattr(Config, "widths", lambda self: Size(deter=24, hidden=8, classes=4, depth=4, units=8))
    with pytest.raises(CheckpointError, match="does not fit this LSImagine"):
        make_agent().set_state(load_state(tmp_path / "state.safetensors", kind="test"))
