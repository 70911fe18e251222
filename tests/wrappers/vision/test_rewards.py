"""Rewards and observations in single, vector and SB3 environments: values, state, autoreset, bad input.

Long because one environment and one scorer without weights serve every test.
"""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from papergym.wrappers import sb3, vector
from papergym.wrappers.intrinsic.transitions import Transitions
from papergym.wrappers.vision.gaussian import gaussian_score
from papergym.wrappers.vision.jump import JumpFlag
from papergym.wrappers.vision.observation import AffordanceObservation, RemoveHUD, ResizeMaps, hud_mask
from papergym.wrappers.vision.rewards import AffordanceBonus, AffordanceReward, MineCLIPReward, MineCLIPScore
from papergym.wrappers.vision.scorer import calibrated


class Channels:
    """A scorer without weights; counts the frames that it encodes and the passes that it makes."""

    feature_size, calibration, image_size, crop_size = 3, (0.1, 2.0), None, (20, 32)

    def __init__(self):
        self.frames = self.passes = 0

    def encode_frames(self, frames):
        self.frames, self.passes = self.frames + len(frames), self.passes + 1
        return (frames.mean((2, 3)) / 25.0).astype(np.float32)

    def encode_texts(self, texts):
        return np.stack([np.eye(3, dtype=np.float32)[len(text) % 3] for text in texts])

    def logits(self, features, texts):
        weights = np.arange(1, 17, dtype=np.float32) / 136
        return (np.einsum("t,ntf->nf", weights, features) @ texts.T).astype(np.float32)


