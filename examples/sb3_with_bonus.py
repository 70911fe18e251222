"""stable-baselines3 with an exploration bonus: one line around the VecEnv, and what the bonus says of itself.

Ten seconds: python examples/sb3_with_bonus.py
"""

import argparse

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import papergym
from papergym.wrappers.sb3 import LogIntrinsicReward

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_480)
    venv = make_vec_env("MountainCar-v0", n_envs=4, seed=0)
    venv = papergym.wrappers.NoveltyReward(venv, k=3, weight=1.0)  # the one line
    model = PPO("MlpPolicy", venv, n_steps=256, batch_size=256, seed=0, device="cpu")
    model.learn(parser.parse_args().steps, callback=LogIntrinsicReward())  # intrinsic/... beside SB3's own numbers
    for name, value in venv.bonus.stats().items():
        print(f"{name:<20}{value:.4f}")
    venv.close()
