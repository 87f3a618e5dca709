"""The Python half of the design Orbit replaces, kept as plain as such backends are written.

/images/{id}  metadata as JSON in Redis, the WebP as a file: FileResponse streams it.
/before/{id}  what stood there earlier: the picture itself as base64 inside the JSON in Redis.

`seed.py` writes what these two routes read. IMAGE_DIR and REDIS_URL say where.
"""

import base64
import json
import os
import pathlib

import redis.asyncio
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import FileResponse

HEADERS = {
    "Cache-Control": "public, max-age=3600, immutable",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, OPTIONS",
}

images = pathlib.Path(os.environ["IMAGE_DIR"])
metadata = redis.asyncio.from_url(os.environ["REDIS_URL"])
app = FastAPI()


async def read(key: str) -> dict:
    text = await metadata.get(key)
    if text is None:
        raise HTTPException(status_code=404, detail="no such image")
    return json.loads(text)


@app.get("/images/{image_id}")
async def from_file(image_id: str) -> FileResponse:
    entry = await read(f"image:{image_id}")
    path = images / entry["file"]
    if not path.is_file():
        raise HTTPException(status_code=404, detail="no such file")
    return FileResponse(path, media_type="image/webp", headers=HEADERS)


@app.get("/before/{image_id}")
async def from_base64(image_id: str) -> Response:
    entry = await read(f"before:{image_id}")
    body = base64.b64decode(entry["image_base64"])
    return Response(body, media_type="image/webp", headers=HEADERS)


@app.get("/healthz")
async def healthz() -> str:
    await metadata.ping()
    return "ok"
