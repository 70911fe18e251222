"""Exact state on disk: one safetensors file, written under a temporary name and renamed, checked when read.

Each tensor has a checksum, and a digest covers these with everything else in the header: no byte can change unnoticed. Who
wants to deceive can compute both anew; they tell damage and mix-ups, not authors.

A *state* is a nested dict with string keys whose leaves are torch tensors, numpy arrays, or JSON values (numbers of any
size, strings, booleans, None, lists of these). Nothing is pickled.
"""

import hashlib
import json
import random
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from papergym.agents.checkpoint.files import replaced

FORMAT = "papergym-state-2"
FIRST_FORMAT = "papergym-state-1"
"""Had checksums of the tensors only; such files are still read."""

State = dict[str, Any]


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used; the message says why and what to do."""


def _leaves(state: State, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in state.items():
        if not isinstance(key, str) or "/" in key:
            raise TypeError(f"state keys are strings without '/', got {key!r} under {prefix or 'the root'!r}")
        path = f"{prefix}/{key}" if prefix else key
        if isinstance(value, dict) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def save_state(path: str | Path, state: State, *, kind: str, plan: str = "") -> None:
    """Write ``state`` atomically to ``path``.

    Contiguous arrays and CPU tensors are written from where they are, so a large memory is not held twice.

    Args:
        path: file.
        state: what to write.
        kind: what it belongs to, for example an agent's key.
        plan: digest of the run's plan, for :func:`load_state` to compare; "" for none.

    Raises:
        CheckpointError: it cannot be written; the file that was there is kept.
    """
    tensors: dict[str, torch.Tensor] = {}
    storages: set[int] = set()
    plain: dict[str, Any] = {}
    arrays: list[str] = []
    for name, value in _leaves(state):
        if isinstance(value, np.ndarray):
            arrays.append(name)
            value = torch.from_numpy(np.ascontiguousarray(value).reshape(value.shape))
        if isinstance(value, torch.Tensor):
            tensor = value.detach().cpu().contiguous()
            place = tensor.untyped_storage().data_ptr()
            tensors[name] = tensor.clone() if place in storages else tensor  # the format refuses tensors that share memory
            storages.add(place)
        else:
            plain[name] = value.item() if isinstance(value, np.generic) else value
    sums = {name: _checksum(tensor) for name, tensor in tensors.items()}
    head = {"format": FORMAT, "kind": kind, "plan": plan}
    head |= {"plain": json.dumps(plain), "arrays": json.dumps(arrays), "sums": json.dumps(sums)}
    path = Path(path)
    try:
        with replaced(path) as temporary:
            save_file(tensors, temporary, metadata={**head, "digest": _digest(head)})
    except (OSError, SafetensorError) as error:  # a full disk comes as either
        raise CheckpointError(
            f"cannot write {path}: {error}. Free some space or choose another folder; the previous one is kept."
        ) from error


def load_state(path: str | Path, *, kind: str, plan: str = "") -> State:
    """Read what :func:`save_state` wrote.

    Args:
        path: file.
        kind: as it was saved.
        plan: digest that the file must have; "" for any. Files of the first format have none and pass.

    Raises:
        CheckpointError: missing, truncated, corrupted, of another kind or plan, or not a papergym state.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}. Give a run folder made by `papergym train`.")
    try:
        with safe_open(str(path), framework="pt") as file:
            head = file.metadata() or {}
            _check_head(path, head, kind, plan)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        sums, arrays, plain = (json.loads(head[name]) for name in ("sums", "arrays", "plain"))
    except (SafetensorError, OSError, ValueError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{path} is corrupted or truncated ({error}). Use an older checkpoint of the run.") from error
    for name in sums.keys() | tensors.keys():
        if name not in tensors or name not in sums or _checksum(tensors[name], head["format"]) != sums[name]:
            raise CheckpointError(f"{path} is corrupted: {name!r} fails its checksum. Use an older checkpoint of the run.")
    flat = {name: tensor.numpy() if name in arrays else tensor for name, tensor in tensors.items()}
    return _nest({**plain, **flat})


def _check_head(path: Path, head: dict[str, str], kind: str, plan: str) -> None:
    if head.get("format") not in (FORMAT, FIRST_FORMAT):
        raise CheckpointError(f"{path} is not a papergym checkpoint (format {head.get('format')!r}, expected {FORMAT!r}).")
    if head["kind"] != kind:
        raise CheckpointError(f"{path} belongs to {head['kind']!r}, not to {kind!r}. Resume it with that agent.")
    if head["format"] == FIRST_FORMAT:
        return
    given = {name: text for name, text in head.items() if name != "digest"}
    if head["digest"] != _digest(given):
        raise CheckpointError(f"{path} is corrupted: its header fails its checksum. Use an older checkpoint of the run.")
    if plan and head["plan"] != plan:
        raise CheckpointError(f"{path} belongs to a run with other settings or another seed. Use a checkpoint of this run.")


def _digest(head: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()


def _checksum(tensor: torch.Tensor, form: str = FORMAT) -> Any:
    """Checksum of the values, and in the present format dtype and shape."""
    flat = tensor.reshape(-1)
    values = zlib.crc32(flat.view(torch.uint8).numpy().data) if flat.numel() else 0
    return values if form == FIRST_FORMAT else [values, str(tensor.dtype), list(tensor.shape)]


def _nest(flat: dict[str, Any]) -> State:
    state: State = {}
    for name, value in flat.items():
        *parents, leaf = name.split("/")
        place = state
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return state


@contextmanager
def undisturbed(generators: Iterable[torch.Generator | np.random.Generator] = ()) -> Iterator[None]:
    """Put the global generators and ``generators`` back, at the end of the block, to where they were at its beginning."""
    everywhere, own = global_rng_state(), list(generators)
    states: list[Any] = [
        generator.get_state() if isinstance(generator, torch.Generator) else generator_state(generator) for generator in own
    ]
    try:
        yield
    finally:
        set_global_rng_state(everywhere)
        for generator, state in zip(own, states):
            if isinstance(generator, torch.Generator):
                generator.set_state(state)
            else:
                set_generator_state(generator, state)


def generator_state(generator: np.random.Generator) -> State:
    """State of a numpy generator."""
    return json.loads(json.dumps(generator.bit_generator.state, default=lambda value: value.tolist()))


def set_generator_state(generator: np.random.Generator, state: State) -> None:
    """Put a generator into the state that :func:`generator_state` returned."""
    generator.bit_generator.state = state


def global_rng_state() -> State:
    """States of the global generators of Python, numpy and torch (CPU, and CUDA where present)."""
    version, internal, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "python": {"version": version, "internal": list(internal), "gauss": gauss},
        "numpy": {"name": name, "keys": np.asarray(keys), "position": position, "has_gauss": has_gauss, "cached": cached},
        "torch": torch.get_rng_state(),
        "cuda": {str(index): state for index, state in enumerate(cuda)},
    }


def set_global_rng_state(state: State) -> None:
    """Restore what :func:`global_rng_state` returned."""
    python, numpy = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["internal"]), python["gauss"]))
    np.random.set_state((numpy["name"], numpy["keys"], numpy["position"], numpy["has_gauss"], numpy["cached"]))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    for index, device_state in state["cuda"].items():
        torch.cuda.set_rng_state(device_state, int(index))
