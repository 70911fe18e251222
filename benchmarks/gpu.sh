#!/bin/bash
# Checks and measures on a CUDA machine, under ten minutes a call; rows go to assets/results/gpu.csv. Parts, each a script in
# benchmarks/gpu with options of its own:
#   protorl_update  Proto-RL's update equals the CPU's, and how fast it is in four precisions
#   updates         updates of DT, TT and DreamerV3 in float32, bfloat16, and compiled
#   bonuses         k-NN with its memory on the device, RND and ICM beside the CPU
#   render          EGL images per second in three qualities, with one thread and with all
# Without a part, the first one runs that has no rows of this machine yet, so that calls in a row measure everything.
# Needs python3 with a CUDA build of torch. Missing packages are taken from .whl/*.whl if that folder exists (machines
# without a network), else from the package index.
# Use, from the project's root: benchmarks/gpu.sh [PART [options of the part]]
set -euo pipefail
cd "$(dirname "$0")/.."
python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || {
  echo "no CUDA device that torch can use: run this on a machine with an NVIDIA GPU, its driver, and a CUDA build of torch." >&2
  exit 2
}
parts="protorl_update updates bonuses render"
part=${1:-}
if [ -z "$part" ]; then
  name=$(python3 -c 'import torch; print(torch.cuda.get_device_name())')
  for one in $parts; do
    grep -q "^${one%_update},.*$name" assets/results/gpu.csv 2>/dev/null || { part=$one; break; }
  done
  [ -n "$part" ] || { echo "every part has rows of $name in assets/results/gpu.csv; name a part to measure it again."; exit 0; }
else
  shift
  [[ " $parts " == *" $part "* ]] || { echo "expected one of the parts $parts, got $part" >&2; exit 2; }
fi
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
echo "=== $part"
PYTHONPATH=$site timeout 570 python3 "benchmarks/gpu/$part.py" "$@"
