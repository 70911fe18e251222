"""Learners: reference agents on stable-baselines3 policies, and the command line that runs them."""

if __name__ != "papergym.agents":
    raise ImportError("import papergym.agents, not agents: two copies of a module have two sets of classes")
