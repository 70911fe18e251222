"""Impact-driven exploration: how much an action changed the controllable part of a state, divided by episodic visits."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from papergym.wrappers.intrinsic.base import require
from papergym.wrappers.intrinsic.count import CountBonus, Hash, of_one_length
from papergym.wrappers.intrinsic.icm import features
from papergym.wrappers.intrinsic.inverse import InverseBonus
from papergym.wrappers.intrinsic.memory import require_distinct
from papergym.wrappers.intrinsic.networks import mlp
from papergym.wrappers.intrinsic.transitions import Transitions, taken


class _Seen(NamedTuple):
    arrays: dict[str, np.ndarray]
    impact: np.ndarray  # (n,) float64
    keys: list[bytes]  # of next_obs


@dataclass(kw_only=True, eq=False)
class RIDE(InverseBonus):
    """``||phi(s') - phi(s)|| / sqrt(N(s'))`` with N the visits to s' in the running episode, this one included.

    Features phi are trained to predict the action, and to be predicted from the features before it. The first observation of
    an episode counts as a visit.

    Args:
        dim: length of the features.
        forward_weight: weight of the forward model's loss, the mean Euclidean error.
        inverse_weight: weight of the inverse model's loss.
        hash, bits, width: what counts as the same state, see :class:`~papergym.wrappers.intrinsic.count.CountBonus`. The paper
            counts observations themselves, ``"exact"``, which in continuous worlds never come twice.

    Source: Raileanu and Rocktäschel 2020, arXiv 2002.12292; the losses and their weights as in the authors' code.
    """

    forward_weight: float = 10.0
    inverse_weight: float = 0.1
    hash: Hash = "auto"
    bits: int = 32
    width: float | tuple[float, ...] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.forward_weight >= 0, "forward_weight is at least 0", self.forward_weight)
        require(self.inverse_weight >= 0, "inverse_weight is at least 0", self.inverse_weight)
        require(self.order == "score_first", "order is 'score_first': a visit counts once", self.order)
        self.hashes = CountBonus(hash=self.hash, bits=self.bits, width=self.width, seed=self.seed, device=self.device)
        self.width = self.hashes.width
        self.episodes: list[Counter[bytes]] = []

    @property
    def episodic(self) -> bool:
        """Visits are those of the running episode."""
        return True

    def bind(self, observation_space: Any, action_space: Any = None) -> "RIDE":
        """Tell the bonus the spaces of one environment."""
        super().bind(observation_space, action_space)
        self.hashes.bind(observation_space)
        return self

    def reset(self, env: np.ndarray | None = None) -> None:
        """Forget the running episodes of these environments (all by default)."""
        for slot in range(len(self.episodes)) if env is None else np.asarray(env):
            if slot < len(self.episodes):
                self.episodes[slot] = Counter()

    def _build(self, arrays: dict[str, np.ndarray]) -> nn.Module:
        nets: Any = super()._build(arrays)
        nets["forward_model"] = mlp(self.dim + arrays["action"].shape[1], self.hidden, self.dim)
        return nets

    def _loss(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        now, then = features(net["encoder"], batch)
        predicted = net["forward_model"](torch.cat([now, batch["action"]], 1))
        forward = torch.linalg.vector_norm(predicted - then, dim=1).mean()
        return self.forward_weight * forward + self.inverse_weight * self._inverse_loss(net, batch, now, then)

    def _embed(self, transitions: Transitions) -> Any:
        arrays = super()._embed(transitions)
        require_distinct(transitions.slots)
        keys = of_one_length(self.hashes._embed(transitions), (key for counter in self.episodes for key in counter))
        impact = np.linalg.norm(self._encode(arrays, "next_") - self._encode(arrays, "obs_"), axis=1)
        return _Seen(arrays, impact, keys)

    def _begun(self, transitions: Transitions) -> list[Counter[bytes]]:
        """The visits of each row's episode, its first observation included; new counters where it has no state yet."""
        slots = transitions.slots
        counters = [self.episodes[slot] if slot < len(self.episodes) else Counter() for slot in slots]
        fresh = np.array([row for row, counter in enumerate(counters) if not counter], np.int64)
        if len(fresh):
            keys = self.hashes._embed(Transitions(next_obs=taken(transitions.obs, fresh)))
            for row, key in zip(fresh, keys):
                counters[row] = Counter([key])
        return counters

    def _raw(self, transitions: Transitions, x: _Seen) -> np.ndarray:
        visits = [counter[key] + 1 for counter, key in zip(self._begun(transitions), x.keys)]
        return x.impact / np.sqrt(visits)

    def _store(self, transitions: Transitions, x: _Seen) -> None:
        counters, slots = self._begun(transitions), transitions.slots
        self.episodes += [Counter() for _ in range(int(slots.max()) + 1 - len(self.episodes))]
        for slot, counter, key in zip(slots, counters, x.keys):
            counter[key] += 1
            self.episodes[slot] = counter
        if transitions.done is not None:
            self.reset(slots[np.asarray(transitions.done, bool)])
        super()._store(transitions, x.arrays)

    def state_dict(self) -> dict[str, Any]:
        """Exact state: of every slot its keys (states, bytes) uint8 and visits (states,) int64, one after another."""
        keys = [key for counter in self.episodes for key in counter]
        visits = [n for counter in self.episodes for n in counter.values()]
        table = {
            "states": np.array([len(counter) for counter in self.episodes], np.int64),
            "visits": np.array(visits, np.int64),
        }
        rows = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1).copy() if keys else np.zeros((0, 0), np.uint8)
        return {**super().state_dict(), "hashes": self.hashes.state_dict(), "episodes": {"keys": rows, **table}}

    def _check(self, state: dict[str, Any]) -> None:
        super()._check(state)
        self.hashes._check(state["hashes"])

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self.hashes.load_state_dict(state["hashes"])
        keys, visits = np.asarray(state["episodes"]["keys"], np.uint8), np.asarray(state["episodes"]["visits"], np.int64)
        ends = np.cumsum(np.asarray(state["episodes"]["states"], np.int64))
        require(
            len(keys) == len(visits) == (ends[-1] if len(ends) else 0), "as many keys as visits and states", np.shape(visits)
        )
        table = [(key.tobytes(), int(n)) for key, n in zip(keys, visits)]
        self.episodes = [Counter(dict(table[end - n : end])) for end, n in zip(ends, np.diff(ends, prepend=0))]
