"""What Gymnasium's MuJoCo v4 tasks observe, pay and end with: meanings and units, read from the models where they can tell."""

from typing import Any, NamedTuple

from papergym.envs.dmc.entries import Entries, Entry, chain, each, plain, positions, vector, velocities


class Facts(NamedTuple):
    """What a task observes with ``obs_type="state"``, its reward per frame, and when it terminates."""

    observation: Entries
    reward: str
    end: str


def _clipped(part: Entries) -> Entries:
    return lambda model: [entry._replace(meaning=f"{entry.meaning}, clipped to ±10") for entry in part(model)]


def _per_body(*blocks: tuple[str, str, int]) -> Entries:
    """One block of numbers per body, the world first: its meaning, its units, how many numbers."""

    def read(model: Any) -> list[Entry]:
        names = [model.body(index).name for index in range(model.nbody)]
        return [Entry(f"{meaning} of `{name}`", unit, count) for meaning, unit, count in blocks for name in names]

    return read


def _joint_forces(model: Any) -> list[Entry]:
    return [
        Entry(entry.meaning.replace("angular velocity", "actuator torque").replace("velocity", "actuator force"), unit)
        for entry in velocities()(model)
        for unit in ("N·m" if entry.unit == "rad/s" else "N",)
    ]


_HUMANOID = chain(
    positions(skip=2),
    velocities(),
    _per_body(("inertia (6), mass times offset (3) and mass (1)", "kg·m², kg·m, kg", 10)),
    _per_body(("angular (3) and linear (3) velocity", "rad/s, m/s", 6)),
    _joint_forces,
    _per_body(("external torque (3) and force (3)", "N·m, N", 6)),
)
_ON = "1 for each frame plus the forward speed in m/s, less {} times the squared action."
_HINGES = ("hinge", "hinge2")
_ARM = ("joint0", "joint1")

FACTS: dict[str, Facts] = {
    "Ant": Facts(chain(positions(skip=2), velocities()), _ON.format(0.5), "the torso's height leaves 0.2 to 1 m"),
    "HalfCheetah": Facts(
        chain(positions(skip=1), velocities()), "The forward speed in m/s, less 0.1 times the squared action.", "never"
    ),
    "Hopper": Facts(
        chain(positions(skip=1), _clipped(velocities())),
        _ON.format(0.001),
        "the torso's height falls to 0.7 m, its tilt reaches 0.2 rad, or another state variable reaches 100",
    ),
    "Humanoid": Facts(
        _HUMANOID,
        "5 for each frame plus 1.25 times the forward speed in m/s, less 0.1 times the squared controls.",
        "the torso's height leaves 1 to 2 m",
    ),
    "HumanoidStandup": Facts(
        _HUMANOID,
        "1 for each frame plus the torso's height divided by the physics step, less 0.1 times the squared controls and 5e-7 "
        "times the squared contact forces (at most 10).",
        "never",
    ),
    "InvertedDoublePendulum": Facts(
        chain(
            positions(joints=["slider"]),
            each(_HINGES, ("sine of the angle of {}", "1")),
            each(_HINGES, ("cosine of the angle of {}", "1")),
            _clipped(velocities()),
            _clipped(plain("N", "constraint force on `slider`")),
            _clipped(plain("N·m", *(f"constraint torque on `{name}`" for name in _HINGES))),
        ),
        "10 for each frame, less 0.01 x² + (y - 2)² for the tip at (x, y) m, less 0.001 and 0.005 times the squared speeds of "
        "the two hinges in rad/s.",
        "the tip is at most 1 m high",
    ),
    "InvertedPendulum": Facts(chain(positions(), velocities()), "1 for each frame.", "the pole's angle exceeds 0.2 rad"),
    "Reacher": Facts(
        chain(
            each(_ARM, ("cosine of the angle of {}", "1")),
            each(_ARM, ("sine of the angle of {}", "1")),
            positions(joints=["target_x", "target_y"]),
            velocities(_ARM),
            vector("m", "from the target to the fingertip"),
        ),
        "Minus the distance from fingertip to target in m, less the squared action.",
        "never",
    ),
    "Swimmer": Facts(
        chain(positions(skip=2), velocities()), "The forward speed in m/s, less 0.0001 times the squared action.", "never"
    ),
    "Walker2d": Facts(
        chain(positions(skip=1), _clipped(velocities())),
        _ON.format(0.001),
        "the torso's height leaves 0.8 to 2 m, or its tilt reaches 1 rad",
    ),
}
"""Task -> facts; "the squared action" is the sum of squares in the task's own range."""
