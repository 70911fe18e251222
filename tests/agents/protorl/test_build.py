import numpy as np
import pytest

from papergym import assets
from papergym.agents.protorl.build import build
from papergym.agents.protorl.config import Config
from papergym.agents.protorl.coverage import random_visits

QUICK = {
    "steps": 60, "learning_starts": 10, "batch_size": 8, "prototypes": 8, "queue_size": 32, "encoder_strides": (4, 4),
    "hidden": (16,), "buffer_size": 100, "projection_dim": 8, "predictor_dim": 8,
}  # fmt: skip


def test_hyperparameters_are_the_defaults():
    table, config = assets.paper("protorl")["hyperparameters"], Config()
    renamed = {
        "replay_capacity": "buffer_size",
        "random_steps": "learning_starts",
        "discount": "gamma",
        "actor_update_every": "actor_every",
        "critic_target_tau": "tau",
        "critic_target_update_every": "target_every",
        "encoder_target_tau": "encoder_tau",
        "encoder_update_every": "representation_every",
        "nearest_neighbour": "reward_k",
    }
    for name, value in table.items():
        if name != "evaluation":
            assert getattr(config, renamed.get(name, name)) == value, name
    assert config.switch_at == 250_000


def test_official_network_sizes():
    policy = build(Config(buffer_size=100), "ProtoRL-Walker-v0", seed=0, device="cpu").policy
    size = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    assert size(policy.encoder) == 30_368 and policy.encoder.features_dim == 39_200
    assert size(policy.projector) == 39_200 * 128 + 128
    assert size(policy.prototypes.predictor) == 131_712 and policy.prototypes.weight.shape == (512, 128)
    assert policy.queue.rows.shape == (2048, 128)
    actor = 39_200 * 50 + 50 + 100 + 50 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 12 + 12
    assert size(policy.actor) == actor


def test_states_of_a_suite_task_and_their_coverage():
    model = build(Config(**QUICK), "ProtoRL-Walker-v0", seed=0, device="cpu", env_kwargs={"obs_type": "state"})
    model.learn(60, log_interval=None)
    assert model.visits is not None
    visited = model.visits.array()
    assert visited.shape == (30, 24)  # pretraining only
    baseline = random_visits(lambda: model.env.envs[0], 5, seed=0)
    assert baseline.shape == (5, 24) and np.isfinite(baseline).all()


def test_pretraining_longer_than_the_run():
    with pytest.raises(ValueError, match="pretrain_steps"):
        build(Config(steps=10, pretrain_steps=20), "ProtoRL-Walker-v0", seed=0)
