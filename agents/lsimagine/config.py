"""Settings of LS-Imagine."""

from dataclasses import dataclass

from papergym import assets
from papergym.agents.dreamerv3.config import Config as DreamerConfig
from papergym.agents.errors import UsageError
from papergym.agents.lsimagine.behaviour import CONTINUATION, INTERVALS, PATHWAYS, REBRANCH, Jumping
from papergym.agents.lsimagine.replay import GATHERED

_PAPER = assets.paper("lsimagine")["presets"]["paper"]  # the only home of the paper's numbers
_CHOICES = {
    "pathways": PATHWAYS,
    "rebranch": REBRANCH,
    "continuation": CONTINUATION,
    "interval_heads": INTERVALS,
    "gathered": GATHERED,
    "test_flag": ("kept", "lost"),
}
_OF_JUMPS = (
    *("jump_probability", "jump_threshold", "rebranch", "discount_jumps"),
    *("interval_heads", "step_after_jump", "one_term_at_least"),
)
_MEMORY = ("gathered", "same_step")
_BEHAVIOUR = ("pathways", "long_branch_weight", "continuation", "normalize_returns", "test_flag")
_IGNORED = (  # setting, its value, and the settings that mean nothing then
    ("baseline", True, (*_BEHAVIOUR, *_MEMORY, *_OF_JUMPS)),
    ("pathways", "steps", _OF_JUMPS),
    ("pathways", "parallel", ("jump_probability", "rebranch")),
    ("long_branch_weight", 0, _MEMORY),
    ("gathered", "sum", ("one_term_at_least",)),
)


@dataclass
class Config(DreamerConfig):
    """Every setting; the preset `official` has the official code's choices where they differ from the paper."""

    size: str = _PAPER["size"]
    """Of all networks: 1M, 12M, 25M or 50M parameters."""
    buffer_size: int = _PAPER["buffer_size"]
    """Steps kept; an image and a map of 64x64 take 16 KB, and as much again where there is a closer view."""
    batch_length: int = _PAPER["batch_length"]
    """Steps per sequence."""
    train_ratio: float = _PAPER["train_ratio"]
    """Replayed steps per step of the agent: an update comes every batch_size * batch_length / train_ratio steps."""
    learning_starts: int = _PAPER["learning_starts"]
    """Steps before the first update."""
    baseline: bool = _PAPER["baseline"]
    """Train DreamerV3 on the image alone instead; it is paid the task's and the intrinsic rewards."""
    pathways: str = _PAPER["pathways"]
    """How imagination goes: `sequential` mixes steps and jumps, `parallel` keeps them apart, `steps` has no jumps."""
    long_branch_weight: float = _PAPER["long_branch_weight"]
    """Weight of the world model's losses on jumps; 0: it learns none."""
    jump_probability: float = _PAPER["jump_probability"]
    """Of a jump in imagination, where one is likely."""
    jump_threshold: float = _PAPER["jump_threshold"]
    """Probability of the flag, times that of going on, above which a jump is likely."""
    rebranch: str = _PAPER["rebranch"]
    """Pathways that begin after a jump from the likeliest state of another: `likely` where one is likely, `all`, `none`; or
    `drawn`: where one is likely, with jump_probability, and of steps only, as in the official code."""
    continuation: str = _PAPER["continuation"]
    """Which probability to go on weighs a return: of the state `reached`, for what comes after it, as in DreamerV3; or of the
    state `left`, for the whole return, as in the paper and the official code."""
    discount_jumps: bool = _PAPER["discount_jumps"]
    """Weigh states after a jump by the discount of all its steps; the official code counts one step."""
    interval_heads: str = _PAPER["interval_heads"]
    """What the heads of a jump are asked about: `landing`, as they are trained, or `next` state, as in the official code. They
    differ with step_after_jump only."""
    step_after_jump: bool = _PAPER["step_after_jump"]
    """A jump in imagination takes an ordinary step too, as in the official code."""
    gathered: str = _PAPER["gathered"]
    """What a jump brings: the `sum` of its rewards, or the official code's `mean` of all but the last."""
    one_term_at_least: bool = _PAPER["one_term_at_least"]
    """With `mean`, count it once in jumps of one step, as the official code does by mistake."""
    same_step: bool = _PAPER["same_step"]
    """A jump may be completed in the step that begins it, after 0 steps, as in the official code."""
    normalize_returns: bool = _PAPER["normalize_returns"]
    """Divide advantages by the scale of the returns; the official code does not."""
    test_flag: str = _PAPER["test_flag"]
    """Statistics of the jump flag in the test that counts flags: `kept` from training, or `lost`, as in the official code."""

    def jumping(self) -> Jumping:
        """Settings of imagination."""
        return Jumping(
            pathways=self.pathways,
            probability=self.jump_probability,
            threshold=self.jump_threshold,
            rebranch=self.rebranch,
            continuation=self.continuation,
            discount_jumps=self.discount_jumps,
            interval=self.interval_heads,
            step_after_jump=self.step_after_jump,
            gathered=self.gathered,
            least_terms=int(self.one_term_at_least),
            normalize_returns=self.normalize_returns,
            unit=self.unit(),
        )

    def unit(self) -> int:
        """Multiple to which the numbers of views and branches of an update are rounded, an eighth of its steps."""
        return max(self.batch_size * self.batch_length // 8, 1)

    def check(self) -> None:
        """Raise UsageError for values that cannot be used, or that another setting makes meaningless."""
        super().check()
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}.")
        for name in ("jump_probability", "jump_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected between 0 and 1.")
        if self.long_branch_weight < 0:
            raise UsageError(f"long_branch_weight is {self.long_branch_weight}, expected at least 0.")
        if not self.baseline and not self.long_branch_weight and self.pathways != "steps":
            raise UsageError(
                f"long_branch_weight is 0 with pathways {self.pathways!r}, expected pathways 'steps': no jump is learned."
            )
        self._check_ignored()

    def _check_ignored(self) -> None:
        """A setting that is ignored must have its default, or the run would not be what its settings say."""
        for name, value, ignored in _IGNORED:
            changed = {key: getattr(self, key) for key in ignored if getattr(self, key) != _PAPER[key]}
            if getattr(self, name) == value and changed:
                given = ", ".join(f"{key} {setting!r}" for key, setting in changed.items())
                raise UsageError(
                    f"expected the defaults of what {name} {value!r} ignores, got {given}. Leave them out, or change {name}."
                )
