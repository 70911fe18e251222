"""States of the parts of an SB3 algorithm: modules, optimisers, buffers, action noise."""

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise, VectorizedActionNoise
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from papergym.agents.checkpoint.state import CheckpointError, State

_BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def module_state(owner: torch.nn.Module | torch.optim.Optimizer) -> State:
    """``state_dict()`` with string keys only."""
    if not isinstance(owner, torch.optim.Optimizer):
        return dict(owner.state_dict())
    saved = owner.state_dict()
    groups = [{key: plain(value) for key, value in group.items()} for group in saved["param_groups"]]
    return {"state": {str(index): dict(slots) for index, slots in saved["state"].items()}, "param_groups": groups}


def set_module_state(owner: torch.nn.Module | torch.optim.Optimizer, state: State) -> None:
    """Inverse of :func:`module_state`; parameters are filled in place, so views of them stay valid."""
    if not isinstance(owner, torch.optim.Optimizer):
        owner.load_state_dict(state)
        return
    groups = [
        {key: tuple(value) if key == "betas" else value for key, value in group.items()} for group in state["param_groups"]
    ]
    owner.load_state_dict({"state": {int(index): slots for index, slots in state["state"].items()}, "param_groups": groups})


def replay_state(buffer: Any) -> State:
    """State of a replay buffer, {} for none; of SB3's arrays only the filled part is kept."""
    if buffer is None:
        return {}
    if hasattr(buffer, "get_state"):
        return {"own": buffer.get_state()}
    if isinstance(buffer, HerReplayBuffer) or not isinstance(buffer, ReplayBuffer):
        raise CheckpointError(f"{type(buffer).__name__} has no get_state()/set_state(): exact resume is impossible with it.")
    filled = buffer.buffer_size if buffer.full else min(buffer.pos + 1, buffer.buffer_size)  # + 1: the shared next_obs slot
    arrays: State = {}
    for name in _BUFFER_ARRAYS:
        array = getattr(buffer, name, None)
        if isinstance(array, dict):
            arrays[name] = {str(index): part[:filled] for index, part in enumerate(array.values())}
        elif array is not None:
            arrays[name] = array[:filled]
    return {"pos": buffer.pos, "full": buffer.full, "size": buffer.buffer_size, "arrays": arrays}


def set_replay_state(buffer: Any, state: State) -> None:
    """Inverse of :func:`replay_state`; an empty state leaves the buffer as it is."""
    if buffer is None or not state:
        return
    if "own" in state:
        buffer.set_state(state["own"])
        return
    if state["size"] != buffer.buffer_size:
        raise CheckpointError(f"the checkpoint's replay buffer holds {state['size']} steps, this run's {buffer.buffer_size}.")
    buffer.pos, buffer.full = state["pos"], state["full"]
    for name, saved in state["arrays"].items():
        if isinstance(buffer, DictReplayBuffer) and isinstance(saved, dict):
            for index, part in enumerate(getattr(buffer, name).values()):
                part[: len(saved[str(index)])] = saved[str(index)]
        else:
            getattr(buffer, name)[: len(saved)] = saved


def noise_state(noise: Any) -> State:
    """Memory of an action noise (only Ornstein-Uhlenbeck has one)."""
    if isinstance(noise, VectorizedActionNoise):
        return {str(index): noise_state(part) for index, part in enumerate(noise.noises)}
    return {"previous": np.asarray(noise.noise_prev)} if isinstance(noise, OrnsteinUhlenbeckActionNoise) else {}


def set_noise_state(noise: Any, state: State) -> None:
    """Inverse of :func:`noise_state`."""
    if isinstance(noise, VectorizedActionNoise):
        for index, part in enumerate(noise.noises):
            set_noise_state(part, state[str(index)])
    elif "previous" in state:
        noise.noise_prev = state["previous"].copy()


def plain(value: Any) -> Any:
    """Value without numpy or torch types, for JSON."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, (np.generic, np.ndarray, torch.Tensor)) else value
