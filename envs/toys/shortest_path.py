"""Shortest path on a random graph, the illustrative task of the Decision Transformer."""

from typing import Any

import numpy as np
from gymnasium import spaces
from scipy.sparse.csgraph import dijkstra

from papergym.envs.checks import is_whole, number, whole
from papergym.envs.toys import draw
from papergym.envs.toys.base import ToyEnv, Walks


def random_graph(nodes: int, edge_probability: float, goal: int, horizon: int, seed: int) -> np.ndarray:
    """Adjacency matrix, bool ``(nodes, nodes)``, of the first random directed graph that reaches ``goal`` from everywhere.

    Graphs with independent edges (none from a node to itself) are drawn until the goal is at most ``horizon`` steps away
    from every node, so that each start has a path.

    Raises:
        ValueError: 10 000 draws gave no such graph.
    """
    rng = np.random.default_rng(seed)
    for _ in range(10_000):
        edges = rng.random((nodes, nodes)) < edge_probability
        np.fill_diagonal(edges, False)
        if goal_distances(edges, goal).max() <= horizon:
            return edges
    raise ValueError(
        f"no graph of {nodes} nodes with edge probability {edge_probability} reaches node {goal} within {horizon} steps "
        "from everywhere: raise edge_probability or horizon"
    )


def goal_distances(edges: np.ndarray, goal: int) -> np.ndarray:
    """Steps from each node to ``goal``, float ``(nodes,)``; inf where there is no path. Minus this is the optimal value."""
    return dijkstra(edges.T, indices=goal, unweighted=True)


