"""libvips through pyvips, timed by answering.py. `VIPS_CONCURRENCY=1` comes from the one who starts it."""

import pyvips

from answering import serve


def encode(data, job):
    """The picture as libvips' documentation writes it; `thumbnail` lets a JPEG be decoded at a fraction of its size."""
    if job.get("width"):
        image = pyvips.Image.thumbnail_buffer(data, job["width"])
    else:
        image = pyvips.Image.new_from_buffer(data, "", access="sequential")
    return image.write_to_buffer(f".{job['format']}", Q=job["quality"], strip=True)


# What was asked for once is not kept for the next turn.
pyvips.cache_set_max(0)
version = ".".join(str(pyvips.version(part)) for part in range(3))
serve(f"libvips {version}", encode)
