"""Statistics of an intrinsic reward in the logger of any stable-baselines3 run."""

from stable_baselines3.common.callbacks import BaseCallback

from papergym.wrappers.intrinsic.statistics import RewardStatistics


class LogIntrinsicReward(BaseCallback):
    """Records :meth:`papergym.wrappers.intrinsic.statistics.RewardStatistics.numbers` with the numbers of each rollout.

    ``model.learn(100_000, callback=LogIntrinsicReward())`` is all: it reads the infos that
    :class:`papergym.wrappers.sb3.IntrinsicReward`, or :class:`papergym.wrappers.IntrinsicReward` within the environments,
    write.

    Raises:
        ValueError: in the first step, where no wrapper has written them.
    """

    def __init__(self, verbose: int = 0) -> None:
        super().__init__(verbose)
        self.statistics = RewardStatistics()

    def _on_step(self) -> bool:
        self.statistics.add(self.locals["infos"], self.locals["dones"])
        return True

    def _on_rollout_end(self) -> None:
        for name, value in self.statistics.numbers().items():
            self.logger.record(name, value)
