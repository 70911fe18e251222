"""What a run leaves, and that the runner changes none of the algorithm's numbers."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from papergym.agents.checkpoint.state import load_state
from papergym.agents.run import main
from papergym.agents.runner.folder import RunFolder, eval_rounds, read_plan
from papergym.agents.runner.tables import read_table
from papergym.agents.runner.tracking import SB3_NAMES

SMALL = [
    "ppo",
    "--env",
    "Pendulum-v1",
    "--steps",
    "512",
    "--n-steps",
    "64",
    "--batch-size",
    "32",
    "--n-epochs",
    "2",
    "--seed",
    "7",
]
SMALL += ["--eval-episodes", "2", "--eval-every", "128", "--checkpoint-seconds", "0", "--no-video", "--run-folder", "run"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scalars(folder) -> dict[str, list[tuple[int, float]]]:
    board = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    board.Reload()
    return {tag: [(event.step, event.value) for event in board.Scalars(tag)] for tag in board.Tags()["scalars"]}


def test_files_of_a_run(here, capsys):
    assert main(["train", *SMALL]) == 0
    run, printed = here / "run", capsys.readouterr().out
    assert "return before training" in printed and "return after training" in printed
    names = {path.name for path in run.iterdir()}
    assert names >= {"config.toml", "metrics.csv", "episodes.csv", "eval.csv", "timing.csv", "tensorboard", "checkpoints"}
    assert names >= {"model.zip", "policy.safetensors", "plot.png", "summary.json"}
    steps = [int(row["step"]) for row in read_table(run / "eval.csv")]
    assert steps == [step for step in (0, 128, 256, 384, 512) for _ in range(2)]
    assert [row["length"] for row in read_table(run / "episodes.csv")] == ["200", "200"]
    assert len(list((run / "checkpoints").iterdir())) == 2
    plan = read_plan(run)
    assert plan.config.n_steps == 64 and plan.config.max_grad_norm is None and plan.run.seed == 7
    PPO.load(run / "model.zip")  # the file is plain SB3's
    assert main(["evaluate", "run", "--episodes", "2"]) == 0
    last = [float(row["return"]) for row in read_table(run / "eval.csv")][-2:]
    assert f"{np.mean(last):.2f}" in capsys.readouterr().out


def test_runner_changes_no_number(here):
    """SB3's own PPO through the runner, with its evaluations and checkpoints, and alone."""
    options = ["--implementation", "sb3", "--no-norm-obs", "--no-norm-reward", "--n-envs", "2"]
    assert main(["train", *SMALL, *options]) == 0
    plan = read_plan(here / "run")
    config = plan.config
    policy_kwargs = {
        "net_arch": {"pi": list(config.hidden), "vf": list(config.hidden)},
        "optimizer_kwargs": {"eps": config.adam_eps},
    }
    alone = PPO(
        "MlpPolicy",
        make_vec_env("Pendulum-v1", 2, seed=7, env_kwargs={"disable_env_checker": True}),
        learning_rate=config.learning_rate,
        n_steps=64,
        batch_size=32,
        n_epochs=2,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip_range,
        ent_coef=config.entropy_coef,
        vf_coef=config.value_coef,
        max_grad_norm=np.inf,
        normalize_advantage=config.normalize_advantage,
        policy_kwargs=policy_kwargs,
        seed=7,
        device="cpu",
    ).learn(512)
    saved = load_state(here / "run" / "policy.safetensors", kind="ppo")["model"]["modules"]["policy"]
    for name, value in alone.policy.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), saved[name].numpy(), err_msg=name)


def test_board_holds_what_the_tables_hold(here):
    """After a cut, rows that the checkpoint does not know are in neither."""
    assert main(["train", *SMALL]) == 0
    run = here / "run"
    for name in ("summary.json", "policy.safetensors"):
        (run / name).unlink()
    max((run / "checkpoints").iterdir()).unlink()  # back to step 448
    expected = {name: (run / f"{name}.csv").read_bytes() for name in ("metrics", "eval", "episodes")}
    folder = RunFolder.resume(read_plan(run))
    folder.tables["metrics"].append({"step": 505, "ghost": 1.0})  # written after the checkpoint, lost by the crash
    folder.close()
    assert main(["train", "run", "--resume"]) == 0
    assert {name: (run / f"{name}.csv").read_bytes() for name in expected} == expected
    board = scalars(run)
    assert "ghost" not in board
    for column in read_table(run / "metrics.csv")[0]:
        if column != "step":
            rows = [(int(row["step"]), float(row[column])) for row in read_table(run / "metrics.csv") if row[column]]
            shown = board[SB3_NAMES.get(column, column)]
            assert [step for step, _ in shown] == [step for step, _ in rows], column
            np.testing.assert_allclose([value for _, value in shown], [value for _, value in rows], rtol=1e-6)
    rounds = eval_rounds(run)
    assert [step for step, _ in board["eval/mean_reward"]] == list(rounds)
    returns = [np.mean(values) for values in rounds.values()]
    np.testing.assert_allclose([value for _, value in board["eval/mean_reward"]], returns, rtol=1e-6)
    assert len(board["eval/mean_ep_length"]) == len(rounds)
    assert len(board["time/fps"]) == len(read_table(run / "timing.csv"))


def test_killed_after_the_last_checkpoint(here):
    """What ends a run is written once."""
    assert main(["train", *SMALL]) == 0
    run = here / "run"
    expected = {path.name: path.read_bytes() for path in run.glob("*.csv") if path.name != "timing.csv"}
    (run / "summary.json").unlink()
    assert main(["train", "run", "--resume"]) == 0
    assert {name: (run / name).read_bytes() for name in expected} == expected


class Square(gym.Env):
    """A world that draws a grey square which brightens with every step."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = gym.spaces.Box(-1, 1, (1,))
    action_space = gym.spaces.Box(-1, 1, (1,))

    def __init__(self, render_mode: str | None = None):
        self.render_mode, self.count = render_mode, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.count += 1
        return np.zeros(1, np.float32), 1.0, False, self.count == 20, {}

    def render(self):
        return np.full((63, 65, 3), 10 * self.count, np.uint8)


def test_video_shows_the_episode(here):
    import imageio.v3 as imageio

    gym.register("Square-v0", Square)
    options = [option for option in SMALL if option != "--no-video"]
    options[options.index("Pendulum-v1")] = "Square-v0"
    assert main(["train", *options]) == 0
    frames = imageio.imread(here / "run" / "video.mp4", plugin="FFMPEG")
    assert frames.shape == (21, 5 * 63 - 1, 5 * 65 - 1, 3)  # a fifth of the width is 63 px: enlarged by 5, cut to even sides
    brightness = frames.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(brightness, 10 * np.arange(21), atol=3)
    assert not (here / "run" / "video-before.mp4").exists()
    (here / "run").rename(here / "without")
    assert main(["train", *options, "--video-before"]) == 0
    before = imageio.imread(here / "run" / "video-before.mp4", plugin="FFMPEG")
    assert before.shape == frames.shape
    for table in ("metrics.csv", "eval.csv", "episodes.csv"):  # the film changes no number
        assert (here / "run" / table).read_bytes() == (here / "without" / table).read_bytes()
