"""Open-loop prediction as in section 4.1: how long does a model say what will happen, if it is told the actions?"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from papergym.agents.data.dataset import Dataset
from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import UsageError
from papergym.agents.reproduction.statistics import estimate, estimate_curves
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.plan import draft
from papergym.agents.runner.registry import agent
from papergym.agents.tt import ensemble as pets
from papergym.agents.tt.discretizer import Discretizer, quantile_thresholds
from papergym.agents.tt.forecast import Forecast, forecast
from papergym.agents.tt.four_rooms import Silent
from papergym.agents.tt.learner import TrajectoryTransformerLearner
from papergym.agents.tt.sampling import uniform_draws
from papergym.agents.tt.windows import columns

HELD_OUT = 0.1
"""Share of the episodes that no model learns from."""
FLOOR = 1e-6
"""Lower probabilities count as this one, so that one miss of a narrow Gaussian does not decide an average."""
STUDY = ("dataset", "starts", "ahead", "samples", "seed", "setting", "model", "hidden", "updates")
ENSEMBLE = ("members", "elites", "width", "layers", "batch_size", "clip")


@dataclass(frozen=True)
class Stretch:
    """Where predictions begin, and what followed.

    Attributes:
        numbers: ``(n, K + 1 + T, N + M + 2)``: K transitions before the start, the start, and T after it, each
            observation, action, reward and value.
        before: K.
    """

    numbers: np.ndarray
    before: int


def prediction(trial: dict[str, Any]) -> dict[str, Any]:
    """Train one model and predict stretches of held-out episodes from their actions.

    Args:
        trial: ``dataset``, ``starts``, ``ahead`` (steps to predict), ``samples`` (of each start), ``seed``; ``model``:
            ``tt`` or ``ensemble``; ``hidden``: share of the observations' numbers that ``tt`` does not see;
            ``updates``; for the ensemble :data:`ENSEMBLE`, else settings of the agent over its preset ``quick``.

    Returns:
        ``likelihood``: log-probability of the bin that the true number is in, a mean over dimensions and steps (the data's own
        distribution gives ``-log(bins)``); ``error``: root of the mean squared error of the mean prediction over dimensions, in
        the data's standard deviations; both as interquartile mean over starts, with ends of the 95 % interval in ``_low`` and
        ``_high``, and at each step in ``likelihood_curve`` and ``error_by_step`` (``step:center:low:high``); ``oracle``: what
        is to be added to ``likelihood`` for a log-density, which is the best log-density that bins allow; ``loss`` of the
        training; ``train_cpu_s``; ``cpu_s``.
    """
    begun = time.process_time()
    data, seed = load_dataset(trial["dataset"]), trial["seed"]
    held, train = split(data, seed)
    ahead = trial["ahead"]
    run = _ensemble if trial["model"] == "ensemble" else _transformer
    found, bins, loss, trained, stretch = run(trial, train, held)
    observations = data.observations.shape[1]
    after = stretch.numbers[:, -ahead:, :observations]
    likelihood = np.log(np.maximum(found.probability.numpy(), FLOOR)).mean(-1)
    error = np.sqrt((((found.mean.numpy() - after) / train.observations.std(0, dtype=np.float64)) ** 2).mean(-1))
    return {
        **_numbers("likelihood", likelihood),
        **_numbers("error", error),
        "oracle": -float(np.log(widths(bins, after)).mean()),
        "loss": loss,
        "train_cpu_s": round(trained - begun, 1),
        "cpu_s": round(time.process_time() - begun, 1),
        "likelihood_curve": _curve(likelihood),
        "error_by_step": _curve(error),
    }


def split(data: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Held-out episodes, and the others."""
    order = np.random.default_rng([seed, 2]).permutation(data.episodes)
    count = max(int(HELD_OUT * data.episodes), 1)
    return data.select(np.sort(order[:count])), data.select(np.sort(order[count:]))


def stretches(data: Dataset, *, count: int, before: int, ahead: int, longest: int, seed: int) -> Stretch:
    """One stretch from each of ``count`` episodes, at a random place of it.

    Args:
        data: held-out episodes.
        count: stretches.
        before: transitions before each start.
        ahead: steps after it.
        longest: no start is earlier than this in its episode, so that models that see less have the same starts.
        seed: of episodes and places.

    Raises:
        UsageError: fewer episodes are long enough.
    """
    fit = np.flatnonzero(data.lengths > longest + ahead)
    if len(fit) < count:
        raise UsageError(
            f"expected {count} held-out episodes of more than {longest + ahead} steps, {data.name} has {len(fit)}."
        )
    rng = np.random.default_rng([seed, 3])
    chosen = np.sort(rng.permutation(fit)[:count])
    starts = data.starts[chosen] + rng.integers(longest, data.lengths[chosen] - ahead)
    rows = starts[:, None] + np.arange(-before, ahead + 1)
    return Stretch(columns(data, 0.99)[rows], before)


