#!/usr/bin/env python3
"""Harms pretraining runs and checks that nothing is lost.

    scripts/check_faults.py kill [--count 50] [--seed 1]
                                 [--processes 1] [--whom any]
    scripts/check_faults.py points [--every] [--processes 1]
    scripts/check_faults.py disk [--processes 1]

kill: ends a tiny run by SIGKILL at random moments, from its first millisecond
to its last, and starts it again, until it is through. The losses and every
byte of the exported weights must be those of a run that was left alone, and no
checkpoint may be unusable. Of several processes it ends one, all of them, or
only what started them (--whom); all others must end within a minute.

points: ends a run by SIGKILL at each named point at which its files are in an
order of their own (include/unimiss/core/crash_point.h), the first and the
fourth time that it is reached, or each of twelve times (--every). Needs a build
with tests.

disk: lets a run meet a full disk, one that turns read-only (a small tmpfs in a
mount namespace of its own; skipped with a message without the right to make
one), and a checkpoint folder that vanishes. The run must stop with a message
and status 1 or 2, the checkpoint before must be intact, and the run must go on
to the same weights afterwards.

Programs are taken from build/release/bin, or from UNIMISS_PROGRAMS.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import shutil
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
# After one process has gone, the others may take so long to end.
SECONDS_TO_END = 60
# No run of these takes longer, on the slowest machine.
SECONDS_AT_MOST = 900
POINTS = ("file_opened", "file_written", "file_synced", "file_renamed",
          "tensors_in_place", "seal_in_place", "seal_removed", "step_taken",
          "record_written")
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


def environment():
    """Without what a launcher around this script says."""
    ours = {name: value for name, value in os.environ.items()
            if name not in ("RANK", "WORLD_SIZE")}
    return dict(ours, OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")


def processes_of(output):
    """The processes of a run and their ranks; None: what started them."""
    found = {}
    output = os.fsencode(output)
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile, or is not ours
            continue
        # Of one that nobody has waited for yet there are no words.
        if output in words:
            ranks = [int(variable[len(b"RANK="):]) for variable in variables
                     if variable.startswith(b"RANK=")]
            found[int(entry.name)] = ranks[0] if ranks else None
    return found


def kill_process(process):
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def wait_for(condition, seconds):
    """Whether it has come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Run:
    """A run that has been started."""

    under_way = set()

    def __init__(self, command, folder, output, variables):
        self.output = output
        # No pipe: the processes must not depend on somebody who reads.
        self.text = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            command, cwd=folder, env=dict(environment(), **variables),
            stdout=self.text, stderr=subprocess.STDOUT)
        Run.under_way.add(output)

    def ranks(self):
        """The processes that train, by rank."""
        return {rank: process
                for process, rank in processes_of(self.output).items()
                if rank is not None}

    def said(self):
        self.text.seek(0)
        return self.text.read()

    def finish(self, seconds=SECONDS_AT_MOST):
        """Status and text, when all of its processes have ended."""
        ended = wait_for(lambda: self.process.poll() is not None
                         and not processes_of(self.output), seconds)
        text = self.said()
        require(ended, f"{self.output}: after {seconds} s these (process: rank)"
                f" have not ended: {processes_of(self.output)}\n{text}")
        # Under a sanitizer a process may have more to say than its status.
        require("Sanitizer: " not in text and "runtime error: " not in text,
                f"{self.output}:\n{text}")
        self.text.close()
        Run.under_way.discard(self.output)
        return subprocess.CompletedProcess(self.process.args,
                                           self.process.returncode, text)


class Program:
    """How runs are started: in which folder, in how many processes."""

    def __init__(self, folder, processes=1):
        self.folder = folder
        self.processes = processes

    def start(self, output, *more, **variables):
        words = [PROGRAMS / "unimiss-pretrain"]
        if self.processes > 1:
            words += ["--nproc-per-node", str(self.processes)]
            more = (f"data.batch_size_2d={self.processes}",
                    f"data.batch_size_3d={self.processes}", *more)
        # A whole path: the processes are found by it.
        output = self.folder / output
        return Run([*words, "--config", "toy.yaml", "--output", output, *more],
                   self.folder, output, variables)

    def run(self, output, *more, **variables):
        return self.start(output, *more, **variables).finish()


