"""The real MineDojo behind the contract of :mod:`papergym.envs.mine`: the game runs under an interpreter of its own."""