LONGEST = 4
"""Whole transitions that the planner sees before the present one."""

Found = tuple[Forecast, Discretizer, float, float, Stretch]


def _transformer(trial: dict[str, Any], train: Dataset, held: Dataset) -> Found:
    given = {name: value for name, value in trial.items() if name not in STUDY}
    config = draft(agent("tt"), "quick", {"updates": trial["updates"], "decay": trial["updates"], **given}).config
    before = min(config.window, config.context) - 1
    if not 1 <= before <= LONGEST:
        raise UsageError(f"expected window and context from 2 to {LONGEST + 1}, got {config.window} and {config.context}.")
    learner = HidingLearner(make_env(train.spec.id, {}), config, train, seed=trial["seed"], device="cpu")
    learner.share = trial.get("hidden", 0.0)
    learner.learn(trial["updates"], Silent())
    trained, loss = time.process_time(), learner.metrics()["train/loss"]
    learner.policy.set_training_mode(False)
    model, bins = learner.policy.model, learner.policy.bins
    stretch = _stretch(trial, held, before)
    tokens = bins.tokens(torch.as_tensor(stretch.numbers))
    seen, size = tokens.clone(), model.observation_dim
    seen[..., -1] = model.bins - 1  # values of the past are not known when one plans; the official placeholder
    generator = torch.Generator().manual_seed(trial["seed"])
    if learner.share:
        gone = torch.rand(seen[..., :size].shape, generator=generator) < learner.share
        seen[..., :size] = seen[..., :size].masked_fill(gone, model.bins)
    found = forecast(
        model,
        bins,
        seen[:, :before],
        seen[:, before, :size],
        tokens[:, before:-1, size : size + model.action_dim],
        tokens[:, before + 1 :, :size],
        samples=trial["samples"],
        draw=uniform_draws(generator),
        hidden=learner.share,
    )
    return found, bins, loss, trained, stretch


def _ensemble(trial: dict[str, Any], train: Dataset, held: Dataset) -> Found:
    observations, actions = train.observations.shape[1], train.actions.shape[1]
    torch.manual_seed(trial["seed"])
    model = pets.GaussianEnsemble(observations, actions, members=trial["members"], width=trial["width"], layers=trial["layers"])
    inputs = np.column_stack((train.observations, train.actions))
    loss = pets.fit(
        model,
        inputs,
        train.next_observations - train.observations,
        updates=trial["updates"],
        elites=trial["elites"],
        batch_size=trial["batch_size"],
        seed=trial["seed"],
    )
    trained, stretch = time.process_time(), _stretch(trial, held, 0)
    bins = Discretizer(quantile_thresholds(train.observations, trial["bins"]))
    numbers = torch.as_tensor(stretch.numbers)
    found = pets.forecast(
        model,
        bins,
        numbers[:, 0, :observations].float(),
        numbers[:, :-1, observations : observations + actions].float(),
        bins.tokens(numbers[:, 1:, :observations]),
        samples=trial["samples"],
        generator=torch.Generator().manual_seed(trial["seed"]),
        clip=trial["clip"],
    )
    return found, bins, loss, trained, stretch


def _stretch(trial: dict[str, Any], held: Dataset, before: int) -> Stretch:
    return stretches(held, count=trial["starts"], before=before, ahead=trial["ahead"], longest=LONGEST, seed=trial["seed"])


class HidingLearner(TrajectoryTransformerLearner):
    """Learns from data of which each number of each observation is missing with a certain probability.

    Attributes:
        share: that probability; 0 hides nothing.
    """

    share = 0.0

    def begin(self, data: Dataset) -> None:
        """Cut the windows and hide; the same numbers whenever learning begins."""
        super().begin(data)
        if self.share:
            self._windows.hide(np.random.default_rng([self._seed, 4]).random(data.observations.shape) < self.share)


def widths(bins: Discretizer, numbers: np.ndarray) -> np.ndarray:
    """Widths of the bins that numbers ``(..., N)`` are in."""
    tokens = bins.tokens(torch.as_tensor(numbers))
    dimensions = torch.arange(numbers.shape[-1])
    return (bins.thresholds[tokens + 1, dimensions] - bins.thresholds[tokens, dimensions]).numpy()


def _numbers(name: str, values: np.ndarray) -> dict[str, float]:
    """Of ``(n, T)`` values: the mean over steps of each start, and the interval over starts."""
    found = estimate(values.mean(1).tolist())
    return {name: found.center, f"{name}_low": found.low, f"{name}_high": found.high}


def _curve(values: np.ndarray) -> str:
    """``step:center:low:high`` of ``(n, T)`` values, the interval over starts."""
    return " ".join(
        f"{step}:{center:.4g}:{low:.4g}:{high:.4g}" for step, (center, low, high) in enumerate(zip(*estimate_curves(values)), 1)
    )
