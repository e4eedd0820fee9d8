#!/usr/bin/env python3
"""Samples one recorded variant down to the golden set of tests/golden/.

  scripts/make_golden.py RECORDED_FOLDER tests/golden/NAME

Keeps the fp64 recordings, at most 64 elements of each gradient, weight and
trajectory tensor at (i (n - 1)) div (k - 1), and leaves out what the tests
regenerate (weights and inputs). Reads and writes safetensors with the standard
library alone.
"""

import json
import pathlib
import struct
import sys

SAMPLES = 64


def read(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        if entry["dtype"] != "F32":
            sys.exit(f"{path}: {name} is {entry['dtype']}, expected F32")
        yield name, entry["shape"], data[8 + length + begin : 8 + length + end]


def write(path, tensors):
    header, offset, body = {}, 0, b""
    for name, shape, data in tensors:
        header[name] = {
            "dtype": "F32",
            "shape": shape,
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def sample(tensors):
    for name, shape, data in tensors:
        n = len(data) // 4
        if n > SAMPLES:
            index = [i * (n - 1) // (SAMPLES - 1) for i in range(SAMPLES)]
            data = b"".join(data[4 * i : 4 * i + 4] for i in index)
            shape = [SAMPLES]
        yield name, shape, data


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    meta = json.loads((source / "meta.json").read_text())
    meta["full"] = False
    meta["sample_k"] = SAMPLES
    (target / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    for name in ("grads.tsv", "traj.json"):
        if (source / name).exists():
            (target / name).write_bytes((source / name).read_bytes())
    for name in ("outputs", "grads", "step", "traj"):
        path = source / f"{name}.safetensors"
        if not path.exists():
            continue
        kept = [t for t in read(path) if not t[0].startswith("f32.")]
        whole = name == "outputs"
        write(target / path.name, kept if whole else sample(kept))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main()
