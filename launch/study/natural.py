"""Small pictures of the natural world, for studies where nothing may be fetched.

    python3 -m study.natural FOLDER [--size 32] [--count 12000]

Squares cut out of the photographs that come with the Python packages scikit-image and scikit-learn, each
halved first until its shorter side is at most 16 squares long, so that a square shows things and not
threads. Writes FOLDER/train and FOLDER/test; a photograph's lower quarter is held out, so that no two
parts share a pixel.
"""

import argparse
import pathlib
import random

PHOTOGRAPHS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "retina.jpg", "ihc.png",
               "hubble_deep_field.jpg", "china.jpg", "flower.jpg")


def photographs():
    """What there is of PHOTOGRAPHS, as RGB pictures of Pillow, by name."""
    from PIL import Image

    folders = []
    for package, folder in (("skimage", "data"), ("sklearn", "datasets/images")):
        try:
            module = __import__(package)
        except ImportError:
            continue
        folders.append(pathlib.Path(module.__file__).parent / folder)
    found = {path.name: path for folder in folders for path in folder.glob("*")}
    return {name: Image.open(found[name]).convert("RGB") for name in PHOTOGRAPHS if name in found}


def halved(picture, size):
    while min(picture.size) > 16 * size:
        picture = picture.reduce(2)
    return picture


def write_squares(picture, name, rows, count, size, folder, rng):
    """`count` squares that lie within `rows` = (first, behind the last) of the picture."""
    width = picture.size[0]
    for i in range(count):
        left, top = rng.randrange(width - size + 1), rng.randrange(rows[0], rows[1] - size + 1)
        picture.crop((left, top, left + size, top + size)).save(folder / f"{name}-{i:05}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--count", type=int, default=12000, help="of the training part; a sixth more is held out")
    options = parser.parse_args()
    pictures = photographs()
    if not pictures:
        parser.error("neither scikit-image nor scikit-learn is there, whose photographs are cut up")
    rng = random.Random(1)
    parts = {"train": options.count, "test": options.count // 6}
    for part, count in parts.items():
        folder = options.folder / part
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            small = halved(picture, options.size)
            height = small.size[1]
            cut = height - max(options.size, height // 4)
            rows = (0, cut) if part == "train" else (cut, height)
            write_squares(small, pathlib.Path(name).stem, rows, count // len(pictures), options.size,
                          folder, rng)
    print(f"{len(pictures)} photographs: {', '.join(pictures)}")


if __name__ == "__main__":
    main()
