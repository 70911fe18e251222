"""Predictions and the probabilistic ensemble: each number against other code, and the study on a small scale."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from scipy import stats

from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.errors import UsageError
from papergym.agents.tt import ensemble as pets
from papergym.agents.tt.discretizer import Discretizer, quantile_thresholds
from papergym.agents.tt.forecast import forecast
from papergym.agents.tt.plot import plot_prediction, table_prediction
from papergym.agents.tt.prediction import FLOOR, HidingLearner, prediction, split, stretches, widths
from papergym.agents.tt.sampling import uniform_draws
from papergym.agents.tt.windows import Windows, columns

SMALL = {"members": 3, "width": 16, "layers": 2}


def make_ensemble(seed=0, observation_dim=3, action_dim=2, **kwargs):
    torch.manual_seed(seed)
    ensemble = pets.GaussianEnsemble(observation_dim, action_dim, **{**SMALL, **kwargs})
    with torch.no_grad():
        for part in (*ensemble.biases, ensemble.input_mean, ensemble.change_mean):
            part.normal_()
        for part in (ensemble.input_std, ensemble.change_std):
            part.uniform_(0.5, 2)
    return ensemble


def by_hand(ensemble, inputs):
    """Mean and variance of each network's normalized change in float64: layers, then the bounds of the log-variance."""
    x = (inputs - ensemble.input_mean.double().numpy()) / ensemble.input_std.double().numpy()
    found = []
    for member in range(len(ensemble.elites)):
        hidden = x[member]
        for number, (weight, bias) in enumerate(zip(ensemble.weights, ensemble.biases)):
            hidden = hidden / (1 + np.exp(-hidden)) if number else hidden
            hidden = hidden @ weight[member].detach().double().numpy() + bias[member].detach().double().numpy()
        mean, raw = np.split(hidden, 2, -1)
        high, low = (bound.detach().double().numpy() for bound in (ensemble.highest, ensemble.lowest))
        raw = high - np.log1p(np.exp(high - raw))
        found.append((mean, np.exp(low + np.log1p(np.exp(raw - low)))))
    return found


def test_networks_and_likelihood_by_hand():
    """Each network by numpy, and its loss by scipy's normal distribution."""
    ensemble, rng = make_ensemble(), np.random.default_rng(0)
    inputs, changes = rng.normal(size=(3, 5, 5)), rng.normal(size=(3, 5, 3))
    mean, log_variance = ensemble(torch.tensor(inputs).float())
    expected = []
    shift, scale = ensemble.change_mean.double().numpy(), ensemble.change_std.double().numpy()
    for member, (center, variance) in enumerate(by_hand(ensemble, inputs)):
        np.testing.assert_allclose(mean[member].detach(), center, atol=1e-5)
        np.testing.assert_allclose(log_variance[member].detach().exp(), variance, rtol=1e-4)
        spread = stats.norm(center, np.sqrt(variance))
        expected.append(-spread.logpdf((changes[member] - shift) / scale).mean() - 0.5 * np.log(2 * np.pi))
    x, y = torch.tensor(inputs).float(), torch.tensor(changes).float()
    np.testing.assert_allclose(ensemble.likelihoods(x, y).detach(), expected, rtol=1e-4)
    bounds = 0.01 * float((ensemble.highest - ensemble.lowest).detach().sum())
    assert float(ensemble.loss(x, y)) == pytest.approx(sum(expected) + bounds, rel=1e-4)
    two = torch.tensor([2, 0])
    torch.testing.assert_close(ensemble(x[two], two)[0], mean[two])
    after, deviation = ensemble.next(x[two, :, :3], x[two, :, 3:], two)
    for place, member in enumerate((2, 0)):
        center, variance = by_hand(ensemble, inputs)[member]
        np.testing.assert_allclose(after[place].detach(), inputs[member, :, :3] + shift + scale * center, atol=1e-5)
        np.testing.assert_allclose(deviation[place].detach(), scale * np.sqrt(variance), rtol=1e-4)


def test_log_variances_stay_within_learned_bounds():
    ensemble = make_ensemble()
    with torch.no_grad():
        ensemble.weights[-1].mul_(1e3)
    _, log_variance = ensemble(torch.randn(3, 200, 5))
    assert log_variance.max() <= 0.5 + 1e-4 and log_variance.min() >= -10 - 1e-4
    assert log_variance.max() > 0.4 and log_variance.min() < -9.9
    ensemble.loss(torch.randn(3, 20, 5), torch.randn(3, 20, 3)).backward()
    assert ensemble.highest.grad.abs().sum() > 0 and ensemble.lowest.grad.abs().sum() > 0


