#!/usr/bin/env bash
# Puts LibTorch, taken from PyPI's torch wheel, into .deps/ of this checkout and
# points .deps/torch at it. Nothing is done when the right one is there.
#
#   scripts/install_torch.sh [--version 2.10.0|2.11.0|2.13.0] [--cuda|--cpu]
#                            [--no-link]
#
# --no-link leaves .deps/torch as it is and puts the wheel beside it, as
# .deps/torch-<version>-<cuda|cpu>/torch.
#
# Without options the machine decides: no GPU, or only ones older than Volta ->
# the CPU part of 2.11.0; a GPU of compute capability 7.0 (V100), or a driver
# older than 580 -> 2.10.0; any other GPU -> 2.11.0.
# TORCH_ROOT=<dir with include/ and lib/> keeps a LibTorch of your own instead.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
deps="$root/.deps"

if [[ -n "${TORCH_ROOT:-}" && " $* " != *" --no-link "* ]]; then
  if [[ ! -e "$TORCH_ROOT/lib/libtorch_cpu.so" ]]; then
    echo "install_torch: TORCH_ROOT=$TORCH_ROOT has no lib/libtorch_cpu.so;" \
      "name the folder that holds LibTorch's include/ and lib/" >&2
    exit 1
  fi
  mkdir -p "$deps"
  ln -sfn "$(cd "$TORCH_ROOT" && pwd)" "$deps/torch"
  exit 0
fi

capability=""
driver=""
if command -v nvidia-smi >/dev/null; then
  # No wheel has code for GPUs before Volta (7.0).
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader \
    2>/dev/null | awk '$1 >= 7.0' | sort -V | head -n 1 || true)
  driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader \
    2>/dev/null | head -n 1 | cut -d. -f1 || true)
fi
version="2.11.0"
kind="cpu"
link=yes
if [[ "$capability" =~ ^[0-9]+\.[0-9]+$ ]]; then
  kind="cuda"
  # CUDA 13 needs a driver of at least 580.
  if [[ "$capability" == "7.0" || "$capability" == "7.2" ]] ||
    { [[ "$driver" =~ ^[0-9]+$ ]] && ((driver < 580)); }; then
    version="2.10.0"
  fi
fi
while [[ $# -gt 0 ]]; do
  case "$1" in
    --version) version="$2"; shift 2 ;;
    --cuda) kind="cuda"; shift ;;
    --cpu) kind="cpu"; shift ;;
    --no-link) link=no; shift ;;
    *)
      echo "install_torch: unknown option $1" \
        "(known: --version X, --cuda, --cpu, --no-link)" >&2
      exit 2
      ;;
  esac
done

# The CPU library still loads the CUDA runtime and its profiler interface.
case "$version" in
  2.10.0)
    runtime=(nvidia-cuda-runtime-cu12==12.8.90 nvidia-cuda-cupti-cu12==12.8.90)
    headers=nvidia-cuda-nvcc-cu12==12.8.93
    ;;
  2.11.0 | 2.13.0)
    runtime=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
    headers=nvidia-cuda-crt==13.0.88
    ;;
  *)
    echo "install_torch: no recipe for torch $version (known: 2.10.0, 2.11.0," \
      "2.13.0); set TORCH_ROOT to use a LibTorch of your own" >&2
    exit 2
    ;;
esac
# With CUDA 13, cuDNN and NCCL of the system only these are missing; otherwise
# pip resolves the wheel's own pins, which lack a few headers.
cuda_extras=(nvidia-cufile==1.15.1.6 nvidia-cusparselt-cu13==0.8.0
  nvidia-nvshmem-cu13==3.4.5)
system_cuda13=no
# Not a pipe into grep -q: it stops ldconfig, which then counts as failed.
loadable=$(ldconfig -p)
if [[ -e /usr/local/cuda-13.0/include/cuda.h &&
  "$loadable" == *libcudnn.so.9* && "$loadable" == *libnccl.so.2* ]]; then
  system_cuda13=yes
fi

target="$deps/torch-$version-$kind"
if [[ ! -e "$target/.complete" ]]; then
  rm -rf "$target" "$target.part"
  mkdir -p "$target.part"
  echo "install_torch: fetching LibTorch $version ($kind) into" \
    "${target#"$root"/}"
  export PIP_ROOT_USER_ACTION=ignore # .deps is ours
  pip_options=(--quiet --disable-pip-version-check)
  if [[ "$kind" == "cpu" ]]; then
    # Only a quarter of the wheel is needed: unpack just that.
    wheels=$(mktemp -d "$deps/wheels.XXXXXX")
    trap 'rm -rf "$wheels"' EXIT
    python3 -m pip download "${pip_options[@]}" --no-deps --only-binary :all: \
      --dest "$wheels" "torch==$version" "${runtime[@]}"
    python3 - "$wheels" "$target.part" <<'PYTHON'
import pathlib, sys, zipfile
libraries = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1"}
for wheel in pathlib.Path(sys.argv[1]).glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            parts = name.split("/")
            if (parts[0] == "nvidia" or name.startswith("torch/include/")
                    or (parts[:2] == ["torch", "lib"]
                        and (parts[-1] in libraries
                             or parts[-1].startswith("libgomp")))):
                archive.extract(name, sys.argv[2])
PYTHON
  elif [[ "$version" == "2.11.0" && "$system_cuda13" == yes ]]; then
    python3 -m pip install "${pip_options[@]}" --no-deps --target "$target.part" \
      "torch==$version" "${runtime[@]}" "${cuda_extras[@]}"
  else
    python3 -m pip install "${pip_options[@]}" --target "$target.part" \
      "torch==$version" "$headers"
  fi
  if [[ ! -e "$target.part/torch/lib/libtorch_cpu.so" ]]; then
    echo "install_torch: the torch $version wheel brought no" \
      "lib/libtorch_cpu.so; remove $target.part and try again" >&2
    exit 1
  fi
  touch "$target.part/.complete"
  mv "$target.part" "$target"
fi
if [[ "$link" == yes ]]; then
  ln -sfn "torch-$version-$kind/torch" "$deps/torch"
fi
