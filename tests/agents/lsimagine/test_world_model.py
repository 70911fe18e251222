"""The long branch of the world model, and what imagination asks of it.

Long because both are tested on one small world, which is made here.
"""

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from papergym.agents.dreamerv3.rssm import Latent, kl_losses
from papergym.agents.dreamerv3.spaces import Part
from papergym.agents.dreamerv3.world_model import Size
from papergym.agents.lsimagine.behaviour import Jumping, LongBehaviour, Pathway
from papergym.agents.lsimagine.returns import Jumps
from papergym.agents.lsimagine.world_model import LongWorldModel
from papergym.agents.nets.categorical import waiting_times
from papergym.agents.nets.symlog import two_hot_loss, two_hot_mean

SIZE = Size(deter=16, hidden=8, classes=4, depth=4, units=8)
PARTS = (Part("image", "image", (3, 8, 8)), Part("affordance", "image", (1, 8, 8)), Part("speed", "vector", (2,)))
TIME, COUNT, ACTIONS = 5, 3, 2


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def world(**settings):
    made = LongWorldModel(PARTS, ACTIONS, SIZE, **settings)
    for parameter in made.parameters():
        parameter.data.normal_(std=0.3)
    return made


def batch_of(views):
    """Random sequences with closer views at the places ``views``."""
    observation = {
        "image": torch.randint(0, 256, (TIME, COUNT, 3, 8, 8)).byte(),
        "affordance": torch.randint(0, 256, (TIME, COUNT, 1, 8, 8)).byte(),
        "speed": torch.randn(TIME, COUNT, 2),
    }
    shape = (TIME, COUNT)
    batch = {name: torch.randn(shape) for name in ("reward", "intrinsic", "gathered")}
    batch |= {name: torch.rand(shape) < 0.4 for name in ("jump", "terminal", "complete")}
    batch |= {"first": torch.zeros(shape, dtype=torch.bool), "steps": torch.randint(1, 40, shape, dtype=torch.int32)}
    batch["previous_action"] = torch.randn(*shape, ACTIONS)
    places = torch.tensor(views, dtype=torch.long).reshape(-1, 2)
    batch |= {"view_time": places[:, 0], "view_env": places[:, 1], "view_intrinsic": torch.randn(len(places))}
    batch["view/image"] = torch.randint(0, 256, (len(places), 3, 8, 8)).byte()
    batch["view/affordance"] = torch.randint(0, 256, (len(places), 1, 8, 8)).byte()
    return batch, observation


def test_an_ordinary_step_is_a_jump_entry_of_zero():
    rssm = world().rssm
    action = torch.randn(4, ACTIONS)
    torch.testing.assert_close(rssm.embed_action(action), rssm.embed_action(torch.cat([action, torch.zeros(4, 1)], -1)))
    jumps = torch.tensor([True, False, True, False])
    mixed = rssm.with_jumps(action, jumps)
    assert (mixed[jumps] == torch.tensor([0.0, 0.0, 1.0])).all() and (mixed[~jumps, :ACTIONS] == action[~jumps]).all()
    torch.testing.assert_close(mixed[jumps], rssm.jump(2))