def test_bootstrap_samples_draw_with_replacement_for_each_network():
    rows = np.arange(100, 1100)
    found = pets.bootstrap_samples(rows, 3, np.random.default_rng(0))
    assert found.shape == (3, 1000) and set(found.ravel()) <= set(rows)
    shares = [len(set(part)) / 1000 for part in found]
    assert all(0.6 < share < 0.66 for share in shares), "1 - 1/e of the rows"
    assert all((found[i] != found[j]).mean() > 0.9 for i, j in ((0, 1), (1, 2)))


def test_it_learns_mean_and_noise_and_keeps_the_best():
    """y = (2 x, noise of 0.5 where x > 0 and 0.1 elsewhere): both are found, and the elites have the lowest held-out loss."""
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (4000, 2))
    noise = np.where(inputs[:, 0] > 0, 0.5, 0.1)
    changes = np.column_stack((2 * inputs[:, 0], noise * rng.normal(size=4000)))
    torch.manual_seed(0)
    ensemble = pets.GaussianEnsemble(2, 0, members=4, width=32, layers=2)
    loss = pets.fit(ensemble, inputs, changes, updates=1000, elites=2, batch_size=64, seed=1)
    at = torch.tensor([[0.8, 0.0], [-0.8, 0.0]]).expand(2, -1, -1)
    with torch.no_grad():
        after, deviation = ensemble.next(at, at[..., :0], ensemble.elites)
    np.testing.assert_allclose((after - at)[..., 0], [[1.6, -1.6]] * 2, atol=0.15)
    np.testing.assert_allclose(deviation[..., 1], [[0.5, 0.1]] * 2, rtol=0.3)
    held = np.random.default_rng(1).permutation(4000)[:400]
    x, y = (torch.tensor(part[held]).float() for part in (inputs, changes))
    with torch.no_grad():
        losses = ensemble.likelihoods(x.expand(4, -1, -1), y)
    assert ensemble.elites.tolist() == losses.argsort()[:2].tolist()
    assert loss == pytest.approx(float(losses.sort().values[:2].mean()), rel=1e-5)


def test_bin_probabilities_are_those_of_the_normal_distribution():
    edges = np.sort(np.random.default_rng(0).normal(size=(8, 3)), axis=0)
    bins = Discretizer(edges)
    mean, deviation = torch.randn(4, 2, 3), torch.rand(4, 2, 3) + 0.1
    total = torch.zeros(4, 2, 3, dtype=torch.float64)
    for token in range(7):
        found = pets.bin_probability(bins, torch.full((2, 3), token), mean, deviation)
        low, high = edges[token] if token else np.full(3, -np.inf), edges[token + 1] if token < 6 else np.full(3, np.inf)
        spread = stats.norm(mean.double().numpy(), deviation.double().numpy())
        np.testing.assert_allclose(found, spread.cdf(high) - spread.cdf(low), atol=1e-9)
        total += found
    torch.testing.assert_close(total, torch.ones_like(total))


def test_particles_of_the_ensemble_step_by_step():
    """A particle stays with its network; the forecast is the mixture over particles."""
    ensemble = make_ensemble(members=4)
    ensemble.elites = torch.tensor([3, 1])
    bins = Discretizer(np.sort(np.random.default_rng(0).normal(size=(12, 3)), axis=0))
    start, actions = torch.randn(2, 3), torch.rand(2, 4, 2)
    truth = torch.randint(0, 11, (2, 4, 3))
    for clip in (False, True):
        found = pets.forecast(
            ensemble, bins, start, actions, truth, samples=3, generator=torch.Generator().manual_seed(5), clip=clip
        )
        generator, state = torch.Generator().manual_seed(5), start.repeat(3, 1, 1)
        for step in range(4):
            parts = []
            with torch.no_grad():
                for particle, network in enumerate((3, 1, 3)):
                    parts.append(ensemble.next(state[particle][None], actions[None, :, step], torch.tensor([network])))
            mean, deviation = (torch.cat(part) for part in zip(*parts))
            inside = pets.bin_probability(bins, truth[:, step], mean, deviation).mean(0)
            torch.testing.assert_close(found.probability[:, step], inside, rtol=1e-4, atol=1e-9)
            torch.testing.assert_close(found.mean[:, step], mean.double().mean(0), rtol=1e-4, atol=1e-5)
            state = mean + deviation * torch.randn(mean.shape, generator=generator)
            if clip:
                state = state.clamp(bins.thresholds[0].float(), bins.thresholds[-1].float())


