"""The recurrent state-space model: what the agent remembers, and what it cannot predict (2301.04104, section 2)."""

from typing import NamedTuple

import torch
from torch import nn

from papergym.agents.nets.categorical import divergence, entropy, mixed_log_probs, sample_one_hot, waiting_times
from papergym.agents.nets.layers import BlockGRU, dense, linear, mlp, norm


class Latent(NamedTuple):
    """A state of the model.

    Attributes:
        deter: ``(..., deter)``, what follows from the past.
        stoch: ``(..., variables, classes)`` one-hot, what is drawn.
    """

    deter: torch.Tensor
    stoch: torch.Tensor

    def features(self) -> torch.Tensor:
        """Both parts side by side, for heads: ``(..., deter + variables * classes)``."""
        return torch.cat([self.deter, self.stoch.flatten(-2)], -1)

    def detach(self) -> "Latent":
        """Without gradient."""
        return Latent(self.deter.detach(), self.stoch.detach())

    def flatten(self) -> "Latent":
        """First two axes as one."""
        return Latent(self.deter.flatten(0, 1), self.stoch.flatten(0, 1))


class Observed(NamedTuple):
    """A sequence that was seen: the states and both predictions, ``(time, batch, variables, classes)`` logarithms."""

    latent: Latent
    posterior: torch.Tensor
    prior: torch.Tensor


