"""Fills the baseline with one picture under many ids: seed.py PICTURE PREFIX IMAGES BEFORE

PREFIX0, PREFIX1, ... become IMAGES files (hard links to one, so that thousands cost no disk) with their
metadata, and BEFORE base64 entries, in REDIS_URL and IMAGE_DIR as `backend.py` reads them.
"""

import base64
import json
import os
import pathlib
import sys

import redis

BATCH = 500


def metadata(file: str) -> dict:
    """The fields that the replaced design keeps beside a picture."""
    return {
        "file": file,
        "thread_id": "thread-1",
        "style": "hero",
        "title": "Recycle",
        "prompt": "a recycling mascot",
        "model": "demo",
        "cached": True,
    }


def main() -> None:
    picture, prefix = sys.argv[1:3]
    images, before = int(sys.argv[3]), int(sys.argv[4])
    folder = pathlib.Path(os.environ["IMAGE_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    body = pathlib.Path(picture).read_bytes()
    first = folder / f"{prefix}0.webp"
    first.write_bytes(body)

    pipe = redis.from_url(os.environ["REDIS_URL"]).pipeline(transaction=False)
    for n in range(images):
        file = folder / f"{prefix}{n}.webp"
        if n > 0:
            os.link(first, file)
        pipe.set(f"image:{prefix}{n}", json.dumps(metadata(file.name)))
        if n % BATCH == BATCH - 1:
            pipe.execute()
    text = base64.b64encode(body).decode("ascii")
    for n in range(before):
        entry = metadata("") | {"image_base64": text}
        pipe.set(f"before:{prefix}{n}", json.dumps(entry))
        pipe.execute()
    pipe.execute()


main()
