"""What tests of vector environments share."""

import copy
import pickle
import sys

import numpy as np

COPIES = [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))]
"""Ways to copy a vector environment."""


def names(error, index):
    """The note of an exception names the environment that raised it."""
    return sys.version_info < (3, 11) or error.__notes__ == [f"in environment {index} of the batch"]


def equal(one, two):
    """Arrays, and nested dicts and tuples of them, are equal bit for bit and of the same types."""
    assert type(one) is type(two)
    if isinstance(one, dict):
        assert list(one) == list(two)
        for name in one:
            equal(one[name], two[name])
    elif isinstance(one, tuple | list) or (isinstance(one, np.ndarray) and one.dtype == object):
        assert len(one) == len(two)
        for a, b in zip(one, two):
            equal(a, b)
    else:
        assert np.array_equal(one, two) and getattr(one, "dtype", None) == getattr(two, "dtype", None)


def copies_go_on_alike(envs, make_copy):
    """A copy in the middle of episodes takes the same steps as ``envs``, and outlives it; closes both."""
    envs.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(2):
        envs.step(envs.action_space.sample())
    twin = make_copy(envs)
    for _ in range(6):
        actions = envs.action_space.sample()
        equal(envs.step(actions), twin.step(actions))
    envs.close()
    twin.step(actions)
    twin.close()
