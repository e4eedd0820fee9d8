#!/usr/bin/env bash
# Runs the long checks of reliability one after another, for hours, and says at
# the end what each has counted, as a table in Markdown:
#
#   scripts/soak.sh [--quick] [--record]
#
# --quick uses small counts, for some minutes, and no sanitizers. --record also
# puts the table between the marks <!-- soak:begin --> and <!-- soak:end --> of
# docs/reliability.md. The exit status is 1 if a check has failed; the others
# are run all the same. Programs are those of build/release/bin, or of
# UNIMISS_PROGRAMS.
set -euo pipefail
cd "$(dirname "$0")/.."

count=100 every=(--every) record=false quick=false
document=docs/reliability.md
begin='<!-- soak:begin -->' end='<!-- soak:end -->'
for option in "$@"; do
  case "$option" in
    --quick) count=4 every=() quick=true ;;
    --record) record=true ;;
    *)
      echo "soak: '$option' is none of --quick, --record" >&2
      exit 2
      ;;
  esac
done
# Not to be found out after hours.
if "$record" && ! { grep -qxF "$begin" "$document" &&
  grep -qxF "$end" "$document"; }; then
  echo "soak: $document has no lines '$begin' and '$end'" >&2
  exit 2
fi

# The run may take longer than the next commit.
commit=$(git rev-parse --short HEAD)
# The programs may hold what is not committed.
git diff --quiet HEAD || commit+=" (changed)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# check NAME COMMAND...: runs it and adds a line to the table.
check() {
  local name=$1 started=$SECONDS result=passed
  shift
  echo "soak: $name: $*"
  "$@" 2>&1 | tee "$work/output" || result=FAILED
  # The scripts say so; suites that skip a test do not count.
  if [[ "$result" == passed ]] &&
    grep -q '^check_[a-z]*: SKIPPED' "$work/output"; then
    result=skipped
  fi
  [[ "$result" != FAILED ]] || failed=1
  # What a check counts stands in its last line, why it failed in the first
  # line that says so.
  local said
  said=$(grep -m 1 FAILED "$work/output" || tail -n 1 "$work/output")
  echo "| $name | $result | ${said//|/\\|} | $((SECONDS - started)) |" \
    >>"$work/table"
}

if ! "$quick"; then
  check "races" scripts/check_sanitizers.sh thread
  check "memory" scripts/check_sanitizers.sh address
fi
faults=scripts/check_faults.py
check "kill" "$faults" kill --count "$count"
check "kill, 2 processes" "$faults" kill --count "$count" --processes 2
check "points" "$faults" points "${every[@]}"
check "points, 2 processes" "$faults" points "${every[@]}" --processes 2
check "disk" "$faults" disk
check "disk, 2 processes" "$faults" disk --processes 2
check "nodes" scripts/check_nodes.py

{
  echo "$(date -u +%Y-%m-%d), $(nproc --all) cores, commit $commit:"
  echo
  echo "| check | result | what it counted | seconds |"
  echo "|---|---|---|---|"
  cat "$work/table"
} >"$work/summary"
echo
cat "$work/summary"
if "$record"; then
  # All between the marks goes, the marks stay.
  sed -i -e "/^$begin\$/,/^$end\$/{//!d}" -e "/^$begin\$/r $work/summary" \
    "$document"
fi
exit "$failed"
