"""Keeps freed memory in the process, so that the kernel does not map large temporary arrays page by page each time."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's malloc.h


def keep_freed_memory() -> bool:
    """Tell glibc to serve every size from its heap and never to give memory back; True where that took effect.

    An update on images makes and frees tens of megabytes many times a second. By default glibc maps each of them afresh, and
    the page faults cost as much as the arithmetic: a Proto-RL update on a CPU took 1.4 to 1.6 times as long without this call.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, ctypes.c_int(-1)))
