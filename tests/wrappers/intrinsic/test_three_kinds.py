"""The wrappers of the three kinds of environment around one scripted world: each scores exactly what happened, and alike."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym import wrappers
from papergym.wrappers.intrinsic.base import Bonus

MODES = list(AutoresetMode)
ENVS, STEPS = 3, 24


class Recorder(Bonus):
    """Pays a running number and keeps what it was shown."""

    @property
    def needs(self):
        return ("obs", "action")

    def __post_init__(self):
        super().__post_init__()
        self.rows, self.resets = [], []

    def reset(self, env=None):
        self.resets.append(np.asarray(env).tolist())

    def _embed(self, transitions):
        return None

    def _raw(self, transitions, x):
        return np.arange(len(self.rows), len(self.rows) + len(transitions), dtype=np.float32)

    def _store(self, t, x):
        self.rows += [
            (int(env), t.obs[i].copy(), np.asarray(t.action[i]).copy(), t.next_obs[i].copy(), bool(t.done[i]))
            for i, env in enumerate(t.slots)
        ]


def actions(step):
    return np.array([(step + i) % 3 for i in range(ENVS)])


def run_vector(wrapper: Any, mode, steps=STEPS):
    """Rewards, infos and resets of the wrapper under an autoreset mode."""
    wrapper.reset(seed=0)
    out = []
    for t in range(steps):
        _, reward, terminated, truncated, info = wrapper.step(actions(t))
        out.append((reward.copy(), info))
        if mode is AutoresetMode.DISABLED and (terminated | truncated).any():
            wrapper.reset(options={"reset_mask": terminated | truncated})
    return out


@pytest.fixture
def make(worlds):
    return lambda index, **kwargs: worlds.Script(seed=index, lengths=(3, 5, 1, 4)[index % 2 :], **kwargs)


def same(shown, log):
    assert len(shown) == len(log)
    for (obs, action, next_obs, done), (_, o, a, n, d) in zip(log, shown):
        np.testing.assert_array_equal(o, obs)
        np.testing.assert_array_equal(a, action)
        np.testing.assert_array_equal(n, next_obs)
        assert d == done


def test_single_wrapper_shows_what_happened(make):
    env = make(0, careless=True)  # whose observations are all the same array
    wrapper = wrappers.IntrinsicReward(env, Recorder())
    wrapper.reset(seed=0)
    for t in range(STEPS):
        _, _, terminated, truncated, _ = wrapper.step(np.int64(t % 3))
        if terminated or truncated:
            wrapper.reset()
    same(wrapper.bonus.rows, env.log)
    assert wrapper.bonus.resets == [[0]] * (1 + sum(done for *_, done in env.log))


@pytest.mark.parametrize("mode", MODES)
def test_vector_wrapper_shows_what_happened(mode, make):
    envs: Any = SyncVectorEnv([lambda i=i: make(i) for i in range(ENVS)], autoreset_mode=mode)
    wrapper = wrappers.vector.IntrinsicReward(envs, Recorder(), normalize=False)
    out = run_vector(wrapper, mode)
    for index, env in enumerate(envs.envs):
        same([row for row in wrapper.bonus.rows if row[0] == index], env.log)
    assert sum(len(env.log) for env in envs.envs) == len(wrapper.bonus.rows)
    paid = np.concatenate([info["reward_intrinsic"][info["_reward_intrinsic"]] for _, info in out])
    np.testing.assert_array_equal(paid, np.arange(len(wrapper.bonus.rows)))
    for reward, info in out:
        np.testing.assert_allclose(reward, info["reward_extrinsic"] + info["reward_intrinsic"])
        assert (info["reward_intrinsic"][~info["_reward_intrinsic"]] == 0).all()
    sat_out = sum((~info["_reward_intrinsic"]).sum() for _, info in out)
    assert (sat_out > 0) == (mode is AutoresetMode.NEXT_STEP)  # only there a step may be a reset


def test_sb3_wrapper_shows_what_happened(make):
    venv: Any = DummyVecEnv([lambda i=i: make(i) for i in range(ENVS)])
    wrapper = wrappers.sb3.IntrinsicReward(venv, Recorder())
    wrapper.reset()
    sums = np.zeros(ENVS)
    for t in range(STEPS):
        _, rewards, dones, infos = wrapper.step(actions(t))
        for i, info in enumerate(infos):
            assert rewards[i] == info["reward_extrinsic"] + info["reward_intrinsic"]
            sums[i] += info["reward_intrinsic"]
            assert info["episode_intrinsic"] == sums[i]
        sums[dones] = 0
    for index, env in enumerate(venv.envs):
        same([row for row in wrapper.bonus.rows if row[0] == index], env.log)


BONUSES = {
    "KNNNovelty": {"size": 20, "scaling": "std"},
    "EpisodicNovelty": {"k": 3},
    "RND": {"every": 8, "warmup": 4, "batch_size": 8},
    "ICM": {"every": 8, "batch_size": 8},
    "Disagreement": {"every": 8, "batch_size": 8},
    "NGU": {"every": 8, "batch_size": 8, "k": 3},
    "CountBonus": {"hash": "grid", "width": 1.0},
    "RE3": {"scaling": "std"},
    "PrototypeNovelty": {"prototypes": 4, "size": 16, "batch_size": 8},
    "APT": {"k": 2},
    "E3B": {"every": 8, "batch_size": 8, "dim": 4},
    "RIDE": {"every": 8, "batch_size": 8, "dim": 4, "hash": "grid", "width": 2.0},
    "PseudoCounts": {"width": 1.0},
}


def per_env(out):
    """Intrinsic rewards of each environment in order, without the steps that were resets."""
    return [[info["reward_intrinsic"][i] for _, info in out if info["_reward_intrinsic"][i]] for i in range(ENVS)]


@pytest.mark.parametrize("name", BONUSES)
def test_sb3_and_vector_wrappers_pay_the_same(name, make):
    envs = SyncVectorEnv([lambda i=i: make(i) for i in range(ENVS)], autoreset_mode=AutoresetMode.SAME_STEP)
    vector = wrappers.add_intrinsic_reward(envs, name, normalize=True, **BONUSES[name])
    out = per_env(run_vector(vector, AutoresetMode.SAME_STEP))
    wrapper = wrappers.add_intrinsic_reward(
        DummyVecEnv([lambda i=i: make(i) for i in range(ENVS)]), name, normalize=True, **BONUSES[name]
    )
    wrapper.reset()
    paid = [[info["reward_intrinsic"] for info in wrapper.step(actions(t))[3]] for t in range(STEPS)]
    np.testing.assert_allclose(np.transpose(paid), out, rtol=1e-6)
    assert np.ptp(paid) > 0


@pytest.mark.parametrize("name", [name for name in BONUSES if name != "APT"])
def test_single_and_vector_wrappers_pay_the_same(name, make):
    """One environment through all three kinds of wrapper and all modes: the same stream, the same rewards."""
    wrapper = wrappers.add_intrinsic_reward(make(1), name, **BONUSES[name])
    wrapper.reset(seed=0)
    paid = []
    for t in range(STEPS):
        _, _, terminated, truncated, info = wrapper.step(actions(t)[0])
        paid.append(info["reward_intrinsic"])
        if terminated or truncated:
            wrapper.reset()
    for mode in MODES:
        envs = wrappers.add_intrinsic_reward(SyncVectorEnv([lambda: make(1)], autoreset_mode=mode), name, **BONUSES[name])
        envs.reset(seed=0)
        got = []
        while len(got) < STEPS:
            resetting = mode is AutoresetMode.NEXT_STEP and envs._ended[0]
            _, _, terminated, truncated, info = envs.step(actions(len(got))[:1])
            if not resetting:
                got.append(info["reward_intrinsic"][0])
            if mode is AutoresetMode.DISABLED and (terminated | truncated).any():
                envs.reset(options={"reset_mask": terminated | truncated})
        np.testing.assert_allclose(got, paid, rtol=1e-6, err_msg=str(mode))
    venv = wrappers.add_intrinsic_reward(DummyVecEnv([lambda: make(1)]), name, **BONUSES[name])
    venv.reset()
    np.testing.assert_allclose([venv.step(actions(t)[:1])[3][0]["reward_intrinsic"] for t in range(STEPS)], paid, rtol=1e-6)


def test_mixing_by_hand(make):
    wrapper = wrappers.IntrinsicReward(make(0, reward=2.0), Recorder(), weight=0.5, decay=0.1, normalize=False)
    wrapper.reset(seed=0)
    total = {"extrinsic": 0.0, "intrinsic": 0.0}
    for t in range(3):
        _, reward, terminated, truncated, info = wrapper.step(0)
        assert reward == pytest.approx(2.0 + 0.5 * 0.9**t * t)
        assert (info["reward_extrinsic"], info["reward_intrinsic"]) == (2.0, float(t))
        total["extrinsic"] += 2.0
        total["intrinsic"] += t
    assert terminated or truncated
    assert (info["episode_extrinsic"], info["episode_intrinsic"]) == (total["extrinsic"], total["intrinsic"])
    alone = wrappers.IntrinsicReward(make(0, reward=2.0), Recorder(), weight=0.5, mix="replace", normalize=False)
    alone.reset(seed=0)
    assert [alone.step(0)[1] for _ in range(3)] == [0.0, 0.5, 1.0]


def test_return_normalisation_by_hand(make):
    wrapper = wrappers.IntrinsicReward(make(0), Recorder(), normalize=True, mix="replace")
    wrapper.reset(seed=0)
    discounted, sums = 0.0, [0.0]  # that before the first step counts
    for t in range(3):
        discounted = 0.99 * discounted + t
        sums.append(discounted)
        expected = t / (np.std(sums) or 1.0)
        assert wrapper.step(0)[1] == pytest.approx(expected)


@pytest.mark.parametrize("name", [name for name in BONUSES if name != "APT"])
def test_specs_rebuild(name):
    wrapper = wrappers.add_intrinsic_reward(gym.make("CartPole-v1"), name, weight=0.3, **BONUSES[name])
    again: Any = gym.make(EnvSpec.from_json(wrapper.spec.to_json()))
    assert isinstance(again, wrappers.IntrinsicReward)
    assert type(again.bonus) is type(wrapper.bonus) and again.bonus.config() == wrapper.bonus.config()
    assert again.mixer.weight == 0.3
    ready = wrappers.IntrinsicReward(gym.make("CartPole-v1"), wrapper.bonus)
    rebuilt: Any = gym.make(EnvSpec.from_json(ready.spec.to_json()))
    assert rebuilt.bonus is not wrapper.bonus and rebuilt.bonus.config() == wrapper.bonus.config()


def test_the_wrapper_keeps_the_rules_of_gymnasium():
    from gymnasium.utils.env_checker import check_env

    check_env(wrappers.NoveltyReward(gym.make("Pendulum-v1")).env.unwrapped, skip_render_check=True)
    wrapper = wrappers.NoveltyReward(gym.make("Pendulum-v1"))
    wrapper.reset(seed=1)
    first = wrapper.step(wrapper.action_space.sample())
    assert isinstance(first[1], float)
    assert first[0] in wrapper.observation_space


def test_short_spellings_take_every_kind_of_environment():
    spelt = {
        wrappers.NoveltyReward: "KNNNovelty", wrappers.RNDReward: "RND", wrappers.ICMReward: "ICM", wrappers.RE3Reward: "RE3",
        wrappers.DisagreementReward: "Disagreement", wrappers.EpisodicReward: "EpisodicNovelty", wrappers.NGUReward: "NGU",
        wrappers.CountReward: "CountBonus", wrappers.PrototypeReward: "PrototypeNovelty",
        wrappers.E3BReward: "E3B", wrappers.RIDEReward: "RIDE", wrappers.PseudoCountReward: "PseudoCounts",
    }  # fmt: skip
    kinds = (lambda: gym.make("CartPole-v1"), lambda: gym.make_vec("CartPole-v1", 2), lambda: DummyVecEnv([kinds[0]]))
    classes = (wrappers.IntrinsicReward, wrappers.vector.IntrinsicReward, wrappers.sb3.IntrinsicReward)
    for spell, bonus in spelt.items():
        for make_env, wrapper in zip(kinds, classes):
            wrapped = spell(make_env(), weight=0.5)
            assert type(wrapped) is wrapper and type(wrapped.bonus).__name__ == bonus and wrapped.mixer.weight == 0.5
    assert wrappers.NoveltyReward(gym.make("CartPole-v1"), k=7).bonus.k == 7
    with pytest.raises(TypeError, match="VectorEnv or a stable-baselines3"):
        wrappers.NoveltyReward(object())


def test_nothing_is_stepped_behind_the_users_back(make):
    env = make(0)
    for name in BONUSES:
        if name != "APT":  # which one environment is too few for
            wrappers.add_intrinsic_reward(env, name, **BONUSES[name])
    assert env.log == [] and env.episode == -1


def test_dict_observations_through_all_wrappers():
    """Final observations of Dict spaces come in another shape under SAME_STEP; all kinds of wrapper must still agree."""

    class Pair(gym.ObservationWrapper):
        def __init__(self, env):
            super().__init__(env)
            self.observation_space = gym.spaces.Dict({"a": env.observation_space, "b": gym.spaces.Discrete(2)})

        def observation(self, obs):
            return {"a": obs, "b": int(obs[0] > 0)}

    def make_env():
        return Pair(gym.make("CartPole-v1", max_episode_steps=7))

    paid = {}
    for mode in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
        envs = wrappers.NoveltyReward(SyncVectorEnv([make_env] * ENVS, autoreset_mode=mode), memory="episodic", embed="auto")
        envs.reset(seed=[3, 4, 5])
        steps = []
        for t in range(7):
            *_, truncated, info = envs.step(actions(t) % 2)
            steps.append(info["reward_intrinsic"])
        assert truncated.all()
        paid[mode] = np.array(steps)
    np.testing.assert_allclose(*paid.values(), rtol=1e-6)
    venv = DummyVecEnv([make_env] * ENVS)
    for index, seed in enumerate((3, 4, 5)):
        venv._seeds[index] = seed
    wrapper = wrappers.NoveltyReward(venv, memory="episodic")
    wrapper.reset()
    got = [[info["reward_intrinsic"] for info in wrapper.step(actions(t) % 2)[3]] for t in range(7)]
    np.testing.assert_allclose(got, paid[AutoresetMode.SAME_STEP], rtol=1e-6)
    assert wrapper.bonus.features.dim == 6  # four numbers and a one-hot of two