@pytest.mark.parametrize(("window", "hidden"), [(4, 0.0), (2, 0.0), (4, 0.5)])
def test_forecast_by_the_whole_network(tt, window, hidden):
    """The same draws, every token by a forward pass over all the window, one sample after the other."""
    make_model, make_discretizer, make_past = tt
    model = make_model(window=window)
    bins = make_discretizer(model)
    count, samples, steps, size = 2, 3, 3, model.size
    past, current = make_past(model, count, window - 1)
    generator = torch.Generator().manual_seed(1)
    actions = torch.randint(0, model.bins, (count, steps, 2), generator=generator)
    truth = torch.randint(0, model.bins, (count, steps, 3), generator=generator)
    draw = uniform_draws(torch.Generator().manual_seed(7))
    found = forecast(model, bins, past, current, actions, truth, samples=samples, draw=draw, hidden=hidden)
    draw = uniform_draws(torch.Generator().manual_seed(7))
    rows = [torch.cat((past[row].flatten(), current[row])).tolist() for row in range(count) for _ in range(samples)]

    def spread(row):
        kept = len(row) - max(0, -(-(len(row) - (window * size - 1)) // size)) * size
        logits = model(torch.tensor([row[len(row) - kept :]]))[0, -1, :-1]
        return logits.double().softmax(-1).detach().numpy()

    def drawn(chances, uniform):
        return int((np.cumsum(chances) <= uniform).sum())

    for step in range(steps):
        for number, row in enumerate(rows):
            row += actions[number // samples, step].tolist()
        for _ in range(2):
            for row, uniform in zip(rows, draw(1, len(rows))[0].tolist()):
                row.append(drawn(spread(row), uniform))
        for dimension in range(3):
            chances = [spread(row) for row in rows]
            right = truth[:, step, dimension].repeat_interleave(samples).tolist()
            each = np.array([part[token] for part, token in zip(chances, right)]).reshape(count, samples)
            np.testing.assert_allclose(found.probability[:, step, dimension], each.mean(1), atol=1e-5)
            edges = bins.thresholds[:, dimension].numpy()
            means = np.array([part @ (edges[1:] + edges[:-1]) / 2 for part in chances]).reshape(count, samples)
            np.testing.assert_allclose(found.mean[:, step, dimension], means.mean(1), atol=1e-4)
            uniform = draw(1, len(rows))[0].tolist()
            gone = (draw(1, len(rows))[0] < hidden).tolist() if hidden else [False] * len(rows)
            for row, part, number, hide in zip(rows, chances, uniform, gone):
                row.append(model.bins if hide else drawn(part, number))


def made(episodes=12, length=130, seed=0):
    """A wheel that turns as the action tells it."""
    rng, parts = np.random.default_rng(seed), []
    for _ in range(episodes):
        actions = rng.uniform(-1, 1, (length, 1)).astype(np.float32)
        angle = rng.uniform(0, 6) + np.concatenate(([0], np.cumsum(0.5 * actions[:, 0])))
        parts.append(Episode(np.column_stack((np.cos(angle), np.sin(angle))).astype(np.float32), actions, actions[:, 0], False))
    box = gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.Box(-1, 1, (1,), np.float32)
    return Dataset.from_episodes(parts, *box)


def test_held_out_episodes_and_stretches():
    data = made(episodes=40, length=50)
    held, train = split(data, 0)
    assert (held.episodes, train.episodes) == (4, 36)
    first = {tuple(data.episode(number).observations[0]) for number in range(40)}
    assert first == {tuple(part.episode(n).observations[0]) for part in (held, train) for n in range(part.episodes)}
    found = {before: stretches(held, count=3, before=before, ahead=10, longest=4, seed=0) for before in (0, 1, 4)}
    whole = columns(held, 0.99)
    for before, stretch in found.items():
        assert stretch.numbers.shape == (3, before + 11, 5)
        np.testing.assert_array_equal(stretch.numbers, found[4].numbers[:, 4 - before :])
    for part in found[4].numbers:
        row = int(np.flatnonzero((whole == part[0]).all(1))[0])
        np.testing.assert_array_equal(part, whole[row : row + 15])
        assert row // 50 == (row + 14) // 50, "one episode"
    with pytest.raises(UsageError, match="expected 5 held-out episodes of more than 14 steps, in memory has 4"):
        stretches(held, count=5, before=4, ahead=10, longest=4, seed=0)


def test_hidden_numbers_are_neither_seen_nor_learned():
    data = made(episodes=2, length=6)
    bins = Discretizer(quantile_thresholds(columns(data, 0.99), 5))
    windows = Windows(data, bins, 3, discount=0.99, goal=False)
    plain = windows.batch(np.arange(len(windows)))
    hidden = np.random.default_rng(0).random((12, 2)) < 0.5
    windows.hide(hidden)
    batch = windows.batch(np.arange(len(windows)))
    starts = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    for number, start in enumerate(starts):
        for place in range(3):
            row, end = start + place, 6 if start < 6 else 12
            for dimension in range(5):
                at = number, place * 5 + dimension
                if row < end and dimension < 2 and hidden[row, dimension]:
                    assert batch.tokens[at] == 5 and batch.mask[at] == 0
                else:
                    assert batch.tokens[at] == plain.tokens[at] and batch.mask[at] == plain.mask[at]


def test_the_learner_hides_its_share():
    data = made(episodes=4, length=50)
    env = type("Spaces", (gym.Env,), {"observation_space": data.observation_space, "action_space": data.action_space})()
    from papergym.agents.tt.config import Config

    learner = HidingLearner(
        env, Config(bins=8, window=3, context=3, width=8, layers=1, heads=1, batch_size=8), data, device="cpu"
    )
    learner.share = 0.5
    learner.begin(data)
    batch = learner._windows.batch(np.arange(len(learner._windows)))
    tokens = batch.tokens.view(-1, 3, 5)[batch.mask.view(-1, 3, 5).amax(-1) > 0]
    assert (tokens[:, :2] == 8).float().mean() == pytest.approx(0.5, abs=0.05) and not (tokens[:, 2:] == 8).any()


def test_widths():
    bins = Discretizer(np.array([[0.0, 0.0], [1.0, 0.5], [3.0, 4.0]]))
    np.testing.assert_allclose(widths(bins, np.array([[0.2, 0.6], [2.0, 0.1], [9.0, -1.0]])), [[1, 3.5], [2, 0.5], [2, 0.5]])


def test_the_study_on_a_small_scale(tmp_path, monkeypatch, make_dataset):
    rng = np.random.default_rng(0)
    folder = make_dataset("Pendulum-v1", lambda seen: rng.uniform(-2, 2, 1).astype(np.float32), episodes=20)
    fixed = {"dataset": str(folder), "starts": 2, "ahead": 5, "samples": 2, "bins": 8, "seed": 0}
    small = {"updates": 30, "width": 16, "layers": 1}
    models = [
        {"setting": "TT", "model": "tt", "heads": 2, "window": 3, "context": 3, **small},
        {"setting": "TT, half", "model": "tt", "heads": 2, "window": 2, "context": 2, "hidden": 0.5, **small},
        {"setting": "ensemble", "model": "ensemble", "members": 3, "elites": 2, "batch_size": 32, "clip": False, **small},
    ]
    rows = []
    for model in models:
        row = {**fixed, **model, **prediction({**fixed, **model})}
        assert np.log(FLOOR) <= row["likelihood_low"] <= row["likelihood"] <= row["likelihood_high"] <= 0
        assert 0 < row["error_low"] <= row["error"] <= row["error_high"] and np.isfinite(row["oracle"])
        assert len(row["likelihood_curve"].split()) == len(row["error_by_step"].split()) == 5
        rows.append({name: str(value) for name, value in row.items()})
    assert len({row["oracle"] for row in rows}) == 1, "all models are judged by the same bins and starts"
    assert prediction({**fixed, **models[0]})["likelihood_curve"] == rows[0]["likelihood_curve"]
    plot_prediction(tmp_path / "figure.png", rows)
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert len(table_prediction(rows).strip().split("\n")) == 2 + 2 * 3
