"""The agent ``protorl``."""

from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="protorl",
    algorithm="papergym.agents.protorl.algorithm:ProtoRL",
    config="papergym.agents.protorl.config:Config",
    build="papergym.agents.protorl.build:build",
    paper="protorl",
    aliases=("proto-rl", "proto", "drq"),
    summary="Reward-free pretraining with prototypes and a k-NN reward, then finetuning (SAC from pixels or states).",
    default_env="ProtoRL-Walker-v0",
    score="papergym.agents.protorl.score:numbers",
    tables={"protorl-states": "papergym.agents.protorl.states:from_rows"},
    labels={
        "return_before": "return before training (evaluation)",
        "coverage_ratio": "states covered while exploring, ratio to a random policy's",
        "intrinsic_reward_first": "intrinsic reward, first",
        "intrinsic_reward_last": "intrinsic reward, last",
        "intrinsic_reward_mean": "intrinsic reward, mean",
        "coverage_cells": "states covered while exploring (grid cells)",
        "coverage_cells_random": "states covered by a random policy",
        "coverage_entropy": "particle entropy per dimension, nats",
        "coverage_entropy_random": "particle entropy of a random policy, nats",
    },
    curves={"train/intrinsic_reward": "intrinsic reward"},
    marks=("switch_at",),
)
