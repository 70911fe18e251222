"""What other libraries ask of a vector environment beside ``reset`` and ``step``."""

from typing import Any

from gymnasium.vector import AutoresetMode


class Forwards:
    """Base of the vector wrappers, named before ``VectorWrapper``: passes on what Gymnasium's wrapper does not.

    TorchRL and skrl call these methods of SyncVectorEnv and AsyncVectorEnv, through any wrapper.
    """

    env: Any

    @property
    def autoreset_mode(self) -> AutoresetMode | None:
        """When episodes begin, as the metadata of the environments says."""
        return (self.env.metadata or {}).get("autoreset_mode")

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method, or read an attribute, of every environment."""
        return self.env.call(name, *args, **kwargs)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every environment."""
        return self.env.get_attr(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of every environment: one value for all, or a list or tuple with one for each."""
        self.env.set_attr(name, values)
