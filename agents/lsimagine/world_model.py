"""One world model for both branches: ordinary steps, and jumps to where an affordance leads (2410.03618, section 3.2)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

from papergym.agents.dreamerv3.rssm import RSSM, Latent, Observed
from papergym.agents.dreamerv3.world_model import BINS, Size, WorldModel
from papergym.agents.lsimagine.rounding import filled
from papergym.agents.nets.layers import Head
from papergym.agents.nets.symlog import two_hot_loss, two_hot_mean


class JumpRSSM(RSSM):
    """A recurrent model whose action vector has one entry more: 1 for a jump, whose other entries are 0."""

    def __init__(self, action_width: int, tokens: int, **settings: Any) -> None:
        super().__init__(action_width + 1, tokens, **settings)
        self.action_width = action_width

    def embed_action(self, action: torch.Tensor) -> torch.Tensor:
        """As in :class:`RSSM`; actions ``(..., action_width)`` of the environment are ordinary steps."""
        return super().embed_action(F.pad(action, (0, 1)) if action.shape[-1] == self.action_width else action)

    def with_jumps(self, action: torch.Tensor, jump: torch.Tensor) -> torch.Tensor:
        """Actions ``(..., action_width)``, replaced by a jump where ``jump`` ``(...)`` is 1: ``(..., action_width + 1)``."""
        jump = jump.to(action.dtype)[..., None]
        return torch.cat([action * (1 - jump), jump], -1)

    def jump(self, count: int) -> torch.Tensor:
        """``count`` jumps."""
        like = self.observed.weight
        return self.with_jumps(like.new_zeros(count, self.action_width), like.new_ones(count))


class LongObserved(NamedTuple):
    """An observed sequence, see :class:`Observed`, and the states ``(n, ...)`` after the jumps that it shows."""

    latent: Latent
    posterior: torch.Tensor
    prior: torch.Tensor
    landing: Latent


class LongWorldModel(WorldModel):
    """:class:`WorldModel` with heads for the jump flag, the intrinsic reward, and what a jump takes and brings.

    Args:
        parts, action_width, size: of :class:`WorldModel`.
        long_weight: of the long branch's losses beside those of as many ordinary steps.
        unit: jumps are observed in multiples of it, some twice; no loss counts one twice.
        settings: of :class:`WorldModel`.

    Attributes:
        jump: flag of a state, a logit.
        intrinsic: reward of arriving in a state that the wrapper pays, apart from the task's.
        steps, gathered: of a jump, from the features before and directly after it.
    """

    rssm: JumpRSSM

    def __init__(
        self, parts: Any, action_width: int, size: Size, *, long_weight: float = 1.0, unit: int = 1, **settings: Any
    ) -> None:
        super().__init__(parts, action_width, size, **settings)
        self.long_weight, self.unit, width = long_weight, unit, self.rssm.width
        self.jump = Head(width, size.units, 1, 1)
        self.intrinsic = Head(width, size.units, 1, BINS, scale=0.0)
        self.steps = Head(2 * width, size.units, 1, BINS, scale=0.0)
        self.gathered = Head(2 * width, size.units, 1, BINS, scale=0.0)

    def make_rssm(self, action_width: int, size: Size, unimix: float) -> JumpRSSM:
        """See :class:`WorldModel`."""
        widths = {"deter": size.deter, "hidden": size.hidden, "classes": size.classes}
        return JumpRSSM(action_width, self.encoder.outputs, **widths, unimix=unimix)

    def predict_reward(self, features: torch.Tensor) -> torch.Tensor:
        """Expected reward of arriving, the task's and the intrinsic one; ``(...)``."""
        return super().predict_reward(features) + two_hot_mean(self.intrinsic(features), self.bins)

    def predict_jump(self, features: torch.Tensor) -> torch.Tensor:
        """Probability that a state has the jump flag; ``(...)``."""
        return torch.sigmoid(self.jump(features))[..., 0]

    def predict_interval(self, before: torch.Tensor, after: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Expected steps and gathered reward of jumps between states with these features; ``(...)`` each."""
        both = torch.cat([before, after], -1)
        return two_hot_mean(self.steps(both), self.bins), two_hot_mean(self.gathered(both), self.bins)

    def losses(
        self, start: Latent, batch: Mapping[str, torch.Tensor], observation: Mapping[str, torch.Tensor]
    ) -> tuple[dict[str, torch.Tensor], LongObserved]:
        """Losses of sequences, see :class:`WorldModel`, and of the jumps in them.

        Args:
            start: see :class:`WorldModel`.
            observation: likewise.
            batch: besides, ``intrinsic``, ``jump``, ``steps``, ``gathered``, ``complete``, ``(time, batch)``; and of the ``n``
                closer views in it ``view_time``, ``view_env`` ``(n,)``, where they are, ``view_intrinsic`` ``(n,)`` and
                ``view/<key>`` ``(n, *shape)``.

        Returns:
            Losses by head, ``(time * batch + n,)``, so that the mean of each is over steps and jumps, as in the official code.
            ``steps`` and ``gathered`` are 0 at all but completed jumps, and ``(1,)`` where the batch has none; and the states.
        """
        losses, observed = super().losses(start, batch, observation)
        losses = {name: loss.flatten() for name, loss in losses.items()}
        count, nothing = len(batch["view_time"]), torch.zeros_like(losses["reward"])
        if not count:
            zero = {name: nothing[:1] for name in ("steps", "gathered")}
            return {**losses, **zero}, LongObserved(*observed, landing=Latent(*(part[0, :0] for part in observed.latent)))
        long, landing = self._long_losses(observed.latent, batch, observation)
        long |= self._interval_losses(observed.latent, landing, batch)
        for name, loss in long.items():
            losses[name] = torch.cat([losses.get(name, nothing), self.long_weight * loss[:count]])
        return losses, LongObserved(*observed, landing=landing)

    def _long_losses(
        self, latent: Latent, batch: Mapping[str, torch.Tensor], observation: Mapping[str, torch.Tensor]
    ) -> tuple[dict[str, torch.Tensor], Latent]:
        """Losses of jumps, ``(n,)`` and more, see ``unit``; and the states after them."""
        several = filled(len(batch["view_time"]), self.unit, latent.deter.device)
        time, env = batch["view_time"][several], batch["view_env"][several]
        views = {
            key: batch[f"view/{key}"][several] if f"view/{key}" in batch else whole[time, env]
            for key, whole in observation.items()
        }
        jumped = self.observe_jumps(Latent(*(part[time, env] for part in latent)), views)
        long = {"reward": batch["reward"][time, env], "terminal": batch["terminal"][time, env]}
        long |= {"intrinsic": batch["view_intrinsic"][several], "jump": torch.zeros_like(batch["jump"][time, env])}
        one = {key: value[None] for key, value in long.items()}
        losses = self.losses_of(jumped, one, {key: value[None] for key, value in views.items()})
        return {name: loss.flatten() for name, loss in losses.items()}, jumped.latent.flatten()

    def observe_jumps(self, before: Latent, views: Mapping[str, torch.Tensor]) -> Observed:
        """States after jumps from ``before`` ``(n, ...)`` to what the views ``(n, *shape)`` show; time is 1."""
        tokens, count = self.encoder(views)[None], len(before.deter)
        return self.rssm.observe(before, self.rssm.jump(count)[None], tokens, tokens.new_zeros(1, count))

    def losses_of(
        self, observed: Observed, batch: Mapping[str, torch.Tensor], observation: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """See :class:`WorldModel`; besides ``jump`` and ``intrinsic``."""
        losses, features = super().losses_of(observed, batch, observation), observed.latent.features()
        flag = batch["jump"].to(features.dtype)
        losses["jump"] = F.binary_cross_entropy_with_logits(self.jump(features)[..., 0], flag, reduction="none")
        losses["intrinsic"] = two_hot_loss(self.intrinsic(features), self.bins, batch["intrinsic"])
        return losses

    def _interval_losses(self, latent: Latent, landing: Latent, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Cross-entropies of the completed jumps, ``(n,)``; 0 of those that are pending."""
        time, env = batch["view_time"], batch["view_env"]
        done = batch["complete"][time, env].bool()
        if not done.any():
            return {name: landing.deter.new_zeros(len(time)) for name in ("steps", "gathered")}
        several = filled(len(time), self.unit, time.device)
        before = Latent(*(part[time[several], env[several]] for part in latent))
        both = torch.cat([before.features(), landing.features()], -1)
        heads = {"steps": self.steps, "gathered": self.gathered}
        targets = {name: batch[name][time, env].to(both.dtype) for name in heads}
        return {name: two_hot_loss(head(both)[: len(time)], self.bins, targets[name]) * done for name, head in heads.items()}
