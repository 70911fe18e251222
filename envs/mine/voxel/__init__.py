"""The embedded world: a first-person block world in numba and numpy behind the contract of :mod:`papergym.envs.mine`."""

from papergym.envs import compiled as compiled  # first: the modules of this package compile when they are imported
