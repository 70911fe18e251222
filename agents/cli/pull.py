"""``papergym pull FROM FOLDER``: fetch a trained agent."""

import dataclasses
import logging
from pathlib import Path

import tyro

from papergym.agents.cli.options import parse

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Options:
    """Fetch an agent that `papergym push` wrote. Its files hold settings and numbers, no code."""

    source: tyro.conf.Positional[str]
    """hf://owner/name, or a folder."""
    folder: tyro.conf.Positional[Path]
    """New folder; then: papergym evaluate FOLDER, papergym.load(FOLDER), papergym train AGENT --from FOLDER."""


def main(argv: list[str]) -> int:
    """Fetch; print what it is."""
    options = parse(Options, "pull", argv)
    from papergym.agents.runner.trained import pull

    facts = pull(options.source, options.folder)
    log.info("%s on %s in %s: return %s when it was pushed", facts["agent"], facts["env"], options.folder, facts["return"])
    return 0
