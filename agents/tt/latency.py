"""A limit of the time that a decision takes."""

from dataclasses import replace

from papergym.agents.tt.planning import Search

LEAST_BEAM = 4


class LatencyBudget:
    """Shrinks a search until it fits; it begins with the smallest one and grows while the next is expected to fit.

    Beams are halved down to 4, then the horizon. Twice the work is expected to take twice the time at most.

    Args:
        seconds: limit for one decision; 0: the whole search, whatever it takes.
        search: the whole search.
    """

    def __init__(self, seconds: float, search: Search) -> None:
        self.seconds = seconds
        self.levels = [search]  # smallest first
        while seconds and (self.levels[0].beam_width > LEAST_BEAM or self.levels[0].horizon > 1):
            least = self.levels[0]
            if least.beam_width > LEAST_BEAM:
                smaller = replace(least, beam_width=max(LEAST_BEAM, least.beam_width // 2))
            else:
                smaller = replace(least, horizon=max(1, least.horizon // 2))
            self.levels.insert(0, smaller)
        self.level = 0

    @property
    def search(self) -> Search:
        """What is searched next."""
        return self.levels[self.level]

    def note(self, seconds: float) -> None:
        """Count a decision of :attr:`search`."""
        if not self.seconds:
            return
        if seconds > self.seconds:
            self.level = max(self.level - 1, 0)
        elif self.level + 1 < len(self.levels):
            larger = self.levels[self.level + 1]
            work = larger.beam_width * larger.horizon / (self.search.beam_width * self.search.horizon)
            self.level += seconds * work <= self.seconds
