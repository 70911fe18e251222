"""Geometry of the continuous four rooms: collisions with thin walls on the axes, and exact shortest paths."""

from itertools import permutations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

DOOR = (0.4, 0.6)
"""Each of the four wall arms is open where the distance from the centre lies in this interval."""
MARGIN = 1e-3
"""Positions keep this distance from the inner walls, so that a float32 copy is on the same side."""
_CORNERS = np.array([[s * d, 0] for s in (-1, 1) for d in DOOR] + [[0, s * d] for s in (-1, 1) for d in DOOR], float)


def in_door(along: float) -> bool:
    """Whether a wall is open at this coordinate along it."""
    return DOOR[0] < abs(along) < DOOR[1]


def place(point: np.ndarray) -> np.ndarray:
    """A float64 copy of ``point``, shape ``(2,)``, that is off the walls.

    Raises:
        ValueError: the point lies outside the world.
    """
    given = np.asarray(point)
    if given.dtype.kind not in "fiu" or given.shape != (2,) or not (np.abs(given) <= 1).all():
        raise ValueError(f"a point of the four rooms has shape (2,) and lies in [-1, 1], got {point!r}")
    point = given.astype(np.float64)
    return np.where(np.abs(point) < MARGIN, np.where(point < 0, -MARGIN, MARGIN), point)


def slide(position: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Position after ``move`` (shapes ``(2,)``): a wall stops the part of the move that crosses it, the rest slides on."""
    target = np.clip(position + move, -1.0, 1.0)
    crossed = [axis for axis in (0, 1) if (position[axis] < 0) != (target[axis] < 0)]
    for axis in sorted(crossed, key=lambda axis: abs(position[axis] / (target[axis] - position[axis]))):
        time = -position[axis] / (target[axis] - position[axis])
        other = 1 - axis
        along = position[other] + time * (target[other] - position[other])
        if not in_door(along):  # an earlier stop at the other wall left `target[other]` near 0, which is no door
            target[axis] = -MARGIN if position[axis] < 0 else MARGIN
    return place(target)


def visible(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the straight line from ``a`` to ``b`` crosses no wall; touching an end of a wall is no crossing."""
    for axis in (0, 1):
        if a[axis] * b[axis] < 0:
            along = abs(a[1 - axis] + (b[1 - axis] - a[1 - axis]) * a[axis] / (a[axis] - b[axis]))
            if not DOOR[0] - 1e-9 <= along <= DOOR[1] + 1e-9:
                return False
        elif a[axis] == b[axis] == 0 and not (
            a[1 - axis] * b[1 - axis] > 0 and {*np.abs([a[1 - axis], b[1 - axis]])} == {*DOOR}
        ):
            return False  # both on one wall line: free only across one doorway
    return True


def shortest_path(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """The shortest path as a polyline ``(k, 2)``; it bends at ends of walls only, so a visibility graph is exact."""
    points = np.concatenate([[place(start)], [place(goal)], _CORNERS])
    pairs = [(a, b) for a, b in permutations(range(len(points)), 2) if visible(points[a], points[b])]
    lengths = [np.linalg.norm(points[a] - points[b]) for a, b in pairs]
    graph = csr_array((lengths, tuple(zip(*pairs))), shape=(len(points), len(points)))  # holds lengths of 0 too
    _, before = dijkstra(graph, indices=0, return_predecessors=True)
    path = [1]
    while path[-1] != 0:
        path.append(int(before[path[-1]]))
    return points[path[::-1]]


def distance(start: np.ndarray, goal: np.ndarray) -> float:
    """Length of the shortest path between two points."""
    return float(np.linalg.norm(np.diff(shortest_path(start, goal), axis=0), axis=1).sum())