class Flicker(gym.Env):
    """Noise pictures from the seed; ends after ``limit`` steps."""

    observation_space = spaces.Dict({"rgb": spaces.Box(0, 255, (3, 20, 32), np.uint8), "life": spaces.Box(0, 20, (1,))})
    action_space = spaces.Discrete(3)

    def __init__(self, limit=7):
        self.limit, self.steps = limit, 0

    def _observe(self):
        level = self.np_random.integers(0, 256, (3, 1, 1))
        noise = self.np_random.integers(0, 40, (3, 20, 32))
        return {"rgb": np.clip(level + noise - 20, 0, 255).astype(np.uint8), "life": np.ones(1, np.float32)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._observe(), {}

    def step(self, action):
        self.steps += 1
        return self._observe(), 0.0, self.steps >= self.limit, False, {}


def luminance(frames, prompt):
    """A map that needs no network: brightness."""
    return (frames.mean(1, keepdims=True) / 255.0).astype(np.float32)


def naive_rewards(pictures, mode, texts):
    """Float64, one step at a time from the whole list of an episode's pictures."""
    scorer, out, best, before = Channels(), [], 0.0, None
    for t in range(len(pictures)):
        window = np.zeros((16, 3))
        for back in range(min(16, t + 1)):
            window[15 - back] = pictures[t - back].astype(np.float64).mean((1, 2)) / 25.0
        logits = (np.arange(1, 17) / 136) @ window @ scorer.encode_texts(texts).T.astype(np.float64)
        share = np.exp(logits) / np.exp(logits).sum()
        score = 1 / (1 + np.exp(-0.1 * (logits[0] - 2.0)))
        if mode == "direct":
            out.append(max(share[0] - 1 / len(texts), 0))
        elif mode == "delta":
            out.append(0.0 if before is None else share[0] - before)
        else:
            out.append(0.01 * score if score > best + 1e-7 else 0.0)
        best, before = max(best, score), share[0]
    return out


NEGATIVES = ("a", "bb")


@pytest.mark.parametrize("mode", ["direct", "delta", "record"])
def test_rewards_equal_naive_code_over_episodes(mode):
    scorer = Channels()
    env = MineCLIPReward(Flicker(25), "ccc", scorer, mode, negatives=NEGATIVES)
    texts = ["ccc"] if mode == "record" else ["ccc", *NEGATIVES]
    paid = 0
    for seed in range(3):
        env.reset(seed=seed)
        pictures, rewards, done, before = [], [], False, scorer.frames
        while not done:
            obs, reward, done, _, _ = env.step(0)
            pictures.append(obs["rgb"])
            rewards.append(reward)
        np.testing.assert_allclose(rewards, naive_rewards(pictures, mode, texts), atol=2e-6)
        assert scorer.frames - before == 25  # one frame a step
        paid += np.count_nonzero(rewards)
    assert paid > 0


@pytest.mark.parametrize("mode", ["direct", "delta", "record"])
def test_state_round_trip_in_the_middle_of_an_episode(mode):
    def build():
        return MineCLIPReward(Flicker(40), "ccc", Channels(), mode, negatives=NEGATIVES)

    one, other = build(), build()
    one.reset(seed=0)
    for _ in range(11):
        one.step(0)
    other.reset(seed=5)
    other.step(0)
    other.load_state_dict(one.state_dict())
    other.unwrapped._np_random, other.unwrapped.steps = one.unwrapped.np_random, one.unwrapped.steps
    rng = one.unwrapped.np_random.bit_generator.state
    first = [one.step(0)[1] for _ in range(9)]
    other.unwrapped.np_random.bit_generator.state = rng
    assert [other.step(0)[1] for _ in range(9)] == first
    with pytest.raises(ValueError, match="same arguments"):
        MineCLIPReward(Flicker(), "other words", Channels(), mode, negatives=NEGATIVES).load_state_dict(one.state_dict())


def test_score_changes_nothing():
    bonus, rng = MineCLIPScore(prompt="ccc", scorer=Channels(), mode="record"), np.random.default_rng(0)
    frames = rng.integers(0, 256, (2, 3, 20, 32), np.uint8)
    before = bonus.score(frames)
    np.testing.assert_array_equal(bonus.score(frames), before)
    np.testing.assert_array_equal(bonus.reward(frames), before)
    for _ in range(16):
        bonus.observe(np.full_like(frames, 255))
    assert not bonus.score(frames).any()  # no record after nothing but white
    bonus.reset()
    np.testing.assert_array_equal(bonus.score(frames), before)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("kind", ["direct", "record"])
def test_vector_twin_pays_what_single_ones_pay(mode, kind):
    limits, scorer = (5, 8, 11), Channels()
    envs = SyncVectorEnv([lambda n=n: Flicker(n) for n in limits], autoreset_mode=mode)
    envs = MineCLIPReward(envs, "ccc", scorer, kind, negatives=NEGATIVES)
    envs.reset(seed=[0, 1, 2])
    singles = [MineCLIPReward(Flicker(n), "ccc", Channels(), kind, negatives=NEGATIVES) for n in limits]
    ended = [False] * 3
    for i, single in enumerate(singles):
        single.reset(seed=i)
    for _ in range(20):
        passes = scorer.passes
        _, rewards, terminated, _, _ = envs.step(np.zeros(3, int))
        assert scorer.passes <= passes + 1  # one pass of the scorer for all
        for i, single in enumerate(singles):
            if ended[i]:
                single.reset()
                ended[i] = False
                if mode is AutoresetMode.NEXT_STEP:
                    assert rewards[i] == 0.0
                    continue
            _, reward, ended[i], _, _ = single.step(0)
            assert rewards[i] == pytest.approx(reward, abs=1e-6) and terminated[i] == ended[i]


def test_sb3_twin_pays_what_single_ones_pay():
    from stable_baselines3.common.vec_env import DummyVecEnv

    venv = DummyVecEnv([lambda n=n: Flicker(n) for n in (5, 8)])
    venv.seed(3)
    venv = AffordanceReward(sb3.AffordanceObservation(venv, luminance, "ccc", JumpFlag()), "record")
    singles = [AffordanceReward(AffordanceObservation(Flicker(n), luminance, "ccc", JumpFlag()), "record") for n in (5, 8)]
    venv.reset()
    for i, single in enumerate(singles):
        single.reset(seed=3 + i)
    for _ in range(20):
        obs, rewards, dones, infos = venv.step(np.zeros(2, int))
        for i, single in enumerate(singles):
            expected, reward, done, _, info = single.step(0)
            assert rewards[i] == pytest.approx(reward, abs=1e-7) and dones[i] == done
            seen = infos[i]["terminal_observation"] if done else {key: value[i] for key, value in obs.items()}
            assert set(seen) == set(expected)
            for key in expected:
                np.testing.assert_array_equal(seen[key], expected[key])
            if done:
                single.reset()
            else:
                assert infos[i]["jump_threshold"] == pytest.approx(info["jump_threshold"])


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_vector_observations_equal_single_ones(mode):
    envs = SyncVectorEnv([lambda n=n: Flicker(n) for n in (4, 6)], autoreset_mode=mode)
    envs = vector.AffordanceObservation(envs, luminance, "ccc", JumpFlag())
    obs, _ = envs.reset(seed=[0, 1])
    assert envs.observation_space.contains(obs)
    singles = [AffordanceObservation(Flicker(n), luminance, "ccc", JumpFlag()) for n in (4, 6)]
    expected = [single.reset(seed=i)[0] for i, single in enumerate(singles)]
    ended = [False, False]
    for _ in range(15):
        obs, _, terminated, _, info = envs.step(np.zeros(2, int))
        for i, single in enumerate(singles):
            if mode is AutoresetMode.NEXT_STEP and ended[i]:
                expected[i], ended[i] = single.reset()[0], False
            else:
                expected[i], _, ended[i], _, _ = single.step(0)
                assert terminated[i] == ended[i]
                if mode is AutoresetMode.SAME_STEP and ended[i]:
                    final = info["final_obs"][i]
                    assert set(final) == set(expected[i])
                    np.testing.assert_array_equal(final["affordance"], expected[i]["affordance"])
                    expected[i], ended[i] = single.reset()[0], False
            for key, value in expected[i].items():
                np.testing.assert_array_equal(obs[key][i], value)


def test_observation_is_in_its_space_and_state_round_trips():
    env = AffordanceObservation(Flicker(50), luminance, "ccc", JumpFlag())
    obs, info = env.reset(seed=0)
    for _ in range(20):
        assert env.observation_space.contains(obs) and 0 <= info["jump_score"] <= 1
        obs, _, _, _, info = env.step(0)
    other = AffordanceObservation(Flicker(50), luminance, "ccc", JumpFlag())
    other.load_state_dict(env.state_dict())
    frames = np.random.default_rng(0).integers(0, 256, (1, 3, 20, 32), np.uint8)
    assert env.parts(frames)[1]["jump_threshold"] == other.parts(frames)[1]["jump_threshold"]
    with pytest.raises(ValueError, match="without a jump flag"):
        AffordanceObservation(Flicker(), luminance, "ccc").load_state_dict(env.state_dict())


@pytest.mark.parametrize("mode", ["plain", "record"])
def test_affordance_bonus_equals_naive_code(mode):
    bonus, rng, best = AffordanceBonus(mode=mode), np.random.default_rng(0), np.zeros(2)
    for step in range(12):
        maps = rng.random((2, 1, 20, 32)).astype(np.float32) * rng.random()
        score = gaussian_score(maps[:, 0])
        expected = score if mode == "plain" else np.where(score > best, 0.01 * score, 0.0)
        done = np.array([False, step == 5])
        np.testing.assert_allclose(bonus.reward(Transitions(next_obs={"affordance": maps}, done=done)), expected, rtol=1e-5)
        best = np.where(done, 0, np.maximum(best, score))


def test_direct_is_never_negative_and_record_lies_below_its_scale():
    rng = np.random.default_rng(0)
    for mode in ("direct", "record"):
        bonus = MineCLIPScore(prompt="ccc", scorer=Channels(), mode=mode, negatives=NEGATIVES)
        rewards = [bonus.reward(rng.integers(0, 256, (1, 3, 20, 32), np.uint8))[0] for _ in range(40)]
        assert min(rewards) >= 0 and max(rewards) <= (0.01 if mode == "record" else 1)
    assert calibrated(np.array([2.0]), (0.1, 2.0))[0] == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": ""}, "not empty"),
        ({"prompt": "tree " * 76}, "at most 75 words"),
        ({"mode": "sum"}, "mode is one of"),
        ({"scorer": "clip"}, "Expected scorer"),
        ({"negatives": ()}, "Expected negatives"),
    ],
)
def test_bad_arguments_of_the_score(arguments, message):
    with pytest.raises(ValueError, match=message):
        MineCLIPScore(**{"prompt": "ccc", "scorer": Channels(), **arguments})


