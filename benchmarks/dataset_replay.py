"""Are the episodes of a dataset what the environment does? Plays some of them again, each alone, and compares every bit.

    python benchmarks/dataset_replay.py papergym/hopper-v4/medium-v0 [--episodes 20] [--seed 0]

An episode is its start (a reset seed, or the seed and the number of resets of a training run) and its actions. The last
line of each dataset says how many episodes gave bit-equal observations, rewards and ends. Exit status 1 if one did not, or
if an episode that was drawn has no start. MuJoCo gives the same bits on the same version and kind of processor only.
"""

import argparse

import gymnasium as gym
import numpy as np

import papergym  # noqa: F401  (registers the ids)
from papergym.agents.data.minari import open_dataset
from papergym.agents.data.recording import play_again, recordings, same


def replay(name: str, count: int, seed: int) -> bool:
    """Play ``count`` random episodes of a dataset again; True if all came out the same."""
    dataset = open_dataset(name)
    gym.logger.min_level = gym.logger.ERROR
    env = dataset.recover_environment()
    chosen = np.random.default_rng(seed).permutation(dataset.total_episodes)[:count]
    equal, steps = 0, 0
    for number, episode in zip(sorted(chosen), recordings(dataset, sorted(chosen))):
        if episode.start is None:
            print(f"  episode {number}: no start, {dict(episode.about)}")
            continue
        again = play_again(env, episode.start, episode.actions)
        equal, steps = equal + same(episode, again), steps + len(episode.actions)
        if not same(episode, again):
            print(f"  episode {number} from {episode.start}: not the same")
    env.close()
    print(f"{name}: {equal} of {len(chosen)} episodes bit-equal ({steps} steps; observations {episode.observations.dtype})")
    return equal == len(chosen)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", help="ids or folders")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of episodes")
    options = parser.parse_args()
    raise SystemExit(not all([replay(name, options.episodes, options.seed) for name in options.datasets]))
