"""What runs a learner: plan, run folder, session, evaluation, tables."""
