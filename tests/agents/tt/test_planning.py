"""The batched planners on the cache give the plans of the plain ones, token by token, with the same uniform numbers."""

import numpy as np
import pytest
import torch

from papergym.agents.tt import reference
from papergym.agents.tt.decoder import Decoder
from papergym.agents.tt.discretizer import Discretizer, quantile_thresholds
from papergym.agents.tt.planning import Search, best, plan_likelihood, plan_reward, window
from papergym.agents.tt.sampling import Filter

SEARCHES = {
    "official": Search(beam_width=6),
    "drawn observations": Search(beam_width=4, n_expand=3, action=Filter(k=4), observation=Filter(cdf=0.3), outcome=Filter()),
    "short context": Search(beam_width=5, action=Filter(k=3, cdf=0.5), context=2),
}


class Common:
    """Uniform numbers for several environments, which the plain planner can be given one by one."""

    def __init__(self, seed):
        self.generator, self.drawn, self.used, self.env = torch.Generator().manual_seed(seed), [], 0, 0

    def all(self, environments, rows):
        self.drawn.append(torch.rand(environments, rows, generator=self.generator))
        return self.drawn[-1]

    def one(self, env):
        numbers = iter(self.drawn)
        return lambda environments, rows: next(numbers)[env : env + 1]


def searches(horizon):
    return {name: Search(**{**vars(search), "horizon": horizon}) for name, search in SEARCHES.items()}


@pytest.mark.parametrize("horizon", [1, 5, 7, 12])
@pytest.mark.parametrize("transitions", range(10))
@pytest.mark.parametrize("goal", [False, True])
def test_equal_plans_by_reward(tt, horizon, transitions, goal):
    make_model, make_discretizer, make_past = tt
    search = list(searches(horizon).values())[(transitions + goal) % len(SEARCHES)]
    model = make_model(seed=transitions, goal=goal)
    discretizer = make_discretizer(model)
    past, current = make_past(model, 3, transitions, seed=horizon)
    goals = make_past(model, 3, 0, seed=99)[1] if goal else None
    common = Common(seed=transitions)
    found = plan_reward(model, discretizer, past, current, search, common.all, goal=goals)
    assert found.tokens.shape == (3, horizon * model.size)
    for env in range(3):
        one = None if goals is None else goals[env : env + 1]
        plan, passes = reference.plan_reward(model, discretizer, past[env], current[env], search, common.one(env), goal=one)
        assert found.tokens[env].tolist() == plan.tolist()
    assert found.passes < 3 * passes


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("transitions", [0, 2, 4, 9])
@pytest.mark.parametrize("goal", [False, True])
@pytest.mark.parametrize("density", [False, True])
def test_equal_plans_by_likelihood(tt, horizon, transitions, goal, density):
    make_model, make_discretizer, make_past = tt
    model = make_model(goal=goal, scale=0.5)
    bins = {"discretizer": make_discretizer(model) if density else None}
    past, current = make_past(model, 3, transitions)
    goals = make_past(model, 3, 0, seed=99)[1] if goal else None
    search = Search(horizon=horizon, beam_width=13)
    found = plan_likelihood(model, past, current, search, goal=goals, **bins)
    for env in range(3):
        one = None if goals is None else goals[env : env + 1]
        plan, _ = reference.plan_likelihood(model, past[env], current[env], search, goal=one, **bins)
        assert found.tokens[env].tolist() == plan.tolist()


