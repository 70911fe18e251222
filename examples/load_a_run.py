"""Train, load the run in one line, and use the model in plain stable-baselines3.

Half a minute: python examples/load_a_run.py
"""

import argparse

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecNormalize

import papergym

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_240)
    parser.add_argument("--run-folder", default="runs/load-a-run")
    options = parser.parse_args()
    run = papergym.train("ppo", "CartPole-v1", steps=options.steps, run_folder=options.run_folder, video=False, seed=0)
    model, env = papergym.load(run.folder)  # an SB3 model, and the environment it is evaluated in
    print(type(model).__name__, env.spec.id, run.summary["return_after"])
    env.close()

    # The same without papergym: 5 episodes from the same seed as in eval.csv.
    venv = make_vec_env("CartPole-v1", 1, seed=10_000)
    if (run.folder / "vecnormalize.pkl").is_file():
        venv = VecNormalize.load(str(run.folder / "vecnormalize.pkl"), venv)
        venv.training = venv.norm_reward = False
    plain = PPO.load(run.folder / "model.zip", device="cpu")
    mean, _ = evaluate_policy(plain, venv, 5, warn=False)
    print(f"in plain stable-baselines3: {mean:.1f}")
