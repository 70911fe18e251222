import numpy as np
import pytest
import torch
from gymnasium import spaces

from papergym.agents.replay.frames import FrameReplay

PIXELS, ACTIONS = spaces.Box(0, 255, (6, 3, 3), np.uint8), spaces.Box(-1, 1, (2,), np.float32)
STACK = 3  # frames of (2, 3, 3)


class Storage:
    """Every transition, with whole stacks: what the frame ring must reproduce."""

    def __init__(self, n_envs):
        self.kept = [[] for _ in range(n_envs)]

    def add(self, obs, next_obs, action, reward, done, infos):
        for env, rows in enumerate(self.kept):
            truncated = infos[env].get("TimeLimit.truncated", False)
            rows.append((obs[env].copy(), next_obs[env].copy(), action[env], reward[env], done[env] and not truncated))


def play(buffer, steps, *, n_envs=1, seed=0, lengths=(1, 9), first=None):
    """Random episodes into the buffer and into brute-force storage; each reward is unique."""
    rng, storage = np.random.default_rng(seed), Storage(n_envs)
    frame = lambda: rng.integers(0, 256, (2, 3, 3), dtype=np.uint8)  # noqa: E731
    stacks = [[frame()] * STACK for _ in range(n_envs)]
    if first is not None:
        stacks = [list(first.reshape(STACK, 2, 3, 3))]
    left = rng.integers(lengths[0], lengths[1], n_envs)
    for step in range(steps):
        obs = np.stack([np.concatenate(stack) for stack in stacks])
        moved = [[*stack[1:], frame()] for stack in stacks]
        left -= 1
        done = left == 0
        infos = [{"TimeLimit.truncated": bool(rng.random() < 0.5)} if end else {} for end in done]
        row = (obs, np.stack([np.concatenate(s) for s in moved]), rng.uniform(-1, 1, (n_envs, 2)).astype(np.float32))
        reward = np.arange(n_envs, dtype=np.float32) * 100_000 + step
        for target in (buffer, storage):
            target.add(*row, reward, done, infos)
        stacks = [[frame()] * STACK if end else stack for end, stack in zip(done, moved)]
        left = np.where(done, rng.integers(lengths[0], lengths[1], n_envs), left)
    return storage


def check(buffer, storage, *, newest=None):
    """Each valid transition equals its brute-force twin; returns how many each environment holds."""
    held = []
    for env, rows in enumerate(storage.kept):
        slots = np.flatnonzero(buffer.valid[env])
        batch = buffer.at(np.full(len(slots), env), slots)
        by_reward = {row[3]: row for row in rows}
        for index in range(len(slots)):
            obs, next_obs, action, _, terminated = by_reward[batch.rewards[index].item()]
            np.testing.assert_array_equal(batch.observations[index], obs)
            np.testing.assert_array_equal(batch.next_observations[index], next_obs)
            np.testing.assert_array_equal(batch.actions[index], action)
            assert batch.dones[index].item() == terminated
        kept = sorted(batch.rewards[:, 0].tolist())
        assert kept == [row[3] for row in rows[len(rows) - len(kept) :]], "not the newest transitions"
        assert buffer.count[env] == len(kept)
        held.append(len(kept))
    return held


@pytest.mark.parametrize("steps", [1, 7, 60, 100, 101, 500])
@pytest.mark.parametrize("n_envs", [1, 3])
def test_equals_brute_force_across_episodes_and_wrap(steps, n_envs):
    buffer = FrameReplay(60 * n_envs, PIXELS, ACTIONS, "cpu", n_envs, frame_stack=STACK, spare=1.2, seed=0)
    storage = play(buffer, steps, n_envs=n_envs)
    assert check(buffer, storage) == [min(steps, 60)] * n_envs
    assert buffer.size() == min(steps, 60) * n_envs


def test_short_episodes_leave_room_for_fewer():
    buffer = FrameReplay(60, PIXELS, ACTIONS, "cpu", frame_stack=STACK, spare=0.02, seed=0)
    held = check(buffer, play(buffer, 400, lengths=(1, 4)))[0]
    assert 25 <= held < 60  # two frames or so per step


