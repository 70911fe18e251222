"""Other people's code trains through the wrappers for a few thousand steps; nothing of it is changed but the line that wraps.

What a library saw is checked against what the bonus paid: rewards in its buffers are extrinsic plus intrinsic.
"""

import gymnasium as gym
import numpy as np
import pytest
import torch

from papergym import wrappers
from papergym.wrappers.intrinsic import KNNNovelty, relabel

pytestmark = pytest.mark.slow
REASON = "not installed: pip install 'papergym[thirdparty]'"
STEPS = 4_000


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learned(bonus, steps):
    """The bonus saw every step and paid for most."""
    stats = bonus.stats()
    assert stats["rewards"] == steps
    assert np.isfinite(stats["reward_mean"]) and stats["reward_mean"] > 0 and stats["zero_fraction"] < 0.1


def test_sb3_ppo():
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    venv = wrappers.NoveltyReward(make_vec_env("CartPole-v1", n_envs=4, seed=0), k=3)
    model = PPO("MlpPolicy", venv, n_steps=128, seed=0)
    model.learn(STEPS)
    learned(venv.bonus, model.num_timesteps)
    assert ((model.rollout_buffer.rewards > 1.0).mean()) > 0.9  # CartPole alone pays 1


@pytest.mark.parametrize("bonus", ["KNNNovelty", "RND", "ICM"])
def test_sb3_sac(bonus):
    from stable_baselines3 import SAC

    env = wrappers.add_intrinsic_reward(gym.make("Pendulum-v1"), bonus)
    model = SAC("MlpPolicy", env, learning_starts=500, policy_kwargs={"net_arch": [64, 64]}, seed=0)
    model.learn(2_000)
    assert env.bonus.stats()["rewards"] == 2_000
    assert np.isfinite(model.replay_buffer.rewards[:2_000]).all()


def test_sb3_contrib_recurrent_ppo():
    pytest.importorskip("sb3_contrib", reason="not installed: pip install 'papergym[contrib]'")
    from sb3_contrib import RecurrentPPO
    from stable_baselines3.common.env_util import make_vec_env

    venv = wrappers.EpisodicReward(make_vec_env("CartPole-v1", n_envs=4, seed=0), weight=0.1, normalize=True)
    model = RecurrentPPO("MlpLstmPolicy", venv, n_steps=128, policy_kwargs={"lstm_hidden_size": 32}, seed=0)
    model.learn(2_048)
    learned(venv.bonus, 2_048)


def test_torchrl_ppo():
    pytest.importorskip("torchrl", reason=REASON)
    from tensordict.nn import TensorDictModule
    from torchrl.collectors import Collector
    from torchrl.data import LazyTensorStorage, ReplayBuffer
    from torchrl.envs import GymWrapper
    from torchrl.modules import MLP, NormalParamExtractor, ProbabilisticActor, TanhNormal, ValueOperator
    from torchrl.objectives import ClipPPOLoss
    from torchrl.objectives.value import GAE

    torch.manual_seed(0)
    wrapped = wrappers.NoveltyReward(gym.make("Pendulum-v1"), k=3)
    env = GymWrapper(wrapped)
    body = torch.nn.Sequential(MLP(in_features=3, out_features=2, num_cells=[64]), NormalParamExtractor())
    actor = ProbabilisticActor(
        TensorDictModule(body, in_keys=["observation"], out_keys=["loc", "scale"]), in_keys=["loc", "scale"],
        distribution_class=TanhNormal, distribution_kwargs={"low": -2.0, "high": 2.0}, return_log_prob=True,
    )  # fmt: skip
    critic = ValueOperator(MLP(in_features=3, out_features=1, num_cells=[64]), in_keys=["observation"])
    advantage = GAE(gamma=0.99, lmbda=0.95, value_network=critic)
    loss = ClipPPOLoss(actor, critic)
    optimiser = torch.optim.Adam(loss.parameters(), 3e-4)
    before = [p.detach().clone() for p in loss.parameters()]
    data = None
    for data in Collector(env, actor, frames_per_batch=500, total_frames=3_000):
        for _ in range(2):
            advantage(data)
            values = loss(data.reshape(-1))
            total = values["loss_objective"] + values["loss_critic"] + values["loss_entropy"]
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
    assert data is not None
    learned(wrapped.bonus, 3_000)
    assert any(not torch.equal(a, b) for a, b in zip(before, loss.parameters()))
    buffer = ReplayBuffer(storage=LazyTensorStorage(500), batch_size=64)
    buffer.extend(data.reshape(-1))
    sample = buffer.sample()
    fresh = relabel(sample, KNNNovelty(memory="batch", k=3), mix="replace")
    expected = KNNNovelty(memory="batch", k=3).score(sample["next", "observation"].numpy())
    np.testing.assert_allclose(fresh["next", "reward"][:, 0], expected, rtol=1e-6)
    assert not torch.equal(fresh["next", "reward"], sample["next", "reward"])


