"""The table tt-imitation from its TOML to its row, on a small dataset."""

import gymnasium as gym
import numpy as np
import pytest

from papergym.agents.data.collect import RandomPolicy, record
from papergym.agents.data.write import write_dataset
from papergym.agents.reproduction.results import read_rows
from papergym.agents.reproduction.trials import reproduction
from papergym.agents.run import main

DATA = "test/pendulum/expert-v0"
SMALL = {"updates": 30, "bins": 8, "window": 2, "width": 16, "layers": 1, "heads": 2, "batch_size": 8, "context": 2}


def test_from_the_table_to_the_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    env = gym.make("Pendulum-v1")
    episodes = [record(env, RandomPolicy(env.action_space), seed, 200) for seed in range(3)]
    write_dataset(DATA, episodes, env, random_return=-1200.0, expert_return=50.0)
    trial = {**reproduction("tt-imitation").trials[0], **SMALL, "horizon": 2, "beam_width": 3}
    trial |= {"dataset": DATA, "env_id": "Pendulum-v1", "eval_episodes": 3, "eval_envs": 3}
    words = ", ".join(f"{name} = {value!r}" for name, value in trial.items())
    (tmp_path / "mine.toml").write_text(f'[reproduce.small]\nagent = "tt"\npreset = "quick"\nfixed = {{ {words} }}\n')
    assert main(["reproduce", "mine.toml", "--results", "rows.csv"]) == 0
    (row,) = read_rows(tmp_path / "rows.csv")
    mean = float(row["eval_return"])
    assert row["planner"] == "likelihood" and row["setting"] == trial["setting"] and -2000 < mean < 0
    returns = [float(episode.rewards.sum()) for episode in episodes]
    assert float(row["data_mean"]) == pytest.approx(np.mean(returns)) and float(row["data_best"]) == pytest.approx(max(returns))
    assert float(row["normalized"]) == pytest.approx(100 * (mean + 1200) / 1250, rel=1e-4)
    assert float(row["of_expert"]) == pytest.approx(2 * mean, rel=1e-4)