def test_start_in_mid_episode_keeps_the_stack():
    first = np.random.default_rng(5).integers(0, 256, (6, 3, 3), dtype=np.uint8)
    buffer = FrameReplay(60, PIXELS, ACTIONS, "cpu", frame_stack=STACK, seed=0)
    assert check(buffer, play(buffer, 5, first=first, lengths=(9, 10))) == [5]


def test_reset_without_done_starts_a_new_window():
    """SB3's learn() resets the environment in mid-episode."""
    buffer = FrameReplay(200, PIXELS, ACTIONS, "cpu", frame_stack=STACK, seed=0)
    one = play(buffer, 3, seed=1, lengths=(9, 10))
    two = play(buffer, 3, seed=2, lengths=(9, 10))
    obs = np.stack([row[0] for row in one.kept[0] + two.kept[0]])
    envs, slots = np.nonzero(buffer.valid)
    np.testing.assert_array_equal(buffer.at(envs, slots).observations, obs)


def test_frames_are_stored_once_and_in_2_3_gb():
    space = spaces.Box(0, 255, (9, 84, 84), np.uint8)
    buffer = FrameReplay(100_000, space, ACTIONS, "cpu", frame_stack=3)
    assert buffer.slots >= 100_000 * 501 / 500 + 1
    arrays = (buffer.action, buffer.reward, buffer.terminated, buffer.truncated, buffer.age, buffer.valid)
    assert buffer.frames.nbytes + sum(array.nbytes for array in arrays) < 2.3e9


def test_sampling_is_uniform_and_seeded():
    def fresh(seed):
        buffer = FrameReplay(50, PIXELS, ACTIONS, "cpu", frame_stack=STACK, spare=1.2, seed=seed)
        play(buffer, 80)
        return buffer

    buffer = fresh(0)
    counts = np.unique(torch.cat([buffer.sample(500).rewards for _ in range(100)]), return_counts=True)[1]
    assert len(counts) == 50
    assert ((counts - 1000) ** 2 / 1000).sum() < 95  # chi-squared, 49 degrees: p < 1e-4 beyond 94
    np.random.seed(0)  # noqa: NPY002
    one = fresh(1).sample(20).rewards
    np.random.seed(1)  # noqa: NPY002
    torch.testing.assert_close(one, fresh(1).sample(20).rewards)
    assert not torch.equal(one, fresh(2).sample(20).rewards)


@pytest.mark.parametrize("steps", [20, 150])
def test_state_continues_exactly(steps):
    def fresh():
        return FrameReplay(60, PIXELS, ACTIONS, "cpu", frame_stack=STACK, spare=0.5, seed=4)

    one, two = fresh(), fresh()
    play(one, steps)
    one.sample(10)
    state = one.get_state()
    assert state["frames"].shape[1] == min(int(one.head[0]), one.slots)  # the filled part only
    two.set_state(state)
    for buffer in (one, two):
        play(buffer, 30, seed=9)
    for left, right in zip(one.sample(50)[:5], two.sample(50)[:5]):
        assert torch.equal(left, right)
    with pytest.raises(ValueError, match="saved replay buffer"):
        FrameReplay(61, PIXELS, ACTIONS, "cpu", frame_stack=STACK, spare=0.5).set_state(state)


def brute_return(rows, first, n_steps, gamma):
    """Rewards from ``first`` on, added one by one until an episode ends, ``n_steps`` are in or nothing more was stored."""
    total, discount = 0.0, 1.0
    for count, row in enumerate(rows[first : first + n_steps], start=1):
        total, discount = total + discount * float(row["reward"]), discount * gamma
        if row["ends"] or count == n_steps or first + count == len(rows):
            return total, row["next_obs"], row["terminated"], discount
    raise AssertionError