class RSSM(nn.Module):
    """Block GRU with categorical variables.

    Args:
        action_width: of the action vector. An agent with further inputs (LS-Imagine's jump) widens it.
        tokens: width of an encoded observation.
        deter: width of the recurrent state.
        hidden: width of the layers around it.
        variables, classes: of the stochastic part.
        blocks: of the recurrent unit.
        unimix: share of the uniform distribution in every categorical.
    """

    def __init__(
        self,
        action_width: int,
        tokens: int,
        *,
        deter: int,
        hidden: int,
        variables: int = 32,
        classes: int = 32,
        blocks: int = 8,
        unimix: float = 0.01,
    ) -> None:
        super().__init__()
        self.deter, self.variables, self.classes, self.unimix = deter, variables, classes, unimix
        self.from_deter, self.from_stoch = dense(deter, hidden), dense(variables * classes, hidden)
        self.from_action = dense(action_width, hidden)
        self.gru = BlockGRU(deter, 3 * hidden, blocks)
        self.observed = linear(deter + tokens, hidden)
        self.posterior = nn.Sequential(norm(hidden), nn.SiLU(), linear(hidden, variables * classes))
        self.prior = nn.Sequential(mlp(deter, hidden, 2), linear(hidden, variables * classes))

    @property
    def width(self) -> int:
        """Of a state's features."""
        return self.deter + self.variables * self.classes

    def initial(self, count: int) -> Latent:
        """``count`` states before anything was seen: zeros."""
        like = self.observed.weight
        return Latent(like.new_zeros(count, self.deter), like.new_zeros(count, self.variables, self.classes))

    def embed_action(self, action: torch.Tensor) -> torch.Tensor:
        """``(..., action_width)`` -> ``(..., hidden)``; entries beyond -1 ... 1 are scaled back."""
        return self.from_action(action / action.detach().abs().clamp(min=1))

    def advance(self, latent: Latent, action: torch.Tensor) -> torch.Tensor:
        """The next ``deter`` ``(n, deter)``, from an embedded action ``(n, hidden)``."""
        inputs = torch.cat([self.from_deter(latent.deter), self.from_stoch(latent.stoch.flatten(-2)), action], -1)
        return self.gru(latent.deter, inputs)

    def prior_log_probs(self, deter: torch.Tensor) -> torch.Tensor:
        """``(..., deter)`` -> what is expected to be drawn, ``(..., variables, classes)``."""
        return self._log_probs(self.prior(deter))

    def _log_probs(self, logits: torch.Tensor) -> torch.Tensor:
        return mixed_log_probs(logits.unflatten(-1, (self.variables, self.classes)), self.unimix)

    def _waits(self, *shape: int) -> torch.Tensor:
        return waiting_times((*shape, self.variables, self.classes), self.observed.weight)

    def imagine_step(self, latent: Latent, action: torch.Tensor) -> Latent:
        """The state after ``action`` ``(n, action_width)``, without an observation."""
        deter = self.advance(latent, self.embed_action(action))
        log_probs = self.prior_log_probs(deter)
        return Latent(deter, sample_one_hot(log_probs, self._waits(len(deter))))

    def observe_step(self, latent: Latent, action: torch.Tensor, tokens: torch.Tensor, first: torch.Tensor) -> Latent:
        """One step of :meth:`observe`: ``(n, ...)``."""
        keep = (1 - first.to(tokens.dtype))[..., None]
        embedded = self.embed_action(action * keep)
        return self._observed(latent, embedded, self._seen(tokens), keep, self._waits(1, len(first))[0])[0]

    def observe(self, start: Latent, actions: torch.Tensor, tokens: torch.Tensor, first: torch.Tensor) -> Observed:
        """States of a sequence, and what was expected and found in each.

        Args:
            start: state before the first step, ``(batch, ...)``.
            actions: that led to each step, ``(time, batch, action_width)``.
            tokens: encoded observations, ``(time, batch, tokens)``.
            first: ``(time, batch)``, 1 where an episode begins: state and action are zero there.
        """
        latent, posterior = self._states(start, actions, tokens, first)
        return Observed(latent, posterior, self.prior_log_probs(latent.deter))

    def _states(
        self, start: Latent, actions: torch.Tensor, tokens: torch.Tensor, first: torch.Tensor
    ) -> tuple[Latent, torch.Tensor]:
        """States and posteriors; what needs no state (actions, tokens, random draws) is computed for all steps at once."""
        keep = (1 - first.to(tokens.dtype))[..., None]
        embedded, seen, waits = self.embed_action(actions * keep), self._seen(tokens), self._waits(*first.shape)
        latent, states, posteriors = start, [], []
        for time in range(len(tokens)):
            latent, posterior = self._observed(latent, embedded[time], seen[time], keep[time], waits[time])
            states.append(latent)
            posteriors.append(posterior)
        deters, stochs = (torch.stack(parts) for parts in zip(*states))
        return Latent(deters, stochs), torch.stack(posteriors)

    def _seen(self, tokens: torch.Tensor) -> torch.Tensor:
        """What the posterior's first layer makes of tokens ``(..., tokens)``, and its bias."""
        return nn.functional.linear(tokens, self.observed.weight[:, self.deter :], self.observed.bias)

    def _observed(
        self, latent: Latent, action: torch.Tensor, seen: torch.Tensor, keep: torch.Tensor, waits: torch.Tensor
    ) -> tuple[Latent, torch.Tensor]:
        """The next state and its posterior, from what needs no state: embedded action, seen tokens, draws; keep: (n, 1)."""
        latent = Latent(latent.deter * keep, latent.stoch * keep[..., None])
        deter = self.advance(latent, action)
        x = nn.functional.linear(deter, self.observed.weight[:, : self.deter]) + seen
        posterior = self._log_probs(self.posterior(x))
        return Latent(deter, sample_one_hot(posterior, waits)), posterior


def kl_losses(posterior: torch.Tensor, prior: torch.Tensor, free_nats: float = 1.0) -> dict[str, torch.Tensor]:
    """``dyn`` teaches the prior, ``rep`` the posterior; each is at least ``free_nats`` (2301.04104, equation 3).

    Args:
        posterior: logarithms of probabilities, ``(..., variables, classes)``.
        prior: the same.
        free_nats: below it, a divergence gives no gradient.

    Returns:
        Both losses, ``(...)``.
    """
    dyn = divergence(posterior.detach(), prior)
    rep = divergence(posterior, prior.detach())
    return {"dyn": dyn.clamp(min=free_nats), "rep": rep.clamp(min=free_nats)}


def mean_entropies(observed: Observed) -> dict[str, torch.Tensor]:
    """Mean entropies of prior and posterior, nats; for the tables."""
    return {name: entropy(getattr(observed, name).detach()).mean() for name in ("prior", "posterior")}
