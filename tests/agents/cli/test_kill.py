"""Kill -9 at random moments, resume, and compare with the run that nobody killed."""

import pytest

PIXELS = ["protorl", "--env", "ProtoRL-Walker-v0", "--preset", "quick", "--env-kwargs", "quality=fast", "--threads", "1"]
PIXELS += ["--steps", "240", "--pretrain-steps", "120", "--learning-starts", "60", "--batch-size", "16", "--eval-every", "120"]
LITTLE = ["--hidden", "32", "--batch-size", "16", "--value-particles", "8"]

RUNS = {
    "ppo": [
        "ppo",
        "--env",
        "Pendulum-v1",
        "--steps",
        "40000",
        "--n-steps",
        "500",
        "--batch-size",
        "50",
        "--eval-every",
        "8000",
    ],
    "sac": ["sac", "--env", "Pendulum-v1", "--steps", "1500", "--eval-every", "400", "--learning-starts", "200"],
    "protorl": PIXELS,
    "sql": ["sql", "--env", "SQL-MultiGoal-v0", "--steps", "900", "--learning-starts", "200", "--eval-every", "300", *LITTLE],
    "per": ["per", "--env", "CartPole-v1", "--steps", "2500", "--learning-starts", "500", "--eval-every", "1000"],
}
COMMON = ["--seed", "3", "--checkpoint-seconds", "0.3", "--eval-episodes", "1", "--no-video", "--no-coverage"]


def kill_and_compare(command_line, assert_same_run, delays, key, arguments, kills):
    """Delays are shares of what the whole run takes here, so that all kills fall before its end on any machine."""
    seconds = command_line.seconds_after_checkpoint("train", *arguments, *COMMON, "--run-folder", "whole")
    killed = [*arguments, *COMMON, "--run-folder", "killed"]
    moments = [delays.uniform(0.0, 0.6 * seconds / kills) for _ in range(kills)]
    for attempt, moment in enumerate(moments):
        resume = ["--resume"] if attempt else []
        assert command_line.kill_at(moment, "train", *killed, *resume), f"kill {attempt} of {moments} s came after the end"
    output = command_line.run("train", *killed, "--resume")
    print("killed after", moments, output)
    assert "resumed killed at step" in output
    assert_same_run(command_line.folder / "whole", command_line.folder / "killed", key)


@pytest.mark.parametrize("key", ["ppo"])
def test_killed_run_ends_with_the_same_numbers(command_line, assert_same_run, delays, key):
    kill_and_compare(command_line, assert_same_run, delays, key, RUNS[key], kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("key", RUNS)
def test_killed_often(command_line, assert_same_run, delays, key):
    kill_and_compare(command_line, assert_same_run, delays, key, RUNS[key], kills=5)
