#!/usr/bin/env bash
# Fuzzes the readers of volumes, lists, configurations and safetensors files
# with libFuzzer under the address and undefined-behaviour sanitizers. Needs
# Debian's clang-14 and libclang-rt-14-dev.
#
#   scripts/fuzz.sh [seconds for each program, default 600] [program ...]
#
# The programs are volume, list, config and archive; without a name, all run.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
kinds=("${@:2}")
if [[ ${#kinds[@]} -eq 0 ]]; then kinds=(volume list config archive); fi

scripts/install_torch.sh
mkdir -p build
log=build/fuzz.log
if ! { cmake --preset fuzz && cmake --build build/fuzz --target \
  "${kinds[@]/%/_fuzz}"; } >"$log" 2>&1; then
  grep -A 8 -m 3 -E "^CMake Error|error:|FAILED" "$log" >&2 ||
    tail -n 40 "$log" >&2
  echo "fuzz: cannot build (all of its output is in $log)" >&2
  exit 1
fi

# Whole files of every format are the seeds; the first byte names the format.
seeds=build/fuzz/seeds
rm -rf "$seeds"
python3 - tests/golden/io "$seeds" <<'PYTHON'
import gzip, json, pathlib, struct, sys

golden, seeds = map(pathlib.Path, sys.argv[1:])
formats = [".nii", ".nii.gz", ".mha", ".nrrd"]
for kind in ("volume", "list", "config", "archive"):
    (seeds / kind).mkdir(parents=True)
for file in golden.iterdir():
    for number, suffix in enumerate(formats):
        if file.name.endswith(suffix):
            data = file.read_bytes()
            (seeds / "volume" / file.name).write_bytes(bytes([number]) + data)
            if suffix == ".nii.gz":
                (seeds / "volume" / file.stem).write_bytes(
                    b"\0" + gzip.decompress(data))
lists = [b"\0a\nb.png\n", b"\0\xef\xbb\xbfa\r\n\r\n# note\r\nc d\r\n",
         b"\1a 0\nc d 1\na 1\n", b"\2b.png m\n",
         b"\1image,label,patient,split\na,1,p,train\n\"c d\",0,\"q\"\"r\",val\n"]
for number, text in enumerate(lists):
    (seeds / "list" / str(number)).write_bytes(text)
for file in pathlib.Path("configs").rglob("*.yaml"):
    name = "-".join(file.parts)
    (seeds / "config" / name).write_bytes(file.read_bytes())
configs = [b"run: {output: '~', seed: -1}\0run.epochs=2\0data.images=[a, b]",
           b"a: &a [x, *b]\nb: &b {<<: *a}\n", b"extends: base.yaml\n",
           b"data:\n  spacing: [3, 1, .inf]\n  images: \"a\\n${HOME}\"\n"
           b"  cache: |\n    text\n",
           b"\xef\xbb\xbf---\n? !t x\n: >-\n  y\n..."]
for number, text in enumerate(configs):
    (seeds / "config" / str(number)).write_bytes(text)
tensors = {"a": ["F32", [2, 1], [0, 8]], "b": ["BOOL", [3], [8, 11]],
           "c": ["BF16", [0, 7], [11, 11]], "d": ["I64", [], [11, 19]]}
names = ("dtype", "shape", "data_offsets")
header = {name: dict(zip(names, tensor)) for name, tensor in tensors.items()}
header["__metadata__"] = {"step": "7"}
for number, spaces in enumerate((None, 1)):
    text = json.dumps(header, indent=spaces).encode()
    (seeds / "archive" / str(number)).write_bytes(
        struct.pack("<Q", len(text)) + text + bytes(19))
PYTHON

export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
for kind in "${kinds[@]}"; do
  echo "fuzz: $kind for $seconds s"
  mkdir -p "build/fuzz/corpus-$kind"
  "build/fuzz/bin/${kind}_fuzz" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/$kind-" \
    "build/fuzz/corpus-$kind" "$seeds/$kind" 2>"build/fuzz/$kind.log" || {
    tail -n 60 "build/fuzz/$kind.log" >&2
    echo "fuzz: $kind failed; the input is build/fuzz/$kind-*" >&2
    exit 1
  }
  grep -aE "number_of_executed_units|peak_rss_mb" "build/fuzz/$kind.log"
done
