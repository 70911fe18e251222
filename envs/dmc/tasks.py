"""Every task of dm_control's suite with what it asks; tests compare this list with the suite's own."""

TASKS: dict[str, dict[str, str]] = {
    "acrobot": {
        "swingup": "Swing a two-link pendulum, driven at its elbow only, up to a target above it, paid smoothly by distance.",
        "swingup_sparse": "Swing a two-link pendulum, driven at its elbow only, up to a target that pays only when touched.",
    },
    "ball_in_cup": {"catch": "Swing a ball that hangs on a string into the cup that holds the string."},
    "cartpole": {
        "balance": "Keep a pole that starts upright balanced on a cart near the centre of its rail.",
        "balance_sparse": "Keep a pole balanced on a cart, paid only while pole and cart stay in narrow bounds.",
        "swingup": "Swing a hanging pole up by moving its cart, then keep it upright near the centre of the rail.",
        "swingup_sparse": "Swing a hanging pole up by moving its cart, paid only while it stands upright near the centre.",
        "two_poles": "Swing up and balance two poles linked end to end on one cart.",
        "three_poles": "Swing up and balance three poles linked end to end on one cart.",
    },
    "cheetah": {"run": "Run forwards with a planar two-legged cheetah, paid in proportion to speed up to 10 m/s."},
    "dog": {
        "stand": "Stand upright with a dog of 38 actuators.",
        "walk": "Walk with a dog of 38 actuators.",
        "trot": "Trot with a dog of 38 actuators.",
        "run": "Run with a dog of 38 actuators.",
        "fetch": "Run with a dog after a thrown ball, take it in the mouth and bring it back to the start.",
    },
    "finger": {
        "spin": "Keep a free body on a hinge spinning by flicking it with a two-joint finger.",
        "turn_easy": "Turn a free body on a hinge with a finger until its tip is in a large target.",
        "turn_hard": "Turn a free body on a hinge with a finger until its tip is in a small target.",
    },
    "fish": {
        "upright": "Bring a fish in water into an upright posture.",
        "swim": "Swim with a fish to a target in the water while staying upright.",
    },
    "hopper": {
        "stand": "Hold the body of a planar one-legged hopper above a minimal height.",
        "hop": "Hop forwards with a planar one-legged hopper while its body stays high.",
    },
    "humanoid": {
        "stand": "Stand upright and still with a 21-joint humanoid.",
        "walk": "Walk at 1 m/s with a 21-joint humanoid.",
        "run": "Run at 10 m/s with a 21-joint humanoid.",
        "run_pure_state": "Run at 10 m/s with a 21-joint humanoid that observes only joint positions and velocities.",
    },
    "humanoid_CMU": {
        "stand": "Stand upright and still with the 56-joint humanoid of the CMU motion capture data.",
        "walk": "Walk at 1 m/s with the 56-joint humanoid of the CMU motion capture data.",
        "run": "Run at 10 m/s with the 56-joint humanoid of the CMU motion capture data.",
    },
    "lqr": {
        "lqr_2_1": "Bring two masses on springs to rest with one actuator at least cost (a linear-quadratic regulator).",
        "lqr_6_2": "Bring six masses on springs to rest with two actuators at least cost (a linear-quadratic regulator).",
    },
    "manipulator": {
        "bring_ball": "Grasp a ball with a planar arm and carry it to a target.",
        "bring_peg": "Grasp a peg with a planar arm and carry it to a target.",
        "insert_ball": "Grasp a ball with a planar arm and put it into a basket.",
        "insert_peg": "Grasp a peg with a planar arm and insert it into a slot.",
    },
    "pendulum": {"swingup": "Swing a torque-limited pendulum up and hold it within 8 degrees of upright."},
    "point_mass": {
        "easy": "Move a point mass in the plane to the centre with two actuators along the axes.",
        "hard": "Move a point mass in the plane to the centre with two actuators along directions drawn for each episode.",
    },
    "quadruped": {
        "walk": "Walk at 0.5 m/s with a four-legged body of 12 actuators.",
        "run": "Run at 5 m/s with a four-legged body of 12 actuators.",
        "escape": "Leave the centre of a bumpy bowl with a four-legged body of 12 actuators.",
        "fetch": "Push a ball to the centre of an arena with a four-legged body of 12 actuators.",
    },
    "reacher": {
        "easy": "Reach a large target in the plane with the tip of a two-link arm.",
        "hard": "Reach a small target in the plane with the tip of a two-link arm.",
    },
    "stacker": {
        "stack_2": "Stack two boxes at a target with a planar arm.",
        "stack_4": "Stack four boxes at a target with a planar arm.",
    },
    "swimmer": {
        "swimmer6": "Swim with the nose of a six-link planar swimmer to a target.",
        "swimmer15": "Swim with the nose of a fifteen-link planar swimmer to a target.",
    },
    "walker": {
        "stand": "Stand up and stay upright with a planar two-legged walker.",
        "walk": "Walk forwards at 1 m/s with a planar two-legged walker.",
        "run": "Run forwards at 8 m/s with a planar two-legged walker.",
    },
}

EXTRA_TASKS: dict[str, dict[str, str]] = {
    "walker": {"flip": "Turn forward flips with a planar two-legged walker, paid by angular momentum while upright."},
    "cheetah": {
        "run_backward": "Run backwards with a planar two-legged cheetah, paid in proportion to speed up to 10 m/s.",
        "flip": "Turn forward flips with a planar two-legged cheetah, paid by angular momentum.",
        "flip_backward": "Turn backward flips with a planar two-legged cheetah, paid by angular momentum.",
    },
    "hopper": {
        "hop_backward": "Hop backwards with a planar one-legged hopper while its body stays high.",
        "flip": "Turn forward flips with a planar one-legged hopper while its body stays high.",
        "flip_backward": "Turn backward flips with a planar one-legged hopper while its body stays high.",
    },
    "quadruped": {
        "stand": "Stand upright with a four-legged body of 12 actuators.",
        "jump": "Lift the centre of mass of a four-legged body to 1 m while staying upright.",
        "roll": "Move in any direction at 0.5 m/s with a four-legged body while staying upright.",
        "roll_fast": "Move in any direction at 5 m/s with a four-legged body while staying upright.",
    },
    "jaco": {
        "reach_top_left": "Bring the hand of a six-joint robot arm to a brick in the top left corner of a table.",
        "reach_top_right": "Bring the hand of a six-joint robot arm to a brick in the top right corner of a table.",
        "reach_bottom_left": "Bring the hand of a six-joint robot arm to a brick in the bottom left corner of a table.",
        "reach_bottom_right": "Bring the hand of a six-joint robot arm to a brick in the bottom right corner of a table.",
    },
}
"""Tasks that the URL benchmark adds (arXiv 2110.15191); its quadruped escape and fetch are the suite's own."""

DEFAULT_TASK = {
    "acrobot": "swingup", "ball_in_cup": "catch", "cartpole": "swingup", "cheetah": "run", "dog": "walk", "finger": "spin",
    "fish": "swim", "hopper": "hop", "humanoid": "walk", "humanoid_CMU": "walk", "lqr": "lqr_2_1", "manipulator": "bring_ball",
    "pendulum": "swingup", "point_mass": "easy", "quadruped": "walk", "reacher": "easy", "stacker": "stack_2",
    "swimmer": "swimmer6", "walker": "walk", "jaco": "reach_top_left",
}  # fmt: skip
"""Task that stands for a domain where none is named."""


def camel(name: str) -> str:
    """``"ball_in_cup"`` as ``"BallInCup"``, the form of ids."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
