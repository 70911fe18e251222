import itertools

import gymnasium as gym
import numpy as np
import pytest

from papergym.envs.toys.four_rooms import FourRooms, random_walks
from papergym.envs.toys.rooms import MARGIN, distance, place, shortest_path, slide, visible

ID = "TT-FourRooms-v0"


@pytest.mark.parametrize(
    ("start", "move", "end"),
    [
        ((-0.01, 0.2), (0.05, 0.0), (-MARGIN, 0.2)),  # a wall stops
        ((-0.01, 0.2), (0.05, 0.03), (-MARGIN, 0.23)),  # and lets slide
        ((-0.01, 0.5), (0.05, 0.01), (0.04, 0.51)),  # a doorway lets through
        ((-0.02, 0.39), (0.04, 0.04), (0.02, 0.43)),  # crossing at 0.41: open
        ((-0.02, 0.37), (0.04, 0.04), (-MARGIN, 0.41)),  # crossing at 0.39: closed
        ((-0.01, -0.01), (0.03, 0.04), (-MARGIN, -MARGIN)),  # the inner corner
        ((0.98, 0.98), (0.05, 0.05), (1.0, 1.0)),  # the outer corner
    ],
)
def test_collisions(start, move, end):
    for mirror in itertools.product((1, -1), repeat=2):
        for swap in (slice(None), slice(None, None, -1)):
            result = slide((np.array(start) * mirror)[swap], (np.array(move) * mirror)[swap])
            np.testing.assert_allclose(result, (np.array(end) * mirror)[swap], atol=1e-12)


def test_no_walk_ever_tunnels_through_a_wall():
    walks = random_walks(50, 400, seed=0)
    before, after = walks.observations[:, :-1], walks.observations[:, 1:]
    for axis in (0, 1):
        crossed = (before[..., axis] < 0) != (after[..., axis] < 0)
        a, b = before[crossed].astype(float), after[crossed].astype(float)
        time = a[:, axis] / (a[:, axis] - b[:, axis])
        along = np.abs(a[:, 1 - axis] + time * (b[:, 1 - axis] - a[:, 1 - axis]))
        assert len(along) > 50 and (along > 0.4 - 1e-6).all() and (along < 0.6 + 1e-6).all()
    assert np.linalg.norm(after - before, axis=-1).max() < 0.05 + 2 * MARGIN
    rooms = (walks.observations > 0) @ [1, 2]
    assert (np.bincount(rooms.ravel(), minlength=4) > 0.15 * rooms.size).all()


def test_distances_by_hand_and_against_a_grid():
    assert distance(np.array([-0.9, 0.2]), np.array([-0.3, 0.9])) == pytest.approx(np.hypot(0.6, 0.7))
    assert distance(np.array([-0.5, 0.5]), np.array([0.5, 0.5])) == pytest.approx(1.0)
    around = np.hypot(0.1, 0.2) + np.hypot(0.1, 0.2)
    assert distance(np.array([-0.1, 0.2]), np.array([0.1, 0.2])) == pytest.approx(around, abs=1e-12)
    grid = grid_distances(np.array([-0.5, -0.5]), cells=101)
    axis = np.linspace(-1, 1, 101)
    rng = np.random.default_rng(0)
    for i, j in rng.integers(101, size=(60, 2)):
        exact = distance(np.array([-0.5, -0.5]), np.array([axis[i], axis[j]]))
        assert exact - 0.05 <= grid[i, j] <= 1.09 * exact + 0.12  # 8-neighbour paths are up to 8.2 % longer


