"""Writes small made-up data sets in every format the program reads; needs no packages.

    python3 make_data.py FOLDER

FOLDER/mnist/  the four idx files of the MNIST family (.gz), 512 and 128 images of 28 x 28
FOLDER/cifar10/  two training batches and a test batch of CIFAR-10's binary version, 40 images each
FOLDER/points.npy  512 points in 8 dimensions near a plane
FOLDER/images/{bright,dark}/  PNG pictures in colour, 40 x 32
"""

import gzip
import pathlib
import random
import struct
import sys
import zlib

from array_file import write_array


def idx(path, dimensions, values):
    header = struct.pack(">BBBB", 0, 0, 8, len(dimensions))
    header += struct.pack(f">{len(dimensions)}I", *dimensions)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header + bytes(values))


def digit(label, rng):
    """A bright square whose place is the label's, with noise."""
    image = bytearray(rng.randrange(40) for _ in range(28 * 28))
    top, left = 2 + 5 * (label // 4) + rng.randrange(3), 2 + 6 * (label % 4) + rng.randrange(2)
    for y in range(top, top + 5):
        for x in range(left, left + 5):
            image[28 * y + x] = 200 + rng.randrange(55)
    return image


def mnist(folder, rng):
    folder.mkdir(parents=True)
    for part, count in (("train", 512), ("t10k", 128)):
        labels = [i % 10 for i in range(count)]
        pixels = b"".join(bytes(digit(label, rng)) for label in labels)
        idx(folder / f"{part}-images-idx3-ubyte.gz", (count, 28, 28), pixels)
        idx(folder / f"{part}-labels-idx1-ubyte.gz", (count,), labels)


def cifar10(folder, rng):
    folder.mkdir(parents=True)
    for name in ("data_batch_1", "data_batch_2", "test_batch"):
        with open(folder / f"{name}.bin", "wb") as file:
            for i in range(40):
                level = 20 * (i % 10)
                file.write(bytes([i % 10]) + bytes(level + rng.randrange(60) for _ in range(3072)))


def npy(path, rng):
    count, dimensions = 512, 8
    plane = [[rng.gauss(0, 1) for _ in range(dimensions)] for _ in range(2)]
    values = []
    for _ in range(count):
        a, b = rng.gauss(0, 1), rng.gauss(0, 1)
        values += [a * u + b * v + rng.gauss(0, 0.1) for u, v in zip(*plane)]
    write_array(path, "<f4", (count, dimensions), values)


def png(path, width, height, level, rng):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body))

    rows = b"".join(
        b"\0" + bytes(min(255, level + rng.randrange(60)) for _ in range(3 * width))
        for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def main():
    folder = pathlib.Path(sys.argv[1])
    rng = random.Random(1)
    mnist(folder / "mnist", rng)
    cifar10(folder / "cifar10", rng)
    npy(folder / "points.npy", rng)
    for name, level in (("bright", 190), ("dark", 10)):
        (folder / "images" / name).mkdir(parents=True)
        for i in range(48):
            png(folder / "images" / name / f"{i}.png", 40, 32, level, rng)


main()
