"""Windows, loss, optimiser groups and step size, each recomputed by hand."""

import math

import gymnasium as gym
import numpy as np
import pytest
import torch

from papergym import assets
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.reproduction.trials import reproduction
from papergym.agents.tt.config import Config
from papergym.agents.tt.decoder import Decoder
from papergym.agents.tt.discretizer import Discretizer, quantile_thresholds
from papergym.agents.tt.learner import TrajectoryTransformerLearner
from papergym.agents.tt.losses import groups, rate, sequence_loss, weights
from papergym.agents.tt.windows import Windows, columns

BOX, ACTIONS = gym.spaces.Box(-9, 9, (3,)), gym.spaces.Box(-1, 1, (2,))


def make_data(lengths=(4, 1, 7), terminated=(True, False, False), seed=0):
    generator = np.random.default_rng(seed)
    episodes = [
        Episode(
            generator.normal(size=(length + 1, 3)).astype(np.float32),
            generator.uniform(-1, 1, (length, 2)).astype(np.float32),
            generator.normal(size=length),
            end,
        )
        for length, end in zip(lengths, terminated)
    ]
    return Dataset.from_episodes(episodes, BOX, ACTIONS)


def test_columns_by_hand():
    """The value is the discounted rewards behind this one; the penalty stands for the terminal reward only."""
    data = make_data()
    for penalty in (None, -100.0):
        found = columns(data if penalty is None else data.with_terminal_reward(penalty), 0.9)
        row = 0
        for number in range(3):
            episode = data.episode(number)
            rewards = episode.rewards.copy()
            if penalty is not None and episode.terminated:
                rewards[-1] = penalty
            for step in range(len(rewards)):
                value = sum(0.9**k * reward for k, reward in enumerate(rewards[step + 1 :]))
                expected = [*episode.observations[step], *episode.actions[step], rewards[step], value]
                np.testing.assert_allclose(found[row], expected, atol=1e-12)
                row += 1


def test_windows_by_hand():
    data = make_data()
    bins = Discretizer(quantile_thresholds(columns(data, 0.9), 5))
    windows = Windows(data, bins, 3, discount=0.9, goal=True)
    tokens = bins.tokens(torch.tensor(columns(data, 0.9)))
    starts = [0, 1, 2, 4, *range(5, 11)]  # not an episode's last transition, unless it is the only one
    assert len(windows) == len(starts)
    batch = windows.batch(np.arange(len(starts)))
    for row, start in enumerate(starts):
        number = int(np.searchsorted(data.starts, start, side="right")) - 1
        end, stops = data.starts[number + 1], number == 0
        for step in range(3):
            part = slice(step * 7, step * 7 + 7)
            inside = start + step < end
            assert batch.tokens[row, part].tolist() == (tokens[start + step].tolist() if inside else [5] * 7)
            assert batch.mask[row, part].tolist() == [float(inside or stops)] * 7
        goal = bins.tokens(torch.tensor(data.episode(number).observations[-1]))
        assert batch.goal[row].tolist() == goal.tolist()
    assert Windows(data, bins, 3, discount=0.9, goal=False).batch(np.arange(2)).goal is None


def test_loss_by_hand(tt):
    model = tt[0](window=3, bins=5)
    data = make_data()
    bins = Discretizer(quantile_thresholds(columns(data, 0.9), 5))
    batch = Windows(data, bins, 3, discount=0.9, goal=False).batch(np.arange(10))
    weight = weights(model, 3, 5.0, 2.0, 3.0)
    assert weight[:7].tolist() == [1, 1, 1, 5, 5, 2, 3] and weight.shape == (21,)
    logits = model(batch.tokens[:, :-1]).detach().double().numpy()
    total = 0.0
    for row in range(10):
        for place in range(20):
            scores, target = logits[row, place], batch.tokens[row, place + 1]
            loss = math.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[target]
            total += loss * batch.mask[row, place + 1].item() * weight[place + 1].item()
    assert sequence_loss(model, batch, weight).item() == pytest.approx(total / 200, rel=1e-5)


