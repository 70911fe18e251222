"""Environments. Importing this room registers its ids with Gymnasium; a simulator loads when an environment is made."""

if __name__ != "papergym.envs":
    raise ImportError("import papergym.envs, not envs: two copies of a module have two sets of classes")

from papergym.envs.table import FAMILIES, register, rows_of

for _room in FAMILIES:
    for _row in rows_of(_room):
        register(_row)
