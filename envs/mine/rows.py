"""The table of this family."""

from papergym.envs.table import Row

ROWS: tuple[Row, ...] = ()
