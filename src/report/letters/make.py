#!/usr/bin/env python3
"""Draws `letters.bin`: the letters of PNG pictures, from DejaVu Sans Mono (see LICENSE beside this file).

python3 make.py /usr/share/fonts/truetype/dejavu

Needs Pillow. What comes out is deflated; inside, for the plain and then the bold face: the number of characters (two bytes,
low byte first), and for each, in the order of their numbers: its number (two bytes), left, top, width and height in pixels
of a cell of 18 x 38 (a byte each), and the darkness of its pixels, row by row, from 0 to 15, two in a byte, the first of them high.
"""
import struct
import sys
import zlib
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CELL = (18, 38)
BASELINE = 28
# The size at which a letter is as wide as a cell.
SIZE = 18 * 2048 / 1233
RANGES = [
    (0x21, 0x7E), (0xA1, 0xAC), (0xAE, 0x17F), (0x192, 0x192), (0x218, 0x21B), (0x2C6, 0x2C7), (0x2D8, 0x2DD),
    (0x391, 0x3A9), (0x3B1, 0x3C9), (0x401, 0x40C), (0x40E, 0x44F), (0x451, 0x45C), (0x45E, 0x45F),
    (0x1E9E, 0x1E9E), (0x2010, 0x2027), (0x2030, 0x203A), (0x2044, 0x2044), (0x2070, 0x209C), (0x20AC, 0x20AC),
    (0x2116, 0x2116), (0x2122, 0x2122), (0x2150, 0x215E), (0x2190, 0x21C4), (0x21D0, 0x21D5), (0x21B5, 0x21BB),
    (0x2200, 0x2265), (0x226A, 0x226B), (0x22C5, 0x22C5), (0x2300, 0x2300), (0x23CE, 0x23CE),
    (0x2500, 0x2570), (0x25A0, 0x25FF), (0x2605, 0x2606), (0x2660, 0x2666), (0x2713, 0x2718), (0x26A0, 0x26A0),
]


def face(path):
    font = ImageFont.truetype(str(path), SIZE)
    missing = font.getmask("\U0010fff0").getbbox(), bytes(font.getmask("\U0010fff0"))
    out = []
    for first, last in RANGES:
        for code in range(first, last + 1):
            mask = font.getmask(chr(code))
            if (mask.getbbox(), bytes(mask)) == missing:
                continue
            image = Image.new("L", CELL)
            ImageDraw.Draw(image).text((0, BASELINE), chr(code), fill=255, font=font, anchor="ls")
            box = image.getbbox() or (0, 0, 0, 0)
            part = image.crop(box)
            darkness = [min(15, (v + 8) // 17) for v in part.tobytes()]
            if len(darkness) % 2:
                darkness.append(0)
            pixels = bytes(a << 4 | b for a, b in zip(darkness[::2], darkness[1::2]))
            out.append((code, box, pixels))
    out.sort()
    data = struct.pack("<H", len(out))
    for code, box, pixels in out:
        data += struct.pack("<HBBBB", code, box[0], box[1], box[2] - box[0], box[3] - box[1]) + pixels
    return data


fonts = Path(sys.argv[1])
plain = b"".join(face(fonts / name) for name in ["DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"])
packed = zlib.compressobj(9, zlib.DEFLATED, -15)
(Path(__file__).parent / "letters.bin").write_bytes(packed.compress(plain) + packed.flush())
