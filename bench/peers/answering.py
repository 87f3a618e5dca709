"""What the workers in Python have in common: jobs as lines of JSON on standard input, answers as lines of JSON; see README.md.

Times are taken here, around what turns a file's bytes into a file's bytes, after one turn that is not counted.
"""

import json
import sys
import time
from pathlib import Path


def serve(name, work):
    """Says `name`, then answers one job after the other with what `work(data, job)` makes and how long that took."""
    print(json.dumps({"name": name}), flush=True)
    for line in sys.stdin:
        try:
            said = answer(work, json.loads(line))
        except Exception as error:  # The one who asked must hear of it, whatever it is.
            said = {"error": repr(error)}
        print(json.dumps(said), flush=True)


def answer(work, job):
    data = Path(job["source"]).read_bytes()
    times, cpu = [], []
    for turn in range(job["turns"] + 1):
        since, spent = time.perf_counter(), time.process_time()
        made = work(data, job)
        if turn > 0:
            times.append((time.perf_counter() - since) * 1000)
            cpu.append((time.process_time() - spent) * 1000)
    Path(job["out"]).write_bytes(made)
    return {"ms": times, "cpu_ms": cpu}
