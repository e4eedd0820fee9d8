#!/usr/bin/env python3
"""Harms pretraining runs and checks that nothing is lost.

    scripts/check_faults.py kill [--count 50] [--seed 1]
    scripts/check_faults.py disk

kill: ends a tiny run by SIGKILL at random moments, from its first millisecond
to its last, and starts it again, until it is through. The losses and every
byte of the exported weights must be those of a run that was left alone.

disk: lets a run meet a full disk and one that turns read-only (a small tmpfs in
a mount namespace of its own; skipped with a message without the right to make
one). The run must stop with a message and status 1 or 2, the checkpoint before
must be intact, and the run must go on to the same weights afterwards.

Programs are taken from build/release/bin, or from UNIMISS_PROGRAMS.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(
    os.environ.get("UNIMISS_PROGRAMS", ROOT / "build/release/bin"))
STEPS = 12
CONFIG = f"""
run:
  device: cpu
  threads: 1
  max_steps: {STEPS}
  checkpoint_every_steps: 1
  keep_checkpoints: 2
model:
  drop_path: 0.1
  image_size: 64
  volume_size: [16, 64, 64]
  stem_width: 4
  encoder_depths: [1, 1, 1, 1]
  decoder_depths: [1, 1, 1]
  widths: [8, 8, 16, 16]
  encoder_heads: [1, 2, 2, 2]
  decoder_heads: [2, 2, 1]
head: {{hidden: 16, bottleneck: 8, prototypes: 32}}
data:
  batch_size_2d: 2
  batch_size_3d: 1
  workers: 1
  images: images.txt
  volumes: volumes.txt
