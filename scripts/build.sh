#!/usr/bin/env bash
# Installs what is missing, then configures and builds the release preset; the
# programs land in build/release/bin. Silent where there is nothing to do.
#
#   scripts/build.sh [target ...]    e.g. unimiss-pretrain; without any, all
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install_packages.sh
scripts/install_torch.sh
mkdir -p build
log=build/release.log

# A compiler on LibTorch's headers takes up to 1.5 GiB.
memory_jobs=$(awk '/^MemAvailable/ { print int($2 / 1572864) }' /proc/meminfo)
jobs=$(nproc)
if ((jobs > memory_jobs)); then jobs=$memory_jobs; fi
if ((jobs < 1)); then jobs=1; fi

# install_torch.sh brings the CUDA libraries where there is a GPU.
cuda=OFF
if [[ -e .deps/torch/lib/libtorch_cuda.so ]]; then
  if [[ -e .deps/torch/../nvidia/nccl/lib || -n "${CUDA_PATH:-}" ||
    -e /usr/local/cuda ]] || command -v nvcc >/dev/null; then
    cuda=ON
  else
    echo "build: LibTorch has CUDA, but there is no CUDA toolkit (neither" \
      "nvcc nor /usr/local/cuda nor CUDA_PATH): building for the CPU" >&2
  fi
fi
if ! cmake --preset release -DUNIMISS_CUDA=$cuda \
  -DTORCH_ROOT="$PWD/.deps/torch" >"$log" 2>&1; then
  grep -A 8 "^CMake Error" "$log" >&2 || tail -n 40 "$log" >&2
  echo "build: CMake could not configure build/release (see above; all" \
    "of its output is in $log)" >&2
  exit 1
fi
steps=$(ninja -C build/release -n "$@" 2>/dev/null | grep -c "^\[") || true
# Ninja catches Ctrl-C and ends as if it had failed: end as one that has not.
trap 'trap - INT; kill -INT $$' INT
if ! ninja -C build/release -j "$jobs" "$@" 2>&1 |
  scripts/build_progress.py "$log" "$steps"; then
  grep -A 20 -m 3 -E "^FAILED|error:" "$log" >&2 || tail -n 40 "$log" >&2
  echo "build: compilation failed (all of its output is in $log)" >&2
  exit 1
fi
