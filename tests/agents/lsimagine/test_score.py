"""Numbers of a finished run."""

import math

import imageio.v2 as imageio
import numpy as np
import pytest
import torch

from papergym.agents.errors import BadNumbersError
from papergym.agents.lsimagine import score, show
from papergym.agents.lsimagine.algorithm import LSImagine
from papergym.agents.lsimagine.score import jump_rate, success
from papergym.agents.run import main
from papergym.agents.runner.evaluation import evaluate, make_env
from papergym.agents.runner.plan import make_plan
from papergym.agents.runner.registry import agent
from papergym.agents.runner.train import build_learner, run_plan
from tests.agents.lsimagine.conftest import ID, World


@pytest.mark.parametrize(("won", "count"), [(0, 100), (7, 100), (50, 100), (3, 3)])
def test_success_has_wilsons_interval(won, count):
    got = success(np.arange(count) < won)
    share, z = won / count, 1.959963984540054
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    assert got["success"] == pytest.approx(100 * share)
    assert got["success_low"] == pytest.approx(100 * (middle - half), abs=1e-6)
    assert got["success_high"] == pytest.approx(100 * (middle + half), abs=1e-6)


REPEAT, STEPS = 100, 10
PAIRS = (f"repeat={REPEAT}", "image_size=[80, 128]", "affordance=true")
"""Ten steps an episode."""


def plan_of(**given):
    """A run in the embedded world with few and long steps."""
    small = {"env_kwargs": PAIRS, "steps": 36, "batch_size": 2, "batch_length": 8, "learning_starts": 30, "imagined_steps": 3}
    return make_plan(agent("lsimagine"), "quick", {**small, "video": False, "eval_every": 0, "eval_episodes": 2, **given})


def test_the_flags_statistics_are_those_of_training_or_none(monkeypatch):
    """At the beginning of the test; and the test counts on a copy."""
    begun = []

    def played(learner, env, episodes, seed):
        begun.append(env.get_wrapper_attr("parts").flag.probabilities.count.copy())
        return evaluate(learner, env, episodes=1, seed=seed)

    monkeypatch.setattr(score, "evaluate", played)
    learner = build_learner(plan_of())
    learner.model.env.reset()
    trained = learner.model.env.unwrapped.envs[0].get_wrapper_attr("parts").flag.probabilities
    trained.count[:] = 500.0
    for flag in ("kept", "lost"):
        assert 0 <= jump_rate(plan_of(test_flag=flag), learner) <= 1
    assert [list(count) for count in begun] == [[500.0], []] and trained.count[0] == 500.0
    made = []
    monkeypatch.setattr(show, "make_env", lambda *given: made.append(make_env(*given)) or made[-1])
    for flag in ("kept", "lost"):
        next(show._episode(plan_of(test_flag=flag), learner))
        assert bool(made[-1].get_wrapper_attr("parts").flag.probabilities.count.sum() >= 500) is (flag == "kept")
    learner.close()


def tiny_plan(folder, **given):
    """A run in the small world, which has no wrapper of ours: its flag has no statistics to keep."""
    small = {"env": ID, "steps": 63, "batch_size": 2, "batch_length": 8, "learning_starts": 30, "imagined_steps": 3}
    kept = {"video": False, "eval_every": 0, "eval_episodes": 4, "run_folder": str(folder)}
    return make_plan(agent("lsimagine"), "quick", {**small, **kept, **given})


