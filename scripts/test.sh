#!/usr/bin/env bash
# From a fresh clone to tested: installs what is missing, builds build/release
# and runs the tests. The last line is "N passed, N failed"; the exit status is
# that of ctest.
#
#   scripts/test.sh [options for ctest, e.g. -L unit, -R config]
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

if ! scripts/build.sh; then
  echo "0 passed, 1 failed"
  exit 1
fi

# Spinning OpenMP threads starve the other processes of a test.
export OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# nproc alone would heed OMP_NUM_THREADS.
ctest --test-dir build/release -j "$(nproc --all)" --output-on-failure \
  --no-tests=error "$@" |
  tee "$log"
status=${PIPESTATUS[0]}
python3 - "$log" "$status" <<'PYTHON'
import re, sys

text = open(sys.argv[1], errors="replace").read()
found = re.findall(r"(\d+) tests failed out of (\d+)", text)
failed, total = map(int, found[-1]) if found else (1, 1)
if not found and sys.argv[2] == "0":
    failed = total = 0
print(f"{total - failed} passed, {failed} failed")
PYTHON
exit "$status"
