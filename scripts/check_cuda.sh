#!/usr/bin/env bash
# Proves, without a GPU, that the CUDA flavour builds: every program links
# LibTorch's CUDA library, NCCL and cuDNN, all its libraries are found, and it
# starts (--help). CUDA, cuDNN and NCCL are the system's where they are what the
# wheel was built with, else they come with it; .deps/torch stays as it is.
#
#   scripts/check_cuda.sh [--version 2.10.0|2.11.0|2.13.0] [program...]
#
# default: 2.11.0, all programs of build/cuda-check/bin
set -euo pipefail
cd "$(dirname "$0")/.."
version=2.11.0
if [[ "${1:-}" == "--version" ]]; then
  version=${2:-}
  shift 2
fi

scripts/install_packages.sh
scripts/install_torch.sh --cuda --version "$version" --no-link
torch=$PWD/.deps/torch-$version-cuda/torch
# CMake looks for nvcc here and in PATH.
if [[ -z "${CUDA_PATH:-}" && -d /usr/local/cuda ]]; then
  export CUDA_PATH=/usr/local/cuda
fi

# Not the folder of `cmake --preset cuda`, which is the user's.
build=build/cuda-check
mkdir -p build
log=$build.log
if ! cmake --preset cuda -B "$build" -DTORCH_ROOT="$torch" -DUNIMISS_BUILD_TESTS=OFF \
  >"$log" 2>&1; then
  grep -A 8 "^CMake Error" "$log" >&2 || tail -n 40 "$log" >&2
  echo "check_cuda: CMake could not configure $build" >&2
  exit 1
fi
if ! cmake --build "$build" -j "${UNIMISS_JOBS:-$(nproc)}" >"$log" 2>&1
then
  grep -A 20 -m 3 -E "^FAILED|error:" "$log" >&2 || tail -n 40 "$log" >&2
  echo "check_cuda: compilation failed (all of its output is in $log)" >&2
  exit 1
fi

programs=("$@")
if ((${#programs[@]} == 0)); then
  mapfile -t programs < <(find "$build/bin" -maxdepth 1 -type f -executable)
fi
if ((${#programs[@]} == 0)); then
  echo "check_cuda: $build/bin holds no program" >&2
  exit 1
fi
failed=0
complain() {
  echo "check_cuda: $*" >&2
  failed=1
}
for program in "${programs[@]}"; do
  needed=$(readelf --dynamic "$program" | grep NEEDED)
  loaded=$(ldd "$program")
  # Linked by the program itself: nothing else would load it.
  if [[ "$needed" != *"[libtorch_cuda.so"* ]]; then
    complain "$program does not link libtorch_cuda.so"
  fi
  for library in libc10_cuda.so libnccl.so libcudnn.so libcudart.so; do
    if [[ "$loaded" != *"$library"* ]]; then
      complain "$program does not load $library"
    fi
  done
  if [[ "$loaded" == *"not found"* ]]; then
    complain "$program misses $(grep -F "not found" <<<"$loaded" | xargs)"
  fi
  "$program" --help >/dev/null || complain "$program --help failed"
  echo "check_cuda: checked $program"
done
exit "$failed"