@pytest.mark.parametrize("baseline", [False, True])
def test_a_run_ends_with_its_numbers_and_is_shown(tiny_id, tmp_path, baseline, capsys):
    """The command draws its episode from its folder; the baseline has neither maps nor jumps to show."""
    folder = tmp_path / "run"
    scores = run_plan(tiny_plan(folder, baseline=baseline), "a test", listen=False)["scores"]
    assert scores["success"] == 100 and scores["success_low"] < 100 and scores["episode_steps"] == 9
    assert ("jump_rate" in scores) is ("test_jump_rate" in scores) is not baseline
    if not baseline:
        assert scores["test_jump_rate"] == pytest.approx(100 * 2 / 9) and scores["jump_steps"] == 2
        assert scores["jumps_completed"] == pytest.approx(200 / 3)
    metrics = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines()[0]
    logged = ("rollout/jump_rate", "rollout/jump_threshold", "train/loss/jump")
    assert all((name in metrics) is not baseline for name in logged)
    assert main(["show", str(folder)]) == (2 if baseline else 0)
    if baseline:
        assert "the run is of the baseline, which has neither maps nor jumps" in capsys.readouterr().err
        return
    image, jumps = (imageio.imread(folder / "show" / name) for name in ("imagined.png", "jumps.png"))
    assert image.shape == (2 * 20 + 4, 20 * 10 + 4, 3) and jumps.shape == (3 * 20 + 4, 20 * 3 + 4, 3)
    frames = imageio.get_reader(folder / "show" / "episode.mp4")
    assert frames.count_frames() == 10 and frames.get_data(0).shape[1] == 3 * 256


def test_a_run_with_a_loss_that_is_not_finite_stops_and_keeps_its_checkpoint(tiny_id, tmp_path, monkeypatch):
    original = LSImagine.complete_batch

    def poisoned(self, batch):
        original(self, batch)
        if self._n_updates == 2:
            batch["intrinsic"] = batch["intrinsic"] * float("nan")

    monkeypatch.setattr(LSImagine, "complete_batch", poisoned)
    plan = tiny_plan(tmp_path / "run", checkpoint_seconds=0.0)
    with pytest.raises(BadNumbersError, match=r"update 2: not finite: .*loss/intrinsic.*; the checkpoint .* is kept in"):
        run_plan(plan, "a test", listen=False)
    kept = sorted((tmp_path / "run" / "checkpoints").glob("*.safetensors"))
    assert kept and not (tmp_path / "run" / "summary.json").exists()


def test_imagined_images_are_those_of_the_model(make_agent):
    """Step by step with the actions taken, and one jump at a time."""
    policy, world = make_agent().policy, World()
    observation, state, steps = world.reset(seed=0)[0], None, []
    for _ in range(6):
        action, state = policy.predict({key: np.asarray(value)[None] for key, value in observation.items()}, state)
        steps.append((observation, {}, state))
        observation = world.step(action[0])[0]
    jumps = [step for step in steps if step[0]["is_zoomed"]]
    assert len(jumps) == 2
    torch.manual_seed(0)
    image, jumped = show.imagined_images(policy, steps), show.jump_images(policy, jumps)
    torch.manual_seed(0)
    latents = [policy.latent(*steps[0][2][:2])]
    for _, _, (*_, action) in steps[:-1]:
        latents.append(policy.world.rssm.imagine_step(latents[-1], torch.from_numpy(action)))
    before = policy.latent(*(np.concatenate([step[2][part] for step in jumps]) for part in (0, 1)))
    landing = policy.world.rssm.imagine_step(before, policy.world.rssm.jump(2))

    def tile(whole, row, column):
        return whole[4 + 20 * row :, 4 + 20 * column :][:16, :16].transpose(2, 0, 1)

    for column, (latent, step) in enumerate(zip(latents, steps)):
        np.testing.assert_array_equal(tile(image, 0, column), step[0]["image"])
        expected = policy.world.decoder.predict(latent)["image"][0].detach().numpy()
        np.testing.assert_allclose(tile(image, 1, column) / 255, expected, atol=0.51 / 255)
    expected = policy.world.decoder.predict(landing)["image"].detach().numpy()
    for column, step in enumerate(jumps):
        np.testing.assert_array_equal(tile(jumped, 0, column), step[0]["image"])
        np.testing.assert_array_equal(tile(jumped, 1, column), step[0]["zoomed"])
        np.testing.assert_allclose(tile(jumped, 2, column) / 255, expected[column], atol=0.51 / 255)
