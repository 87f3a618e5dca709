"""Pillow, timed by answering.py."""

import io

import PIL
from PIL import Image, features

from answering import serve


def work(data, job):
    return decode(data, job) if job["format"] == "rgb" else encode(data, job)


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


serve(f"Pillow {PIL.__version__}, libwebp {features.version('webp')}", work)
