#!/usr/bin/env python3
"""Trains on two "machines", cuts them off and checks that nothing is lost.

    scripts/check_nodes.py

The machines are two network namespaces with host names of their own, joined by
a pair of virtual network cards: processes of one reach those of the other by
TCP alone. Two processes run in each, under the variables that torchrun sets.

steps: four processes take the steps of one: losses and weights are the same up
to rounding.

lost machine: both processes of the second one are ended by SIGKILL. The others
must end within a minute and name one that was lost; the run must go on to every
bit of the unbroken one.

cut cable: the second machine's network card is switched off. All must end by
themselves within a minute, with a message; the run must go on as above when the
card is on again.

full cache: the second machine's own disk, where its data.cache is, is full. It
must say so, and the run must be the unbroken one to every bit.

full disk: that of the run's folder, which both machines share, becomes full. All
must end, one with the reason, the checkpoint before must be intact, and the run
must go on as above when there is space again.

Needs root and `ip`; otherwise it is skipped with a message. Programs are taken
from build/release/bin, or from UNIMISS_PROGRAMS.
"""

import array
import json
import math
import os
import subprocess
import sys
import time

import check_faults
from check_faults import require

PROCESSES = 4
PER_MACHINE = 2
PORT = 29500  # each network namespace has ports of its own
CARD = "cable0"
BATCHES = (f"data.batch_size_2d={PROCESSES}", f"data.batch_size_3d={PROCESSES}")
LOSS_TOLERANCE = 1e-4
WEIGHT_TOLERANCE = 1e-5


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True,
                   text=True)


class Machines:
    """Two network namespaces; they are removed at the end."""

    def __init__(self):
        self.names = [f"unimiss-{os.getpid()}-{i}" for i in range(2)]
        self.addresses = ["10.213.0.1", "10.213.0.2"]

    def __enter__(self):
        try:
            self.join()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.names:  # with them go their cards
            subprocess.run(["ip", "netns", "del", name], check=False,
                           capture_output=True)

    def join(self):
        for name in self.names:
            ip("netns", "add", name)
        first, second = self.names
        ip("-n", first, "link", "add", CARD, "type", "veth", "peer", "name",
           CARD, "netns", second)
        for name, address in zip(self.names, self.addresses):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", CARD)
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", CARD, "up")

    def switch_card(self, state):
        """Of the second machine."""
        ip("-n", self.names[1], "link", "set", CARD, state)

    def within(self, machine, words, disk=None):
        """A command for one of them, which sees the disk."""
        # Without a host name of their own the processes would look for each
        # other on the same machine.
        return [*(disk.command() if disk else []), "ip", "netns", "exec", self.names[machine], "unshare", "--uts",
                "sh", "-c", 'hostname "$0" && exec "$@"', f"machine{machine}",
                *words]


class Disk:
    """A small one, over a folder, of the processes that see it alone."""

    def __init__(self, folder, size):
        self.folder = folder
        folder.mkdir()
        # As long as it lives the mount namespace does.
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c",
             'mount -t tmpfs -o "size=$1" tmpfs "$0" && echo && exec sleep inf',
             folder, str(size)], stdout=subprocess.PIPE)

    def __enter__(self):
        require(self.holder.stdout.readline(), f"no disk at {self.folder}")
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.communicate()

    def command(self, *words):
        return ["nsenter", "--target", str(self.holder.pid), "--mount",
                f"--wd={self.folder.parent}", *words]

    def files(self, folder):
        """The names of all files below a folder of it."""
        return subprocess.run(
            self.command("find", folder, "-type", "f", "-printf", "%f\n"),
            check=True, capture_output=True, text=True).stdout.split()

    def resize(self, size):
        subprocess.run(self.command("mount", "-o", f"remount,size={size}",
                                    self.folder), check=True)


