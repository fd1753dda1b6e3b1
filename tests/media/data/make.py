#!/usr/bin/python3
"""Makes the small pictures beside this file and the scaling references (needs Pillow 9 and the ffmpeg program).

The pictures are 24x16: quarters red, green, blue and yellow-grey. The results are committed; this is for adding more."""
import os
import struct
import subprocess
import zlib
from PIL import Image

here = os.path.dirname(os.path.abspath(__file__))


def at(name):
    return os.path.join(here, name)


COLOURS = [(200, 30, 40), (20, 180, 60), (30, 50, 210), (220, 210, 90)]


def quarters(width=24, height=16, mode="RGB"):
    image = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            image.putpixel((x, y), COLOURS[(y >= height // 2) * 2 + (x >= width // 2)])
    return image.convert(mode)


def exif(orientation, little):
    mark, kind = (b"II*\0", "<") if little else (b"MM\0*", ">")
    return (b"Exif\0\0" + mark + struct.pack(kind + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0))


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


ROTATIONS = {1: None, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
             6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}


def pictures():
    q = quarters()
    q.save(at("rgb.jpg"), quality=95, subsampling=2)
    q.save(at("rgb444.jpg"), quality=98, subsampling=0, progressive=True)
    quarters(mode="L").save(at("gray.jpg"), quality=95)
    quarters(mode="CMYK").save(at("cmyk.jpg"), quality=98, subsampling=0)
    for orientation, operation in ROTATIONS.items():
        # the stored picture is turned the other way, so that every file shows the same
        stored = q.transpose(operation) if operation is not None else q
        stored.save(at("orient%d.jpg" % orientation), quality=98, subsampling=0,
                    exif=exif(orientation, orientation % 2 == 0))
    q.transpose(Image.ROTATE_90).save(at("orient6.webp"), lossless=True, exif=exif(6, True))
    q.transpose(Image.ROTATE_90).save(at("orient6.png"), exif=exif(6, False)[6:])
    q.save(at("lossy.webp"), quality=95)
    q.save(at("lossless.webp"), lossless=True)
    q.save(at("exact.png"))
    alpha = q.convert("RGBA")
    for y in range(16):
        for x in range(12):
            alpha.putpixel((x, y), alpha.getpixel((x, y))[:3] + ((0,) if y < 8 else (128,)))
    alpha.save(at("alpha.png"))
    alpha.save(at("alpha.webp"), lossless=True)
    q.save(at("animated.webp"), save_all=True, append_images=[q.rotate(180)], lossless=True)
    palette = q.quantize(16)
    palette.save(at("palette.gif"))
    q.quantize(16).save(at("animated.gif"), save_all=True, append_images=[q.rotate(180).quantize(16)])
    palette.save(at("transparent.png"), transparency=palette.getpixel((0, 0)))
    Image.frombytes("I;16", (256, 1), b"".join(struct.pack("<H", v * 257) for v in range(256))).save(at("gray16.png"))
    Image.frombytes("L", (256, 1), bytes(range(256))).save(at("gray8.png"))
    rows = b"".join(b"\0" + b"".join(struct.pack(">H", value * 257) for x in range(24) for value in q.getpixel((x, y)))
                    for y in range(16))
    with open(at("rgb48.png"), "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 24, 16, 16, 2, 0, 0, 0)) +
                  chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", at("exact.png"), "-vf",
                    "scale=192:128:flags=neighbor,format=yuv444p", "-c:v", "libaom-av1",
                    "-crf", "10", "-still-picture", "1", at("still.avif")], check=False)


def clips():
    """Three frames, stored lying and marked to be shown turned a quarter counter-clockwise."""
    lying = at("lying.mp4")
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-loop", "1", "-i", at("exact.png"), "-frames:v", "3", "-vf",
                    "scale=96:64:flags=neighbor,format=yuv420p", "-c:v", "libx264", "-crf", "10", lying], check=True)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", lying, "-c", "copy", "-metadata:s:v", "rotate=90",
                    at("rotated.mp4")], check=True)
    os.remove(lying)


def pattern(width, height):
    """The picture that tests/media/test_fit.c makes by the same rule."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                data.append((x * (37 + 11 * c) + y * (59 + 7 * c) + (x * y * (c + 3)) % 97) % 256)
    return Image.frombytes("RGB", (width, height), bytes(data))


FITS = [((37, 23), (16, 16)), ((10, 7), (64, 32)), ((40, 9), (20, 30)), ((32, 32), (32, 32)), ((33, 64), (32, 64)),
        ((200, 3), (16, 16)), ((97, 131), (24, 8)), ((5, 5), (17, 17))]


def fits():
    with open(at("fit.bin"), "wb") as out:
        for (iw, ih), (ow, oh) in FITS:
            scale = max(ow / iw, oh / ih)
            image = pattern(iw, ih).resize((round(iw * scale), round(ih * scale)), Image.LANCZOS)
            x, y = (image.width - ow) // 2, (image.height - oh) // 2
            out.write(struct.pack("<4H", iw, ih, ow, oh) + image.crop((x, y, x + ow, y + oh)).tobytes())


def best_size(w, h, dw, dh, area):
    ratio = w / h
    ow = (area * ratio) ** 0.5
    oh = area / ow
    ow1 = int(ow // dw * dw)
    oh1 = int(area / ow1 // dh * dh)
    oh2 = int(oh // dh * dh)
    ow2 = int(area / oh2 // dw * dw)
    if max(ratio / (ow1 / oh1), (ow1 / oh1) / ratio) < max(ratio / (ow2 / oh2), (ow2 / oh2) / ratio):
        return ow1, oh1
    return ow2, oh2


pictures()
clips()
fits()
if __name__ == "__main__":
    for w, h, area in [(1280, 704, 1280 * 704), (1920, 1080, 1280 * 704), (1080, 1920, 1280 * 704),
                       (1000, 1000, 1280 * 704), (4000, 3000, 832 * 480), (333, 777, 832 * 480), (3000, 700, 1280 * 704),
                       (640, 480, 192 * 128)]:
        print("{{%d, %d}, %d, {%d, %d}}," % (w, h, area, *best_size(w, h, 32, 32, area)))