"""


def write_png(path, width, height, generator):
    def chunk(kind, data):
        body = kind + data
        return (struct.pack(">I", len(data)) + body
                + struct.pack(">I", zlib.crc32(body)))
    rows = b"".join(b"\0" + generator.randbytes(width) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                     + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_nifti(path, width, height, depth, generator):
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, width, height, depth, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 3, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[123] = 2
    header[344:347] = b"n+1"
    voxels = b"".join(struct.pack("<h", generator.randrange(-1000, 1000))
                      for _ in range(width * height * depth))
    path.write_bytes(bytes(header) + voxels)


def make_data(folder):
    generator = random.Random(1)
    for name in ("a.png", "b.png", "c.png"):
        write_png(folder / name, 80, 90, generator)
    write_nifti(folder / "d.nii", 70, 66, 20, generator)
    (folder / "images.txt").write_text("a.png\nb.png\nc.png\n")
    (folder / "volumes.txt").write_text("d.nii\n")
    (folder / "toy.yaml").write_text(CONFIG)


def command(output, *more):
    return [PROGRAMS / "unimiss-pretrain", "--config", "toy.yaml", "--output",
            output, *more]


def environment():
    return dict(os.environ, OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")


def run(folder, output, *more):
    return subprocess.run(command(output, *more), cwd=folder, text=True,
                          env=environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)


def losses(output):
    """Of every step what does not depend on the clock."""
    timed = {"seconds", "samples_per_second", "data_wait", "queue_depth",
             "peak_memory_mb"}
    lines = (output / "metrics.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items()
             if key not in timed} for line in lines]


def tensors(path):
    """Names, shapes and bytes of a safetensors file, not its metadata."""
    content = path.read_bytes()
    end = 8 + struct.unpack_from("<Q", content)[0]
    header = json.loads(content[8:end])
    header.pop("__metadata__")  # holds the name of the run's folder
    return header, content[end:]


def outcome(output):
    """Losses of all steps and all weights."""
    weights = {path.name: tensors(path)
               for path in sorted((output / "export").iterdir())}
    require(len(weights) == 3, f"{output}: exported weights are missing")
    return losses(output), weights


def require(condition, message):
    if not condition:
        sys.exit(f"check_faults: FAILED: {message}")


def require_same(output, expected, what):
    found = outcome(output)
    for ours, theirs in zip(found[0], expected[0]):
        require(ours == theirs, f"{what}: {ours} is not {theirs}")
    require(len(found[0]) == len(expected[0]), f"{what}: steps are missing")
    require(found[1] == expected[1], f"{what}: other weights")


def reference(folder):
    """A run that is left alone: its outcome, and how long it took."""
    begin = time.monotonic()
    done = run(folder, "unbroken/run")
    require(done.returncode == 0, done.stdout)
    return outcome(folder / "unbroken/run"), time.monotonic() - begin


def check_kill(folder, count, seed):
    generator = random.Random(seed)
    expected, seconds = reference(folder)
    kills = resumed = begun_again = trial = 0
    while kills < count:
        trial += 1
        # A cache of its own: decoding is interrupted too.
        output = f"trial{trial}/run"
        while True:
            process = subprocess.Popen(
                command(output), cwd=folder, env=environment(),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if kills < count:
                time.sleep(generator.uniform(0, 1.1 * seconds))
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
            text, _ = process.communicate()
            resumed += "going on from step" in text
            begun_again += "without a checkpoint yet" in text
            if process.returncode == 0:
                break
            require(process.returncode == -signal.SIGKILL,
                    f"status {process.returncode} after {kills} kills:\n{text}")
        require_same(folder / output, expected, f"trial {trial}")
    print(f"{kills} kills in {trial} runs: {resumed} starts went on from a "
          f"checkpoint, {begun_again} began again; all runs ended with the "
          f"losses and weights of the unbroken one ({seconds:.1f} s)")


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def check_disk_inside(folder):
    """Within a mount namespace of its own."""
    expected, _ = reference(folder)
    bytes_needed = (folder / "unbroken/run/checkpoints"
                    / f"step_{STEPS:08}.safetensors").stat().st_size
    cache = f"data.cache={folder}/unbroken/cache"
    disk = folder / "disk"
    disk.mkdir()
    # Full: space for two checkpoints, not for the third and the weights.
    mount("-t", "tmpfs", "-o", f"size={int(3.4 * bytes_needed)}", "tmpfs", disk)
    done = run(folder, "disk/run", cache, "run.keep_checkpoints=9")
    require(done.returncode == 1, f"status {done.returncode}\n{done.stdout}")
    require("are needed" in done.stdout or "No space" in done.stdout,
            done.stdout)
    require("could not be saved" in done.stdout, done.stdout)
    kept = sorted((disk / "run/checkpoints").glob("*.json"))
    require(len(kept) >= 1, "no checkpoint is left")
    print(f"full disk: stopped with {len(kept)} checkpoints: "
          + done.stdout.strip().splitlines()[-1])
    mount("-o", f"remount,size={60 * bytes_needed}", disk)
    done = run(folder, "disk/run", cache, "run.keep_checkpoints=9")
    require(done.returncode == 0, done.stdout)
    require("going on from step" in done.stdout, done.stdout)
    require_same(disk / "run", expected, "after the disk was full")

    # No room at all is known before anything is trained.
    mount("-o", f"remount,size={45 * bytes_needed}", disk)
    filler = disk / "filler"
    space = os.statvfs(disk)
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_bsize)
    done = run(folder, "disk/other", cache)
    require(done.returncode == 2, f"status {done.returncode}\n{done.stdout}")
    print("no room at all: " + done.stdout.strip().splitlines()[-1])
    filler.unlink()

    # Read-only, from the start and while it runs.
    mount("-o", "remount,ro", disk)
    done = run(folder, "disk/third", cache)
    require(done.returncode == 2 and "cannot be written" in done.stdout,
            f"status {done.returncode}\n{done.stdout}")
    print("read-only: " + done.stdout.strip().splitlines()[-1])
    mount("-o", "remount,rw", disk)
    mount("-t", "tmpfs", "-o", f"size={60 * bytes_needed}", "tmpfs", disk)
    process = subprocess.Popen(
        command("disk/run", cache, "run.checkpoint_every_steps=3"), cwd=folder,
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True)
    # An open file for writing keeps a disk from turning read-only; one
    # checkpoint and a folder without rights come to the same.
    checkpoints = disk / "run/checkpoints"
    deadline = time.monotonic() + 60
    while not list(checkpoints.glob("*.json")):
        require(process.poll() is None and time.monotonic() < deadline,
                "no checkpoint was written")
        time.sleep(0.005)
    mount("--bind", checkpoints, checkpoints)
    mount("-o", "remount,bind,ro", checkpoints)
    text, _ = process.communicate()
    require(process.returncode == 1 and "cannot be written" in text,
            f"status {process.returncode}\n{text}")
    print("read-only while it ran: " + text.strip().splitlines()[-1])
    subprocess.run(["umount", checkpoints], check=True)
    done = run(folder, "disk/run", cache)
    require(done.returncode == 0 and "going on from step" in done.stdout,
            done.stdout)
    require_same(disk / "run", expected, "after the folder was read-only")


def check_disk(arguments):
    if os.environ.get("UNIMISS_MOUNT_NAMESPACE") != "1":
        unshare = ["unshare", "--mount"]
        if os.geteuid() != 0:
            unshare += ["--map-root-user"]
        probe = subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs",
                                "/mnt"], capture_output=True, check=False)
        if probe.returncode != 0:
            print("check_faults: SKIPPED: no right to mount a tmpfs in a "
                  "namespace of its own (run as root, or allow user "
                  "namespaces)")
            return
        os.execvpe(unshare[0], [*unshare, sys.executable, __file__,
                                *arguments],
                   dict(os.environ, UNIMISS_MOUNT_NAMESPACE="1"))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_data(folder)
        try:
            check_disk_inside(folder)
        finally:
            subprocess.run(["umount", "-R", folder / "disk"], check=False,
                           capture_output=True)
            subprocess.run(["umount", "-R", folder / "disk"], check=False,
                           capture_output=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="fault", required=True)
    kill = commands.add_parser("kill")
    kill.add_argument("--count", type=int, default=50)
    kill.add_argument("--seed", type=int, default=1)
    commands.add_parser("disk")
    options = parser.parse_args()
    if options.fault == "disk":
        check_disk(sys.argv[1:])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_data(folder)
        check_kill(folder, options.count, options.seed)


if __name__ == "__main__":
    main()
