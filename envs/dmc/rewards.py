"""What each dm_control task pays, in a sentence; all rewards but LQR's lie in [0, 1] per frame.

"Falls off" stands for ``dm_control.utils.rewards.tolerance``: 1 inside the bounds, sinking smoothly (or linearly, where said)
with the distance from them.
"""

_WALKER = "(3 s + u) / 4 with s = 1 at a torso height of at least 1.2 m and falling off below, u = (1 + cosine of the tilt) / 2"
_WALKER_MOVE = _WALKER + ", times (5 v + 1) / 6, v being forward speed, linear from 0 at rest to 1 at {} m/s."
_HUMANOID = (
    "Head height (1 from 1.4 m up) times uprightness (1 from a cosine of 0.9 up, linear to 0) times (4 + c) / 5, c for small "
    "controls"
)
_HUMANOID_STILL = _HUMANOID + ", times a factor that falls off with horizontal speed."
_HUMANOID_MOVE = _HUMANOID + ", times (5 v + 1) / 6, v being the horizontal speed of the centre of mass, linear up to {} m/s."
_DOG = (
    "Product of factors for torso height, pelvis height (both at least 0.9 of standing), upright skull, torso and pelvis "
    "(tilt below 30 degrees, linear) and weight on the feet (up to body weight)"
)
_DOG_MOVE = _DOG + ", times (4 v + 1) / 5, v being forward speed, 1 between {} and {} m/s and linear outside."
_CARTPOLE = (
    "Product of uprightness ((1 + cosine) / 2, mean over poles), closeness to the centre, small control and small angular "
    "velocity; the last three can cost at most a half, a fifth and a half."
)
_CARTPOLE_SPARSE = "1 while the cart is within 0.25 m of the centre and each pole's cosine is at least 0.995, otherwise 0."
_HOPPER = "1 while the torso is 0.6 to 2 m above the foot, otherwise 0"
_QUADRUPED = "Uprightness of the torso (linear from 0 upside down to 1 upright)"
_QUADRUPED_MOVE = _QUADRUPED + ", times {}, linear from 0.5 at rest to 1 at {} m/s."
_CLOSE = "1 within 1 cm, falling off over 2 cm"
_PEG = (
    "The greater of b and g / 3: b is the mean closeness of the peg and of its tip to their targets, g that of the hand's "
    f"grasp and pinch points to the peg's; closeness is {_CLOSE}."
)
_BALL = f"Closeness of the ball to its target: {_CLOSE}."
_SPIN = "The torso's angular momentum about the y axis, {}, linear up to 5 kg·m²/s"
_STACK = "Closeness of the nearest box to the target, if the hand is more than 0.1 m away from it (falling off over 1 cm)."
_LQR = "1 - (|position|² + 0.1 |control|²) / 2."
_JACO = "1 while the hand's centre is within 5 cm of the brick, falling off over the next 5 cm."