def test_bad_observations():
    with pytest.raises(ValueError, match="key='pixels'"):
        env = MineCLIPReward(Flicker(), "ccc", Channels(), key="pixels")
        env.reset(seed=0)
        env.step(0)
    with pytest.raises(ValueError, match="Expected a \\(3, H, W\\) uint8 picture"):
        AffordanceObservation(Flicker(), luminance, "ccc", key="life")
    with pytest.raises(ValueError, match="wrap once"):
        AffordanceObservation(AffordanceObservation(Flicker(), luminance, "ccc"), luminance, "ccc")
    with pytest.raises(ValueError, match="NaN"):
        AffordanceBonus().reward({"affordance": np.full((1, 1, 20, 32), np.nan, np.float32)})
    with pytest.raises(ValueError, match="AffordanceObservation"):
        ResizeMaps(Flicker())
    with pytest.raises(ValueError, match="Expected mask"):
        RemoveHUD(Flicker(), mask=np.zeros((4, 4)))


def test_remove_hud_changes_only_what_is_masked():
    env, mask = Flicker(), hud_mask(20, 32)
    plain, _ = env.reset(seed=0)
    clean = RemoveHUD(env).observation(plain)["rgb"]
    np.testing.assert_array_equal(clean[:, ~mask], plain["rgb"][:, ~mask])
    assert (clean[:, mask] != plain["rgb"][:, mask]).any()
    painted = plain["rgb"].copy()
    painted[:, mask] = 255
    np.testing.assert_array_equal(RemoveHUD(env).observation({**plain, "rgb": painted})["rgb"], clean)


def test_resize_maps():
    env = ResizeMaps(AffordanceObservation(Flicker(), luminance, "ccc"), (10, 16))
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs) and obs["affordance"].shape == (1, 10, 16)
    whole = env.env.reset(seed=0)[0]["affordance"]
    np.testing.assert_allclose(obs["affordance"], whole.reshape(1, 10, 2, 16, 2).mean((2, 4)), atol=1e-6)
