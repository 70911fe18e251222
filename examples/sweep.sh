#!/usr/bin/env bash
# Two agents, two seeds, two learning rates: eight runs on two local processes.
# On a Ray cluster: pip install ray, then add --ray auto. What is finished is skipped when the script is run again.
set -euo pipefail
papergym sweep --agents ppo sac --envs Pendulum-v1 --seeds 0 1 --steps "${STEPS:-4000}" --jobs 2 \
  --set learning_rate=3e-4,1e-3 video=false "$@"
