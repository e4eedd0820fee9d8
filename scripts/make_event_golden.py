#!/usr/bin/env python3
"""Records an event file with TensorBoard's own encoder and record writer.

  python scripts/make_event_golden.py    # writes tests/golden/events.tfevents

Times and steps are fixed; tests/train/event_log_test.cpp encodes the same
events and compares bytes. Recorded on Python 3.11 with

  pip install tensorboard==2.20.0 protobuf==7.36.2 numpy==2.4.6
"""

import pathlib

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden"


def scalars(wall_time, step, **values):
    values = [Summary.Value(tag=tag.replace("__", "/"), simple_value=value)
              for tag, value in values.items()]
    return Event(wall_time=wall_time, step=step, summary=Summary(value=values))


def events():
    yield Event(wall_time=1700000000.25, file_version="brain.Event:2")
    # Step 0 is protobuf's default, which is not written; a value of 0 is.
    yield scalars(1700000001, 0, loss__2d=0.0)
    yield scalars(1700000002.5, 1, loss__3d=-1.5, grad_norm__3d=0.1)
    # Numbers of more than one byte: a step, a length and a large step.
    yield scalars(1700000003.125, 300, **{"t" * 200: 3.4028234663852886e38})
    start = SessionLog(status=SessionLog.START)
    yield Event(wall_time=1700000004, step=200, session_log=start)
    yield scalars(1700000005.75, 1 << 40, loss__2d=1e-45)


def main():
    with open(OUT / "events.tfevents", "wb") as file:
        writer = RecordWriter(file)
        for event in events():
            writer.write(event.SerializeToString())


if __name__ == "__main__":
    main()
