"""One module per verb of the ``papergym`` command, each with ``main(argv: list[str]) -> int``."""
