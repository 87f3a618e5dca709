"""libvips through pyvips, asked over standard input with lines of JSON and answering with lines of JSON; see README.md.

Times are taken here, around what turns a file's bytes into a file's bytes, after one turn that is not counted.
`VIPS_CONCURRENCY=1` comes from the one who starts it.
"""

import json
import sys
import time
from pathlib import Path

import pyvips


def encode(data, job):
    """The picture as libvips' documentation writes it; `thumbnail` lets a JPEG be decoded at a fraction of its size."""
    if job.get("width"):
        image = pyvips.Image.thumbnail_buffer(data, job["width"])
    else:
        image = pyvips.Image.new_from_buffer(data, "", access="sequential")
    return image.write_to_buffer(f".{job['format']}", Q=job["quality"], strip=True)


def answer(job):
    data = Path(job["source"]).read_bytes()
    times, cpu = [], []
    for turn in range(job["turns"] + 1):
        since, spent = time.perf_counter(), time.process_time()
        made = encode(data, job)
        if turn > 0:
            times.append((time.perf_counter() - since) * 1000)
            cpu.append((time.process_time() - spent) * 1000)
    Path(job["out"]).write_bytes(made)
    return {"ms": times, "cpu_ms": cpu}


# What was asked for once is not kept for the next turn.
pyvips.cache_set_max(0)
version = ".".join(str(pyvips.version(part)) for part in range(3))
print(json.dumps({"name": f"libvips {version}"}), flush=True)
for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except Exception as error:  # The one who asked must hear of it, whatever it is.
        said = {"error": repr(error)}
    print(json.dumps(said), flush=True)
