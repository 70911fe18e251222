"""Offline data: whole episodes of Minari datasets or of arrays in memory, and what agents draw from them."""