@pytest.mark.parametrize("density", [False, True])
def test_a_beam_over_everything_finds_the_likeliest(tt, density):
    """With as many beams as sequences, the search is exhaustive: the product of all probabilities, or densities, decides."""
    make_model, make_discretizer, make_past = tt
    every, likeliest = torch.cartesian_prod(torch.arange(4), torch.arange(4)), 0
    for seed in range(8):
        model = make_model(seed=seed, bins=4, scale=0.5)
        discretizer = make_discretizer(model, seed)
        past, current = make_past(model, 1, 2, seed)
        search = Search(horizon=1, beam_width=1000)
        found = plan_likelihood(model, past, current, search, discretizer=discretizer if density else None)
        prefix = torch.cat((past.flatten(1), current), 1)
        sequences = torch.cat((prefix.expand(16, -1), every), 1)
        logits = model(sequences)[:, prefix.shape[1] - 1 : -1].log_softmax(-1)
        chances = logits.gather(2, every[..., None])[..., 0].sum(1)
        edges = discretizer.thresholds[:, model.observation_dim : -2]
        widths = (edges[1:] - edges[:-1])[every, torch.arange(2)].prod(1)  # each bin's probability is spread over its width
        totals = chances - widths.log() if density else chances
        assert found.tokens[0, -2:].tolist() == every[totals.argmax()].tolist()
        assert found.values[0].item() == pytest.approx(totals.max().item(), abs=1e-5)
        likeliest += bool(totals.argmax() == chances.argmax())
    assert (likeliest < 8) == density, "by the bins alone other plans are the likeliest"


def test_quantile_bins_do_not_lead_to_rare_numbers(tt):
    """All bins equally likely, as quantile bins of data without a pattern are: the mode of the data is in the narrowest bin."""
    make_model, _, make_past = tt
    model = make_model(bins=40)
    torch.nn.init.zeros_(model.head)
    data = np.random.default_rng(0).normal(size=(20_000, model.size))
    discretizer = Discretizer(quantile_thresholds(data, 40))
    past, current = make_past(model, 1, 1)
    plan = plan_likelihood(model, past, current, Search(horizon=2, beam_width=4), discretizer=discretizer).tokens
    planned = discretizer.values(plan[:, : model.size])[0, model.observation_dim :]
    assert planned.abs().max() < 0.25, "a bin at the end has 0.025 of the data as well, and begins at 1.96"


def test_a_plan_by_likelihood_does_not_end_the_task(tt):
    """Behind a stop token all is certain, so that the likeliest sequence of several transitions is one that stops."""
    make_model, _, make_past = tt
    model = make_model(bins=4, scale=0.1)
    stop = model.bins
    with torch.no_grad():
        model.token.weight[-1] = 3 * torch.randn(model.token.weight.shape[1], generator=torch.Generator().manual_seed(0))
        after_stop = model.gpt.norm(model.token.weight[-1])
        model.head[:, stop] = after_stop  # the head of each dimension knows a stop token when it sees one
    past, current = make_past(model, 1, 0)
    plan = plan_likelihood(model, past, current, Search(horizon=3, beam_width=8)).tokens
    assert plan.max() < stop
    stopped = plan.clone()
    stopped[:, model.size :] = stop
    chances = [model(tokens[:, :-1]).log_softmax(-1).gather(2, tokens[:, 1:, None]).sum().item() for tokens in (plan, stopped)]
    assert chances[1] > chances[0], "the plan that stops is likelier"


def test_equal_plans_with_a_q_function(tt):
    make_model, make_discretizer, make_past = tt
    model, search = make_model(), Search(horizon=6, beam_width=6)
    discretizer = make_discretizer(model)
    past, current = make_past(model, 2, 4)

    def q_function(observations, actions):
        assert observations.shape[1:] == (3,) and actions.shape[1:] == (2,)
        return 3 * observations.sum(1) - actions.square().sum(1)

    common = Common(seed=0)
    found = plan_reward(model, discretizer, past, current, search, common.all, q_function=q_function)
    without = plan_reward(model, discretizer, past, current, search, Common(seed=0).all)
    assert found.tokens.tolist() != without.tokens.tolist()
    for env in range(2):
        plan, _ = reference.plan_reward(
            model, discretizer, past[env], current[env], search, common.one(env), q_function=q_function
        )
        assert found.tokens[env].tolist() == plan.tolist()


