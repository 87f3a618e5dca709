"""Squares of 1024 pixels from the pictures of a list: the middle of each, in sRGB, as PNG and as JPEG of quality 90.

Pillow does it, and none of the code that is measured. A line of the list ends in `PACKAGE/.../NAME`; the table below
says under which name a picture is kept. The first letter says what it is: p, a photograph; i, an illustration.
"""

import io
import sys
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

SIDE = 1024
NAMES = {
    "Dragonfly_by_Bolly.jpg": "p-dragonfly",
    "life_by_Aitzol_Berasategi.jpg": "p-brook",
    "picosdeeuropa_by_Aitzol_Berasategi.jpg": "p-mountain",
    "Picture_0B_by_freespace.jpg": "p-fig",
    "seeding_by_Clements_Engelhardt.jpg": "p-dandelion",
    "friends_by_Aitzol_Berasategi.jpg": "p-dogs",
    "Altai": "i-lake",
    "Autumn": "i-autumn",
    "FlyingKonqui": "i-konqui",
    "SafeLanding": "i-landing",
    "trow_intro_01.jpg": "i-harvest",
    "trow_intro_03.jpg": "i-lich",
}


def srgb(image):
    """The upright picture's colours in sRGB, without its metadata."""
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image).convert("RGB")
    if profile:
        image = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    return image


def square(image):
    """The middle of the picture, scaled."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    middle = image.crop((left, top, left + side, top + side))
    return Image.frombytes("RGB", (SIDE, SIDE), middle.resize((SIDE, SIDE), Image.Resampling.LANCZOS).tobytes())


def main(listed, folder):
    for line in Path(listed).read_text().splitlines():
        path = Path(line.split(maxsplit=1)[1])
        name = NAMES.get(path.name) or NAMES[path.parts[-4]]
        png, jpeg = folder / f"{name}.png", folder / f"{name}.jpg"
        if png.exists() and jpeg.exists():
            continue
        made = square(srgb(Image.open(path)))
        made.save(jpeg, quality=90)
        made.save(png)
        print(name, png.stat().st_size, jpeg.stat().st_size)


main(sys.argv[1], Path(sys.argv[2]))
