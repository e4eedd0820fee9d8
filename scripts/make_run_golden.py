#!/usr/bin/env python3
"""Records runs, caches, predictions and a table as version 0.1 wrote them.

    UNIMISS_PROGRAMS=FOLDER scripts/make_run_golden.py

writes tests/golden/runs/0.1-a7d24df anew, by the programs of commit a7d24df and
no others. tests/apps/earlier_runs_test.cpp checks that what they wrote opens
and goes on with those of today. With later programs this script has no use.

Everything is made under /tmp/unimiss-golden-0.1-a7d24df, for configurations,
table_settings.yaml and the names of cache entries hold absolute paths; the test
copies the folder back there. Cache entries and records of predictions depend on
when their sources were changed too, so these get a fixed time, here and there.
"""

import gzip
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/golden/runs/0.1-a7d24df"
FOLDER = pathlib.Path("/tmp/unimiss-golden-0.1-a7d24df")
PROGRAMS = pathlib.Path(
    os.environ.get("UNIMISS_PROGRAMS", ROOT / "build/release/bin")).resolve()
CHANGED = 1704067200  # 2024-01-01, of all files below data/
STOPPED = 75  # the exit status of a run that has saved

NETWORK = """
  drop_path: 0.1
  image_size: 64
  volume_size: [16, 64, 64]
  stem_width: 4
  encoder_depths: [1, 1, 1, 1]
  decoder_depths: [1, 1, 1]
  widths: [4, 4, 8, 8]
  encoder_heads: [1, 1, 2, 2]
  decoder_heads: [2, 1, 1]
  encoder_reductions: [2, 2, 1, 1]
  decoder_reductions: [1, 2, 2]
  mlp_ratio: 2
"""
RUN = """device: cpu, threads: 1, seed: 3, checkpoint_every_steps: 1,
      keep_checkpoints: 1"""
CONFIGS = {
    "pretrain.yaml": f"""
run: {{{RUN}, max_steps: 10}}
model:{NETWORK}
head: {{hidden: 32, bottleneck: 16, prototypes: 24}}
schedule:
  {{momentum: 0.9, clock: official, warmup_epochs: 0,
   freeze_last_layer_epochs: 0}}
optimizer: {{lr: 0.1}}
data:
  images: {FOLDER}/data/images.txt
  volumes: {FOLDER}/data/volumes.txt
  batch_size_2d: 2
  batch_size_3d: 1
  samples_per_volume: 2
  workers: 1
""",
    "segment.yaml": f"""
run: {{{RUN}, epochs: 6}}
task: {{target: label_map, classes: [background, rim, core]}}
init: {{weights: {FOLDER}/runs/pretrain, network: teacher}}
model:
  dimensions: 3d{NETWORK}
head: {{rule: class_token}}
schedule: {{clock: epoch}}
optimizer: {{lr: 0.02}}
data:
  train: {FOLDER}/data/segment_train.txt
  test: {FOLDER}/data/segment_test.txt
  validation: 0.34
  intensity: {{rule: percentiles, percentiles: [1, 99]}}
  samples_per_epoch: 6
  workers: 1
validation: {{average_decay: 0.5}}
""",
    "classify.yaml": f"""
run: {{{RUN}, epochs: 8}}
task: {{target: class, classes: [dark, bright]}}
init: {{weights: {FOLDER}/runs/pretrain}}
model:
  dimensions: 2d{NETWORK}
head: {{rule: class_token}}
optimizer: {{lr: 0.02}}
data:
  train: {FOLDER}/data/classify_train.csv
  test: {FOLDER}/data/classify_test.csv
  validation: 0.34
  intensity: {{rule: unit}}
  workers: 1
""",
}


def write_png(name, rows):
    def chunk(kind, data):
        body = kind + data
        return (struct.pack(">I", len(data)) + body
                + struct.pack(">I", zlib.crc32(body)))
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    lines = b"".join(b"\0" + bytes(row) for row in rows)
    (FOLDER / "data" / name).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))


