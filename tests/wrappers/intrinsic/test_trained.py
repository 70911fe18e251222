"""Bonuses with networks: scores against a float64 forward pass in numpy, training against hand-made facts."""

import numpy as np
import pytest
import torch

from papergym.wrappers.intrinsic import E3B, ICM, NGU, RIDE, RND, Disagreement, Transitions
from papergym.wrappers.intrinsic.layout import channels_first
from papergym.wrappers.intrinsic.learner import Learner

QUICK = {"every": 8, "updates": 2, "batch_size": 8, "buffer": 64, "hidden": 16}


def layers(net):
    return [(m.weight.detach().double().numpy(), m.bias.detach().double().numpy()) for m in net if hasattr(m, "weight")]


def forward(net, x):
    """A multi-layer perceptron in float64."""
    *hidden, (weight, bias) = layers(net)
    for w, b in hidden:
        x = np.maximum(x @ w.T + b, 0.0)
    return x @ weight.T + bias


def steps(count, n=3, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        obs, next_obs = rng.standard_normal((2, n, dim)).astype(np.float32)
        yield Transitions(obs=obs, next_obs=next_obs, action=rng.uniform(-1, 1, (n, 2)).astype(np.float32))


def net(bonus):
    return bonus.learner.net


def test_rnd():
    bonus, seen, errors = RND(warmup=6, dim=8, **QUICK), [], []
    for t, batch in enumerate(steps(30)):
        x = batch.next_obs.astype(np.float64)
        if seen:
            std = np.std(seen, axis=0) if len(seen) > 1 else 1.0
            x = (x - np.mean(seen, axis=0)) / std
        x = np.clip(x, -5, 5)
        bonus.score(batch)  # builds the networks
        error = ((forward(net(bonus)["predictor"].head, x) - forward(net(bonus)["target"].head, x)) ** 2).mean(1)
        warm = len(seen) >= 6
        expected = error / (np.std(errors) if len(errors) > 1 else 1.0) if warm else np.zeros(3)
        np.testing.assert_allclose(bonus.reward(batch), expected, rtol=2e-4, atol=1e-6, err_msg=str(t))
        seen += list(batch.next_obs.astype(np.float64))
        errors += list(error)


def test_the_first_rewards_of_rnd_are_like_the_rest():
    """One slow environment: the deviation of two errors that are nearly the same would pay hundreds for the third."""
    bonus, stream = RND(every=10_000), np.sin(np.arange(600)[:, None] / [50, 70, 90]).astype(np.float32)
    paid = np.array([bonus.reward(row[None])[0] for row in stream])
    assert (paid[:128] == 0).all() and (paid[128:] > 0).all()
    assert paid[128:140].max() < paid[140:].max() < 10


@pytest.mark.parametrize("options", [{}, {"error": "norm", "transform": "log1p"}])
def test_icm(options):
    bonus = ICM(dim=8, **options, **QUICK)
    for batch in steps(20):
        bonus.score(batch)
        now, then = (forward(net(bonus)["encoder"].head, x.astype(np.float64)) for x in (batch.obs, batch.next_obs))
        difference = forward(net(bonus)["forward_model"], np.concatenate([now, batch.action], 1)) - then
        squared = (difference**2).sum(1)
        expected = np.log1p(np.sqrt(squared)) if options else squared / 2
        np.testing.assert_allclose(bonus.reward(batch), expected, rtol=1e-4)


def test_disagreement():
    bonus = Disagreement(models=3, **QUICK)
    for batch in steps(20):
        bonus.score(batch)
        inputs = np.concatenate([batch.obs, batch.action], 1).astype(np.float64)
        predictions = np.array([forward(model, inputs) for model in net(bonus)["models"]])
        np.testing.assert_allclose(bonus.reward(batch), predictions.var(axis=0).mean(axis=1), rtol=1e-4, atol=1e-9)


def test_ngu(reference):
    bonus, errors = NGU(k=3, dim=5, **QUICK), []
    brute = reference.Episodic(k=3)
    rng = np.random.default_rng(1)
    for batch in steps(60):
        batch.done = rng.random(3) < 0.1
        if not errors:
            bonus.score(batch)
        encode = net(bonus)["encoder"].head
        obs, next_obs = (forward(encode, x.astype(np.float64)) for x in (batch.obs, batch.next_obs))
        error = bonus.lifelong._raw(batch, bonus.lifelong._embed(batch)).astype(np.float64)  # checked by test_rnd
        factor = np.ones(3)
        if errors:
            factor = np.clip(1 + (error - np.mean(errors)) / np.std(errors), 1, 5)
        expected = np.array(brute.step(range(3), list(obs), list(next_obs), batch.done)) * factor
        warm = not bonus.lifelong.warming
        np.testing.assert_allclose(bonus.reward(batch), expected, rtol=2e-3)
        errors += list(error) if warm else []


def test_one_update_is_one_step_of_adam():
    """Adam's first step moves every weight by lr against the sign of its gradient, here taken by float64 autograd."""
    bonus = RND(warmup=0, clip_obs=0, every=4, updates=1, batch_size=4, buffer=4, hidden=8, dim=3, lr=1e-2)
    x = np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32)
    bonus.score(x)
    before = {name: p.detach().double().clone().requires_grad_() for name, p in net(bonus)["predictor"].named_parameters()}
    draw = np.random.default_rng(0).integers(4, size=(1, 4))[0]

    def run(weights, inputs):
        hidden = torch.relu(inputs @ weights["head.0.weight"].T + weights["head.0.bias"])
        return hidden @ weights["head.2.weight"].T + weights["head.2.bias"]

    target = {name: p.double() for name, p in net(bonus)["target"].named_parameters()}
    rows = torch.from_numpy(x[draw]).double()
    (run(before, rows) - run(target, rows)).pow(2).mean().backward()
    bonus.observe(x)
    for name, after in net(bonus)["predictor"].named_parameters():
        gradient = before[name].grad
        expected = before[name] - 1e-2 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(after.double(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("background", [False, True])
def test_what_was_seen_earns_less_than_what_was_not(background):
    rng, bonus = np.random.default_rng(0), RND(background=background, every=64, lr=1e-3)
    centre = np.array([2.0, -1.0, 0.5], np.float32)
    for _ in range(60):
        bonus.observe((centre + 0.5 * rng.standard_normal((64, 3))).astype(np.float32))
    known = bonus.score((centre + 0.5 * rng.standard_normal((200, 3))).astype(np.float32)).mean()
    far = bonus.score((centre + np.array([1.5, 1.5, -1.5]) + 0.1 * rng.standard_normal((200, 3))).astype(np.float32)).mean()
    assert far > 3 * known


def test_icm_features_tell_the_action():
    """In a world whose first element the action moves and whose second is noise, the inverse model learns to tell actions."""
    import gymnasium as gym

    rng, bonus = np.random.default_rng(0), ICM(every=32, updates=8, lr=3e-3, dim=16, hidden=32)
    bonus.bind(gym.spaces.Box(-9, 9, (2,)), gym.spaces.Discrete(3, start=1))
    for _ in range(150):
        obs = rng.standard_normal((32, 2)).astype(np.float32)
        action = rng.integers(1, 4, 32)
        next_obs = np.stack([obs[:, 0] + action - 2, rng.standard_normal(32)], 1).astype(np.float32)
        batch = Transitions(obs=obs, next_obs=next_obs, action=action)
        bonus.observe(batch)
    features = [net(bonus)["encoder"]({"flat": torch.from_numpy(x)}) for x in (obs, next_obs)]
    told = net(bonus)["inverse_model"](torch.cat(features, 1)).argmax(1).numpy() + 1
    assert (told == action).mean() > 0.9


def test_training_in_the_background_is_exact():
    """The thread's speed does not matter: two runs agree bit for bit, and weights lag by one round."""
    runs = []
    for _ in range(2):
        bonus = RND(background=True, warmup=0, **QUICK)
        runs.append([bonus.reward(batch) for batch in steps(40)])
    np.testing.assert_array_equal(*runs)


def test_global_generators_are_left_alone():
    torch.manual_seed(0)
    np_state, torch_state = np.random.get_state(legacy=True)[1].copy(), torch.get_rng_state()  # noqa: NPY002
    for bonus in (RND(**QUICK), ICM(**QUICK), NGU(**QUICK), Disagreement(**QUICK), E3B(**QUICK), RIDE(**QUICK)):
        for batch in steps(10):
            bonus.reward(batch)
    torch.testing.assert_close(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state(legacy=True)[1], np_state)  # noqa: NPY002


@pytest.mark.parametrize("kind", [RND, ICM, Disagreement, NGU, E3B, RIDE])
@pytest.mark.parametrize("image", [(84, 84, 3), (3, 84, 84), (12, 12), (3, 16, 16, 1)])
def test_images_and_dicts(kind, image):
    rng, bonus = np.random.default_rng(0), kind(**QUICK)
    for _ in range(4):
        obs, next_obs = (
            {"eye": rng.integers(256, size=(2, *image), dtype=np.uint8), "body": rng.standard_normal((2, 3))} for _ in range(2)
        )
        rewards = bonus.reward(Transitions(obs=obs, next_obs=next_obs, action=rng.standard_normal((2, 1))))
        assert rewards.shape == (2,) and np.isfinite(rewards).all()


@pytest.mark.filterwarnings("ignore:for (weight|bias). copying")
def test_a_state_from_another_device():
    """A round of training on the CPU, continued elsewhere ("meta"): the optimiser's averages follow the weights."""
    schedule = {"lr": 1e-3, "every": 4, "updates": 1, "batch_size": 4, "capacity": 8, "background": False}

    def build(device):
        net = torch.nn.Linear(2, 1, device=device)
        return Learner(net, lambda net, batch: net(batch["x"]).sum(), rng=np.random.default_rng(0), device=device, **schedule)

    here, there = build("cpu"), build("meta")
    here.add({"x": np.ones((4, 2), np.float32)})
    there.load_state_dict(here.state_dict())
    for parameter in there.net.parameters():
        averages = there.optimiser.state[parameter]
        assert {averages[name].device.type for name in ("exp_avg", "exp_avg_sq")} == {"meta"}
    there.add({"x": np.ones((4, 2), np.float32)})  # another round, which weights and averages on two devices would not survive
    assert float(there.optimiser.state[there.net.weight]["step"]) == 2


def test_channels_come_first():
    rows = np.random.default_rng(0).integers(256, size=(2, 9, 10, 3), dtype=np.uint8)
    np.testing.assert_array_equal(channels_first(rows), rows.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(channels_first(rows.transpose(0, 3, 1, 2)), rows.transpose(0, 3, 1, 2))
    stack = np.random.default_rng(0).integers(256, size=(2, 4, 9, 10, 3), dtype=np.uint8)
    by_hand = np.concatenate([stack[:, i].transpose(0, 3, 1, 2) for i in range(4)], axis=1)
    np.testing.assert_array_equal(channels_first(stack), by_hand)
    np.testing.assert_array_equal(channels_first(stack.transpose(0, 1, 4, 2, 3)), by_hand)
    np.testing.assert_array_equal(channels_first(rows[..., 0]), rows[:, None, :, :, 0])
