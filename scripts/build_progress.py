#!/usr/bin/env python3
"""Tells how far Ninja is, in one line, and keeps all that it says in a file.

    ninja ... 2>&1 | scripts/build_progress.py <log> <number of steps>

On a terminal the line is written anew as steps end, elsewhere there is a line
a minute. Nothing is said of a build that is over within a few seconds: which
commit is built is looked up each time. How long the rest takes is estimated
from the steps that have ended since the first one, which compiles what all
others need.
"""

import os
import re
import selectors
import signal
import sys
import time

STEP = re.compile(rb"\[(\d+)/(\d+)\] ")
FAILURE = (b"FAILED: ", b"ninja: error", b"ninja: build stopped")
ENOUGH = 8  # steps, before the time left is estimated
QUIET = 3.0  # seconds, before anything is said
MINUTE = 60.0


def duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes >= 10 else (
        f"{minutes} min {seconds} s" if minutes else f"{seconds} s")


class Progress:
    """What lines of Ninja tell, at times in seconds since the start."""

    def __init__(self, steps):
        self.done, self.steps = 0, steps
        self.failed = False
        self.first = None  # (time, steps ended by then)

    def read(self, line, now):
        """Whether the line tells of a step that has ended."""
        self.failed |= line.startswith(FAILURE)
        step = STEP.match(line)
        if not step:
            return False
        # Ninja's own total shrinks where a step turns out to change nothing.
        self.done, self.steps = int(step[1]), int(step[2])
        if self.first is None:
            self.first = now, self.done
        return True

    def left(self, now):
        """Seconds, or None where too little is known."""
        if self.first is None or self.done - self.first[1] < ENOUGH:
            return None
        rate = (self.done - self.first[1]) / max(now - self.first[0], 1e-3)
        return (self.steps - self.done) / rate

    def line(self, now):
        text = f"build: {self.done} of {self.steps} steps done"
        text += f" after {duration(now)}"
        left = self.left(now)
        return text if left is None else (
            text + f", about {duration(left)} left")


def show(source, log, steps, out):
    terminal = out.isatty()
    progress = Progress(steps)
    start = time.monotonic()
    written = None
    rest = b""
    chosen = selectors.DefaultSelector()
    chosen.register(source, selectors.EVENT_READ)
    while True:
        ended = False
        if chosen.select(timeout=1):
            chunk = os.read(source, 1 << 16)
            if not chunk:
                break
            log.write(chunk)
            log.flush()
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                ended |= progress.read(line, time.monotonic() - start)
        now = time.monotonic()
        if written is None:
            due = now - start >= QUIET
        else:
            due = now - written >= (1 if terminal else MINUTE)
            due |= ended and terminal
        if not due:
            continue
        text = progress.line(now - start)
        out.write(f"\r{text}\033[K" if terminal else text + "\n")
        out.flush()
        written = now
    if written is None:
        return
    if terminal:
        out.write("\r\033[K")
    if not progress.failed:
        out.write(f"build: done in {duration(time.monotonic() - start)}\n")
    out.flush()


def main():
    path, steps = sys.argv[1:]
    # Ctrl-C ends Ninja, which says so and closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(path, "wb") as log:
        show(sys.stdin.fileno(), log, int(steps), sys.stdout)


if __name__ == "__main__":
    main()
