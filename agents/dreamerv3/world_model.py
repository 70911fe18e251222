"""The world model: encoder, recurrent state, and heads that predict observation, reward and continuation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.dreamerv3.rssm import RSSM, Latent, Observed, kl_losses
from papergym.agents.dreamerv3.spaces import Part
from papergym.agents.nets.categorical import whole
from papergym.agents.nets.images import ImageDecoder, ImageEncoder
from papergym.agents.nets.layers import Head, linear, mlp
from papergym.agents.nets.symlog import symexp_bins, symlog, two_hot_loss, two_hot_mean

BINS = 255
MLP_LAYERS = 3


@dataclass(frozen=True)
class Size:
    """Widths of all networks, see ``[sizes]`` in assets/papers/dreamerv3.toml."""

    deter: int
    hidden: int
    classes: int
    depth: int
    units: int


class Encoder(nn.Module):
    """Observations to tokens: all images in one convolutional network, the rest in one perceptron.

    Args:
        parts: of the observation.
        size: widths.

    Attributes:
        outputs: width of a token.

    Raises:
        ValueError: images of different sizes.
    """

    def __init__(self, parts: Sequence[Part], size: Size) -> None:
        super().__init__()
        self.images = [part for part in parts if part.kind == "image"]
        self.vectors = [part for part in parts if part.kind != "image"]
        self.outputs = 0
        if self.images:
            self.cnn = ImageEncoder(image_shape(self.images), size.depth)
            self.outputs += self.cnn.outputs
        if self.vectors:
            self.mlp = mlp(sum(part.inputs for part in self.vectors), size.units, MLP_LAYERS)
            self.outputs += size.units

    def forward(self, observation: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Part -> ``(n, *shape)``; tokens ``(n, outputs)``."""
        outputs = []
        if self.vectors:
            outputs.append(self.mlp(torch.cat([_numbers(part, observation[part.key]) for part in self.vectors], -1)))
        if self.images:
            outputs.append(self.cnn(torch.cat([observation[part.key] for part in self.images], -3)))
        return torch.cat(outputs, -1)