class ShortestPath(ToyEnv[Any, Any]):
    """Shortest path: walk a fixed random directed graph to its goal node.

    ## Description
    The world is one directed graph of 20 nodes in which each edge exists with probability 0.1. The agent names the node to go
    to and moves there if the edge exists; otherwise it stays. Every step costs 1 until the goal is reached, so the best
    return is minus the length of the shortest path (`optimal_values`). In the paper a model that saw only random walks
    (`random_walks`) composes shorter paths than any walk it saw.

    ## Action Space
    `Discrete(nodes)`

    | Num           | Action                                                  |
    |---------------|---------------------------------------------------------|
    | 0 to nodes - 1 | go to that node; without an edge the agent stays where it is |

    ## Observation Space
    `Discrete(nodes)`

    | Num | Observation        | Min | Max       | Unit |
    |-----|--------------------|-----|-----------|------|
    | 0   | node of the agent  | 0   | nodes - 1 | node |

    ## Rewards
    -1 for every step taken from a node that is not the goal.

    ## Starting State
    Uniform over all nodes but the goal.

    ## Episode End
    Terminated at the goal. Truncated by `gym.make` after 10 steps, the length of the paper's random walks.

    ## Arguments
    * `nodes`: number of nodes, at least 2. Default 20.
    * `edge_probability`: probability of each directed edge. Default 0.1.
    * `goal`: goal node. Default 0.
    * `horizon`: longest shortest path that a graph may have. Default 10.
    * `graph_seed`: of the graph, which stays the same over resets. Default 0. Graphs from which some node cannot reach the
      goal within `horizon` steps are redrawn.
    * `render_mode`: `None`, `"rgb_array"` or `"ansi"`.

    ## Version History
    * v0: first version.

    ## Source
    Chen et al., Decision Transformer (arXiv 2106.01345), section 3 (illustrative example). The code was not released; redrawing
    unconnected graphs and the graph's seed are ours.
    """

    state_names = ("node",)

    def __init__(
        self,
        nodes: int = 20,
        edge_probability: float = 0.1,
        goal: int = 0,
        horizon: int = 10,
        graph_seed: int = 0,
        render_mode: str | None = None,
    ):
        super().__init__(render_mode)
        if not (is_whole(nodes) and is_whole(goal) and 2 <= nodes <= 10_000 and 0 <= goal < nodes):
            raise ValueError(
                f"nodes must be at least 2, at most 10000, and goal one of them, got {nodes!r} nodes and goal {goal!r}"
            )
        nodes, goal, horizon = int(nodes), int(goal), whole("horizon", horizon)
        edge_probability = number("edge_probability", edge_probability, 0, 1)
        graph_seed = whole("graph_seed", graph_seed, 0)
        self.edges = random_graph(nodes, edge_probability, goal, horizon, graph_seed)
        self.nodes, self.goal, self.node = nodes, goal, (goal + 1) % nodes
        self.observation_space = spaces.Discrete(nodes)
        self.action_space = spaces.Discrete(nodes)

    @property
    def optimal_values(self) -> np.ndarray:
        """Undiscounted optimal values, float ``(nodes,)``: minus the length of the shortest path."""
        return -goal_distances(self.edges, self.goal)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.int64, dict[str, Any]]:
        """Start anywhere but at the goal."""
        with self.begin(seed, options):
            self.node = int((self.goal + self.np_random.integers(1, self.nodes)) % self.nodes)
        return np.int64(self.node), {"is_success": False}

    def step(self, action: int) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Follow an edge, or stay."""
        action, reward = self.choice(action), 0.0 if self.node == self.goal else -1.0
        if self.edges[self.node, action]:
            self.node = action
        success = self.node == self.goal
        return np.int64(self.node), reward, self.end(success), False, {"is_success": success}

    def _text(self) -> str:
        exits = " ".join(map(str, np.flatnonzero(self.edges[self.node]))) or "none"
        return f"node {self.node}, goal {self.goal}, edges to: {exits}"

    def _image(self) -> np.ndarray:
        canvas = draw.Canvas((-1.25, -1.25), (1.25, 1.25), scale=140)
        angles = 2 * np.pi * np.arange(self.nodes) / self.nodes
        places = np.stack([np.sin(angles), np.cos(angles)], axis=1)
        edges = np.argwhere(self.edges)
        for start, end in edges[np.argsort(edges[:, 0] == self.node)]:  # those that leave the agent on top
            leaving = start == self.node
            along = (places[end] - places[start]) / np.linalg.norm(places[end] - places[start]) * 0.1
            colour, width = (draw.BLUE, 2.5) if leaving else (draw.GREY, 1.2)
            canvas.arrow(places[start] + along, places[end] - along, colour, width, head=0.09 if leaving else 0.07)
        for node, place in enumerate(places):
            colour = draw.BLUE if node == self.node else draw.GREEN if node == self.goal else draw.STONE
            canvas.disc(place, 0.1, colour)
            canvas.text(place, str(node), draw.PAPER, 6)
        canvas.disc(places[self.goal], 0.135, draw.GREEN, ring=2)
        return canvas.pixels()


def random_walks(n: int = 1000, horizon: int = 10, seed: int = 0, existing_edges: bool = True, **kwargs: Any) -> Walks:
    """Random walks over the graph; the paper trains on 1 000 of 10 steps.

    Args:
        n: number of walks.
        horizon: steps after which a walk that has not reached the goal is cut.
        seed: of starts and actions.
        existing_edges: choose among the edges that leave the node, rather than among all actions.
        **kwargs: arguments of :class:`ShortestPath`.
    """
    env, rng = ShortestPath(**kwargs), np.random.default_rng(seed)
    observations, actions = np.zeros((n, horizon + 1), np.int64), np.zeros((n, horizon), np.int64)
    rewards, lengths, terminated = np.zeros((n, horizon), np.float32), np.full(n, horizon), np.zeros(n, bool)
    env.reset(seed=int(rng.integers(2**31)))
    for walk in range(n):
        node, _ = env.reset()
        observations[walk, 0] = node
        for step in range(horizon):
            choices = np.flatnonzero(env.edges[node]) if existing_edges else np.arange(env.nodes)
            actions[walk, step] = rng.choice(choices)
            node, rewards[walk, step], terminated[walk], _, _ = env.step(actions[walk, step])
            observations[walk, step + 1] = node
            if terminated[walk]:
                lengths[walk] = step + 1
                break
    return Walks(observations, actions, rewards, terminated, lengths)
