"""scripts/build_progress.py tells how far Ninja is and keeps what it says."""

import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True
import build_progress  # noqa: E402

# Of Ninja 1.11 into a pipe, which drops a step at the end.
GOOD = b"""ninja: Entering directory `build/release'
[1/4] Building CXX object src/core/CMakeFiles/unimiss_pch.dir/pch.cc.o
In file included from src/io/image.cpp:3:
src/io/image.cpp:7:3: warning: [2/9] is no step [-Wall]
[2/4] Building CXX object src/io/CMakeFiles/unimiss_io.dir/image.cpp.o
[3/3] Linking CXX executable bin/unimiss-prepare
"""
BAD = b"""[1/4] Building CXX object a.o
FAILED: src/io/image.o
src/io/image.cpp:7:3: error: expected ';'
ninja: build stopped: subcommand failed.
"""
LONG = build_progress.QUIET + 1.5


class ProgressTest(unittest.TestCase):
    def test_steps_are_read_of_lines_that_begin_with_them(self):
        progress = build_progress.Progress(5)
        self.assertEqual(progress.line(3), "build: 0 of 5 steps done after 3 s")
        told = [progress.read(line, 0) for line in GOOD.splitlines()]
        self.assertEqual(told, [False, True, False, False, True, True])
        self.assertEqual((progress.done, progress.steps), (3, 3))

    def test_time_left_is_of_the_steps_behind_the_first(self):
        progress = build_progress.Progress(109)
        # The first takes as long as a hundred of the others.
        progress.read(b"[1/109] ", 100)
        for step in range(2, 9):
            progress.read(b"[%d/109] " % step, 99 + step)
            self.assertIsNone(progress.left(99 + step))
        progress.read(b"[9/109] ", 108)
        self.assertEqual(progress.left(108), 100)
        self.assertEqual(progress.line(108), "build: 9 of 109 steps done after "
                         "1 min 48 s, about 1 min 40 s left")

    def test_durations_are_as_exact_as_one_wants_them(self):
        self.assertEqual([build_progress.duration(seconds)
                          for seconds in (0.4, 61, 650, 3720)],
                         ["0 s", "1 min 1 s", "10 min", "1 h 2 min"])


class ScriptTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = pathlib.Path(folder.name, "log")
        self.command = [sys.executable, str(SCRIPTS / "build_progress.py"),
                        str(self.log), "4"]

    def run_on(self, text, pause=0.0):
        """Its output where the build takes that long, in seconds."""
        process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        process.stdin.write(text)
        process.stdin.flush()
        time.sleep(pause)
        shown, _ = process.communicate()
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.log.read_bytes(), text)
        return shown

    def test_what_is_over_soon_says_nothing(self):
        self.assertEqual(self.run_on(GOOD), b"")
        self.assertEqual(self.run_on(b"ninja: no work to do.\n"), b"")

    def test_elsewhere_there_is_a_line_at_first_and_one_at_the_end(self):
        self.assertRegex(
            self.run_on(GOOD, LONG),
            rb"^build: 3 of 3 steps done after \d s\nbuild: done in \d s\n$")

    def test_a_failed_build_is_not_called_done(self):
        self.assertRegex(self.run_on(BAD.replace(b"/4", b"/1"), LONG),
                         rb"^build: 1 of 1 steps done after \d s\n$")

    def test_on_a_terminal_one_line_is_written_anew(self):
        master, terminal = pty.openpty()
        process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                   stdout=terminal)
        os.close(terminal)
        time.sleep(LONG)
        shown = b""
        for line in GOOD.splitlines(keepends=True):
            process.stdin.write(line)
            process.stdin.flush()
            if line.startswith(b"["):
                while line[1:4].replace(b"/", b" of ") not in shown:
                    shown += os.read(master, 1000)
        process.stdin.close()
        self.assertEqual(process.wait(), 0)
        shown += os.read(master, 1000)
        os.close(master)
        self.assertEqual(shown.count(b"\n"), 1, shown)
        self.assertIn(b"\rbuild: 0 of 4 steps done after", shown)
        self.assertIn(b"\r\x1b[Kbuild: done in", shown)

    def test_stays_until_the_build_ends_where_interrupted(self):
        process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL)
        while not self.log.exists():  # made once the signal is ignored
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stopped = b"ninja: build stopped: interrupted by user.\n"
        process.communicate(stopped)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.log.read_bytes(), stopped)


if __name__ == "__main__":
    unittest.main()
