"""Kill -9 at random moments, resume, and compare with the run that nobody killed."""

import pytest

PIXELS = [
    "protorl",
    "--env",
    "ProtoRL-Walker-v0",
    "--preset",
    "quick",
    "--env-kwargs",
    "quality=fast",
    "--threads",
    "1",
    "--no-record-visits",
]
PIXELS += ["--steps", "240", "--pretrain-steps", "120", "--learning-starts", "60", "--batch-size", "16", "--eval-every", "120"]
SMALL = ["--width", "16", "--layers", "1", "--context", "5", "--sweep-targets", "2"]
LITTLE = ["--hidden", "32", "--batch-size", "16", "--value-particles", "8"]
SHORT = ["--batch-size", "4", "--batch-length", "8", "--train-ratio", "8", "--imagined-steps", "5"]
IMAGINED = ["--env-kwargs", "affordance=true", "repeat=20", "image_size=[80, 128]"]
IMAGINED += ["--steps", "180", "--learning-starts", "60", "--eval-every", "90"]

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
    "dreamerv3": [
        "dreamerv3",
        "--env",
        "Pendulum-v1",
        "--steps",
        "330",
        "--learning-starts",
        "200",
        "--eval-every",
        "150",
        *SHORT,
    ],
    "lsimagine": ["lsimagine", *IMAGINED, *SHORT],
    "bc": ["bc", "--updates", "4000", "--hidden", "32", "--eval-every", "1000"],
    "td3bc": ["td3bc", "--updates", "3000", "--hidden", "32", "--eval-every", "1000"],
    "iql": ["iql", "--updates", "3000", "--hidden", "32", "--eval-every", "1000"],
    "cql": ["cql", "--updates", "600", "--hidden", "32", "--eval-every", "300", "--cloning-updates", "300"],
    "rvs": ["rvs", "--updates", "3000", "--hidden", "32", "--eval-every", "1000"],
    "dt": ["dt", "--updates", "400", "--eval-every", "200", *SMALL],
    "per": ["per", "--env", "CartPole-v1", "--steps", "2500", "--learning-starts", "500", "--eval-every", "1000"],
}
OFFLINE = ("bc", "td3bc", "iql", "cql", "rvs", "dt")
COMMON = ["--seed", "3", "--checkpoint-seconds", "0.3", "--eval-episodes", "1", "--no-video"]


@pytest.fixture
def arguments_of(make_dataset):
    """Arguments of an agent's run; one that learns from data gets a dataset."""

    def find(key):
        if key not in OFFLINE:
            return RUNS[key]
        return [*RUNS[key], "--dataset", str(make_dataset("Pendulum-v1", lambda observation: observation[:1], episodes=2))]

    return find


def kill_and_compare(command_line, assert_same_run, delays, key, arguments, kills):
    """Delays are shares of what the whole run takes here: the first kill falls before its end on any machine."""
    seconds = command_line.seconds_after_checkpoint("train", *arguments, *COMMON, "--run-folder", "whole")
    killed, cut = [*arguments, *COMMON, "--run-folder", "killed"], 0
    moments = [delays.uniform(0.0, 0.6 * seconds / kills) for _ in range(kills)]
    while cut < kills and command_line.kill_at(moments[cut], "train", *killed, *(["--resume"] if cut else [])):
        cut += 1
    output = command_line.run("train", *killed, "--resume")
    print(f"killed {cut} times, after", moments, output)
    assert cut, f"the first kill, after {moments[0]} of {seconds} s, came too late"
    # the last kill may fall between the run's last file and the end of its process, where nothing is left to resume
    assert cut < kills or "resumed killed at " in output or "killed is finished" in output
    assert_same_run(command_line.folder / "whole", command_line.folder / "killed", key)


@pytest.mark.parametrize("key", ["ppo", "bc", "iql", "dt"])
def test_killed_run_ends_with_the_same_numbers(command_line, assert_same_run, delays, arguments_of, key):
    kill_and_compare(command_line, assert_same_run, delays, key, arguments_of(key), kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("key", RUNS)
def test_killed_often(command_line, assert_same_run, delays, arguments_of, key):
    kill_and_compare(command_line, assert_same_run, delays, key, arguments_of(key), kills=10)
