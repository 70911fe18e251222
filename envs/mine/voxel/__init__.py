"""The embedded world: a first-person block world in numba and numpy behind the contract of :mod:`papergym.envs.mine`."""
