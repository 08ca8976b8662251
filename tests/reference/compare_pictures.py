"""Pictures that Pillow writes, decoded, turned, recoloured and resized: equal to Pillow's own, to the last
bit. 77 where Pillow is not installed; ALLMODES_REFERENCE_PYTHON names the interpreter that has it.

    python3 compare_pictures.py

Has $ALLMODES_BINARY pack a folder (JPEG of every kind of colour, PNG of 1 to 16 bits, WebP, BMP, PNM, the
eight orientations) with each filter, smaller and larger, and compares with what Pillow makes of the same
files. Deep grey values are rounded to 8 bits as value / 257, which Pillow does not do by itself.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

other = os.environ.pop("ALLMODES_REFERENCE_PYTHON", None)
if other:
    os.execv(other, [other, *sys.argv])
try:
    import numpy
    from PIL import Image, ImageOps
except ImportError:
    print("skipped: Pillow or NumPy is not installed")
    sys.exit(77)

HEIGHT, WIDTH = 61, 83
FILTERS = {"lanczos": Image.LANCZOS, "bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR,
           "box": Image.BOX}
ORIENTATION = 0x0112


def to_bytes(values, most):
    """16-bit numbers of at most `most` as grey bytes in RGB."""
    return Image.fromarray(numpy.rint(values * 255.0 / most).astype("u1")).convert("RGB")


def write_pictures(folder):
    """Writes them; returns what each should look like, by name."""
    rows, columns = numpy.mgrid[:HEIGHT, :WIDTH]
    base = Image.fromarray(numpy.stack(
        [(3 * rows + 2 * columns) % 256, (rows + 3 * columns) % 256, rows * columns % 256],
        -1).astype("u1"))
    expected = {}

    def add(name, picture, seen=None, **options):
        picture.save(folder / name, **options)
        expected[name] = seen or Image.open(folder / name).convert("RGB")

    for subsampling in range(3):
        add(f"subsampled{subsampling}.jpg", base, quality=85, subsampling=subsampling)
    add("progressive.jpg", base, progressive=True, quality=70)
    add("restarts.jpg", base, optimize=True, restart_marker_blocks=2)
    add("grey.jpg", base.convert("L"))
    add("cmyk.jpg", base.convert("CMYK"), quality=90)
    add("rgb.jpg", base, quality=90, keep_rgb=True)
    deep = (numpy.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) * 12).astype("u2")
    add("deep.png", Image.fromarray(deep), seen=to_bytes(deep, 65535))
    for bits in (1, 2, 4, 8):
        add(f"palette{bits}.png", base.quantize(2 ** bits), bits=bits)
    add("bitmap.png", base.convert("1"))
    add("lossy.webp", base, quality=80)
    add("lossless.webp", base, lossless=True)
    add("plain.ppm", base)
    dim = (numpy.array(base) // 2).clip(0, 200).astype("u1")
    (folder / "most200.ppm").write_bytes(b"P6\n# a comment\n%d %d\n200\n" % (WIDTH, HEIGHT) + dim.tobytes())
    expected["most200.ppm"] = Image.open(folder / "most200.ppm").convert("RGB")
    grey = dim[..., 0].astype("u2") * 5
    (folder / "most1000.pgm").write_bytes(b"P5 %d %d 1000\n" % (WIDTH, HEIGHT) + grey.astype(">u2").tobytes())
    expected["most1000.pgm"] = to_bytes(grey, 1000)
    add("plain.bmp", base)
    add("palette.bmp", base.quantize(16))
    add("bitmap.bmp", base.convert("1"))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        for ending, options in (("jpg", {}), ("png", {}), ("webp", {"lossless": True})):
            name = f"turned{orientation}.{ending}"
            base.save(folder / name, exif=exif, **options)
            expected[name] = ImageOps.exif_transpose(Image.open(folder / name)).convert("RGB")
    return expected


def square(picture, size, method):
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    cut = picture.crop((left, top, left + side, top + side))
    return numpy.array(cut.resize((size, size), method)).transpose(2, 0, 1)


def compare(work):
    folder = work / "pictures"
    folder.mkdir()
    expected = write_pictures(folder)
    differ = []
    for filter_name, method in FILTERS.items():
        for size in (16, 40, 100):
            packed = work / "packed.npy"
            subprocess.run([os.environ["ALLMODES_BINARY"], "data", "pack", str(folder), "--image-size",
                            str(size), "--fit", "crop", "--filter", filter_name, "--colour", "rgb",
                            "--out", str(packed)], check=True, stdout=subprocess.DEVNULL)
            ours = numpy.load(packed).astype(int)
            assert len(ours) == len(expected), (len(ours), len(expected))
            for got, name in zip(ours, sorted(expected)):
                difference = abs(got - square(expected[name], size, method)).max()
                if difference > 0:
                    differ.append(f"{name}, {filter_name} to {size}: by up to {difference}")
    return len(expected), differ


def main():
    with tempfile.TemporaryDirectory() as work:
        os.environ["ALLMODES_CACHE"] = work + "/cache"
        pictures, differ = compare(pathlib.Path(work))
    print(f"{pictures} pictures, {len(FILTERS)} filters, 3 sizes: {len(differ)} differ")
    for line in differ:
        print("  " + line)
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