def test_optimiser_groups(tt):
    """Decay for matrices of linear layers and heads; none for biases, norms, embeddings and positions."""
    model = tt[0](goal=True)
    decayed, others = groups(model, 0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {names[id(parameter)] for parameter in decayed["params"]}
    matrices = ("qkv.weight", "out.weight", "mlp.0.weight", "mlp.2.weight")
    assert found == {name for name in names.values() if name == "head" or name.endswith(matrices)}
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert len(decayed["params"]) + len(others["params"]) == len(names)


def test_step_size():
    """The official factors: training.py multiplies by cos of an unbounded progress; 38 epochs are its period."""
    warmup, decay = 1000, 20_000

    def official(tokens):
        if tokens < warmup:
            return tokens / warmup
        return max(0.1, 0.5 * (1 + math.cos(math.pi * (tokens - warmup) / (decay - warmup))))

    updates = range(1, 90_000, 137)
    found = [rate(update, warmup, decay, "rising") for update in updates]
    np.testing.assert_allclose(found, [official(update) for update in updates], rtol=1e-12)
    found = [rate(update, warmup, decay, "flat") for update in updates]
    np.testing.assert_allclose(found, [official(min(update, decay)) for update in updates], rtol=1e-12)
    assert rate(39_000, warmup, decay, "rising") == 1 and rate(39_000, warmup, decay, "flat") == pytest.approx(0.1)
    assert [rate(update, 2000, 0, "constant") for update in (1, 1000, 2000, 10**6)] == [0.0005, 0.5, 1, 1]


def test_bfloat16_is_near_float32(tt):
    """Hidden states are of size 1, so a relative step of 2**-8 in each of a few roundings moves logits by a few percent."""
    make_model, _, make_past = tt
    model = make_model(window=4, width=48, layers=3, scale=0.15)
    past, current = make_past(model, 8, 3)
    x = torch.cat((past.flatten(1), current), 1)
    exact = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        near, cached = model(x), Decoder(model).read(past, current)
    assert near.dtype == torch.bfloat16 and not torch.equal(near.float(), exact)
    for found, wanted in ((near, exact), (cached, exact[:, -1])):
        assert (found.float() - wanted).abs().max() < 0.05 * wanted.std()
        assert (found.float() - wanted).abs().mean() < 0.01 * wanted.std()


def test_bfloat16_learns_as_float32_does():
    """The same batches: losses and gradients agree; parameters and optimiser stay in float32."""
    data = make_data(lengths=(30, 30), terminated=(True, False))
    env = type("Spaces", (gym.Env,), {"observation_space": BOX, "action_space": ACTIONS})()
    losses = {}
    for bf16 in (False, True):
        config = Config(
            bins=8, window=3, context=3, width=24, layers=2, heads=3, batch_size=16, dropout=0.0, bf16=bf16, warmup=1
        )
        learner = TrajectoryTransformerLearner(env, config, data, device="cpu")
        learner.begin(data)
        losses[bf16] = [float(learner.update(data)["loss"]) for _ in range(30)]
        assert {part.dtype for part in learner.policy.model.parameters()} == {torch.float32}
        assert all(state["exp_avg"].dtype == torch.float32 for state in learner.optimizer.state.values())
    assert losses[True] != losses[False]
    np.testing.assert_allclose(losses[True], losses[False], rtol=0.02)
    assert losses[True][-1] < 0.95 * losses[True][0]


def test_no_preset_and_no_table_is_in_bfloat16():
    for key in assets.paper_keys():
        facts = assets.paper(key)
        assert not any(preset.get("bf16") for preset in facts.get("presets", {}).values())
        for name in facts.get("reproduce", {}):
            assert not any(trial.get("bf16") for trial in reproduction(name).trials)
    assert not Config().bf16
