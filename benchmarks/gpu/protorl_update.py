"""Proto-RL's update on CUDA: first that it equals the CPU's, then how fast it is at the paper's scale.

Check: one update of each phase from the same weights, batch and noise on both devices, fp32 without TF32; losses, reward
and new weights must agree. Speed: updates per second at batch 512, 9x84x84, 512 prototypes, queue 2048, with sampling
from a device-resident replay; variants are timed in turn, several rounds, and medians reported. Rows go to
assets/results/gpu.csv.
"""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from common import options, rates, rows_of, write
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from papergym.agents.protorl.algorithm import ProtoRL
from papergym.agents.protorl.config import Config
from papergym.agents.protorl.update import FINETUNE, PRETRAIN, Noise

VARIANTS: dict[str, dict[str, Any]] = {
    "fp32": {},
    "tf32": {"tf32": True},
    "tf32 channels_last": {"tf32": True, "channels_last": True},
    "bf16 channels_last": {"tf32": True, "channels_last": True, "bf16": True},
}


class Noisy(gym.Env):
    """Random pictures of the paper's shape; only the update is measured."""

    observation_space = gym.spaces.Box(0, 255, (9, 84, 84), np.uint8)
    action_space = gym.spaces.Box(-1, 1, (6,), np.float32)

    def reset(self, *, seed=None, options=None):
        """Start an episode of 500 steps."""
        super().reset(seed=seed)
        self.time, self.frames = 0, [self.np_random.integers(0, 256, (3, 84, 84), dtype=np.uint8)] * 3
        return np.concatenate(self.frames), {}

    def step(self, action):
        """Another random picture."""
        self.time += 1
        self.frames = [*self.frames[1:], self.np_random.integers(0, 256, (3, 84, 84), dtype=np.uint8)]
        return np.concatenate(self.frames), float(self.np_random.random()), False, self.time >= 500, {}


def make(device: str, tf32: bool = False, **settings: Any) -> ProtoRL:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    config = Config(buffer_size=2000, record_visits=False, **settings)
    return ProtoRL(
        "ProtoPolicy",
        Noisy(),
        config.learning_rate,
        config.buffer_size,
        policy_kwargs=config.policy_kwargs(pixels=True),
        seed=0,
        device=device,
    )


def fill(model: ProtoRL, steps: int = 1500) -> None:
    env, rng = Noisy(), np.random.default_rng(0)
    obs, _ = env.reset(seed=0)
    for _ in range(steps):
        action = rng.uniform(-1, 1, 6).astype(np.float32)
        following, reward, _, truncated, _ = env.step(action)
        assert model.replay_buffer is not None
        model.replay_buffer.add(
            obs[None],
            following[None],
            action[None],
            np.array([reward]),
            np.array([truncated]),
            [{"TimeLimit.truncated": truncated}],
        )
        obs = env.reset()[0] if truncated else following


def check(device: str, batch_size: int) -> list[dict[str, object]]:
    """Largest difference between device and CPU after one update of each phase; raises if it exceeds rounding."""
    rows: list[dict[str, object]] = []
    for phase in (PRETRAIN, FINETUNE):
        cpu, other = make("cpu"), make(device)
        other.policy.load_state_dict(cpu.policy.state_dict())
        fill(cpu, 300)
        assert cpu.replay_buffer is not None
        batch, noise = cpu.replay_buffer.sample(batch_size), cpu.draw_noise(batch_size)
        start = {name: value.clone() for name, value in cpu.policy.state_dict().items()}
        found = []
        for model in (cpu, other):
            model.phase, place = phase, model.device
            moved = ReplayBufferSamples(*(value.to(place) for value in batch[:5]))
            found.append(model.update(moved, Noise(*(value.to(place) for value in noise))))
        for name, value in found[0].items():
            expected, got = value.item(), found[1][name].item()
            assert abs(got - expected) < 1e-4 + 1e-3 * abs(expected), f"{phase} {name}: {got} here, {expected} on the CPU"
        # Adam's first step is lr * sign(gradient): a gradient of rounding size may flip, so a small share may differ
        moves = [
            (
                (other.policy.state_dict()[name].cpu() - value).abs().float().flatten(),
                (value - start[name]).abs().float().flatten(),
            )
            for name, value in cpu.policy.state_dict().items()
            if value.is_floating_point()
        ]
        difference, movement = (torch.cat(parts) for parts in zip(*moves))
        flipped = (difference > 1e-5).float().mean().item()
        assert flipped < 0.01, f"{phase}: {flipped:.1%} of the weights differ from the CPU's by more than 1e-5"
        rows.append({"measure": f"{phase} update equals CPU: share of weights off by > 1e-5", "value": f"{flipped:.2e}"})
        rows.append({"measure": f"{phase} update: mean movement of a weight", "value": f"{movement.mean().item():.2e}"})
    return rows


def one_update(model: ProtoRL, batch_size: int, phase: str, tf32: bool) -> Any:
    """An update of a phase, with sampling."""
    buffer = model.replay_buffer
    assert buffer is not None

    def update() -> None:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        model.phase = phase
        model.update(buffer.sample(batch_size), model.draw_noise(batch_size))
        model._n_updates += 1

    return update


def measure(device: str, batch_size: int, updates: int, rounds: int) -> list[dict[str, object]]:
    """Updates per second of each variant and phase."""
    models = {name: make(device, **settings) for name, settings in VARIANTS.items()}
    for model in models.values():
        fill(model)
    rows: list[dict[str, object]] = []
    for phase in (PRETRAIN, FINETUNE):
        calls = {name: one_update(model, batch_size, phase, "tf32" in name) for name, model in models.items()}
        rows += rows_of(f"{phase} updates/s, batch {batch_size}", rates(calls, device, updates, rounds))
    return rows


def main() -> None:
    """Check, measure, and keep the rows."""
    given = options(__doc__, batch_size=512, updates=60, rounds=5, check_only=0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    rows = check(given.device, min(given.batch_size, 64))
    print(f"update on {given.device} equals the CPU's within tolerance, both phases", flush=True)
    if not given.check_only:
        torch.backends.cudnn.benchmark = True
        rows += measure(given.device, given.batch_size, given.updates, given.rounds)
    write("protorl", given.device, rows)


if __name__ == "__main__":
    main()
