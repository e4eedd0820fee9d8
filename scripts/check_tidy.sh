#!/usr/bin/env bash
# Runs clang-tidy on the sources changed since a base, at most
# UNIMISS_TIDY_FILES (default 12) of them: LibTorch's headers cost about half a
# minute a file.
#
#   scripts/check_tidy.sh [base-ref]    changed since the base (default: HEAD~1)
#   scripts/check_tidy.sh --all         every source, no limit
set -euo pipefail
cd "$(dirname "$0")/.."
limit=${UNIMISS_TIDY_FILES:-12}

if [[ "${1:-}" == "--all" ]]; then
  limit=100000
  mapfile -t changed < <(git ls-files --cached --others --exclude-standard)
else
  base=${1:-HEAD~1}
  if git rev-parse --quiet --verify "$base^{commit}" >/dev/null; then
    base=$(git merge-base "$base" HEAD)
  elif [[ $# -gt 0 ]]; then
    echo "check_tidy: there is no commit '$base'; name a branch, a tag or a" \
      "commit of this repository" >&2
    exit 2
  else
    base=$(git hash-object -t tree /dev/null) # a history of one commit
  fi
  mapfile -t changed < <(
    git diff --name-only --diff-filter=d "$base"
    git ls-files --others --exclude-standard
  )
fi

# clang cannot read the precompiled header of g++: a database without one.
build=build/tidy-database
mkdir -p build
benchmarks=OFF
if [[ -e benchmarks/CMakeLists.txt ]]; then benchmarks=ON; fi
if ! cmake -S . -B "$build" -G Ninja -DUNIMISS_PCH=OFF \
  -DUNIMISS_BUILD_BENCHMARKS=$benchmarks >"$build.log" 2>&1; then
  grep -A 8 "^CMake Error" "$build.log" >&2 || tail -n 40 "$build.log" >&2
  echo "check_tidy: CMake could not configure $build (see above)" >&2
  exit 1
fi

files=()
for file in "${changed[@]}"; do
  if [[ "$file" != *.cpp ]] ||
    ! grep -qF "\"$PWD/$file\"" "$build/compile_commands.json"; then
    continue
  fi
  if grep -qE "#include (<itk|\"io/itk)" "$file"; then
    echo "tidy: $file is left out: Debian's ITK headers refuse clang"
    continue
  fi
  files+=("$file")
done
if ((${#files[@]} == 0)); then
  echo "tidy: no changed source"
  exit 0
fi
if ((${#files[@]} > limit)); then
  echo "tidy: ${#files[@]} sources changed, only the first $limit are checked;" \
    "left out: ${files[*]:limit}"
  files=("${files[@]:0:limit}")
fi
echo "tidy: ${#files[@]} files"
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy-14 --quiet -p "$build"