@pytest.mark.parametrize("unit", [1, 4])
def test_losses_of_jumps(unit):
    """One jump at a time: a step of the model from the state before, with the jump's action, to what the view shows.

    With a unit of 4 the batch is filled up with a jump that counts once.
    """
    model, views = world(long_weight=0.7, unit=unit), [(0, 1), (2, 2), (4, 0)]
    batch, observation = batch_of(views)
    batch["complete"][0, 1], batch["complete"][2, 2], batch["complete"][4, 0] = True, False, True
    start = Latent(torch.rand(COUNT, 16), torch.rand(COUNT, 32, 4))
    waits = waiting_times((TIME, COUNT, 32, 4), start.deter)
    of_jumps = waiting_times((1, -(-len(views) // unit) * unit, 32, 4), start.deter)
    model.rssm._waits = lambda *shape: waits if shape[0] == TIME else of_jumps[:, : shape[1]]
    got, observed = model.losses(start, batch, observation)
    short, states = super(LongWorldModel, model).losses(start, batch, observation)
    for name, loss in short.items():
        torch.testing.assert_close(got[name][: TIME * COUNT], loss.flatten())
    expected = {name: [] for name in got}
    for number, (time, env) in enumerate(views):
        model.rssm._waits = lambda *shape, number=number: of_jumps[:, number : number + 1]
        before = Latent(*(part[time, env][None] for part in states.latent))
        seen = {key: batch[f"view/{key}"][number][None] for key in ("image", "affordance")}
        seen["speed"] = observation["speed"][time, env][None]
        action = torch.tensor([[[0.0, 0.0, 1.0]]])
        after = model.rssm.observe(before, action, model.encoder(seen)[None], torch.zeros(1, 1))
        features = after.latent.features()[0]
        torch.testing.assert_close(observed.landing.deter[number], after.latent.deter[0, 0])
        for key, loss in model.decoder.losses(after.latent.flatten(), seen).items():
            expected[f"decoder/{key}"].append(loss)
        for key, loss in kl_losses(after.posterior, after.prior).items():
            expected[key].append(loss[0])
        expected["reward"].append(two_hot_loss(model.reward(features), model.bins, batch["reward"][time, env][None]))
        paid = batch["view_intrinsic"][number][None]
        expected["intrinsic"].append(two_hot_loss(model.intrinsic(features), model.bins, paid))
        expected["jump"].append(F.softplus(model.jump(features)[:, 0]))  # the flag is 0 after a jump
        on = (1 - batch["terminal"][time, env].float()) * model.discount
        logit = model.continuation(features)[:, 0]
        expected["continuation"].append(on * F.softplus(-logit) + (1 - on) * F.softplus(logit))
        both = torch.cat([before.features(), features], -1)
        for key in ("steps", "gathered"):
            target = batch[key][time, env].float()[None]
            loss = two_hot_loss(getattr(model, key)(both), model.bins, target)
            expected[key].append(loss if batch["complete"][time, env] else torch.zeros(1))
    for name, losses in expected.items():
        torch.testing.assert_close(got[name][TIME * COUNT :], 0.7 * torch.cat(losses), msg=name)
    assert not got["steps"][: TIME * COUNT].any() and not got["gathered"][: TIME * COUNT].any()
    assert len(observed.landing.deter) == of_jumps.shape[1]


def test_every_mean_is_over_steps_and_jumps():
    """A completed jump weighs as much as a step, whatever number of others is pending (official code, models.py)."""
    model, views = world(), [(0, 1), (2, 2), (4, 0)]
    batch, observation = batch_of(views)
    batch["complete"][0, 1], batch["complete"][2, 2], batch["complete"][4, 0] = True, False, False
    start = model.rssm.initial(COUNT)
    losses, observed = model.losses(start, batch, observation)
    assert {len(loss) for loss in losses.values()} == {TIME * COUNT + 3}
    both = torch.cat(
        [part.features()[:1] for part in (Latent(*(part[0, 1:2] for part in observed.latent)), observed.landing)], -1
    )
    with torch.no_grad():
        logits = model.steps(both)[0].double()
    grid = model.bins.double()
    above = int((grid < int(batch["steps"][0, 1])).sum())
    share = (int(batch["steps"][0, 1]) - grid[above - 1]) / (grid[above] - grid[above - 1])
    log_probs = logits - logits.exp().sum().log()
    alone = -(share * log_probs[above] + (1 - share) * log_probs[above - 1])
    assert losses["steps"].mean().item() == pytest.approx(float(alone) / (TIME * COUNT + 3), rel=1e-4)


@pytest.mark.parametrize("views", [[], [(1, 1)]])
def test_without_views_or_completed_jumps_the_heads_learn_nothing(views):
    model = world()
    batch, observation = batch_of(views)
    batch["complete"][:] = False
    start = model.rssm.initial(COUNT)
    losses, observed = model.losses(start, batch, observation)
    assert not losses["steps"].any() and not losses["gathered"].any() and len(observed.landing.deter) == len(views)
    torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
    assert all(parameter.grad is None for head in (model.steps, model.gathered) for parameter in head.parameters())


def learner(**jumping):
    made = LongBehaviour(world().rssm.width, ACTIONS, SIZE, jumping=Jumping(**jumping), discrete=True, horizon=6)
    for parameter in made.parameters():
        parameter.data.normal_(std=0.3)
    return made


DRAW = torch.Generator().manual_seed(1)
START = Latent(torch.rand(40, 16, generator=DRAW), torch.rand(40, 32, 4, generator=DRAW))


def middle(model):
    """A threshold that half of the first states exceed."""
    return float(learner().jump_chance(model, START.features()).detach().median())


ALWAYS = {"threshold": 0.0, "probability": 0.5}


def test_jumps_come_where_they_are_likely_with_their_probability():
    model = world()
    level = middle(model)
    behaviour = learner(threshold=level, probability=0.7, rebranch="none")
    many = Latent(*(part.repeat(50, *[1] * (part.ndim - 1)) for part in START))
    path = behaviour.pathways(model, many)
    features = path.latent.features()[:-1]
    chance = torch.sigmoid(model.jump(features))[..., 0] * torch.sigmoid(model.continuation(features))[..., 0] / model.discount
    likely = chance > level
    assert 0 < likely.float().mean() < 1 and not path.jumps.jumped[~likely].any()
    share, count = path.jumps.jumped[likely].float().mean(), int(likely.sum())
    assert abs(share - 0.7) < 4 * np.sqrt(0.21 / count)
    assert (path.jumps.steps[path.jumps.jumped] >= 1).all()


@pytest.mark.parametrize("interval", ["landing", "next"])
@pytest.mark.parametrize("after", [False, True])
def test_what_the_heads_of_a_jump_are_asked_about(interval, after):
    """The state directly after it or, as in the official code, the next of the pathway: they differ where a step follows."""
    model = world()
    behaviour = learner(**ALWAYS, interval=interval, step_after_jump=after, rebranch="none")
    landings, imagine = [], model.rssm.imagine_step

    def noted(latent, action):
        result = imagine(latent, action)
        if action.shape[-1] == ACTIONS + 1:  # the transition of a pathway, not a step after a jump
            landings.append(result)
        return result

    model.rssm.imagine_step = noted
    path = behaviour.pathways(model, START)
    jumped, features = path.jumps.jumped, path.latent.features()
    landed = torch.stack([latent.features() for latent in landings])
    assert len(landed) == 6 and bool((landed != features[1:]).any()) is after
    torch.testing.assert_close(landed[~jumped], features[1:][~jumped])
    both = torch.cat([features[:-1], landed if interval == "landing" else features[1:]], -1)[jumped]
    torch.testing.assert_close(path.jumps.steps[jumped], two_hot_mean(model.steps(both), model.bins).clamp(min=1))
    torch.testing.assert_close(path.jumps.gathered[jumped], two_hot_mean(model.gathered(both), model.bins))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("rebranch", ["none", "likely", "all"])
def test_branches_begin_after_a_jump_from_the_likeliest_state(rebranch, after):
    """And, with ``step_after_jump``, after an ordinary step behind it."""
    model = world()
    threshold = middle(model)
    behaviour = learner(threshold=threshold, probability=0.0, rebranch=rebranch, step_after_jump=after)
    origins, behind, imagine = [], [], model.rssm.imagine_step

    def noted(latent, action):
        result = imagine(latent, action)
        if action.shape[-1] == ACTIONS + 1 and (action[:, -1] == 1).all():
            origins.append(latent)
            behind.append(result)
        elif after and behind and len(behind) == 1:  # the call that follows
            assert torch.equal(latent.deter, behind[0].deter) and action.shape[-1] == ACTIONS
            behind.append(result)
        return result

    model.rssm.imagine_step = noted
    path = behaviour.pathways(model, START)
    chance = behaviour.jump_chance(model, path.latent.features()[:-1, :40])
    best = chance.max(0).values
    count = {"none": 0, "likely": int((best > threshold).sum()), "all": 40}[rebranch]
    assert path.action.shape[1] == 40 + count and (rebranch != "likely" or count)
    if count:
        chosen = best > threshold if rebranch == "likely" else best > -1
        torch.testing.assert_close(behaviour.jump_chance(model, origins[0].features()), best[chosen])
        assert len(origins) == 1 and torch.equal(path.latent.deter[0, 40:], behind[-1].deter)


def noted_origins(model):
    """A list to which every batch of states is added from which all jump."""
    origins, imagine = [], model.rssm.imagine_step

    def noted(latent, action):
        if action.shape[-1] == ACTIONS + 1 and (action[:, -1] == 1).all():
            origins.append(latent)
        return imagine(latent, action)

    model.rssm.imagine_step = noted
    return origins


def test_the_official_codes_branches_are_drawn_and_take_steps_only():
    """The last state may begin one; each begins with the probability of a jump, where one is likely."""
    model = world()
    threshold, origins = middle(model), noted_origins(model)
    behaviour = learner(threshold=threshold, probability=0.7, rebranch="drawn")
    many = Latent(*(part.repeat(30, *[1] * (part.ndim - 1)) for part in START))
    path = behaviour.pathways(model, many)
    chance = behaviour.jump_chance(model, path.latent.features()[:, :1200])
    best, time = chance.max(0)
    likely, count = int((best > threshold).sum()), path.action.shape[1] - 1200
    assert abs(count / likely - 0.7) < 4 * np.sqrt(0.21 / likely) and (time[best > threshold] == len(chance) - 1).any()
    likeliest = {row.numpy().tobytes() for row in path.latent.deter[time, torch.arange(1200)][best > threshold]}
    assert len(origins[-1].deter) == count and {row.numpy().tobytes() for row in origins[-1].deter} <= likeliest
    assert path.jumps.jumped[:, :1200].any() and not path.jumps.jumped[:, 1200:].any()


def test_the_number_of_branches_is_a_multiple_of_the_unit():
    """Some begin twice from the same state; every other one begins once."""
    model = world()
    threshold, origins = middle(model), noted_origins(model)
    behaviour = learner(threshold=threshold, probability=0.6, unit=7)
    path = behaviour.pathways(model, START)
    chance = behaviour.jump_chance(model, path.latent.features()[:-1, :40]).max(0).values
    places = (chance > threshold).nonzero()[:, 0]
    count = path.action.shape[1] - 40
    assert count % 7 == 0 and len(places) <= count < len(places) + 7
    expected = chance[places[torch.arange(count) % len(places)]]
    torch.testing.assert_close(behaviour.jump_chance(model, origins[0].features()), expected)
    steps = path.jumps.steps[path.jumps.jumped]
    before, after = path.latent.features()[:-1][path.jumps.jumped], path.latent.features()[1:][path.jumps.jumped]
    torch.testing.assert_close(steps, model.predict_interval(before, after)[0].clamp(min=1))


@pytest.mark.parametrize("pathways", ["sequential", "parallel"])
def test_what_fills_a_batch_counts_nowhere(pathways):
    """Losses, and the scale of the returns, are those of the pathways that count, alone."""
    model = world()
    here = torch.arange(40) < 33  # starts that only fill up the batch
    behaviour = learner(threshold=middle(model), pathways=pathways, probability=0.6, unit=7)
    alone = copy.deepcopy(behaviour)
    path = behaviour.pathways(model, START, here)
    assert torch.equal(path.counted[:40], here) and 0 < (~path.counted[40:]).sum() < 7
    features = path.latent.features()
    losses = behaviour.path_losses(features[:-1], path, behaviour.path_returns(model, features, path.jumps))
    real = path.counted
    kept = Pathway(
        Latent(*(part[:, real] for part in path.latent)),
        path.action[:, real],
        Jumps(*(part[:, real] for part in path.jumps)),
        real[real],
    )
    features = kept.latent.features()
    expected = alone.path_losses(features[:-1], kept, alone.path_returns(model, features, kept.jumps))
    for name, loss in losses.items():
        torch.testing.assert_close(loss.mean(), expected[name].mean(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(behaviour.scale.range, alone.scale.range)


def test_parallel_pathways_keep_steps_and_jumps_apart():
    model = world()
    level = middle(model)
    behaviour = learner(pathways="parallel", threshold=level)
    path = behaviour.pathways(model, START)
    likely = behaviour.jump_chance(model, START.features()) > level
    count = int(likely.sum())
    assert 0 < count < 40 and path.action.shape[1] == 40 + count
    assert not path.jumps.jumped[:, :40].any() and not path.jumps.jumped[1:].any() and path.jumps.jumped[0, 40:].all()
    torch.testing.assert_close(path.latent.deter[0, 40:], START.deter[likely])


def test_without_the_long_branch_no_pathway_jumps():
    path = learner(pathways="steps", threshold=0.0).pathways(world(), START)
    assert path.action.shape[1] == 40 and not path.jumps.jumped.any()


@pytest.mark.parametrize("continuation", ["reached", "left"])
@pytest.mark.parametrize("discounted", [True, False])
def test_weights_of_states_behind_jumps(discounted, continuation):
    """The discount of everything before a state, a jump's steps included; or, as in the official code, one step for each.

    The first state weighs as much as it goes on, or 1 where the probabilities are those of the states left.
    """
    model, behaviour = world(), learner(discount_jumps=discounted, continuation=continuation)
    features = torch.randn(7, 10, model.rssm.width)
    jumps = Jumps(torch.rand(6, 10) < 0.4, torch.randint(1, 30, (6, 10)).float(), torch.randn(6, 10))
    got = behaviour.path_returns(model, features, jumps)
    alive = torch.sigmoid(model.continuation(features))[..., 0].detach().double().numpy()
    for path in range(10):
        weight = 1.0 if continuation == "left" else alive[0, path]
        for time in range(6):
            if time:
                weight *= alive[time - 1 if continuation == "left" else time, path]
            if time and discounted and jumps.jumped[time - 1, path]:
                weight *= model.discount ** (float(jumps.steps[time - 1, path]) - 1)
            assert float(got.weight[time, path]) == pytest.approx(weight, rel=1e-4)


@pytest.mark.parametrize("continuation", ["reached", "left"])
def test_returns_use_what_the_heads_predict(continuation):
    """The probability to go on stands before what comes after the state reached or, with "left", before the whole return."""
    model, behaviour = world(), learner(continuation=continuation)
    features = torch.randn(7, 10, model.rssm.width)
    jumps = Jumps(torch.rand(6, 10) < 0.4, torch.randint(1, 30, (6, 10)).float(), torch.randn(6, 10))
    got = behaviour.path_returns(model, features, jumps)
    with torch.no_grad():
        paid = (two_hot_mean(model.reward(features), model.bins) + two_hot_mean(model.intrinsic(features), model.bins)).numpy()
        on = torch.sigmoid(model.continuation(features))[..., 0].numpy() / model.discount
        value = two_hot_mean(behaviour.critic(features), behaviour.bins).numpy()
    later = value[-1].copy()
    for time in reversed(range(6)):
        jumped, steps = jumps.jumped[time].numpy(), jumps.steps[time].numpy()
        brought = np.where(jumped, jumps.gathered[time], paid[time + 1])
        span = model.discount ** np.where(jumped, steps, 1.0)
        after = span * (0.05 * value[time + 1] + 0.95 * later)
        later = on[time] * (brought + after) if continuation == "left" else brought + on[time + 1] * after
        np.testing.assert_allclose(got.target[time], later, rtol=1e-4)
    np.testing.assert_allclose(got.value, value[:-1], rtol=1e-5)


@pytest.mark.parametrize("normalized", [True, False])
def test_advantages_are_divided_by_the_scale_of_the_returns(normalized):
    behaviour = learner(normalize_returns=normalized)
    behaviour.scale.range.copy_(torch.tensor([-50.0, 50.0]))
    target = torch.randn(6, 10)
    scale = float(behaviour.divisor(target))
    spread = float(target.quantile(0.95) - target.quantile(0.05))
    assert scale == pytest.approx(99 + 0.01 * spread if normalized else 1.0, rel=1e-5)
    assert float(behaviour.scale.range.diff()) < 100  # follows the returns in any case
