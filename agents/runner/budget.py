"""A budget has to reach the first update."""

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from papergym.agents.errors import UsageError


def steps_before_update(model: BaseAlgorithm) -> int:
    """Steps that pass before the first update of a model."""
    if isinstance(model, OnPolicyAlgorithm):
        return model.n_steps * model.n_envs
    starts = getattr(model, "learning_starts", 0)
    return int(starts) + 1


def check_budget(model: BaseAlgorithm, steps: int, option: str) -> None:
    """Raise UsageError if ``steps`` end before the first update; ``option`` is where the user gives them."""
    least = steps_before_update(model)
    if steps < least:
        lower = "n_steps or the number of environments" if isinstance(model, OnPolicyAlgorithm) else "learning_starts"
        first = f"the first one comes after {least} steps"
        raise UsageError(f"a budget of {steps} steps is below one update: {first}. Raise {option}, or lower {lower}.")
