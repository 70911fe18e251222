"""Random network distillation: the error of a trained network that predicts a fixed random one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from papergym.envs.checks import number
from papergym.wrappers.intrinsic.base import Scaling
from papergym.wrappers.intrinsic.moments import RunningMoments
from papergym.wrappers.intrinsic.networks import Encoder
from papergym.wrappers.intrinsic.trained import ErrorBonus, part, sizes
from papergym.wrappers.intrinsic.transitions import Transitions


@dataclass(kw_only=True, eq=False)
class RND(ErrorBonus):
    """Mean squared error between a predictor and a fixed random target network on the next observation.

    Args:
        dim: output length of both networks.
        clip_obs: observations are standardized by running moments and clipped to plus or minus this; 0 leaves them raw.
        warmup: transitions observed before anything is paid: until then the running moments, of observations and of errors,
            mean little. The paper steps the environment at random instead, which a wrapper must not.
        scaling: by default rewards are divided by the running standard deviation of the errors.

    Source: Burda et al. 2018, arXiv 1810.12894, sections 2.2 and 2.4.
    """

    scaling: Scaling = "std"
    warmup: int = 128
    dim: int = 64
    clip_obs: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("clip_obs", self.clip_obs, 0, 1e6)  # errors of larger inputs overflow float32 when they are squared
        self.obs_moments: dict[str, RunningMoments] = {}

    def _embed(self, transitions: Transitions) -> dict[str, np.ndarray]:
        arrays = super()._embed(transitions)
        return arrays if self.clip_obs == 0 else self._standardized(arrays)

    def _standardized(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        out = dict(arrays)
        for name, array in arrays.items():
            moments = self.obs_moments.get(name)
            if moments is not None:
                scaled = (array - moments.mean) / moments.std
                out[name] = np.clip(scaled, -self.clip_obs, self.clip_obs).astype(np.float32)
            else:
                out[name] = np.clip(array.astype(np.float32), -self.clip_obs, self.clip_obs)
            out[f"raw_{name}"] = array
        return out

    def _raw(self, transitions: Transitions, x: dict[str, np.ndarray]) -> np.ndarray:
        return super()._raw(transitions, _without(x))

    def _store(self, transitions: Transitions, x: dict[str, np.ndarray]) -> None:
        super()._store(transitions, _without(x))
        for name, array in x.items():
            if name.startswith("raw_"):
                self.obs_moments.setdefault(name[4:], RunningMoments(array.shape[1:])).update(array)

    @property
    def warming(self) -> bool:
        """Whether the bonus has observed too few transitions to pay."""
        return (0 if self.learner is None else self.learner.seen) < self.warmup

    def _finish(self, raw: np.ndarray) -> np.ndarray:
        return np.zeros(len(raw)) if self.warming else self._scaled(raw)

    def _build(self, arrays: dict[str, np.ndarray]) -> nn.Module:
        shapes = sizes(arrays)
        nets = {name: Encoder(shapes, self.dim, self.hidden) for name in ("target", "predictor")}
        nets["target"].requires_grad_(False)
        return nn.ModuleDict(nets)

    def _errors(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        inputs = part(batch, "next_")
        return (net["predictor"](inputs) - net["target"](inputs)).pow(2).mean(1)

    def _loss(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        return self._errors(net, batch).mean()

    def state_dict(self) -> dict[str, Any]:
        """Exact state."""
        return {**super().state_dict(), "obs_moments": {name: m.state_dict() for name, m in self.obs_moments.items()}}

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self.obs_moments = {}
        for name, saved in state["obs_moments"].items():
            self.obs_moments[name] = RunningMoments(np.shape(saved["mean"]))
            self.obs_moments[name].load_state_dict(saved)


def _without(x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array for name, array in x.items() if not name.startswith("raw_")}
