"""Runs a program with its output thrown away, and prints what it used as JSON.

The standard library of Rust cannot ask the system for this without `unsafe`.
"""

import json
import os
import resource
import sys
import time

# Kilobytes on Linux, bytes on macOS.
UNIT = 1 if sys.platform == "darwin" else 1024

null = os.open(os.devnull, os.O_RDWR)
start = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - start

# A new process starts with the peak of the one that made it: less than this one's cannot be seen.
floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
json.dump(
    {
        "status": os.waitstatus_to_exitcode(status),
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": wall,
        "peak": usage.ru_maxrss * UNIT,
        "peak_is_seen": usage.ru_maxrss > floor,
    },
    sys.stdout,
)