@pytest.mark.parametrize("steps", [1, 2, 7, 60, 500])
@pytest.mark.parametrize(("n_envs", "stack", "n_steps"), [(1, 3, 3), (3, 3, 3), (2, 1, 5), (1, 3, 2)])
def test_returns_over_several_steps_equal_brute_force(steps, n_envs, stack, n_steps):
    """Over both kinds of end, the newest transitions and the ring's seam; episodes of one to eight steps."""
    space, rng = spaces.Box(0, 255, (2 * stack, 3, 3), np.uint8), np.random.default_rng(1)
    buffer = FrameReplay(
        60 * n_envs, space, ACTIONS, "cpu", n_envs, frame_stack=stack, spare=1.2, seed=0, n_steps=n_steps, gamma=0.9
    )
    frame = lambda: rng.integers(0, 256, (2, 3, 3), dtype=np.uint8)  # noqa: E731
    stacks, left, stored = [[frame()] * stack for _ in range(n_envs)], rng.integers(1, 9, n_envs), [[] for _ in range(n_envs)]
    for _ in range(steps):
        moved, left = [[*frames[1:], frame()] for frames in stacks], left - 1
        done, truncated, reward = left == 0, rng.random(n_envs) < 0.5, rng.standard_normal(n_envs).astype(np.float32)
        obs, next_obs = (np.stack([np.concatenate(frames) for frames in rows]) for rows in (stacks, moved))
        infos = [{"TimeLimit.truncated": bool(end and cut)} for end, cut in zip(done, truncated)]
        buffer.add(obs, next_obs, np.zeros((n_envs, 2), np.float32), reward, done, infos)
        for env, rows in enumerate(stored):
            row = {"obs": obs[env], "next_obs": next_obs[env], "reward": reward[env], "ends": done[env]}
            rows.append({**row, "terminated": done[env] and not truncated[env]})
        stacks = [[frame()] * stack if end else frames for end, frames in zip(done, moved)]
        left = np.where(done, rng.integers(1, 9, n_envs), left)
    for env, rows in enumerate(stored):
        slots = np.flatnonzero(buffer.valid[env])
        batch = buffer.at(np.full(len(slots), env), slots)
        by_obs = {row["obs"].tobytes(): place for place, row in enumerate(rows)}  # random frames: no two alike
        assert len(slots) == min(steps, 60)
        for index, obs in enumerate(batch.observations):
            expected = brute_return(rows, by_obs[obs.numpy().tobytes()], n_steps, 0.9)
            assert batch.rewards[index].item() == pytest.approx(expected[0], abs=1e-5)
            np.testing.assert_array_equal(batch.next_observations[index], expected[1])
            assert (batch.dones[index].item(), batch.discounts[index].item()) == (expected[2], pytest.approx(expected[3]))


def test_one_step_has_no_discounts():
    buffer = FrameReplay(60, PIXELS, ACTIONS, "cpu", frame_stack=STACK, seed=0)
    play(buffer, 20)
    assert buffer.sample(8).discounts is None
    with pytest.raises(ValueError, match="n_steps: expected a whole number of at least 1, got 0"):
        FrameReplay(60, PIXELS, ACTIONS, "cpu", frame_stack=STACK, n_steps=0)


def test_float_states_without_stack():
    space = spaces.Box(-np.inf, np.inf, (4,), np.float64)
    buffer, rng = FrameReplay(30, space, ACTIONS, "cpu", frame_stack=1, spare=1.5, seed=0), np.random.default_rng(0)
    obs, rows = rng.normal(size=(1, 4)), []
    for step in range(70):
        following, done = rng.normal(size=(1, 4)), step % 5 == 4
        buffer.add(obs, following, np.zeros((1, 2)), np.array([step]), np.array([done]), [{}])
        rows.append((obs[0], following[0]))
        obs = rng.normal(size=(1, 4)) if done else following
    batch = buffer.sample(200)
    assert batch.observations.dtype == torch.float32
    for reward, seen, following in zip(batch.rewards[:, 0].int(), batch.observations, batch.next_observations):
        np.testing.assert_array_equal(seen, rows[reward][0].astype(np.float32))
        np.testing.assert_array_equal(following, rows[reward][1].astype(np.float32))
    assert batch.rewards.min() >= 40


def test_bad_input():
    with pytest.raises(ValueError, match="frame_stack"):
        FrameReplay(10, PIXELS, ACTIONS, "cpu", frame_stack=4)
    buffer = FrameReplay(10, PIXELS, ACTIONS, "cpu", frame_stack=STACK)
    with pytest.raises(ValueError, match="empty"):
        buffer.sample(2)
    obs, unrelated = np.zeros((1, 6, 3, 3), np.uint8), np.full((1, 6, 3, 3), 7, np.uint8)
    with pytest.raises(ValueError, match="moved on by one frame"):
        buffer.add(obs, unrelated, np.zeros((1, 2)), np.zeros(1), np.zeros(1, bool), [{}])
    assert buffer.size() == 0
