#!/usr/bin/env bash
# Installs the Debian packages unimiss is built from (Debian 12). Does nothing
# when all are present, so a second run needs neither root nor a network.
set -euo pipefail

packages=(
  build-essential cmake ninja-build ccache mold git ca-certificates python3
  python3-pip
  libinsighttoolkit5-dev libopencv-dev libyaml-cpp-dev libspdlog-dev libfmt-dev
  libcli11-dev libgtest-dev libgmock-dev libbenchmark-dev nlohmann-json3-dev
  libdcmtk-dev libdeflate-dev libgdcm-dev libjpeg62-turbo-dev zlib1g-dev
)
# The checks of .ci/run need these besides.
if [[ "${1:-}" == "--with-checks" ]]; then
  packages+=(clang-format-14 clang-tidy-14 iproute2)
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  [[ "$status" == "install ok installed" ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi

run=()
if [[ $EUID -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "install_packages: these Debian packages are missing and neither root" \
      "nor sudo is available: ${missing[*]}; ask an administrator to run:" \
      "apt-get install ${missing[*]}" >&2
    exit 1
  fi
  run=(sudo env DEBIAN_FRONTEND=noninteractive)
fi
echo "install_packages: installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${run[@]}" apt-get update -q &&
  "${run[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
  </dev/null >"$log" 2>&1; then
  tail -n 40 "$log" >&2
  echo "install_packages: apt-get failed (its last lines are above); repair" \
    "the package system or the network and run this script again" >&2
  exit 1
fi