@contextlib.contextmanager
def workplace():
    """A folder with data for runs. Nothing is left of it or of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_data(folder)
        try:
            yield folder
        finally:
            for output in Run.under_way:
                for process in processes_of(output):
                    kill_process(process)


def losses(output):
    """Of every step what does not depend on the clock."""
    timed = {"seconds", "samples_per_second", "data_wait", "queue_depth",
             "peak_memory_mb", "data_wait_most", "communication_wait",
             "communication_wait_most", "scaling_efficiency",
             "process_rate_least", "process_rate_most", "slowest_process"}
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
        # This script's, or that of one that uses its functions.
        sys.exit(f"{pathlib.Path(sys.argv[0]).stem}: FAILED: {message}")


def difference(output, expected):
    """What is not as in the unbroken run; empty: nothing."""
    found = outcome(output)
    for ours, theirs in zip(found[0], expected[0]):
        if ours != theirs:
            return f"{ours} is not {theirs}"
    if len(found[0]) != len(expected[0]):
        return f"{len(found[0])} steps, not {len(expected[0])}"
    names = [name for name in expected[1]
             if found[1].get(name) != expected[1][name]]
    return f"other weights in {', '.join(names)}" if names else ""


def require_same(output, expected, what):
    found = difference(output, expected)
    require(not found, f"{what}: {found}")


def reference(program):
    """A run that is left alone: its outcome, and how long it took."""
    begin = time.monotonic()
    done = program.run("unbroken/run")
    require(done.returncode == 0, done.stdout)
    return (outcome(program.folder / "unbroken/run"),
            time.monotonic() - begin)


def in_words(processes):
    return "1 process" if processes == 1 else f"{processes} processes"


class Counts:
    """What was seen in the runs that were harmed."""

    def __init__(self):
        self.starts = self.resumed = self.begun_again = self.unusable = 0
        self.divergences = 0

    def note_start(self, text):
        self.starts += 1
        self.resumed += "going on from step" in text
        self.begun_again += "without a checkpoint yet" in text
        for line in text.splitlines():
            # One that was being written when the process ended is expected.
            if ("checkpoint passed over" in line
                    and "was never completed" not in line):
                self.unusable += 1
                print(f"check_faults: unusable: {line}", flush=True)

    def note_outcome(self, output, expected, what):
        found = difference(output, expected)
        if found:
            self.divergences += 1
            print(f"check_faults: {what} diverged: {found}", flush=True)
        else:
            shutil.rmtree(output.parent)  # many of them fill a disk

    def summary(self):
        return (f"{self.resumed} restarts from a checkpoint, "
                f"{self.begun_again} starts again from nothing, "
                f"{self.unusable} unusable checkpoints, "
                f"{self.divergences} divergences")

    def require_good(self):
        require(self.unusable == 0 and self.divergences == 0, "see above")


def kill_some(run, processes, whom, generator):
    """Of a run that may be over; the kind of the kill, and whom it met."""
    if run.process.poll() is not None:
        return None, []
    if processes == 1:
        run.process.kill()
        return "process", []
    ranks = run.ranks()
    if whom == "any":
        whom = generator.choice(("one", "all", "launcher"))
    # Some are not there yet, or not any more.
    if len(ranks) < processes:
        whom = "start-up or end"
    met = {"one": generator.sample(range(processes), 1),
           "all": range(processes)}.get(whom, [])
    for rank in met:
        kill_process(ranks[rank])
    if not met:
        run.process.kill()
    return whom, list(met)


def check_killed(kind, met, done):
    """Whether it was in time."""
    # A process may end by itself at the very moment.
    if done.returncode == 0 and "ended by signal" not in done.stdout:
        return False
    said = f"status {done.returncode} after a kill ({kind}):\n{done.stdout}"
    if not met:
        require(done.returncode == -signal.SIGKILL, said)
        return True
    require(done.returncode not in (0, 75), said)
    if kind == "one":
        require(f"process {met[0]} was ended by signal 9" in done.stdout,
                f"process {met[0]} is not named; {said}")
    return True


def check_kill(program, count, whom, seed):
    generator = random.Random(seed)
    expected, seconds = reference(program)
    kinds, counts = collections.Counter(), Counts()
    slowest = trial = 0
    while kinds.total() < count:
        trial += 1
        # A cache of its own: decoding is interrupted too.
        output = f"trial{trial}/run"
        done = None
        while done is None or done.returncode != 0:
            run, kind = program.start(output), None
            if kinds.total() < count:
                time.sleep(generator.uniform(0, 1.1 * seconds))
                kind, met = kill_some(run, program.processes, whom, generator)
            begin = time.monotonic()
            done = run.finish(SECONDS_TO_END if kind else SECONDS_AT_MOST)
            counts.note_start(done.stdout)
            if kind and check_killed(kind, met, done):
                kinds[kind] += 1
                slowest = max(slowest, time.monotonic() - begin)
            else:
                require(done.returncode == 0, f"status {done.returncode} after "
                        f"{kinds.total()} kills:\n{done.stdout}")
        counts.note_outcome(program.folder / output, expected, f"run {trial}")
    told = ", ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds))
    print(f"{in_words(program.processes)}: {kinds.total()} kills ({told}) in "
          f"{trial} runs of {seconds:.1f} s: {counts.summary()}; all had ended "
          f"{slowest:.1f} s after a kill")
    counts.require_good()


def crash(program, point, count, expected, counts):
    """Whether the run reached the point so often; it goes on afterwards."""
    output = f"{point}{count}/run"
    done = program.run(output, UNIMISS_CRASH_AT=f"{point}:{count}")
    counts.note_start(done.stdout)
    what = f"{point}:{count}"
    reached = done.returncode != 0
    if reached:
        if program.processes == 1:
            killed = done.returncode == -signal.SIGKILL
        else:
            killed = (done.returncode != 75
                      and "was ended by signal 9" in done.stdout)
        require(killed, f"{what}: status {done.returncode}\n{done.stdout}")
        done = program.run(output)
        counts.note_start(done.stdout)
        require(done.returncode == 0, f"after {what}: status "
                f"{done.returncode}\n{done.stdout}")
    counts.note_outcome(program.folder / output, expected, what)
    return reached


def check_points(program, every):
    expected, _ = reference(program)
    counts, crashes = Counts(), 0
    for point in POINTS:
        reached = 0
        for count in range(1, STEPS + 1) if every else (1, 4):
            if not crash(program, point, count, expected, counts):
                require(count > 1, f"{point} is not reached; is it a build "
                        "with tests?")
                print(f"{point}: is reached fewer than {count} times")
                break
            reached += 1
        crashes += reached
        print(f"{point}: {reached} crashes", flush=True)
    print(f"{in_words(program.processes)}: {crashes} crashes at {len(POINTS)} "
          f"points: {counts.summary()}")
    counts.require_good()


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def tell(what, text):
    """What a program that has failed says, as it should."""
    causes = [line for line in text.splitlines() if line.startswith("error: ")]
    require(causes, f"{what}: no message\n{text}")
    print(f"{what}: {causes[-1]}", flush=True)


def require_status(what, done, status, *texts):
    """And that one of the texts was said, where there are any."""
    require(done.returncode == status,
            f"{what}: status {done.returncode}, not {status}\n{done.stdout}")
    require(not texts or any(text in done.stdout for text in texts),
            f"{what}: none of {texts} was said\n{done.stdout}")


def go_on(program, output, expected, what, *more):
    """After the fault is mended."""
    done = program.run(output, *more)
    require_status(what, done, 0, "going on from step")
    counts = Counts()
    counts.note_start(done.stdout)
    require(counts.unusable == 0, f"{what}: a checkpoint was lost")
    require_same(program.folder / output, expected, what)


def start_until_saved(program, output, *more):
    """A run that has written its first checkpoint and goes on."""
    run = program.start(output, *more)
    checkpoints = program.folder / output / "checkpoints"
    require(wait_for(lambda: list(checkpoints.glob("*.json"))
                     or run.process.poll() is not None, SECONDS_AT_MOST)
            and run.process.poll() is None, "no checkpoint was written")
    return run, checkpoints


def check_vanished(program, expected, cache):
    """The folder of the checkpoints goes away while the run goes on."""
    run, checkpoints = start_until_saved(program, "vanished/run", cache)
    away = checkpoints.with_name("checkpoints.away")
    checkpoints.rename(away)
    done = run.finish()
    require_status("vanished folder", done, 1)
    kept = sorted(away.glob("*.json"))
    require(kept, "no checkpoint is left")
    tell("vanished folder", done.stdout)
    require(not checkpoints.exists(), f"{checkpoints} was made again")
    away.rename(checkpoints)
    go_on(program, "vanished/run", expected, "after the folder had vanished",
          cache)


def check_full(program, expected, cache, disk, bytes_needed):
    """Space for two checkpoints, not for the third and the weights."""
    mount("-t", "tmpfs", "-o", f"size={int(3.4 * bytes_needed)}", "tmpfs", disk)
    done = program.run("disk/run", cache, "run.keep_checkpoints=9")
    require_status("full disk", done, 1, "are needed", "No space")
    require("could not be saved" in done.stdout, done.stdout)
    kept = sorted((disk / "run/checkpoints").glob("*.json"))
    require(len(kept) >= 1, "no checkpoint is left")
    tell(f"full disk, {len(kept)} checkpoints", done.stdout)
    mount("-o", f"remount,size={60 * bytes_needed}", disk)
    go_on(program, "disk/run", expected, "after the disk was full", cache,
          "run.keep_checkpoints=9")


def check_no_room(program, cache, disk, bytes_needed):
    """That is known before anything is trained."""
    mount("-o", f"remount,size={45 * bytes_needed}", disk)
    filler = disk / "filler"
    space = os.statvfs(disk)
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_bsize)
    done = program.run("disk/other", cache)
    require_status("no room at all", done, 2)
    tell("no room at all", done.stdout)
    filler.unlink()


def check_read_only(program, expected, cache, disk, bytes_needed):
    """From the start and while it runs."""
    mount("-o", "remount,ro", disk)
    done = program.run("disk/third", cache)
    require_status("read-only", done, 2, "cannot be written")
    tell("read-only", done.stdout)
    mount("-o", "remount,rw", disk)
    mount("-t", "tmpfs", "-o", f"size={60 * bytes_needed}", "tmpfs", disk)
    run, checkpoints = start_until_saved(program, "disk/run", cache,
                                         "run.checkpoint_every_steps=3")
    # An open file for writing keeps a disk from turning read-only; one
    # checkpoint and a folder without rights come to the same.
    mount("--bind", checkpoints, checkpoints)
    mount("-o", "remount,bind,ro", checkpoints)
    done = run.finish()
    require_status("read-only while it ran", done, 1, "cannot be written")
    tell("read-only while it ran", done.stdout)
    subprocess.run(["umount", checkpoints], check=True)
    go_on(program, "disk/run", expected, "after the folder was read-only",
          cache)


def check_disk_inside(program):
    """Within a mount namespace of its own."""
    expected, _ = reference(program)
    bytes_needed = (program.folder / "unbroken/run/checkpoints"
                    / f"step_{STEPS:08}.safetensors").stat().st_size
    cache = f"data.cache={program.folder}/unbroken/cache"
    disk = program.folder / "disk"
    disk.mkdir()
    check_full(program, expected, cache, disk, bytes_needed)
    check_no_room(program, cache, disk, bytes_needed)
    check_read_only(program, expected, cache, disk, bytes_needed)
    check_vanished(program, expected, cache)
    print(f"{in_words(program.processes)}: 5 faults of the disk, 3 of them "
          "while the run was under way: it stopped with a message, and went on "
          "to the same weights")


def check_disk(processes, arguments):
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
    with workplace() as folder:
        try:
            check_disk_inside(Program(folder, processes))
        finally:
            subprocess.run(["umount", "-R", folder / "disk"], check=False,
                           capture_output=True)
            subprocess.run(["umount", "-R", folder / "disk"], check=False,
                           capture_output=True)


def options_of(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="fault", required=True)
    kill = commands.add_parser("kill")
    kill.add_argument("--count", type=int, default=50)
    kill.add_argument("--seed", type=int, default=1)
    kill.add_argument("--whom", default="any",
                      choices=("one", "all", "launcher", "any"))
    points = commands.add_parser("points")
    points.add_argument("--every", action="store_true")
    for command in (kill, points, commands.add_parser("disk")):
        command.add_argument("--processes", type=int, default=1)
    return parser.parse_args(arguments)


def main():
    options = options_of(sys.argv[1:])
    if options.fault == "disk":
        check_disk(options.processes, sys.argv[1:])
        return
    with workplace() as folder:
        program = Program(folder, options.processes)
        if options.fault == "points":
            check_points(program, options.every)
        else:
            check_kill(program, options.count, options.whom, options.seed)


if __name__ == "__main__":
    main()
