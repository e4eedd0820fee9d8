#!/usr/bin/env bash
# Builds with a sanitizer and runs under it the unit tests of reading and
# preparing data, of training and of what processes tell each other, and whole
# pretraining runs of two processes that are killed and go on: "thread" finds
# races, "address" memory errors and undefined behaviour. A report in a frame of
# LibTorch, OpenCV or ITK alone is suppressed (tests/sanitizers/*.supp); any
# other fails.
#
#   scripts/check_sanitizers.sh thread|address [options for ctest]
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  thread) preset=tsan ;;
  address) preset=asan ;;
  *)
    echo "check_sanitizers: name thread or address" >&2
    exit 2
    ;;
esac
kind=$1
shift
scripts/install_packages.sh
scripts/install_torch.sh
mkdir -p build
log=build/$preset.log
folders=(augment config core data distributed draw finetune io pretrain task train)
# The sanitizers' checks lead g++ 12 to warn of what cannot happen.
if ! { cmake --preset "$preset" -DUNIMISS_UNITY=ON -DUNIMISS_WERROR=OFF &&
  cmake --build "build/$preset" -j "$(nproc)" --target "${folders[@]/%/_test}" \
    unimiss-pretrain; } >"$log" 2>&1; then
  grep -A 20 -m 3 -E "^CMake Error|^FAILED|error:" "$log" >&2 ||
    tail -n 40 "$log" >&2
  echo "check_sanitizers: cannot build (all of its output is in $log)" >&2
  exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
# Mutexes that LibTorch locks and its inlined functions unlock look unlocked.
export TSAN_OPTIONS="report_mutex_bugs=0 halt_on_error=0 second_deadlock_stack=1 \
suppressions=$PWD/tests/sanitizers/thread.supp"
# LibTorch registers its operators in memory that nobody frees.
export ASAN_OPTIONS="detect_leaks=0 detect_odr_violation=0"
export UBSAN_OPTIONS="halt_on_error=1 print_stacktrace=1"
# Steps of many processes in double precision would take an hour.
tests=build/$preset-tests.log
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error \
  -R "^($(IFS='|' && echo "${folders[*]}"))/" \
  -E 'pretrainer_steps|finetuner_steps|/(finetuner|pretrainer)$' "$@" |
  tee "$tests"
# The deadlock detector sees LibTorch lock, but not unlock, in the long run.
TSAN_OPTIONS="$TSAN_OPTIONS detect_deadlocks=0" \
  UNIMISS_PROGRAMS=$PWD/build/$preset/bin \
  scripts/check_faults.py kill --processes 2 --whom one --count 3
echo "$kind: $(grep -c ' Passed ' "$tests") suites and 3 killed runs of 2 processes without" \
  "a report"
