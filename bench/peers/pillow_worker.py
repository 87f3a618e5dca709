"""Pillow, asked over standard input with lines of JSON and answering with lines of JSON; see README.md.

Times are taken here, around what turns a file's bytes into a file's bytes, after one turn that is not counted.
"""

import io
import json
import sys
import time
from pathlib import Path

import PIL
from PIL import Image, features


def encode(data, job):
    """The picture as Pillow's documentation writes it; `thumbnail` lets a JPEG be decoded at a fraction of its size."""
    image = Image.open(io.BytesIO(data))
    if job.get("width"):
        image.thumbnail((job["width"], job["width"]))
    into = io.BytesIO()
    image.convert("RGB").save(into, job["format"], quality=job["quality"])
    return into.getvalue()


def decode(data, job):
    """The bare pixels of a picture, in a square of `width` if there is one."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if job.get("width"):
        image = image.resize((job["width"], job["width"]), Image.Resampling.LANCZOS)
    return image.tobytes()


def answer(job):
    data = Path(job["source"]).read_bytes()
    work = decode if job["format"] == "rgb" else encode
    times, cpu = [], []
    for turn in range(job["turns"] + 1):
        since, spent = time.perf_counter(), time.process_time()
        made = work(data, job)
        if turn > 0:
            times.append((time.perf_counter() - since) * 1000)
            cpu.append((time.process_time() - spent) * 1000)
    Path(job["out"]).write_bytes(made)
    return {"ms": times, "cpu_ms": cpu}


print(json.dumps({"name": f"Pillow {PIL.__version__}, libwebp {features.version('webp')}"}), flush=True)
for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except Exception as error:  # The one who asked must hear of it, whatever it is.
        said = {"error": repr(error)}
    print(json.dumps(said), flush=True)
