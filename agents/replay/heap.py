"""Binary max-heap in arrays, read as an approximately sorted list: the paper's rank-based memory (appendix B.2.1).

``heap[place]`` is an item, ``places[item]`` its place, ``values[item]`` its priority; the largest is at place 0.
"""

import numpy as np

from papergym.agents.jit import jit


@jit
def sift(heap, places, values, place):
    """Restore the order after the value of the item at ``place`` has changed."""
    item = heap[place]
    value = values[item]
    while place > 0:
        parent = (place - 1) // 2
        if values[heap[parent]] >= value:
            break
        heap[place] = heap[parent]
        places[heap[place]] = place
        place = parent
    size = len(heap)
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and values[heap[child + 1]] > values[heap[child]]:
            child += 1
        if values[heap[child]] <= value:
            break
        heap[place] = heap[child]
        places[heap[place]] = place
        place = child
    heap[place] = item
    places[item] = place


@jit
def new_heap(size):
    """Heap and places of ``size`` items of equal value."""
    return np.arange(size), np.arange(size)
