import gymnasium as gym
import imageio.v3 as iio
import numpy as np
import pytest
from gymnasium import spaces

import papergym
from papergym.agents.cli import check, play
from papergym.agents.cli.keys import keys_of
from papergym.agents.cli.options import parse
from papergym.agents.cli.window import steer
from papergym.agents.errors import UsageError


class Typist:
    """A screen at which somebody types ``text``, one key per picture, and then closes the window."""

    def __init__(self, text: str):
        self.keys, self.frames, self.waits = list(text), [], []

    def show(self, frame: np.ndarray, seconds: float) -> str | None:
        self.frames.append(frame.copy())
        self.waits.append(seconds)
        return self.keys.pop(0) if self.keys else None


class Space(gym.Env):
    def __init__(self, space: spaces.Space):
        self.action_space, self.observation_space = space, spaces.Discrete(2)


def test_a_box_is_steered_by_pairs_of_keys():
    keys = keys_of(Space(spaces.Box(np.array([-1, -2], np.float32), np.array([1, 3], np.float32))))
    assert keys.action("d").tolist() == [1, 0] and keys.action("a").tolist() == [-1, 0]
    assert keys.action("w").tolist() == [0, 3] and keys.action("s").tolist() == [0, -2]
    assert keys.actions["d", "w"].tolist() == [1, 3] and ("a", "d") not in keys.actions
    assert keys.action("x").tolist() == keys.idle.tolist() == [0, 0]


def test_many_joints_leave_some_at_rest():
    keys = keys_of(Space(spaces.Box(-1, 1, (56,))))
    assert "other 50 stay at rest" in keys.help and keys.action("g").nonzero()[0].tolist() == [5]


def test_discrete_actions_by_digits_and_letters_but_never_q():
    keys = keys_of(Space(spaces.Discrete(30, start=3)))
    assert keys.action("0") == 3 and keys.action("a") == 13 and ("q",) not in keys.actions and len(keys.actions) == 30
    assert set(keys.actions.values()) == set(range(3, 33))
    with pytest.raises(UsageError, match="more than the 35 keys"):
        keys_of(Space(spaces.Discrete(36)))


def test_multi_discrete_actions_set_one_part_each():
    keys = keys_of(Space(spaces.MultiDiscrete([3, 1, 2])))
    assert [action.tolist() for action in keys.actions.values()] == [[1, 0, 0], [2, 0, 0], [0, 0, 1]]


def test_an_environments_own_keys_win_and_other_actions_are_refused():
    own = keys_of(gym.make("DT-KeyToDoor-v0"))
    assert own.action("w") == 2 and own.action("a") == 0 and own.idle == 0
    with pytest.raises(UsageError, match="--watch"):
        keys_of(Space(spaces.Text(5)))


def test_steering_plays_what_was_typed():
    typed = "wzdaw"  # z is no key: a turn-based world waits for another one
    env, reference = gym.make("DT-KeyToDoor-v0", render_mode="rgb_array"), gym.make("DT-KeyToDoor-v0", render_mode="rgb_array")
    screen = Typist(typed)
    assert steer(env, keys_of(env), screen, seed=5, fps=5, turn_based=True) == []
    reference.reset(seed=5)
    frames = [reference.render()]
    for action in (2, None, 1, 0, 2):
        if action is not None:
            reference.step(action)
        frames.append(reference.render())
    assert len(frames) == len(screen.frames) == 6 and set(screen.waits) == {0.0}
    assert all((a == b).all() for a, b in zip(frames, screen.frames))


def test_steering_goes_on_over_episodes_and_q_closes():
    env = gym.make("PER-BlindCliffwalk-v0", n=2, render_mode="rgb_array")
    screen = Typist("01" + "1" + "01q0")
    assert steer(env, keys_of(env), screen, seed=0, fps=4, turn_based=False) == [1.0, 0.0, 1.0]
    assert screen.keys == ["0"] and set(screen.waits) == {0.25}


def test_without_a_display_a_video_is_written(command_line):
    command_line.environment.pop("DISPLAY", None)
    said = command_line.run("play", "SQL-MultiGoal-v0", "--episodes", "2", "--steps", "40")
    assert "No display answers here: writing a video of the random policy" in said and "episode 0: return" in said
    frames = iio.imread(command_line.folder / "SQL-MultiGoal-v0.mp4")
    steps = int(said.split(" frames in")[0].split()[-1])
    assert frames.shape[0] == steps <= 42 and frames.shape[1:] == (336, 336, 3) and frames.std(axis=0).max() > 10


def test_a_video_of_gymnasiums_mujoco_needs_no_setting_and_prints_no_warning(command_line):
    for name in ("DISPLAY", "MUJOCO_GL"):
        command_line.environment.pop(name, None)
    said = command_line.run("play", "HalfCheetah-v4", "--episodes", "1", "--steps", "5", "--video", "run.mp4")
    assert "WARN" not in said.upper() and not (command_line.folder / "MUJOCO_LOG.TXT").exists()
    assert iio.imread(command_line.folder / "run.mp4").std(axis=0).max() > 10


def always_up(observation):
    return np.array([0.0, 1.0], np.float32)


def test_a_given_policy_acts(tmp_path, caplog):
    caplog.set_level("INFO")
    options = play.Options("SQL-MultiGoal-v0", policy="math:nothing")
    env = gym.make("SQL-MultiGoal-v0", render_mode="rgb_array")
    with pytest.raises(UsageError, match="cannot be imported"):
        play._policy(options, env)
    options.policy, options.video = f"{__name__}:always_up", tmp_path / "up.mp4"
    play._play(env, lambda observation, start, reward: always_up(observation), options, lambda frame: True)
    assert "in 5 steps" in caplog.text or "in 4 steps" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("DT-KeyToDor-v0",), "Did you mean: `DT-KeyToDoor`"),
        (("DT-KeyToDoor-v0", "--video", "film.gif"), "--video writes an .mp4, got film.gif"),
        (("DT-KeyToDoor-v0", "--steps", "0"), "--episodes and --steps are at least 1"),
        (("DT-KeyToDoor-v0", "--policy", "expert"), "--policy is random, a run folder or module:callable"),
        (("DT-KeyToDoor-v0", "--env-kwargs", "render_mode=ansi"), "renders str, expected an RGB array"),
    ],
)
def test_bad_input_is_said(arguments, message, capsys, monkeypatch, tmp_path):
    from papergym.agents.run import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert main(["play", *arguments]) == 2
    assert message in capsys.readouterr().err and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("display", ["", ":nonsense", ":987", "localhost:987.0"])
def test_a_display_that_does_not_answer_is_none(display, monkeypatch):
    monkeypatch.setenv("DISPLAY", display)
    assert not play.display_answers()


def test_several_arguments_of_the_environment():
    for kind, verb in ((play.Options, "play"), (check.Options, "check")):
        assert parse(kind, verb, ["Pendulum-v1", "--env-kwargs", "g=9.0", "render_mode=rgb_array"]).env_kwargs == (
            "g=9.0",
            "render_mode=rgb_array",
        )


def test_a_policys_own_arguments_are_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = {"steps": 64, "n_steps": 32, "batch_size": 32, "eval_episodes": 1, "video": False}
    papergym.train("ppo", "Pendulum-v1", run_folder="run", env_kwargs=("g=9.5",), **small)
    options = play.Options("Pendulum-v1", policy="run")
    assert play._of_run(options, {}) == {"g": 9.5}
    assert play._of_run(play.Options("CartPole-v1", policy="run"), {}) == {}
    assert play._of_run(play.Options("Pendulum-v1"), {}) == {}
