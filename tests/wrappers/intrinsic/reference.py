"""Float64 brute force of every bonus, written from the formulas: plain lists, explicit loops, no shared code."""

import math

import numpy as np


def distance(a, b):
    return math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b)))


def nearest(x, rows, k):
    return sorted(distance(x, row) for row in rows)[:k]


class Knn:
    """``KNNNovelty`` on vectors: one call per step with lists of (obs, next_obs, done), one entry per environment."""

    def __init__(self, k, size, memory="ring", aggregate="kth", transform="none", clip=0.0, scaling="none", unit=False):
        self.k, self.size, self.memory, self.aggregate = k, size, memory, aggregate
        self.transform, self.clip, self.scaling, self.unit = transform, clip, scaling, unit
        self.ring, self.episodes, self.seen = [], {}, []

    def vector(self, x):
        x = np.asarray(x, np.float64)
        return x / np.linalg.norm(x) if self.unit else x

    def scale(self):
        if self.scaling == "none" or not self.seen:
            return 1.0
        return {"mean": np.mean(self.seen), "std": np.std(self.seen) or 1.0, "var": np.var(self.seen) or 1.0}[self.scaling]

    def distances(self, i, env, obs, batch):
        if self.memory == "batch":
            return nearest(batch[i], batch[:i] + batch[i + 1 :], self.k)
        if self.memory == "episodic":
            return nearest(batch[i], self.episodes.setdefault(env, [self.vector(obs)]), self.k)
        return nearest(batch[i], self.ring, self.k)

    def step(self, envs, obs, next_obs, done):
        batch, raw, rewards = [self.vector(x) for x in next_obs], [], []
        for i, env in enumerate(envs):
            found = self.distances(i, env, obs[i], batch)
            raw.append(found if self.aggregate == "mean" else found[-1:])
        for found in raw:
            value = np.mean([max(d / self.scale() - self.clip, 0.0) for d in found]) if found else 0.0
            rewards.append(math.log1p(value) if self.transform == "log1p" else value)
        self.seen += [d for found in raw for d in found]
        for i, env in enumerate(envs):
            self.ring = [*self.ring, batch[i]][-self.size :]
            if self.memory == "episodic":
                self.episodes[env] = [*self.episodes[env], batch[i]][-self.size :]
                if done[i]:
                    del self.episodes[env]
        return rewards


class Episodic:
    """NGU's episodic reward, algorithm 1."""

    def __init__(self, k=10, size=2048, epsilon=1e-4, cluster=0.008, c=1e-3, limit=8.0):
        self.k, self.size, self.epsilon, self.cluster, self.c, self.limit = k, size, epsilon, cluster, c, limit
        self.episodes, self.squares = {}, []

    def step(self, envs, obs, next_obs, done):
        found = [
            [d * d for d in nearest(x, self.episodes.setdefault(env, [o]), self.k)] for env, o, x in zip(envs, obs, next_obs)
        ]
        self.squares += [d for row in found for d in row]
        mean = np.mean(self.squares)
        rewards = []
        for row in found:
            kernel = [self.epsilon / (max(d / mean - self.cluster, 0.0) + self.epsilon) for d in row]
            similarity = math.sqrt(sum(kernel)) + self.c
            rewards.append(0.0 if similarity > self.limit else 1.0 / similarity)
        for i, env in enumerate(envs):
            self.episodes[env] = [*self.episodes[env], next_obs[i]][-self.size :]
            if done[i]:
                del self.episodes[env]
        return rewards


class Counts:
    """``1 / sqrt(visits)`` of grid cells."""

    def __init__(self, width):
        self.width, self.visits = width, {}

    def step(self, envs, obs, next_obs, done):
        keys = [tuple(math.floor(float(v) / self.width) for v in x) for x in next_obs]
        rewards = [1.0 / math.sqrt(self.visits.get(key, 0) + 1) for key in keys]
        for key in keys:
            self.visits[key] = self.visits.get(key, 0) + 1
        return rewards
