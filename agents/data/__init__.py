"""Offline data: transitions of Minari datasets."""
