"""A probabilistic ensemble of one-step models, the reference of the paper's predictions (PETS, arXiv 1805.12114).

Each network tells mean and variance of what comes next, learns from its own bootstrap sample, and the best ones on held-out
data (the elites, as in MBPO, arXiv 1906.08253) are used. A particle stays with one network (TS-infinity).
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.tt.discretizer import Discretizer
from papergym.agents.tt.forecast import Forecast, marginals

BOUNDS = 0.01
"""Weight in the loss of how far apart the bounds of the log-variances are."""
HELD_OUT = 0.1
"""Share of the transitions that only choose the elites."""


class GaussianEnsemble(nn.Module):
    """Networks for the change of an observation, as independent Gaussians.

    Args:
        observation_dim: N.
        action_dim: M.
        members: networks.
        width: SiLU units of a hidden layer.
        layers: hidden layers.

    Attributes:
        elites: (k,) int64, networks that are used, the best one first; all of them before :func:`fit`.
    """

    input_mean: torch.Tensor
    input_std: torch.Tensor
    change_mean: torch.Tensor
    change_std: torch.Tensor
    elites: torch.Tensor

    def __init__(self, observation_dim: int, action_dim: int, *, members: int = 7, width: int = 200, layers: int = 4) -> None:
        super().__init__()
        sizes = [observation_dim + action_dim, *[width] * layers, 2 * observation_dim]
        self.weights = nn.ParameterList(torch.empty(members, *pair) for pair in pairwise(sizes))
        self.biases = nn.ParameterList(torch.zeros(members, 1, size) for size in sizes[1:])
        for weight in self.weights:
            deviation = 1 / (2 * math.sqrt(weight.shape[1]))
            nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        self.highest = nn.Parameter(torch.full((observation_dim,), 0.5))  # of the log-variances; learned
        self.lowest = nn.Parameter(torch.full((observation_dim,), -10.0))
        for name, size in (("input", sizes[0]), ("change", observation_dim)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))
        self.register_buffer("elites", torch.arange(members))

    def forward(self, inputs: torch.Tensor, members: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance of the normalized change.

        Args:
            inputs: (k, B, N + M) observations and actions as they are, a batch for each network.
            members: (k,) int64, the networks; None: all of them.

        Returns:
            (k, B, N) each; log-variances lie softly between :attr:`lowest` and :attr:`highest`.
        """
        x = (inputs - self.input_mean) / self.input_std
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            chosen = (weight, bias) if members is None else (weight[members], bias[members])
            x = torch.baddbmm(chosen[1], F.silu(x) if number else x, chosen[0])
        mean, log_variance = x.chunk(2, -1)
        log_variance = self.highest - F.softplus(self.highest - log_variance)
        return mean, self.lowest + F.softplus(log_variance - self.lowest)

    def next(
        self, observations: torch.Tensor, actions: torch.Tensor, members: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation of the next observation: (k, B, N) and (k, B, M) -> (k, B, N) each."""
        mean, log_variance = self(torch.cat((observations, actions), -1), members)
        return observations + self.change_mean + self.change_std * mean, self.change_std * (log_variance / 2).exp()

    def loss(self, inputs: torch.Tensor, changes: torch.Tensor) -> torch.Tensor:
        """Negative log-likelihood of changes (k, B, N), without its constant, summed over networks, and the bounds' term."""
        return self.likelihoods(inputs, changes).sum() + BOUNDS * (self.highest.sum() - self.lowest.sum())

    def likelihoods(self, inputs: torch.Tensor, changes: torch.Tensor) -> torch.Tensor:
        """Mean negative log-likelihood of each network, (k,), of normalized changes."""
        mean, log_variance = self(inputs)
        target = ((changes - self.change_mean) / self.change_std).expand_as(mean)
        return F.gaussian_nll_loss(mean, target, log_variance.exp(), reduction="none").mean((1, 2))


def fit(
    ensemble: GaussianEnsemble,
    inputs: np.ndarray,
    changes: np.ndarray,
    *,
    updates: int,
    elites: int = 5,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    weight_decay: float = 5e-5,
    seed: int = 0,
) -> float:
    """Train all networks at once, each on its own bootstrap sample, and choose the elites.

    Args:
        ensemble: changed in place.
        inputs: (n, N + M) observations and actions.
        changes: (n, N) what each observation changes by.
        updates: steps of Adam.
        elites: networks to keep, those of the lowest held-out loss.
        batch_size: transitions of each network in an update.
        learning_rate: of Adam.
        weight_decay: L2 penalty of the matrices.
        seed: of samples and batches.

    Returns:
        Mean held-out negative log-likelihood of the elites, of normalized changes, without its constant.
    """
    rng, members = np.random.default_rng(seed), len(ensemble.elites)
    x, y = (torch.as_tensor(part, dtype=torch.float32) for part in (inputs, changes))
    order = rng.permutation(len(x))
    held, own = np.split(order, [max(int(HELD_OUT * len(x)), 1)])
    for name, part in (("input", x), ("change", y)):
        getattr(ensemble, f"{name}_mean").copy_(part[own].mean(0))
        getattr(ensemble, f"{name}_std").copy_(part[own].std(0) + 1e-6)
    bootstrap = bootstrap_samples(own, members, rng)
    decayed, free = list(ensemble.weights), [*ensemble.biases, ensemble.highest, ensemble.lowest]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    optimizer = torch.optim.Adam(groups, lr=learning_rate)
    for _ in range(updates):
        rows = np.take_along_axis(bootstrap, rng.integers(len(own), size=(members, batch_size)), 1)
        loss = ensemble.loss(x[rows], y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        losses = ensemble.likelihoods(x[held].expand(members, -1, -1), y[held])
    ensemble.elites = losses.argsort()[:elites]
    return float(losses[ensemble.elites].mean())


def bootstrap_samples(rows: np.ndarray, members: int, rng: np.random.Generator) -> np.ndarray:
    """As many rows as there are, drawn with replacement, for each network: (members, n)."""
    return rng.choice(rows, size=(members, len(rows)))


@torch.no_grad()
def forecast(
    ensemble: GaussianEnsemble,
    bins: Discretizer,
    observations: torch.Tensor,
    actions: torch.Tensor,
    truth: torch.Tensor,
    *,
    samples: int,
    generator: torch.Generator,
    clip: bool,
) -> Forecast:
    """Predict observations from the first one and the actions; see :class:`papergym.agents.tt.forecast.Forecast`.

    Args:
        ensemble: predicts.
        bins: of observations.
        observations: (n, N) float32, the first ones.
        actions: (n, T, M) float32.
        truth: (n, T, N) int64, bins of what followed.
        samples: particles of each start; they are dealt to the elites in turn.
        generator: of the noise.
        clip: keep particles within the data's range, which tokens cannot leave.
    """
    networks = ensemble.elites[torch.arange(samples) % len(ensemble.elites)]
    state = observations.expand(samples, -1, -1)
    low, high = (bins.thresholds[end, : state.shape[-1]].float() for end in (0, -1))
    found = []
    for step in range(actions.shape[1]):
        mean, deviation = ensemble.next(state, actions[:, step].expand(samples, -1, -1), networks)
        inside = bin_probability(bins, truth[:, step], mean, deviation)
        found.append(marginals(inside.transpose(0, 1), mean.double().transpose(0, 1)))
        state = mean + deviation * torch.randn(mean.shape, generator=generator)
        state = state.clamp(low, high) if clip else state.nan_to_num(0.0, 1e9, -1e9).clamp(-1e9, 1e9)
    return Forecast.stack(found)


def bin_probability(bins: Discretizer, tokens: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """Probability of bins under Gaussians; the outermost bins reach to infinity, as numbers beyond them count there.

    Args:
        bins: of the dimensions.
        tokens: (n, N) int64.
        mean: (samples, n, N).
        deviation: (samples, n, N).

    Returns:
        (samples, n, N) float64.
    """
    columns = torch.arange(tokens.shape[-1])
    edges = bins.thresholds[:, : tokens.shape[-1]].clone()
    edges[0], edges[-1] = -torch.inf, torch.inf
    low, high = ((edges[tokens + end, columns] - mean.double()) / deviation.double() for end in (0, 1))
    return torch.special.ndtr(high) - torch.special.ndtr(low)
