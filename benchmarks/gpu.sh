#!/bin/bash
# Checks and measures Proto-RL's update on a CUDA machine; one call, under ten minutes. Appends to assets/results/gpu.csv.
# Needs python3 with a CUDA build of torch. Missing packages are taken from .whl/*.whl if that folder exists (machines
# without a network), else from the package index.
# Use, from the project's root: benchmarks/gpu.sh [options of benchmarks/gpu/protorl_update.py]
set -euo pipefail
cd "$(dirname "$0")/.."
python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || {
  echo "no CUDA device that torch can use: run this on a machine with an NVIDIA GPU, its driver, and a CUDA build of torch." >&2
  exit 2
}
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
if compgen -G '.whl/*.whl' >/dev/null; then
  python3 -m pip install -q --no-index --no-deps --no-compile --target "$site" .whl/*.whl
elif ! python3 -c 'import gymnasium, stable_baselines3, dm_control, safetensors, scipy' 2>/dev/null; then
  python3 -m pip install -q --target "$site" --no-deps \
    "gymnasium>=1.4,<2" "stable-baselines3>=2.9" cloudpickle farama-notifications "mujoco>=3.17,<4" "dm_control>=1.0.50" \
    dm-env dm-tree glfw pyopengl absl-py lxml labmaze protobuf safetensors scipy tomli-w
fi
# The rooms are mapped into one package by links, as an editable install does.
mkdir -p "$site/papergym"
cp src/papergym/*.py "$site/papergym/"
for room in envs wrappers agents assets; do ln -s "$PWD/$room" "$site/papergym/$room"; done
PYTHONPATH=$site timeout 570 python3 benchmarks/gpu/protorl_update.py "$@"
