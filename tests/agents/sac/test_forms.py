"""The fast update against the plain one: whole updates in float64, parameter by parameter, and whole runs in float32."""

import copy

import numpy as np
import pytest
import torch
from stable_baselines3.common import policies
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from papergym.agents.replay.prioritized import PrioritizedSamples
from papergym.agents.sac.config import Config
from papergym.agents.sac.fast import FastUpdate
from papergym.agents.sac.prioritized import PrioritizedSAC
from papergym.agents.sac.update import Update

SIZE = 24


@pytest.fixture
def twins(monkeypatch, make_sac):
    """Agents of equal float64 parameters, the first with the fast update, the second with the plain one."""
    monkeypatch.setattr(policies, "preprocess_obs", lambda obs, *_, **__: obs.double())  # SB3's makes float32 of everything

    def build(n_critics, **kwargs):
        made = []
        for lean in (True, False):
            model = make_sac(lean=lean, policy_kwargs={"net_arch": [32, 24], "n_critics": n_critics}, **kwargs)
            model.policy.double()
            if model.value is not None:
                model.value.double()
            if model.log_ent_coef is not None:
                model.log_ent_coef.data = model.log_ent_coef.data.double()
            if made:
                model.policy.load_state_dict(made[0].policy.state_dict())
                if model.value is not None:
                    model.value.load_state_dict(made[0].value.state_dict())
            model._update = model._make_update()  # on the double parameters
            made.append(model)
        return made

    return build


def batch_of(generator, weights, discounts):
    """A batch of random numbers in float64, a fifth of the transitions terminated."""
    draw = lambda *shape: torch.from_numpy(generator.normal(size=(SIZE, *shape)))  # noqa: E731
    dones = torch.from_numpy((generator.random((SIZE, 1)) < 0.2).astype(float))
    gammas = torch.from_numpy(0.9 ** generator.integers(1, 4, (SIZE, 1))) if discounts else None
    fields = (draw(5), draw(3).tanh(), draw(5), dones, draw(1), gammas)
    if not weights:
        return ReplayBufferSamples(*fields)
    return PrioritizedSamples(*fields, weights=torch.from_numpy(generator.random((SIZE, 1))), indices=np.arange(SIZE))


def everything(model):
    """Name -> tensor of all that an update changes."""
    found = dict(model.policy.state_dict())
    names = ["actor", "critic", *(["temperature"] if model.log_ent_coef is not None else []), "value"]
    for name, optimizer in zip(names, model._optimizers()):
        for index, slots in optimizer.state_dict()["state"].items():
            found |= {f"{name}.{index}.{slot}": value for slot, value in slots.items()}
    if model.value is not None:
        found |= {f"value.{name}": value for name, value in model.value.state_dict().items()}
    if model.log_ent_coef is not None:
        found["log_ent_coef"] = model.log_ent_coef.data
    return found


@pytest.mark.parametrize("separate_value", [False, True])
@pytest.mark.parametrize("ent_coef", ["auto", 0.2])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("discounts", [False, True])
@pytest.mark.parametrize("n_critics", [1, 2, 3])
def test_whole_updates_in_float64(twins, separate_value, ent_coef, weights, discounts, n_critics):
    fast, plain = twins(n_critics, ent_coef=ent_coef, separate_value=separate_value)
    assert isinstance(fast._update, FastUpdate) and isinstance(plain._update, Update)
    before, generator = copy.deepcopy(everything(fast)), np.random.default_rng(0)
    for _ in range(3):
        batch = batch_of(generator, weights, discounts)
        (ours, our_errors), (theirs, their_errors) = (model._update(batch, model._noise) for model in (fast, plain))
        assert ours == pytest.approx(theirs, rel=1e-9)
        torch.testing.assert_close(our_errors, their_errors, rtol=1e-9, atol=1e-12)
        for model in (fast, plain):
            model._update.move_targets(0.1)
    found, expected = everything(fast), everything(plain)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-7, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")
    moved = [name for name, value in before.items() if not torch.equal(value, found[name])]
    kept = {"critic_target"} if separate_value else set()
    assert {name.split(".")[0] for name in before} - {name.split(".")[0] for name in moved} == kept
    assert torch.equal(fast._noise.get_state(), plain._noise.get_state())


@pytest.mark.parametrize("kwargs", [{}, {"separate_value": True, "ent_coef": 0.2}, {"n_steps": 3}, {"cls": PrioritizedSAC}])
def test_whole_runs_agree_to_float_tolerance(make_sac, kwargs):
    """Actions, batches and noise come from the same generators: 20 updates apart, both agents still are the same."""
    fast, plain = (make_sac(50, lean=lean, **kwargs) for lean in (True, False))
    assert fast._n_updates == plain._n_updates == 20
    for (name, ours), theirs in zip(fast.policy.state_dict().items(), plain.policy.state_dict().values()):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}")
    np.testing.assert_allclose(fast.replay_buffer.actions[:50], plain.replay_buffer.actions[:50], rtol=1e-3, atol=1e-4)


def test_the_plain_form_is_an_option_of_every_variant():
    for settings in ({"separate_value": True, "temperature": "0.2"}, {"replay": "rank"}, {"replay": "proportional"}):
        Config(lean=False, **settings).check()
