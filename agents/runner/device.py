"""Names of devices."""

from papergym.agents.errors import UsageError


def devices(text: str) -> tuple[str, ...]:
    """The devices that ``text`` names, for runs that take them in turn.

    Args:
        text: ``auto`` (CUDA where there is one), ``cpu``, ``mps``, ``cuda`` (every visible GPU), ``cuda:1``, or several
            separated by commas.

    Raises:
        UsageError: a name that is none of these, or a device that this machine does not have.
    """
    import torch  # after the command line is read: --help stays quick

    count = torch.cuda.device_count()
    found: list[str] = []
    for name in text.split(","):
        kind, _, index = name.strip().partition(":")
        if kind == "auto" and not index:
            found += [f"cuda:{gpu}" for gpu in range(count)] or ["cpu"]
        elif kind == "cuda" and not index and count:
            found += [f"cuda:{gpu}" for gpu in range(count)]
        elif (kind == "cuda" and index.isdigit() and int(index) < count) or (kind == "cpu" and not index):
            found.append(name.strip())
        elif kind == "mps" and not index and torch.backends.mps.is_available():
            found.append(kind)
        else:
            there = ", ".join(["cpu", *(f"cuda:{gpu}" for gpu in range(count))])
            raise UsageError(f"--device is {name.strip()!r}, expected auto, cpu, cuda or cuda:N. This machine has {there}.")
    return tuple(found)