REWARDS: dict[str, dict[str, str]] = {
    "acrobot": {
        "swingup": "1 while the tip is in the target, falling off with its distance over 1 m.",
        "swingup_sparse": "1 while the tip is in the target, otherwise 0.",
    },
    "ball_in_cup": {"catch": "1 while the ball is in the cup, otherwise 0."},
    "cartpole": {
        "balance": _CARTPOLE,
        "balance_sparse": _CARTPOLE_SPARSE,
        "swingup": _CARTPOLE,
        "swingup_sparse": _CARTPOLE_SPARSE,
        "two_poles": _CARTPOLE,
        "three_poles": _CARTPOLE,
    },
    "cheetah": {
        "run": "Forward speed, linear from 0 at rest to 1 at 10 m/s.",
        "run_backward": "Backward speed, linear from 0 at rest to 1 at 10 m/s.",
        "flip": _SPIN.format("forwards") + ".",
        "flip_backward": _SPIN.format("backwards") + ".",
    },
    "dog": {
        "stand": _DOG + ".",
        "walk": _DOG_MOVE.format(1, 2),
        "trot": _DOG_MOVE.format(3, 6),
        "run": _DOG_MOVE.format(9, 18),
        "fetch": _DOG
        + ", times (6 m + 1) / 7 for mouth to ball and (t + 1) / 2 for ball to target, both falling off with distance.",
    },
    "finger": {
        "spin": "1 while the body turns at 15 rad/s or faster in the negative direction, otherwise 0.",
        "turn_easy": "1 while the body's tip is in the target of radius 0.07 m, otherwise 0.",
        "turn_hard": "1 while the body's tip is in the target of radius 0.03 m, otherwise 0.",
    },
    "fish": {
        "upright": "1 upright, falling off with the vertical component of the torso's z axis.",
        "swim": "(7 t + u) / 8: t is 1 while mouth and target touch, falling off apart, u = (1 + cosine of the tilt) / 2.",
    },
    "hopper": {
        "stand": _HOPPER + ", times (4 + c) / 5, c for small controls.",
        "hop": _HOPPER + ", times forward speed, linear from 0 at rest to 1 at 2 m/s.",
        "hop_backward": _HOPPER + ", times backward speed, linear from 0 at rest to 1 at 2 m/s.",
        "flip": f"{_HOPPER}, times: {_SPIN.format('forwards').lower()}.",
        "flip_backward": f"{_HOPPER}, times: {_SPIN.format('backwards').lower()}.",
    },
    "humanoid": {
        "stand": _HUMANOID_STILL,
        "walk": _HUMANOID_MOVE.format(1),
        "run": _HUMANOID_MOVE.format(10),
        "run_pure_state": _HUMANOID_MOVE.format(10),
    },
    "humanoid_CMU": {
        "stand": _HUMANOID_STILL,
        "walk": _HUMANOID_MOVE.format(1),
        "run": _HUMANOID_MOVE.format(10),
    },
    "lqr": {"lqr_2_1": _LQR, "lqr_6_2": _LQR},
    "manipulator": {"bring_ball": _BALL, "bring_peg": _PEG, "insert_ball": _BALL, "insert_peg": _PEG},
    "pendulum": {"swingup": "1 while the pole is within 8 degrees of upright, otherwise 0."},
    "point_mass": {
        "easy": "1 while the mass is in the target, falling off with distance, times (4 + c) / 5, c for small controls.",
        "hard": "1 while the mass is in the target, falling off with distance, times (4 + c) / 5, c for small controls.",
    },
    "quadruped": {
        "walk": _QUADRUPED_MOVE.format("forward speed", 0.5),
        "run": _QUADRUPED_MOVE.format("forward speed", 5),
        "escape": "Uprightness (1 within 20 degrees of upright) times the distance from the centre, linear up to the rim.",
        "fetch": _QUADRUPED
        + ", times r (1 + f) / 2: r for closeness to the ball, f for the ball's to the target, both linear.",
        "stand": _QUADRUPED + ".",
        "jump": _QUADRUPED + ", times the height of the centre of mass, linear from 0.5 at the ground to 1 at 1 m.",
        "roll": _QUADRUPED_MOVE.format("speed in any direction", 0.5),
        "roll_fast": _QUADRUPED_MOVE.format("speed in any direction", 5),
    },
    "reacher": {
        "easy": "1 while the finger touches the target of radius 0.05 m, otherwise 0.",
        "hard": "1 while the finger touches the target of radius 0.015 m, otherwise 0.",
    },
    "stacker": {"stack_2": _STACK, "stack_4": _STACK},
    "swimmer": {
        "swimmer6": "1 while the nose is in the target, falling off slowly with distance.",
        "swimmer15": "1 while the nose is in the target, falling off slowly with distance.",
    },
    "walker": {
        "stand": _WALKER + ".",
        "walk": _WALKER_MOVE.format(1),
        "run": _WALKER_MOVE.format(8),
        "flip": f"{_WALKER}, times (5 f + 1) / 6, f being: {_SPIN.format('forwards').lower()}.",
    },
    "jaco": dict.fromkeys(("reach_top_left", "reach_top_right", "reach_bottom_left", "reach_bottom_right"), _JACO),
}
"""Domain -> task -> sentence; tests ask for every task that has a row."""