def test_tianshou_dqn():
    pytest.importorskip("tianshou", minversion="2.0", reason=REASON)
    from tianshou.algorithm import DQN
    from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
    from tianshou.algorithm.optim import AdamOptimizerFactory
    from tianshou.data import Collector, VectorReplayBuffer
    from tianshou.env import DummyVectorEnv
    from tianshou.trainer import OffPolicyTrainerParams
    from tianshou.utils.net.common import Net

    made = []

    def make():
        made.append(wrappers.NoveltyReward(gym.make("CartPole-v1"), k=3))
        return made[-1]

    environments = DummyVectorEnv([make] * 4)
    space = made[0].action_space
    policy = DiscreteQLearningPolicy(
        model=Net(state_shape=(4,), action_shape=2, hidden_sizes=[32]), action_space=space, eps_training=0.2
    )
    algorithm = DQN(policy=policy, optim=AdamOptimizerFactory(lr=1e-3), target_update_freq=200)
    buffer = VectorReplayBuffer(4_000, 4)
    collector = Collector(algorithm, environments, buffer, exploration_noise=True)
    collector.reset()
    parameters = OffPolicyTrainerParams(
        training_collector=collector, max_epochs=2, epoch_num_steps=1_000, collection_step_num_env_steps=40,
        update_step_num_gradient_steps_per_sample=0.1, batch_size=32, verbose=False, show_progress=False,
    )  # fmt: skip
    algorithm.run_training(parameters)
    paid = sum(env.bonus.stats()["rewards"] for env in made)
    assert paid >= 2_000 and len(buffer) == paid
    assert (buffer.rew[: buffer.maxsize][buffer.rew != 0] > 1.0).mean() > 0.9  # CartPole alone pays 1
    sample, _ = buffer.sample(32)
    fresh = relabel(sample, KNNNovelty(memory="batch", k=3), mix="replace")
    np.testing.assert_allclose(fresh.rew, KNNNovelty(memory="batch", k=3).score(sample.obs_next), rtol=1e-6)


def test_single_file_ppo():
    """A loop as people write it in one file: vector environment, GAE, clipped objective, nothing imported but torch."""
    torch.manual_seed(0)
    envs = gym.make_vec("CartPole-v1", num_envs=4)
    envs = wrappers.RNDReward(envs, weight=0.1, normalize=True)

    def network(out):
        return torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.Tanh(), torch.nn.Linear(64, out))

    actor, critic, steps = network(2), network(1), 64
    optimiser = torch.optim.Adam([*actor.parameters(), *critic.parameters()], 1e-3)
    obs, done, lengths = torch.tensor(envs.reset(seed=0)[0]), torch.zeros(4), []
    for _ in range(40):
        rows = []
        for _ in range(steps):
            with torch.no_grad():
                chosen = torch.distributions.Categorical(logits=actor(obs))
                action = chosen.sample()
                row = [obs, action, chosen.log_prob(action), critic(obs)[:, 0], done]
            found, reward, terminated, truncated, info = envs.step(action.numpy())
            rows.append([*row, torch.tensor(reward, dtype=torch.float32)])
            obs, done = torch.tensor(found), torch.tensor(terminated | truncated, dtype=torch.float32)
            lengths += list(info["episode_extrinsic"][info["_episode_extrinsic"]]) if "episode_extrinsic" in info else []
        seen, actions, old, values, dones, rewards = (torch.stack(part) for part in zip(*rows))
        with torch.no_grad():
            advantages, following, after, next_done = torch.zeros_like(rewards), critic(obs)[:, 0], 0.0, done
            for t in reversed(range(steps)):
                delta = rewards[t] + 0.99 * following * (1 - next_done) - values[t]
                advantages[t] = after = delta + 0.99 * 0.95 * (1 - next_done) * after
                following, next_done = values[t], dones[t]
            returns = advantages + values
        for _ in range(4):
            ratio = (torch.distributions.Categorical(logits=actor(seen)).log_prob(actions) - old).exp()
            scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
            policy_loss = -torch.min(ratio * scaled, ratio.clamp(0.8, 1.2) * scaled).mean()
            loss = policy_loss + 0.5 * (critic(seen)[..., 0] - returns).pow(2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    quarter = len(lengths) // 4
    assert np.mean(lengths[-quarter:]) > 1.5 * np.mean(lengths[:quarter])  # the task is still learned
    assert envs.bonus.stats()["rewards"] == 40 * steps * 4 - len(lengths)  # every step but those that were resets