def missing():
    """Why two machines cannot be made here; empty: they can."""
    try:
        with Machines() as machines:
            subprocess.run(machines.within(1, ["nsenter", "--version"]),
                           check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        return f"there is no '{error.filename}'"
    except subprocess.CalledProcessError as error:
        return f"no right to make network namespaces ({error.stderr.strip()})"
    return ""


class Cluster:
    """A program of four processes on two machines."""

    def __init__(self, folder, machines):
        self.folder = folder
        self.machines = machines
        self.disks = {}  # of machines that have their own

    def start(self, output, *more):
        return [self.start_one(rank, output, *more)
                for rank in range(PROCESSES)]

    def start_one(self, rank, output, *more):
        machine = rank // PER_MACHINE
        output = self.folder / output
        words = [check_faults.PROGRAMS / "unimiss-pretrain", "--config",
                 "toy.yaml", "--output", output, *BATCHES, *more]
        return check_faults.Run(
            self.machines.within(machine, words, self.disks.get(machine)),
            self.folder, output,
            {"RANK": str(rank), "WORLD_SIZE": str(PROCESSES),
             "LOCAL_RANK": str(rank % PER_MACHINE),
             "LOCAL_WORLD_SIZE": str(PER_MACHINE),
             "MASTER_ADDR": self.machines.addresses[0],
             "MASTER_PORT": str(PORT)})

    def run(self, output, *more):
        self.try_run(output, 0, *more)
        return self.folder / output

    def try_run(self, output, status, *more):
        """What each process has said; all must end with the status."""
        done = finish(self.start(output, *more))
        for rank, each in enumerate(done):
            require(each.returncode == status, f"process {rank}: status "
                    f"{each.returncode}\n{each.stdout}")
        return [each.stdout for each in done]


def finish(runs, seconds=check_faults.SECONDS_AT_MOST):
    return [run.finish(seconds) for run in runs]


def values_of(path):
    """All numbers of a safetensors file, one tensor after the other by name."""
    header, content = check_faults.tensors(path)
    values = array.array("f")
    for name in sorted(header):
        require(header[name]["dtype"] == "F32",
                f"{path}: {name} is {header[name]['dtype']}, not F32")
        begin, end = header[name]["data_offsets"]
        values.frombytes(content[begin:end])
    return values


def relative_difference(ours, theirs):
    require(len(ours) == len(theirs), "other weights")
    return (math.dist(ours, theirs)
            / math.sqrt(math.fsum(value * value for value in theirs)))


def largest_difference_of_losses(ours, theirs):
    require(len(ours) == len(theirs), "steps are missing")
    return max(abs(own["loss"] - other["loss"]) / max(1, abs(other["loss"]))
               for own, other in zip(ours, theirs))


def check_steps(cluster):
    # Each process draws for itself which paths are dropped.
    more = ("run.max_steps=6", "model.drop_path=0")
    ours = cluster.run("four/run", *more)
    done = check_faults.Program(cluster.folder).run("one/run", *BATCHES, *more)
    require(done.returncode == 0, done.stdout)
    theirs = cluster.folder / "one/run"
    phases = {step["phase"] for step in check_faults.losses(ours)}
    require(len(phases) == 2, f"only steps of {phases} were taken")
    losses = largest_difference_of_losses(check_faults.losses(ours),
                                          check_faults.losses(theirs))
    require(losses <= LOSS_TOLERANCE, f"losses differ by {losses:.1e}")
    weights = relative_difference(
        values_of(ours / "export/full.safetensors"),
        values_of(theirs / "export/full.safetensors"))
    require(weights <= WEIGHT_TOLERANCE, f"weights differ by {weights:.1e}")
    told = f"losses within {losses:.1e} and weights within {weights:.1e}"
    print(f"steps: {told} of those of one process", flush=True)
    return told


def start_until_middle(cluster, output, *more):
    runs = cluster.start(output, *more)
    checkpoints = cluster.folder / output / "checkpoints"
    middle = f"step_{check_faults.STEPS // 2:08}.json"
    check_faults.wait_for(
        lambda: (checkpoints / middle).exists()
        or any(run.process.poll() is not None for run in runs),
        check_faults.SECONDS_AT_MOST)
    for rank, run in enumerate(runs):
        require(run.process.poll() is None, f"process {rank} has ended early:\n"
                f"{run.said()}")
    return runs


def check_ended(runs, ranks, *texts):
    """All of them, by themselves, one with one of the texts; the seconds."""
    begin = time.monotonic()
    done = dict(zip(ranks, finish([runs[rank] for rank in ranks],
                                  check_faults.SECONDS_TO_END)))
    seconds = time.monotonic() - begin
    said = "".join(f"process {rank}: status {each.returncode}\n{each.stdout}"
                   for rank, each in done.items())
    require(all(each.returncode == 1 for each in done.values()), said)
    lines = [line for each in done.values() for line in each.stdout.splitlines()
             if line.startswith("error: ")
             and any(text in line for text in texts)]
    require(lines, f"none names what was lost:\n{said}")
    return seconds, lines[0]


def go_on(cluster, output, expected, what, *more):
    check_faults.require_same(cluster.run(output, *more), expected, what)


def check_lost_machine(cluster, expected):
    runs = start_until_middle(cluster, "lost/run")
    lost = range(PER_MACHINE, PROCESSES)
    for rank in lost:
        runs[rank].process.kill()
    seconds, line = check_ended(
        runs, range(PER_MACHINE),
        *(f"process {rank} (pid {runs[rank].process.pid} " for rank in lost))
    for rank in lost:
        runs[rank].finish()
    print(f"lost machine: the others ended after {seconds:.1f} s: {line}",
          flush=True)
    go_on(cluster, "lost/run", expected, "after a machine was lost")
    return seconds


def check_cut_cable(cluster, expected):
    # In minutes: that a card is off, nobody tells.
    more = ("run.process_timeout=0.25",)
    runs = start_until_middle(cluster, "cut/run", *more)
    cluster.machines.switch_card("down")
    try:
        seconds, line = check_ended(runs, range(PROCESSES), "lost the others")
    finally:
        cluster.machines.switch_card("up")
    print(f"cut cable: all ended after {seconds:.1f} s: {line}", flush=True)
    go_on(cluster, "cut/run", expected, "after the cable was cut", *more)
    return seconds


def check_full_cache(cluster, expected):
    with Disk(cluster.folder / "own", 1 << 20) as disk:
        cluster.disks = {1: disk}
        said = cluster.try_run("full_cache/run", 0,
                               f"data.cache={disk.folder}/cache")
        cluster.disks = {}
        kept = disk.files(disk.folder / "cache")
        require(set(kept) == {".lock"}, f"it was not full: {kept}")
    for rank in range(PROCESSES):
        own = rank >= PER_MACHINE
        require(("is full" in said[rank]) == own,
                f"process {rank}:\n{said[rank]}")
    check_faults.require_same(cluster.folder / "full_cache/run", expected,
                              "with a full cache")
    print("full cache: told by the processes of its machine; the same weights",
          flush=True)


def check_full_disk(cluster, expected):
    needed = (cluster.folder / "unbroken/run/checkpoints"
              / f"step_{check_faults.STEPS:08}.safetensors").stat().st_size
    output, more = "shared/run", ("run.keep_checkpoints=9",
                                  f"data.cache={cluster.folder}/cache")
    with Disk(cluster.folder / "shared", int(3.4 * needed)) as disk:
        cluster.disks = {0: disk, 1: disk}
        # The first process tells it for all.
        said = cluster.try_run(output, 1, *more)
        require("are needed" in said[0] or "No space" in said[0], said[0])
        require(not any("error: " in text for text in said[1:]), str(said[1:]))
        seals = [name for name in
                 disk.files(cluster.folder / output / "checkpoints")
                 if name.endswith(".json")]
        require(seals, "no checkpoint is left")
        disk.resize(60 * needed)
        said = cluster.try_run(output, 0, *more)
        require("going on from step" in said[0]
                and "passed over" not in said[0], said[0])
        subprocess.run(disk.command("cp", "-r", cluster.folder / output,
                                    cluster.folder / "copied"), check=True)
        cluster.disks = {}
    check_faults.require_same(cluster.folder / "copied", expected,
                              "after the disk was full")
    print(f"full disk: all ended, {len(seals)} checkpoints were kept; the run "
          "went on to the same weights", flush=True)


def main():
    why = missing()
    if why:
        print(f"check_nodes: SKIPPED: {why}")
        return
    with check_faults.workplace() as folder, Machines() as machines:
        cluster = Cluster(folder, machines)
        told = check_steps(cluster)
        expected = check_faults.outcome(cluster.run("unbroken/run"))
        lost = check_lost_machine(cluster, expected)
        cut = check_cut_cable(cluster, expected)
        check_full_cache(cluster, expected)
        check_full_disk(cluster, expected)
    print(f"2 machines of {PER_MACHINE} processes: {told} of one process; all "
          f"ended {lost:.1f} s after the loss of one, {cut:.1f} s after the "
          "cable was cut; these two, one whose machine's cache was full and one "
          "whose disk was came to every bit of the unbroken one")


if __name__ == "__main__":
    main()