class Decoder(nn.Module):
    """States to losses of predicted observations; mirrors :class:`Encoder`."""

    def __init__(self, parts: Sequence[Part], rssm: RSSM, size: Size) -> None:
        super().__init__()
        self.images = [part for part in parts if part.kind == "image"]
        self.vectors = [part for part in parts if part.kind != "image"]
        if self.images:
            stoch = rssm.variables * rssm.classes
            self.cnn = ImageDecoder(image_shape(self.images), size.depth, deter=rssm.deter, stoch=stoch, width=size.units)
        if self.vectors:
            self.mlp = mlp(rssm.width, size.units, MLP_LAYERS)
            self.outputs = nn.ModuleDict({str(i): linear(size.units, part.inputs) for i, part in enumerate(self.vectors)})

    def predict(self, latent: Latent) -> dict[str, torch.Tensor]:
        """Of states ``(n, ...)``: images between 0 and 1, vectors in symlog, classes as logits."""
        predicted: dict[str, torch.Tensor] = {}
        if self.images:
            picture = self.cnn(latent.deter, latent.stoch.flatten(-2))
            channels = [part.shape[0] for part in self.images]
            predicted.update({part.key: image for part, image in zip(self.images, picture.split(channels, 1))})
        if self.vectors:
            x = self.mlp(latent.features())
            predicted.update({part.key: self.outputs[str(i)](x) for i, part in enumerate(self.vectors)})
        return predicted

    def losses(self, latent: Latent, observation: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Part -> ``(n,)``: squared errors of pixels (0 to 1) and of symlog vectors, cross-entropies of classes; sums."""
        predicted = self.predict(latent)
        losses = {
            part.key: (predicted[part.key] - observation[part.key].float() / 255).square().flatten(1).sum(1)
            for part in self.images
        }
        for part in self.vectors:
            target = _numbers(part, observation[part.key])
            if part.kind == "vector":
                losses[part.key] = (predicted[part.key] - target).square().sum(-1)
            else:
                groups = zip(predicted[part.key].split(part.classes, -1), target.split(part.classes, -1))
                log_probs = [(F.log_softmax(whole(logits), -1) * hot).sum(-1) for logits, hot in groups]
                losses[part.key] = -torch.stack(log_probs).sum(0)
        return losses


def image_shape(images: Sequence[Part]) -> tuple[int, int, int]:
    """Channels of all images together, height, width.

    Raises:
        ValueError: images of different sizes.
    """
    sizes = {part.shape[1:] for part in images}
    if len(sizes) > 1:
        raise ValueError(f"expected images of one size, got {sorted(sizes)}. Resize them.")
    height, width = sizes.pop()
    return sum(part.shape[0] for part in images), height, width


def _numbers(part: Part, value: torch.Tensor) -> torch.Tensor:
    """What the encoder sees of a part that is no image, and the decoder predicts."""
    if part.kind == "vector":
        return symlog(value)
    columns = [F.one_hot(column.long(), count) for column, count in zip(value.unbind(-1), part.classes)]
    return torch.cat(columns, -1).float()


class WorldModel(nn.Module):
    """All networks that learn from data alone.

    Args:
        parts: of the observation.
        action_width: of the action vector.
        size: widths.
        unimix: share of the uniform distribution in the categoricals.
        free_nats: of the divergences.
        horizon: steps; a state continues with probability ``1 - 1 / horizon`` unless it is terminal, so that the predicted
            continuation contains the discount.

    Attributes:
        encoder, rssm, decoder, reward, continuation: the networks.
    """

    bins: torch.Tensor

    def __init__(
        self,
        parts: Sequence[Part],
        action_width: int,
        size: Size,
        *,
        unimix: float = 0.01,
        free_nats: float = 1.0,
        horizon: float = 333.0,
    ) -> None:
        super().__init__()
        self.free_nats, self.discount = free_nats, 1 - 1 / horizon
        self.encoder = Encoder(parts, size)
        self.rssm = self.make_rssm(action_width, size, unimix)
        self.decoder = Decoder(parts, self.rssm, size)
        self.reward = Head(self.rssm.width, size.units, 1, BINS, scale=0.0)
        self.continuation = Head(self.rssm.width, size.units, 1, 1)
        self.register_buffer("bins", symexp_bins(BINS), persistent=False)

    def make_rssm(self, action_width: int, size: Size, unimix: float) -> RSSM:
        """The recurrent model; an agent that extends this one may return another."""
        return RSSM(
            action_width,
            self.encoder.outputs,
            deter=size.deter,
            hidden=size.hidden,
            classes=size.classes,
            unimix=unimix,
        )

    def predict_reward(self, features: torch.Tensor) -> torch.Tensor:
        """Expected reward of arriving in states with ``features`` ``(..., width)``; ``(...)``."""
        return two_hot_mean(self.reward(features), self.bins)

    def predict_continuation(self, features: torch.Tensor) -> torch.Tensor:
        """Discount times the probability that the episode goes on after these states; ``(...)``."""
        return torch.sigmoid(whole(self.continuation(features)))[..., 0]

    def observe(self, start: Latent, batch: Mapping[str, torch.Tensor], observation: Mapping[str, torch.Tensor]) -> Observed:
        """States of a batch of sequences, see :meth:`losses`."""
        time, count = batch["first"].shape
        tokens = self.encoder({key: value.flatten(0, 1) for key, value in observation.items()})
        return self.rssm.observe(start, batch["previous_action"], tokens.unflatten(0, (time, count)), batch["first"])

    def losses(
        self, start: Latent, batch: Mapping[str, torch.Tensor], observation: Mapping[str, torch.Tensor]
    ) -> tuple[dict[str, torch.Tensor], Observed]:
        """Losses of a batch of sequences.

        Args:
            start: states before the first step, ``(batch, ...)``.
            batch: ``previous_action`` ``(time, batch, action_width)``; ``first``, ``terminal``, ``reward`` ``(time, batch)``.
            observation: part -> ``(time, batch, *shape)``.

        Returns:
            ``(time, batch)`` each: ``decoder/<key>`` for each part of the observation, ``reward``,
            ``continuation``, ``dyn``, ``rep``; and the states.
        """
        observed = self.observe(start, batch, observation)
        return self.losses_of(observed, batch, observation), observed

    def losses_of(
        self, observed: Observed, batch: Mapping[str, torch.Tensor], observation: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Those of :meth:`losses`, of states that are known."""
        shape = batch["reward"].shape
        features = observed.latent.features()
        flat = {key: value.flatten(0, 1) for key, value in observation.items()}
        decoded = self.decoder.losses(observed.latent.flatten(), flat)
        losses = {f"decoder/{key}": loss.unflatten(0, shape) for key, loss in decoded.items()}
        losses["reward"] = two_hot_loss(self.reward(features), self.bins, batch["reward"])
        goes_on = (1 - batch["terminal"].float()) * self.discount
        logits = whole(self.continuation(features)[..., 0])
        losses["continuation"] = F.binary_cross_entropy_with_logits(logits, goes_on, reduction="none")
        losses.update(kl_losses(observed.posterior, observed.prior, self.free_nats))
        return losses
