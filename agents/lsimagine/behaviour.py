"""Actor and critic that learn on imagined pathways of steps and jumps (2410.03618, section 3.3)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from papergym.agents.dreamerv3.behaviour import Behaviour, Returns
from papergym.agents.dreamerv3.returns import lambda_return
from papergym.agents.dreamerv3.rssm import Latent
from papergym.agents.lsimagine.returns import Jumps, jump_live, jump_rewards
from papergym.agents.lsimagine.rounding import filled
from papergym.agents.lsimagine.world_model import LongWorldModel

PATHWAYS, REBRANCH = ("sequential", "parallel", "steps"), ("likely", "drawn", "all", "none")
INTERVALS, CONTINUATION = ("landing", "next"), ("reached", "left")

EIGHT = 8
"""Units to which the number of jumps is rounded: there are many times as many transitions as pathways."""


@dataclass(frozen=True)
class Jumping:
    """How pathways are imagined and judged; the defaults are the sound ones, see the settings of the agent.

    Attributes:
        pathways: ``"sequential"``: steps and jumps mixed; ``"parallel"``: some pathways of steps, others that begin with a jump
            and go on with steps; ``"steps"``: no jumps.
        probability: of a jump where one is likely.
        threshold: probability of the flag, times that of going on, above which a jump is likely.
        rebranch: pathways that begin anew after a jump from the likeliest state of each other: where one is likely, all, none.
            ``"drawn"``: where one is likely, with the probability of a jump; they take steps only (official code).
        continuation: whose probability to go on weighs a return: of the state ``"reached"``, for what comes after it, as in
            DreamerV3; or of the state ``"left"``, for the whole return, and the first state counts in full, as in the paper
            (equation of the lambda-return) and the official code.
        discount_jumps: weigh states after a jump by the discount of all its steps.
        interval: what the heads of a jump are asked about: the states before and directly after it, or consecutive ones.
        step_after_jump: take an ordinary step after every jump, as one transition.
        gathered, least_terms: see :func:`papergym.agents.lsimagine.returns.jump_rewards`.
        normalize_returns: divide advantages by the scale of the returns.
        unit: the number of branches is a multiple of it: some are imagined several times, and count once, see
            ``papergym.agents.lsimagine.rounding``.
    """

    pathways: str = "sequential"
    probability: float = 0.7
    threshold: float = 0.5
    rebranch: str = "likely"
    continuation: str = "reached"
    discount_jumps: bool = True
    interval: str = "landing"
    step_after_jump: bool = False
    gathered: str = "sum"
    least_terms: int = 0
    normalize_returns: bool = True
    unit: int = 1


class Pathway(NamedTuple):
    """Imagined pathways, time first.

    Attributes:
        latent: ``horizon + 1`` states.
        action: chosen in them.
        jumps: between them.
        counted: ``(n,)`` bool; False for those that only fill up the batch, of which no loss learns.
    """

    latent: Latent
    action: torch.Tensor
    jumps: Jumps
    counted: torch.Tensor

    def joined(self, other: "Pathway") -> "Pathway":
        """Both side by side."""
        latent = Latent(*(torch.cat(parts, 1) for parts in zip(self.latent, other.latent)))
        jumps = Jumps(*(torch.cat(parts, 1) for parts in zip(self.jumps, other.jumps)))
        counted = torch.cat([self.counted, other.counted])
        return Pathway(latent, torch.cat([self.action, other.action], 1), jumps, counted)


class LongBehaviour(Behaviour):
    """:class:`Behaviour` on pathways.

    Args:
        features, action_width, size: of :class:`Behaviour`.
        jumping: how.
        settings: of :class:`Behaviour`.
    """

    def __init__(self, features: int, action_width: int, size: Any, *, jumping: Jumping, **settings: Any) -> None:
        super().__init__(features, action_width, size, **settings)
        self.jumping = jumping

    @torch.no_grad()
    def pathways(self, world: LongWorldModel, start: Latent, counted: torch.Tensor | None = None) -> Pathway:
        """Imagine from ``start`` ``(n, ...)``; the first ``n`` pathways begin there, others after a jump.

        Args:
            world: the model.
            start: states.
            counted: which of them count, ``(n,)`` bool; None for all.
        """
        counted = torch.ones_like(start.deter[:, 0]).bool() if counted is None else counted
        if self.jumping.pathways != "sequential":
            return self._parallel(world, start, counted)
        path = self._imagine(world, start, counted, mixed=True)
        origin, again = self._origins(world, path)
        if not len(origin.deter):
            return path
        branches = world.rssm.imagine_step(origin, world.rssm.jump(len(origin.deter)))
        branches = self._step_on(world, branches, torch.ones_like(branches.deter[:, 0]).bool())
        return path.joined(self._imagine(world, branches, again, mixed=self.jumping.rebranch != "drawn"))

    def _parallel(self, world: LongWorldModel, start: Latent, counted: torch.Tensor) -> Pathway:
        path = self._imagine(world, start, counted, mixed=False)
        if self.jumping.pathways == "steps":
            return path
        likely = counted & (self.jump_chance(world, start.features()) > self.jumping.threshold)
        if not likely.any():
            return path
        places, again = self._filled(likely.nonzero()[:, 0])
        first = Latent(*(part[places] for part in start))
        return path.joined(self._imagine(world, first, again, mixed=False, first=torch.ones_like(places).bool()))

    def jump_chance(self, world: LongWorldModel, features: torch.Tensor) -> torch.Tensor:
        """Probability of the flag, times that of going on; ``(...)``."""
        return world.predict_jump(features) * world.predict_continuation(features) / world.discount

    def _origins(self, world: LongWorldModel, path: Pathway) -> tuple[Latent, torch.Tensor]:
        """The state of each pathway from which a jump is likeliest, and which of them count.

        The last state is none of them, but in the official code, which draws.
        """
        if self.jumping.rebranch == "none":
            return Latent(*(part[0, :0] for part in path.latent)), path.counted[:0]
        drawn = self.jumping.rebranch == "drawn"
        chance = self.jump_chance(world, path.latent.features()[: None if drawn else -1])
        best, time = chance.max(0)
        chosen = torch.ones_like(best).bool() if self.jumping.rebranch == "all" else best > self.jumping.threshold
        if drawn:
            chosen &= torch.rand(len(chosen), device=chosen.device) < self.jumping.probability
        places, counted = self._filled((chosen & path.counted).nonzero()[:, 0])
        return Latent(*(part[time[places], places] for part in path.latent)), counted

    def _filled(self, places: torch.Tensor, units: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        """``places`` ``(n, ...)`` and some of them again, until they are a multiple, and which are the first of their kind."""
        if not len(places):
            return places, torch.zeros(0, dtype=torch.bool, device=places.device)
        several = filled(len(places), units * self.jumping.unit, places.device)
        return places[several], torch.arange(len(several), device=places.device) < len(places)

    def _imagine(
        self,
        world: LongWorldModel,
        start: Latent,
        counted: torch.Tensor,
        *,
        mixed: bool,
        first: torch.Tensor | None = None,
    ) -> Pathway:
        """Pathways from ``start``; ``mixed``: jump where likely; ``first``, ``(n,)`` bool, replaces the first choice."""
        latents, actions, flags, landings = [start], [], [], []
        for number in range(self.horizon):
            features = latents[-1].features()
            actions.append(self.actor(features).sample())
            jumped = self._choose(world, features) if mixed else torch.zeros_like(features[:, 0]).bool()
            flags.append(jumped if first is None or number else first)
            landings.append(world.rssm.imagine_step(latents[-1], world.rssm.with_jumps(actions[-1], flags[-1])))
            latents.append(self._step_on(world, landings[-1], flags[-1]))
        actions.append(self.actor(latents[-1].features()).sample())
        latent, landed = (Latent(*(torch.stack(parts) for parts in zip(*states))) for states in (latents, landings))
        jumps = self._intervals(world, latent, landed, torch.stack(flags))
        return Pathway(latent, torch.stack(actions), jumps, counted)

    def _choose(self, world: LongWorldModel, features: torch.Tensor) -> torch.Tensor:
        likely = self.jump_chance(world, features) > self.jumping.threshold
        return likely & (torch.rand(len(features), device=features.device) < self.jumping.probability)

    def _step_on(self, world: LongWorldModel, landing: Latent, jumped: torch.Tensor) -> Latent:
        """With ``step_after_jump``, an ordinary step where there was a jump."""
        if not self.jumping.step_after_jump or not jumped.any():
            return landing
        places = jumped.nonzero()[:, 0]
        several, _ = self._filled(places)
        after = Latent(*(part[several] for part in landing))
        after = world.rssm.imagine_step(after, self.actor(after.features()).sample())
        parts = [part.clone() for part in landing]
        for part, new in zip(parts, after):
            part[places] = new[: len(places)]
        return Latent(*parts)

    def _intervals(self, world: LongWorldModel, latent: Latent, landed: Latent, jumped: torch.Tensor) -> Jumps:
        steps, gathered = (torch.ones_like(latent.deter[:-1, :, 0]) for _ in range(2))
        if jumped.any():
            time, path = self._filled(jumped.nonzero(), EIGHT)[0].unbind(1)
            before = Latent(*(part[time, path] for part in latent))
            after = landed if self.jumping.interval == "landing" else Latent(*(part[1:] for part in latent))
            after = Latent(*(part[time, path] for part in after))
            found, brought = world.predict_interval(before.features(), after.features())
            count = int(jumped.sum())  # the first ones are each transition once, in the order of the mask
            steps[jumped], gathered[jumped] = found[:count].clamp(min=1), brought[:count]
        return Jumps(jumped, steps, gathered)

    @torch.no_grad()
    def path_returns(self, world: LongWorldModel, features: torch.Tensor, jumps: Jumps) -> Returns:
        """Of pathways with ``features`` ``(horizon + 1, n, width)``."""
        jumping, discount = self.jumping, world.discount
        reward, alive = world.predict_reward(features), world.predict_continuation(features)
        value = self.predict_value(features)
        rewards = jump_rewards(reward[1:], jumps, discount, gathered=jumping.gathered, least_terms=jumping.least_terms)
        left = jumping.continuation == "left"
        goes_on = alive[:-1] if left else alive[1:]  # one step's discount in it
        live = jump_live(goes_on, jumps, discount)
        target = lambda_return(rewards * goes_on / discount if left else rewards, value[1:], live, self.mix)
        first = torch.ones_like(alive[:1]) if left else alive[:1]
        passed = torch.cat([first, live if jumping.discount_jumps else goes_on])
        return Returns(value[:-1], target, passed.cumprod(0)[:-1])

    def path_losses(self, features: torch.Tensor, path: Pathway, returns: Returns) -> dict[str, torch.Tensor]:
        """``actor`` and ``critic``; no policy chooses a jump, so the actor learns nothing from one.

        Args:
            features: of all states but the last, without gradient.
            path: the pathways.
            returns: see :meth:`path_returns`.
        """
        counted = path.counted / path.counted.float().mean()  # the mean over all is that over those that count
        losses = self.losses(features, path.action[:-1], returns, path.counted)
        return {"actor": losses["actor"] * ~path.jumps.jumped * counted, "critic": losses["critic"] * counted}

    def divisor(self, target: torch.Tensor) -> torch.Tensor:
        """See :class:`Behaviour`; 1 without ``normalize_returns``."""
        scale = super().divisor(target)
        return scale if self.jumping.normalize_returns else torch.ones_like(scale)