def grid_distances(start: np.ndarray, cells: int) -> np.ndarray:
    """8-neighbour Dijkstra distances on a grid whose steps may not cross walls."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    axis = np.linspace(-1, 1, cells)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    points = np.where(np.abs(points) < MARGIN, MARGIN, points)
    index = np.arange(cells**2).reshape(cells, cells)
    edges = []
    for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
        a = index[: cells - dx, max(0, -dy) : cells - max(0, dy)].ravel()
        b = index[dx:, max(0, dy) : cells + min(0, dy)].ravel()
        crosses = np.zeros(len(a), bool)
        for wall in (0, 1):
            pa, pb = points[a], points[b]
            over = pa[:, wall] * pb[:, wall] < 0
            time = np.where(over, pa[:, wall] / np.where(over, pa[:, wall] - pb[:, wall], 1), 0)
            along = np.abs(pa[:, 1 - wall] + time * (pb[:, 1 - wall] - pa[:, 1 - wall]))
            crosses |= over & ~((along > 0.4) & (along < 0.6))
        edges.append(np.stack([a[~crosses], b[~crosses]]))
    a, b = np.concatenate(edges, axis=1)
    graph = coo_matrix((np.linalg.norm(points[a] - points[b], axis=1), (a, b)), shape=(cells**2, cells**2)).tocsr()
    return dijkstra(graph, directed=False, indices=int(np.abs(points - start).sum(1).argmin())).reshape(cells, cells)


def test_visibility():
    inside, across = np.array([-0.5, 0.1]), np.array([0.5, 0.1])
    assert not visible(inside, across) and visible(np.array([-0.1, 0.45]), np.array([0.1, 0.55]))
    assert visible(np.array([0, 0.4]), np.array([0, 0.6])) and not visible(np.array([0, 0.4]), np.array([0, -0.4]))


def test_following_the_shortest_path_reaches_the_goal_in_its_length():
    env = gym.make(ID)
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        world = env.unwrapped
        assert isinstance(world, FourRooms)
        length, steps, terminated = distance(world.position, world.goal), 0, False
        while not terminated:
            ahead = shortest_path(world.position, world.goal)[1:]
            if len(ahead) > 1:  # aim at the middle of the doorway until it is in line, not at its edge
                ahead = ahead + 0.05 * np.sign(0.5 - np.abs(ahead)) * np.sign(ahead) * (np.abs(ahead) > 0.3)
            target = ahead[0]
            action = (target - world.position) / world.step_size
            observation, reward, terminated, truncated, info = env.step(action.astype(np.float32))
            steps += 1
            assert not truncated and reward == float(terminated)
        assert steps >= np.floor((length - 0.1) / 0.05) and steps <= (length + 0.4) / 0.05 + 4
        assert np.linalg.norm(observation["achieved_goal"] - observation["desired_goal"]) < 0.1 and info["is_success"]


def test_goal_env_contract():
    env = FourRooms("dense")
    observation, _ = env.reset(seed=0, options={"position": [-0.5, 0.5], "goal": np.array([0.5, 0.5])})
    assert env.compute_reward(observation["achieved_goal"], observation["desired_goal"], {}) == pytest.approx(-1.0)
    batch = env.compute_reward(np.zeros((3, 2)), np.array([[1, 0], [0, 0.5], [0, 0]]), [{}] * 3)
    np.testing.assert_allclose(batch, [-1, -0.5, 0])
    sparse = FourRooms().compute_reward(np.zeros((2, 2)), np.array([[0.2, 0], [0.05, 0]]), None)
    np.testing.assert_array_equal(sparse, [0, 1])
    going_on = FourRooms(continuing=True)
    going_on.reset(options={"position": [0.5, 0.5], "goal": [0.5, 0.5]})
    _, reward, terminated, _, info = going_on.step(np.zeros(2))
    assert (reward, terminated, info["is_success"]) == (1.0, False, True)


def test_diagonals_are_not_faster():
    env = FourRooms()
    env.reset(options={"position": [0.5, 0.5], "goal": [-0.5, -0.5]})
    env.step(np.ones(2, np.float32))
    assert np.linalg.norm(env.position - 0.5) == pytest.approx(0.05)


@pytest.mark.parametrize("point", [(1.1, 0), (0, 0, 0), (np.nan, 0)])
def test_points_outside_are_refused(point):
    with pytest.raises(ValueError, match="lies in"):
        place(np.array(point))
    with pytest.raises(ValueError, match="reward_type"):
        gym.make(ID, reward_type="binary")
