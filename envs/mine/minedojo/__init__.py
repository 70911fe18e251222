"""The real MineDojo behind the contract of :mod:`papergym.envs.mine`: the game lives in an interpreter of its own."""
