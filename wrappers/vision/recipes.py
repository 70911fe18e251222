"""Scorers, maps and flags as plain data, so that an environment's spec can be written to JSON and built again."""

from typing import Any

PARTS = {
    "AffordanceUNet": "unet",
    "JumpFlag": "jump",
    "MineCLIP": "mineclip",
    "OpenCLIPScorer": "mineclip",
    "SmallScorer": "small",
    "SwinAffordance": "swin_maps",
    "ZoomAffordance": "affordance",
}
"""Name of a class -> its module in papergym.wrappers.vision."""
EXAMPLES = {"scorer": "SmallScorer", "maps": "AffordanceUNet", "flag": "JumpFlag"}
"""Argument -> a class that fits."""


def described(part: Any) -> Any:
    """The arguments of a scorer, map or flag beside its ``name``; the name alone of an object without ``config``."""
    if part is None or isinstance(part, str | dict):
        return part
    return {"name": type(part).__name__, **(part.config() if hasattr(part, "config") else {})}


def built(what: str, part: Any, kind: Any) -> Any:
    """The scorer, map or flag of a name or of what :func:`described` returned; an object of ``kind`` is returned as it is.

    Args:
        what: name of the argument, for errors.
        part: an object, a name, or a dict with a ``name``.
        kind: the type that it must have; ``Callable`` of maps.

    Raises:
        ValueError: an object of another kind, or a name that is not known, which is also how a spec with an object of your
            own ends.
    """
    if not isinstance(part, str | dict):
        if not isinstance(part, kind):
            raise ValueError(f"Expected {what} to be an object such as {EXAMPLES[what]}(), or its name, got {part!r}.")
        return part
    arguments = {"name": part} if isinstance(part, str) else dict(part)
    name = arguments.pop("name", None)
    if not isinstance(name, str) or name not in PARTS:
        raise ValueError(
            f"Expected {what} to be an object, or a name of {', '.join(PARTS)}, got {name!r}; an environment with an object "
            "of your own is built anew, not from its spec."
        )
    from importlib import import_module

    named = getattr(import_module(f"papergym.wrappers.vision.{PARTS[name]}"), name)
    made = named.from_config(arguments) if hasattr(named, "from_config") else named(**arguments)
    return built(what, made, kind)


def file_of(arguments: dict[str, Any]) -> str:
    """The file under ``checkpoint``.

    Raises:
        ValueError: the weights came from no file.
    """
    if arguments.get("checkpoint") is None:
        raise ValueError("Expected the file of the weights, got weights that came from none; build the object anew.")
    return str(arguments["checkpoint"])
