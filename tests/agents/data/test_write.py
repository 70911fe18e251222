"""Datasets that are written here: what stands in them, and that they appear whole or not at all."""

import json
import os
import subprocess
import sys

import gymnasium as gym
import minari
import numpy as np
import pytest

from papergym.agents.data import write
from papergym.agents.data.collect import RandomPolicy, check_spaces, collect, episode_seed, record
from papergym.agents.data.minari import load_dataset, open_dataset
from papergym.agents.data.parts import Parts
from papergym.agents.data.recording import Recording, Start, play_again, recordings, same
from papergym.agents.data.write import write_dataset
from papergym.agents.errors import BadNumbersError, UsageError

ID = "test/pendulum-v1/random-v0"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return tmp_path / "minari"


@pytest.fixture
def env():
    made = gym.make("Pendulum-v1")
    yield made
    made.close()


def random_episodes(env, steps=500, seed=0):
    return collect(env, RandomPolicy(env.action_space), steps, lambda number: episode_seed(seed, "random", number))


def everything(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_is_written(root, env):
    kept = list(random_episodes(env))
    folder = write_dataset(ID, kept, env, about={"quality": "random"}, random_return=-1200.0, expert_return=-150.0)
    assert folder == root / ID and minari.list_local_datasets().keys() == {ID} and not (root / ".papergym").exists()
    dataset = open_dataset(ID)
    for mine, read in zip(kept, recordings(dataset), strict=True):
        assert same(mine, read) and read.start == mine.start and read.truncated and not read.terminated
        np.testing.assert_array_equal(read.log_probs, np.full(200, -np.log(4.0)))  # uniform on [-2, 2]
        assert read.about["policy"] == "random" and len(read.observations) == 201
    about = json.loads((folder / "data" / "metadata.json").read_text())
    assert (about["ref_min_score"], about["ref_max_score"]) == (-1200.0, -150.0)
    assert about["papergym"]["quality"] == "random" and about["papergym"]["versions"]["gymnasium"] == gym.__version__
    data = load_dataset(ID)
    assert data.normalized(-150) == 100 and data.spec.id == "Pendulum-v1" and len(data) == 600


def test_each_episode_alone(root, env):
    write_dataset(ID, random_episodes(env), env)
    episodes = list(recordings(open_dataset(ID)))
    for episode in episodes[::-1]:
        again = play_again(env, episode.start, episode.actions)
        assert same(episode, again) and again.observations.dtype == episode.observations.dtype
    assert not same(episodes[0], play_again(env, Start(episodes[0].start.seed + 1), episodes[0].actions))
    assert not same(episodes[0], play_again(env, episodes[0].start, episodes[0].actions[:-1]))


def test_an_episode_of_a_training_run(root, env):
    """Its environment is seeded once: the third episode is the third reset."""
    env.reset(seed=3)
    for _ in range(2):
        env.reset()
        env.step(np.zeros(1, np.float32))
    observation, _ = env.reset()
    seen, paid = [observation], []
    actions = np.linspace(-2, 2, 7, dtype=np.float32)[:, None]
    for action in actions:
        observation, reward, *_ = env.step(action)
        seen.append(observation)
        paid.append(reward)
    episode = Recording(np.stack(seen), actions, np.array(paid), False, True, Start(3, resets=3))
    write_dataset(ID, [episode], env)
    (read,) = recordings(open_dataset(ID))
    assert read.start == Start(3, 3) and same(read, play_again(env, read.start, read.actions))
    assert "seed" not in read.about  # Minari's seed is that of a reset, which would begin another episode


@pytest.mark.parametrize("steps", [0, 1])
def test_none_and_one_step(root, env, steps):
    episodes = [record(env, RandomPolicy(env.action_space), 0, steps)] if steps else []
    if steps:
        write_dataset(ID, episodes, env)
        assert len(load_dataset(ID)) == 1
    else:
        with pytest.raises(UsageError, match="no episode"):
            write_dataset(ID, episodes, env)
        assert not list(root.rglob("*.hdf5"))


def broken(episodes, error, after=1):
    yield from (episode for episode, _ in zip(episodes, range(after)))
    raise error


def unsound(episodes, name, change):
    for number, episode in enumerate(episodes):
        changed = {**vars(episode), name: change(getattr(episode, name))} if number == 1 else vars(episode)
        yield Recording(**changed)


def poison(column):
    column = np.array(column)
    column.reshape(-1)[-1] = np.nan
    return column


FAULTS = {
    "disk": lambda episodes: broken(episodes, OSError(28, "No space left on device")),
    "disk at once": lambda episodes: broken(episodes, OSError(28, "No space left on device"), 0),
    "h5py's": lambda episodes: broken(episodes, RuntimeError("Unable to flush file")),
    "interrupted": lambda episodes: broken(episodes, KeyboardInterrupt()),
    "NaN": lambda episodes: unsound(episodes, "observations", poison),
    "reward": lambda episodes: unsound(episodes, "rewards", poison),
    "T observations": lambda episodes: unsound(episodes, "observations", lambda column: column[:-1]),
    "shape": lambda episodes: unsound(episodes, "actions", lambda column: column[:, :0]),
    "too few rewards": lambda episodes: unsound(episodes, "rewards", lambda column: column[:-1]),
}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_whole_or_not_at_all(root, env, fault, old):
    """Whatever goes wrong on the way, nothing is left, and an old dataset of the same id stays as it was."""
    root.mkdir()
    if old:
        write_dataset(ID, random_episodes(env, seed=1), env)
    before = everything(root)
    kind = KeyboardInterrupt if fault == "interrupted" else UsageError
    with pytest.raises(kind):
        write_dataset(ID, FAULTS[fault](random_episodes(env)), env, overwrite=True)
    assert everything(root) == before
    assert (minari.list_local_datasets().keys() == {ID}) is old


def test_stopped_between_the_two_moves(root, env, monkeypatch):
    """The old dataset comes back: at once, or where the process was killed, with the next attempt."""
    write_dataset(ID, random_episodes(env, seed=1), env)
    before, move, work = everything(root), os.replace, root / ".papergym" / "work"

    def moves(source, target):
        if target == root / ID and "old" not in source.name:
            raise KeyboardInterrupt
        move(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", moves)
        write_dataset(ID, random_episodes(env), env, overwrite=True, work=work)
    assert everything(root) == before
    aside = (work / ID).parent / "old"
    aside.parent.mkdir(parents=True)
    os.replace(root / ID, aside)
    with pytest.raises(UsageError, match="Give --overwrite"):
        write_dataset(ID, random_episodes(env), env, work=work)
    assert {path: everything(root)[path] for path in before} == before


class Reused(gym.Env):
    """Gives the same array at every step, with other numbers in it."""

    observation_space, action_space = gym.spaces.Box(0, np.inf, (2,)), gym.spaces.Discrete(2)

    def __init__(self):
        self.seen = np.zeros(2, np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seen[:] = 0
        return self.seen, {}

    def step(self, action):
        self.seen += 1 + action
        return self.seen, 0.0, False, bool(self.seen[0] > 5), {}


def test_an_environment_that_changes_its_own_array():
    episode = record(Reused(), RandomPolicy(Reused.action_space), 0, 100)
    expected = np.concatenate(([0], np.cumsum(1 + episode.actions)))
    np.testing.assert_array_equal(episode.observations[:, 0], expected)
    assert same(episode, play_again(Reused(), episode.start, episode.actions))


FULL_DISK = """
import resource, signal, sys
import gymnasium as gym
from papergym.agents.data.collect import RandomPolicy, collect, episode_seed
from papergym.agents.data.write import write_dataset
env = gym.make("Pendulum-v1")
episodes = collect(env, RandomPolicy(env.action_space), 20_000, lambda number: episode_seed(0, "random", number))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
write_dataset("test/pendulum-v1/random-v0", episodes, env)
"""


def test_a_full_disk_while_hdf5_is_written(root, env):
    """The kernel refuses to let the file grow: one message, nothing is left, and the next dataset is whole."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK], capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and not (root / ID).exists()
    assert "UsageError: cannot write" in done.stderr and not list(root.rglob("*.hdf5"))
    write_dataset(ID, random_episodes(env), env)
    assert len(load_dataset(ID)) == 600


def test_never_over_another(root, env):
    write_dataset(ID, random_episodes(env, seed=1), env)
    digest = load_dataset(ID).digest
    with pytest.raises(UsageError, match="--overwrite"):
        write_dataset(ID, random_episodes(env), env)
    assert load_dataset(ID).digest == digest
    write_dataset(ID, random_episodes(env), env, overwrite=True)
    assert load_dataset(ID).digest != digest
    (root / "test" / "mine-v0").mkdir()
    (root / "test" / "mine-v0" / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="no dataset"):
        write_dataset("test/mine-v0", random_episodes(env), env, overwrite=True)
    assert (root / "test" / "mine-v0" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", ["", "hopper", "../hopper-v0", "/tmp/hopper-v0", "a b-v0", "hopper-v", "x/../../y-v0"])
def test_ids_that_minari_refuses(root, env, name):
    with pytest.raises(UsageError, match="no id of a Minari dataset"):
        write_dataset(name, random_episodes(env), env)
    assert not root.exists()


def test_other_spaces(env):
    with pytest.raises(UsageError, match="FlattenObservation"):
        check_spaces(gym.make("TT-FourRooms-v0"))
    flat = gym.wrappers.FlattenObservation(gym.make("TT-FourRooms-v0"))
    assert next(collect(flat, RandomPolicy(flat.action_space), 10, int)).observations.shape == (11, 6)


def test_numbers_that_are_not_finite(env):
    bad = gym.wrappers.TransformReward(env, lambda reward: np.nan)
    with pytest.raises(BadNumbersError, match="not finite"):
        next(random_episodes(bad))


def test_log_probabilities_of_uniform_actions():
    box = gym.spaces.Box(np.array([-1.0, 0]), np.array([1.0, 4]))
    assert RandomPolicy(box).log_prob == pytest.approx(-np.log(8.0))
    assert RandomPolicy(gym.spaces.Discrete(5)).log_prob == pytest.approx(-np.log(5.0))
    assert RandomPolicy(gym.spaces.Box(-np.inf, np.inf, (2,))).log_prob is None


def test_parts_go_on_where_they_were_cut(tmp_path, env, monkeypatch):
    """Episodes are functions of their seeds: a collection in two pieces is the one that was never cut."""
    monkeypatch.setattr("papergym.agents.data.parts.STEPS", 400)
    whole = list(random_episodes(env, steps=1_000))
    parts = Parts(tmp_path / "parts", {"a": 1})
    with pytest.raises(KeyboardInterrupt):
        list(parts.add(broken(random_episodes(env), KeyboardInterrupt(), 3)))
    with pytest.raises(UsageError, match="another process"):
        Parts(tmp_path / "parts", {"a": 1})
    parts.close()
    parts = Parts(tmp_path / "parts", {"a": 1})
    assert (parts.episodes, parts.steps, parts.by_policy["random"]) == (2, 400, 2)  # the third was not yet on disk
    policy, seed_of = RandomPolicy(env.action_space), lambda number: episode_seed(0, "random", number)
    assert list(parts.add(collect(env, policy, 1_000, seed_of, done=parts.steps, begun=parts.episodes))) == [600, 800, 1_000]
    for one, other in zip(whole, parts, strict=True):
        assert same(one, other) and one.start == other.start and np.array_equal(one.log_probs, other.log_probs)
    parts.close()
    other = Parts(tmp_path / "parts", {"a": 2})
    assert other.episodes == 0 and not list(other)
    other.remove()
    assert not (tmp_path / "parts").exists()


def test_root(monkeypatch, tmp_path):
    monkeypatch.delenv("MINARI_DATASETS_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert write.datasets_root() == minari.storage.get_dataset_path() == tmp_path / ".minari" / "datasets"
