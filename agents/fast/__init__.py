"""Hand-made speed that any agent may use. Each piece equals a plain form and is tested against it in tests/agents/fast.

===================  =====================================================================================================
module               the plain form that it equals
===================  =====================================================================================================
``stacked_mlp``      ``nn.Sequential`` networks run one after another, with autograd
``squashed_actor``   stable-baselines3's SAC ``Actor`` and its ``SquashedDiagGaussianDistribution``, with autograd
``numpy_actor``      sampling from that actor in torch, for a few observations on a CPU
``flat_network``     the two tanh networks of stable-baselines3's ``ActorCriticPolicy``, with autograd
``fused_adam``       ``torch.optim.Adam.step``
``flat_adam``        ``torch.optim.Adam.step`` and ``clip_grad_norm_``, for a ``flat_network``
``random_shift``     replicate padding and one crop per image
``precision``        float32 matrix products, of which it chooses the faster kind where that is as accurate
``malloc``           nothing: it changes how glibc hands out memory
===================  =====================================================================================================

The modules import no agent. They work on the memory of stable-baselines3's own parameters and optimiser states, so that files,
``get_parameters`` and learning-rate schedules stay as they are.
"""