def test_the_window_is_the_officials(tt):
    """At most ``5 size - 1`` tokens, cut by whole transitions; exactly ``4 size`` where a transition begins."""
    model = tt[0](window=10)
    plain, size = reference.Plain(model, 5), model.size
    seen = []
    model.forward = lambda x, goal=None: seen.append(x) or torch.zeros(*x.shape, model.bins + 1)
    for length in range(1, 9 * size):
        plain.logits(torch.arange(length)[None])
        assert seen[-1][0, 0] % size == 0 and seen[-1][0, -1] == length - 1
        kept = len(seen[-1][0])
        assert kept == (length if length < 5 * size else 4 * size + length % size)
        ours = window(model, torch.arange(length // size * size).view(-1, size), Search()).numel() + length % size
        assert kept == ours
    short = tt[0](window=3)
    assert window(short, torch.zeros(7, short.size), Search()).shape[0] == 2


def test_cached_logits_equal_recomputed(tt):
    """After reading, stepping, forking and selecting, with and without a goal."""
    make_model, _, make_past = tt
    for goal in (False, True):
        model = make_model(goal=goal)
        past, current = make_past(model, 6, 4)
        past[1] = past[0]  # beginnings in common
        past[2, :3] = past[0, :3]
        current[1] = current[0]
        goals = current.roll(1, 0)[[0, 0, 0, 3, 4, 5]] if goal else None
        decoder = Decoder(model)
        rows = torch.arange(6)
        logits = decoder.read(past, current, goals)
        x = torch.cat((past.flatten(1), current), 1)
        for step in range(4):
            expected = model(x, None if goals is None else goals[rows])[:, -1]
            torch.testing.assert_close(logits, expected, atol=2e-5, rtol=0)
            token = torch.randint(0, model.bins + 1, (len(x),), generator=torch.Generator().manual_seed(step))
            if step == 1:
                decoder.fork(2)
                x, rows, token = (part.repeat_interleave(2, 0) for part in (x, rows, token))
            if step == 2:
                order = torch.tensor([3, 3, 0, 11, 7])
                decoder.select(order)
                x, rows, token = x[order], rows[order], token[order]
            logits, x = decoder.step(token), torch.cat((x, token[:, None]), 1)
        assert decoder.passes < 6 * (past[0].numel() + current.shape[1] + 8)


def test_filters_by_hand():
    logits = torch.tensor([[0.5, 0.2, 0.2, 0.1]]).log()
    torch.testing.assert_close(Filter(k=1)(logits), torch.tensor([[1.0, 0, 0, 0]]))
    torch.testing.assert_close(Filter(cdf=0.05)(logits), torch.tensor([[5.0, 2, 2, 0]]) / 9)
    torch.testing.assert_close(Filter(cdf=0.35)(logits), torch.tensor([[1.0, 0, 0, 0]]))
    torch.testing.assert_close(Filter(cdf=0.6)(torch.zeros(1, 4)), torch.full((1, 4), 0.25))
    uniform = torch.tensor([0.0, 0.49, 0.51, 0.69, 0.71, 0.91, 1 - 2**-24])
    assert Filter().sample(logits.expand(7, -1), uniform).tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert Filter(k=1).sample(logits, torch.tensor([0.99])).tolist() == [0]


def test_equal_scores_keep_the_officials_order():
    """Rows of ``repeat``: the first copy of every beam, then the second."""
    _, beam, copy = best(torch.zeros(1, 3, 2), 4)
    assert beam.tolist() == [[0, 1, 2, 0]] and copy.tolist() == [[0, 0, 0, 1]]
    values, beam, copy = best(torch.tensor([[[1.0, 5.0], [4.0, 2.0]]]), 2)
    assert values.tolist() == [[5.0, 4.0]] and beam.tolist() == [[0, 1]] and copy.tolist() == [[1, 0]]
