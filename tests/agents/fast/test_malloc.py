import subprocess
import sys

import pytest

CODE = """
import resource
import numpy as np
from papergym.agents.fast.malloc import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(5_000_000)  # 40 MB, more than glibc ever takes from its heap unasked
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
print(keep_freed_memory(), first, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the call is glibc's")
def test_freed_memory_is_used_again_without_page_faults():
    """In a process of its own, since the setting is the process's; another C library says False and changes nothing."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    took_effect, before, after = done.stdout.split()
    if took_effect == "True":
        assert int(before) > 20 * 5 and int(after) < int(before) / 4
    else:
        assert int(after) > int(before) / 2
