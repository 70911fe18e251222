"""All networks of LS-Imagine in one policy."""

from collections.abc import Mapping
from typing import Any

import torch
from gymnasium import spaces

from papergym.agents.dreamerv3.policy import DreamerPolicy
from papergym.agents.dreamerv3.rssm import Latent, Observed, mean_entropies
from papergym.agents.dreamerv3.spaces import Part, observation_parts
from papergym.agents.lsimagine.behaviour import LongBehaviour
from papergym.agents.lsimagine.config import Config
from papergym.agents.lsimagine.world_model import LongWorldModel

VIEWS = {"image": "zoomed", "affordance": "zoomed_affordance"}
"""Part of the observation -> key under which the closer view has it."""
FLAGS = ("is_zoomed", "jump")


class LSImaginePolicy(DreamerPolicy):
    """World model, actor and critic. What the closer view and the flags show is learned from, and not seen.

    Args:
        observation_space: Dict of ``image``, ``affordance``, ``zoomed``, ``zoomed_affordance`` (uint8, channels first),
            ``is_zoomed``, ``jump``, and any others that DreamerV3 sees; see ``papergym.wrappers.vision.signals.AgentView``.
        action_space, lr_schedule, config: of :class:`DreamerPolicy`.

    Raises:
        ValueError: a key that is missing.
    """

    config: Config
    world: LongWorldModel
    behaviour: LongBehaviour

    def seen_parts(self, space: spaces.Space) -> tuple[Part, ...]:
        """All but the closer view and the flags."""
        held = space.spaces if isinstance(space, spaces.Dict) else {}
        missing = [key for key in (*VIEWS, *VIEWS.values(), *FLAGS) if key not in held]
        if missing:
            raise ValueError(
                f"expected a Dict observation with {', '.join((*VIEWS, *VIEWS.values(), *FLAGS))}, got {space} without "
                f"{', '.join(missing)}. Make an LSImagine id with affordance=True, or use dreamerv3, which needs no maps."
            )
        return tuple(part for part in observation_parts(space) if part.key not in (*VIEWS.values(), *FLAGS))

    def make_world(self, config: Any) -> LongWorldModel:
        """See :class:`DreamerPolicy`."""
        settings = {"unimix": config.unimix, "free_nats": config.free_nats, "horizon": config.horizon}
        long = {"long_weight": config.long_branch_weight, "unit": config.unit()}
        return LongWorldModel(self.parts, self.actions.width, config.widths(), **long, **settings)

    def make_behaviour(self, config: Any) -> LongBehaviour:
        """See :class:`DreamerPolicy`."""
        width, settings = self.world.rssm.width, self.behaviour_settings(config)
        return LongBehaviour(width, self.actions.width, config.widths(), jumping=config.jumping(), **settings)

    def losses(
        self, start: Latent, batch: Mapping[str, torch.Tensor], observation: Mapping[str, torch.Tensor]
    ) -> tuple[dict[str, torch.Tensor], Latent, dict[str, torch.Tensor]]:
        """See :class:`DreamerPolicy` and :meth:`LongWorldModel.losses`."""
        losses, observed = self.world.losses(start, batch, observation)
        latent, landing = observed.latent, observed.landing
        begun = Latent(*(torch.cat(parts).detach() for parts in zip(latent.flatten(), landing)))
        here = torch.ones_like(latent.deter[..., 0]).bool().flatten()
        counted = torch.cat([here, torch.arange(len(landing.deter), device=here.device) < len(batch["view_time"])])
        path = self.behaviour.pathways(self.world, begun, counted)
        features = path.latent.features()
        returns = self.behaviour.path_returns(self.world, features, path.jumps)
        losses |= self.behaviour.path_losses(features[:-1], path, returns)
        if self.config.replay_value_scale:
            shape, paid = batch["first"].shape, batch["reward"] + batch["intrinsic"]
            imagined = returns.target[0, : shape.numel()].unflatten(0, shape)
            ends = batch["terminal"], batch["last"]
            losses["replay_value"] = self.behaviour.replay_loss(latent.features(), paid, *ends, imagined, self.world.discount)
        jumped, real = path.jumps.jumped[:, path.counted], path.counted
        others = {f"entropy/{name}": value for name, value in mean_entropies(Observed(*observed[:3])).items()}
        others |= {"value": returns.value[:, real].mean(), "return": returns.target[:, real].mean()}
        others["return_scale"] = self.behaviour.scale.range.diff()[0]
        others |= {"imagined_jumps": jumped.float().mean(), "branches": real.sum() / counted.sum()}
        if jumped.any():
            others["imagined_jump_steps"] = path.jumps.steps[:, real][jumped].mean()
        return self.weighted(losses), latent, others


class ImagePolicy(DreamerPolicy):
    """DreamerV3's networks that see the image alone."""

    def seen_parts(self, space: spaces.Space) -> tuple[Part, ...]:
        """The entry ``image`` of a Dict.

        Raises:
            ValueError: an observation without it.
        """
        if not isinstance(space, spaces.Dict) or "image" not in space.spaces:
            raise ValueError(
                f"expected a Dict observation with image, got {space}. Make an LSImagine id with affordance=True, or use "
                "dreamerv3, which sees any observation."
            )
        return tuple(part for part in observation_parts(space) if part.key == "image")
