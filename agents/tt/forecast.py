"""Open-loop prediction: many samples of what follows, given the actions, scored against what did follow."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from papergym.agents.tt.decoder import Decoder
from papergym.agents.tt.discretizer import Discretizer
from papergym.agents.tt.model import TrajectoryTransformer
from papergym.agents.tt.sampling import Draw, Filter

FREE = Filter()


@dataclass(frozen=True)
class Forecast:
    """What a model says of n stretches of T steps.

    Attributes:
        probability: (n, T, N) float64: of the bin that holds what really followed, by the mean over samples of what each one
            says of its next step.
        mean: (n, T, N) float64: the predicted observation, likewise.
    """

    probability: torch.Tensor
    mean: torch.Tensor

    @classmethod
    def stack(cls, steps: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> "Forecast":
        """From the ``(probability, mean)``, (n, N) each, of the steps."""
        return cls(*(torch.stack(parts, 1) for parts in zip(*steps)))


def marginals(probability: torch.Tensor, mean: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, samples, N) of single samples -> (n, N) of all of them: the mixture of their predictions."""
    return probability.mean(1), mean.mean(1)


@torch.no_grad()
def forecast(
    model: TrajectoryTransformer,
    bins: Discretizer,
    past: torch.Tensor,
    current: torch.Tensor,
    actions: torch.Tensor,
    truth: torch.Tensor,
    *,
    samples: int,
    draw: Draw,
    hidden: float = 0.0,
) -> Forecast:
    """Predict observations; rewards and values are drawn on the way, stop tokens are not.

    Args:
        model: in evaluation mode.
        bins: its bins.
        past: (n, K, size) int64, transitions before the present one; K is at least 1 and as many as the model is to see.
        current: (n, N) int64, the present observations.
        actions: (n, T, M) int64, from the present one on.
        truth: (n, T, N) int64, what followed.
        samples: of each stretch.
        draw: uniform numbers, for sampling and for hiding.
        hidden: share of the predicted numbers that the model does not get to see again (stop tokens stand for them), as in
            the data that it was trained on.
    """
    count, steps, _ = actions.shape
    whole, seen = past.repeat_interleave(samples, 0), current.repeat_interleave(samples, 0)
    decoder, kept, found = Decoder(model), past.shape[1], []
    logits = decoder.read(whole, seen)
    for step in range(steps):
        transition = [seen, actions[:, step].repeat_interleave(samples, 0)]
        for token in transition[1].T:
            logits = decoder.step(token)
        transition.append(_drawn(logits, draw)[:, None])  # the reward
        transition.append(_drawn(decoder.step(transition[-1][:, 0]), draw)[:, None])  # the value
        whole = torch.cat((whole, torch.cat(transition, 1)[:, None]), 1)[:, -kept:]
        logits = decoder.read(whole)
        probabilities, means, tokens = [], [], []
        for number in range(model.observation_dim):
            spread = logits[:, :-1].double().softmax(-1)
            right = truth[:, step, number].repeat_interleave(samples)
            probabilities.append(spread.gather(1, right[:, None])[:, 0])
            means.append(bins.expectation(spread, number))
            token = _drawn(logits, draw)
            if hidden:
                token = torch.where(draw(1, len(token))[0] < hidden, model.bins, token)
            tokens.append(token)
            logits = decoder.step(token)
        seen = torch.stack(tokens, 1)
        parts = (torch.stack(part, 1).view(count, samples, -1) for part in (probabilities, means))
        found.append(marginals(*parts))
    return Forecast.stack(found)


def _drawn(logits: torch.Tensor, draw: Draw) -> torch.Tensor:
    return FREE.sample(logits[:, :-1], draw(1, len(logits)).flatten())