def write_nifti(name, size, value):
    """int16 voxels of 1.5 x 1.5 x 3 mm, by value(z, y, x)."""
    depth, height, width = size
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, width, height, depth, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1.5, 1.5, 3, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<h", header, 254, 1)  # the place is that of srow
    struct.pack_into("<12f", header, 280,
                     1.5, 0, 0, 0, 0, 1.5, 0, 0, 0, 0, 3, 0)
    header[344:347] = b"n+1"
    voxels = b"".join(struct.pack("<h", value(z, y, x)) for z in range(depth)
                      for y in range(height) for x in range(width))
    (FOLDER / "data" / name).write_bytes(
        gzip.compress(bytes(header) + voxels, 9, mtime=0))


def write_labelled(image, label, generator):
    """A box of class 1 with one of class 2 in it, and how it looks."""
    size = (10, 26, 28)
    begin = [generator.randrange(1, extent // 2) for extent in size]

    def inside(place):
        return all(b <= at < b + extent // 2
                   for at, b, extent in zip(place, begin, size))

    def label_of(*place):
        return 0 if not inside(place) else 1 + (place[1] < begin[1] + 6)
    write_nifti(image, size,
                lambda *place: generator.randrange(24) + 100 * label_of(*place))
    if label:
        write_nifti(label, size, label_of)


def make_data():
    generator = random.Random(1)
    (FOLDER / "data/scans").mkdir(parents=True)
    for name, text in CONFIGS.items():
        (FOLDER / name).write_text(text.lstrip())
    lists = {}
    for i in range(3):
        write_png(f"image{i}.png", [[generator.randrange(64, 128) + 2 * y
                                     for _ in range(56)] for y in range(48)])
        lists.setdefault("images.txt", []).append(f"image{i}.png")
    for i in range(2):
        write_nifti(f"volume{i}.nii.gz", (10, 28, 30), lambda z, y, x:
                    generator.randrange(-100, 100) + 20 * (z + y - x))
        lists.setdefault("volumes.txt", []).append(f"volume{i}.nii.gz")
    for part, count in (("train", 6), ("test", 2)):
        for i in range(count):
            image, label = (f"{part}{i}.nii.gz", f"{part}{i}_label.nii.gz")
            write_labelled(image, label, generator)
            lists.setdefault(f"segment_{part}.txt", []).append(
                f"{image} {label}")
    for i in range(3):
        write_labelled(f"scans/scan{i}.nii.gz", None, generator)
    for part, count in (("train", 6), ("test", 4)):
        for i in range(count):
            name = f"{part}{i}.png"
            write_png(name, [[generator.randrange(64) + 90 * (i % 2)
                              for _ in range(44)] for _ in range(40)])
            lists.setdefault(f"classify_{part}.csv", ["image,label"]).append(
                f"{name},{'bright' if i % 2 else 'dark'}")
    for name, lines in lists.items():
        (FOLDER / "data" / name).write_text("\n".join(lines) + "\n")
    for file in (FOLDER / "data").rglob("*"):
        os.utime(file, (CHANGED, CHANGED))


def start(program, arguments):
    # By name: what is recorded tells of no folder of this machine.
    return subprocess.Popen(
        [program, *arguments.split()], cwd=FOLDER,
        env=dict(os.environ, PATH=f"{PROGRAMS}:{os.environ['PATH']}",
                 OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process, expected=0):
    text = process.communicate(timeout=120)[0]
    print(*process.args, "->", process.returncode, flush=True)
    if process.returncode != expected:
        raise SystemExit(text)


def run(program, arguments, expected=0):
    finish(start(program, arguments), expected)


def steps_of(output):
    """How many steps a run has recorded."""
    metrics = pathlib.Path(output) / "metrics.jsonl"
    return metrics.read_text().count('"lr"') if metrics.exists() else 0


def signal_after(program, arguments, output, steps):
    """A run that is told to stop once it has done so many steps."""
    process = start(program, arguments)
    while process.poll() is None and steps_of(output) < steps:
        time.sleep(0.002)
    process.terminate()
    finish(process, STOPPED)


def make_runs():
    runs = f"{FOLDER}/runs"
    run("unimiss-pretrain",
        f"--config {FOLDER}/pretrain.yaml --output {runs}/pretrain")
    stopped = f"{runs}/pretrain_stopped"
    for _ in range(3):  # a step each
        run("unimiss-pretrain", f"--config {FOLDER}/pretrain.yaml --output"
            f" {stopped} run.time_limit=0.0001", STOPPED)
    run("unimiss-finetune",
        f"--config {FOLDER}/segment.yaml --output {runs}/segment")
    # Past its first validation, which comes after the third step.
    stopped = f"{runs}/segment_stopped"
    signal_after("unimiss-finetune", f"--config {FOLDER}/segment.yaml"
                 f" --output {stopped}", stopped, 4)
    run("unimiss-finetune",
        f"--config {FOLDER}/classify.yaml --output {runs}/classify")
    run("unimiss-table",
        f"--config {FOLDER}/segment.yaml --output {FOLDER}/table"
        f" --init scratch --init unimiss={runs}/pretrain --seed 1,2"
        " --title Earlier run.epochs=1")
    for name in ("predicted", "expected/predicted"):
        run("unimiss-predict", f"--model {runs}/segment --threads 1"
            f" --input {FOLDER}/data/scans --output {FOLDER}/{name}"
            " --save-probabilities")
    run("unimiss-predict", f"--model {runs}/classify --threads 1 --input "
        f"{FOLDER}/data/classify_test.csv --output {FOLDER}/expected/classes")
    run("unimiss-evaluate", f"--predictions {runs}/segment/test/predictions"
        f" --references {FOLDER}/data/segment_test.txt --resamples 200"
        " --classes background,rim,core"
        f" --output {FOLDER}/expected/evaluation.json")


def remove(*names):
    for name in names:
        for path in list(FOLDER.glob(name)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def prune():
    """What only takes room, and one case of a prediction."""
    remove("**/.lock", "runs/*/progress.png", "table/table.png")
    remove("runs/pretrain/checkpoints", "runs/segment/checkpoints",
           "runs/pretrain_stopped/export")
    remove("runs/segment/export/last_average*")
    remove("runs/pretrain/tensorboard", "runs/segment/tensorboard",
           "runs/classify/tensorboard")
    remove("table/*/*/cache")
    for each in ("checkpoints", "export", "tensorboard", "progress.png",
                 "log.txt", "validation", "test/predictions"):
        remove(f"table/*/*/*/{each}")
    remove("predicted/scan1.nii.gz", "predicted/cases/scan1.json",
           "predicted/probabilities/scan1")
    remove("expected/predicted/probabilities", "expected/predicted/scan0*",
           "expected/predicted/scan2*", "expected/predicted/cases",
           "expected/predicted/predict.json", "expected/classes/cases",
           "expected/classes/predict.json", "expected/evaluation.md",
           "expected/evaluation.csv")


def forget_machine():
    """Nothing tells where the programs were and on which host."""
    host = socket.gethostname()
    for path in list(FOLDER.rglob("*")):
        if path.name.startswith("events."):
            path.rename(path.with_name(path.name.replace(host, "recorder")))
        if path.suffix not in (".json", ".txt", ".yaml"):
            continue
        text = path.read_text()
        plain = text.replace(f"{PROGRAMS}/", "").replace(
            f'"host": "{host}"', '"host": "recorder"')
        if plain != text and FOLDER / "data" not in path.parents:
            path.write_text(plain)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700)
    make_data()
    make_runs()
    prune()
    forget_machine()
    readme = GOLDEN / "README.md"
    text = readme.read_text() if readme.exists() else None
    shutil.rmtree(GOLDEN, ignore_errors=True)
    shutil.copytree(FOLDER, GOLDEN)
    if text:
        readme.write_text(text)
    shutil.rmtree(FOLDER)


if __name__ == "__main__":
    main()
