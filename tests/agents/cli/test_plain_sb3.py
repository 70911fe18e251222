"""Run folders hold what plain stable-baselines3 needs, and the returns are the same there."""

import pytest
import stable_baselines3 as sb3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecNormalize

from papergym.agents.run import main
from papergym.agents.runner.folder import eval_rounds
from papergym.agents.runner.load import load

SHORT = ["--eval-episodes", "3", "--no-video", "--seed", "4", "--run-folder", "run"]
RUNS = {
    "PPO": ["ppo", "--env", "Pendulum-v1", "--steps", "1024", "--n-steps", "256", "--eval-every", "512"],
    "SAC": ["sac", "--env", "Pendulum-v1", "--steps", "600", "--learning-starts", "200", "--eval-every", "300"],
    "DQN": ["per", "--env", "CartPole-v1", "--steps", "1500", "--eval-every", "500"],
}


@pytest.mark.parametrize("kind", RUNS)
def test_the_same_returns_in_plain_sb3(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *RUNS[kind], *SHORT]) == 0
    last = list(eval_rounds(tmp_path / "run").values())[-1]
    env_id = RUNS[kind][2]
    venv = make_vec_env(env_id, 1, seed=10_000 + 4)
    if kind == "PPO":
        venv = VecNormalize.load("run/vecnormalize.pkl", venv)
        venv.training = venv.norm_reward = False
    model = getattr(sb3, kind).load("run/model.zip", device="cpu")  # with env= SB3 would seed it anew
    returns, _ = evaluate_policy(model, venv, 3, return_episode_rewards=True, warn=False)
    assert returns == last
    model.set_env(venv)
    model.learn(600)
    assert model.num_timesteps >= 600
    learned, env = load("run")
    assert type(learned).__name__ in ("PPO", "SAC", "PrioritizedDQN") and env.spec.id == env_id
    env.close()
