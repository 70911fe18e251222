"""Replay of sequences for world models: a stream of records per environment, uniform sampling and an online queue."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from papergym.agents.checkpoint.state import CheckpointError, State, generator_state, set_generator_state
from papergym.agents.replay.packed import FieldSpec


class SequenceReplay:
    """Holds one record per time step; a sample is a run of ``length`` records of one environment.

    Sequences cross the ends of episodes: a field such as ``first`` tells where the next one begins. Each record is kept once,
    in the dtype of its field, whatever number of sequences it is part of.

    The online queue makes sure that new data is used: every ``length`` records of an environment form a sequence that is
    returned once, before uniform ones (danijar/dreamerv3, ``replay.online``).

    Args:
        capacity: records over all environments, rounded down to a multiple of ``n_envs``; the oldest are overwritten.
        fields: name -> shape and dtype of a record's parts.
        length: records in a sequence.
        n_envs: environments; each has its own stream.
        online: use the queue.
        seed: of the generator that draws the sequences.

    Raises:
        ValueError: a capacity that holds no sequence.
    """

    def __init__(
        self,
        capacity: int,
        fields: Mapping[str, FieldSpec],
        *,
        length: int,
        n_envs: int = 1,
        online: bool = True,
        seed: int | None = None,
    ) -> None:
        self.size = capacity // n_envs
        if length < 1 or self.size < length:
            raise ValueError(
                f"expected room for a sequence of {length} records per environment, got {self.size} "
                f"({capacity} records for {n_envs} environments). Raise buffer_size or lower batch_length."
            )
        self.fields = {name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in fields.items()}
        self.length, self.n_envs, self.online = length, n_envs, online
        self._rows = {name: np.zeros((n_envs * self.size, *shape), dtype) for name, (shape, dtype) in self.fields.items()}
        self._added = np.zeros(n_envs, np.int64)  # records ever added, per environment
        self._queue: deque[tuple[int, int]] = deque(
            maxlen=max(capacity // length, 1)
        )  # environment, number of the first record
        self.generator = np.random.default_rng(seed)

    def __len__(self) -> int:
        """Records held."""
        return int(np.minimum(self._added, self.size).sum())

    @property
    def sequences(self) -> int:
        """Different sequences that can be sampled."""
        return int(self._starts().sum())

    def _starts(self) -> np.ndarray:
        return np.maximum(np.minimum(self._added, self.size) - self.length + 1, 0)

    def add(self, env: int, record: Mapping[str, Any]) -> None:
        """Append a record to the stream of environment ``env``; a record that is refused changes nothing.

        Raises:
            ValueError: fields that are missing or unknown, or a value of another shape, or of none of its dtype.
        """
        self._append(env, self._checked(record))

    def _checked(self, record: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The fields as arrays of their dtypes, so that :meth:`_append` cannot fail halfway; see :meth:`add` for errors."""
        if record.keys() != self.fields.keys():
            missing, more = sorted(self.fields.keys() - record.keys()), sorted(record.keys() - self.fields.keys())
            raise ValueError(
                f"expected the fields {sorted(self.fields)} in every record; missing {missing}, unknown {more}. "
                "An environment has to return the same keys at every step."
            )
        for name, (shape, _) in self.fields.items():
            got = np.shape(record[name])
            if got != shape:
                raise ValueError(f"expected {name!r} of shape {shape}, got {got}. Observations must keep their shape.")
        return {name: np.asarray(value, self.fields[name][1]) for name, value in record.items()}

    def _append(self, env: int, record: Mapping[str, np.ndarray]) -> None:
        place = env * self.size + int(self._added[env]) % self.size
        for name, value in record.items():
            self._rows[name][place] = value
        self._added[env] += 1
        if self.online and self._added[env] % self.length == 0:
            self._queue.append((env, int(self._added[env]) - self.length))

    def amend(self, env: int, **values: Any) -> None:
        """Overwrite fields of the newest record of environment ``env``, if it has one."""
        if self._added[env]:
            place = env * self.size + (int(self._added[env]) - 1) % self.size
            for name, value in values.items():
                self._rows[name][place] = value

    def sample(self, batch: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """``batch`` sequences: what the queue holds, then uniform ones with replacement.

        Returns:
            The fields, time first: name -> ``(length, batch, *shape)``; and the places of the records, int64
            ``(length, batch)``, for :meth:`write`. They are valid until the next :meth:`add`.

        Raises:
            ValueError: no environment has a whole sequence yet.
        """
        ends = np.cumsum(self._starts())
        if not ends[-1]:
            raise ValueError(
                f"expected at least one environment with {self.length} records before sampling, got {self._added.tolist()}. "
                "Wait longer (learning_starts) or lower batch_length."
            )
        chosen = self._newest(batch)
        draws = self.generator.integers(0, ends[-1], batch - len(chosen))
        envs = np.searchsorted(ends, draws, side="right")
        oldest = np.maximum(self._added - self.size, 0)
        chosen += zip(envs, oldest[envs] + draws - (ends - self._starts())[envs])
        env, first = np.array(chosen, np.int64).T
        places = env * self.size + (first + np.arange(self.length)[:, None]) % self.size
        return {name: rows[places] for name, rows in self._rows.items()}, places

    def _newest(self, batch: int) -> list[tuple[int, int]]:
        """Up to ``batch`` sequences of the queue that have not been overwritten."""
        chosen: list[tuple[int, int]] = []
        while self._queue and len(chosen) < batch:
            env, first = self._queue.popleft()
            if first >= self._added[env] - self.size:
                chosen.append((env, first))
        return chosen

    def write(self, places: np.ndarray, values: Mapping[str, np.ndarray]) -> None:
        """Overwrite fields of sampled records, for example latent states; the last one wins where a place occurs twice.

        Args:
            places: of :meth:`sample`, or a part of it.
            values: name -> ``(*places.shape, *shape)``.

        Raises:
            ValueError: values of another shape; nothing has changed then.
        """
        for name, value in values.items():
            if np.shape(value) != (*places.shape, *self.fields[name][0]):
                raise ValueError(f"expected {name!r} of shape {(*places.shape, *self.fields[name][0])}, got {np.shape(value)}.")
        for name, value in values.items():
            self._rows[name][places] = value

    def get_state(self) -> State:
        """Everything that later samples depend on; the rows are views: save them before the next :meth:`add`."""
        filled = np.minimum(self._added, self.size)
        rows = {
            str(index): {str(env): part[env * self.size :][: filled[env]] for env in range(self.n_envs)}
            for index, part in enumerate(self._rows.values())
        }
        return {
            "rows": rows,
            "layout": self._layout(),
            "added": self._added.copy(),
            "queue": np.array(self._queue, np.int64).reshape(-1, 2),
            "generator": generator_state(self.generator),
        }

    def set_state(self, state: State) -> None:
        """Inverse of :meth:`get_state`.

        Raises:
            CheckpointError: the checkpoint's memory has other fields, or another size.
        """
        if state["layout"] != self._layout():
            raise CheckpointError(
                f"expected a memory laid out as {self._layout()}, got one as {state['layout']}. Use the run's own config.toml."
            )
        for index, part in enumerate(self._rows.values()):
            for env in range(self.n_envs):
                saved = state["rows"][str(index)][str(env)]
                part[env * self.size :][: len(saved)] = saved
        self._added[:] = state["added"]
        self._queue.clear()
        self._queue.extend((int(env), int(first)) for env, first in state["queue"])
        set_generator_state(self.generator, state["generator"])

    def _layout(self) -> list[Any]:
        """What must agree for a state to fit; JSON values."""
        fields = [[name, list(shape), dtype.str] for name, (shape, dtype) in self.fields.items()]
        return [self.n_envs, self.size, self.length, fields]
