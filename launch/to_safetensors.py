#!/usr/bin/env python3
"""Tensors of a file that PyTorch's torch.save wrote, as safetensors; without PyTorch.

    launch/to_safetensors.py IN.pt OUT.safetensors

A .pt or .pth file is a Python pickle, and reading one normally runs whatever code it names. Here
nothing is run: the pickle may name ordered dictionaries and the functions that put a tensor together,
and these are stand-ins that only note sizes; any other name ends the program. Both kinds of file are
read, the zip archive (since PyTorch 1.6) and the older plain one.

Of nested dictionaries and lists the tensors' names are joined by dots. Prints each tensor's name,
type and shape. Exit codes: 0, 64 wrong command line, 65 not such a file, 66 no such file.
"""

import collections
import io
import json
import pickle
import struct
import sys
import zipfile

# By the name of PyTorch's storage: safetensors' type, bytes of a number.
TYPES = {
    "DoubleStorage": ("F64", 8),
    "FloatStorage": ("F32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2),
    "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class Refused(Exception):
    pass


Storage = collections.namedtuple("Storage", "type key count")
Tensor = collections.namedtuple("Tensor", "storage offset shape stride")


class TypeName:
    def __init__(self, name):
        self.name = name


def tensor(storage, offset, shape, stride, *_):
    return Tensor(storage, offset, tuple(shape), tuple(stride))


def parameter(data, *_):
    return data


ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): tensor,
    ("torch._utils", "_rebuild_tensor"): tensor,
    ("torch._utils", "_rebuild_parameter"): parameter,
}


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) in ALLOWED:
            return ALLOWED[module, name]
        if module in ("torch", "torch.storage") and name in TYPES:
            return TypeName(name)
        raise Refused(f"it names {module}.{name}, which is not read: save a state_dict or tensors only")

    def persistent_load(self, identity):
        if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
            raise Refused("a storage of numbers was expected")
        _, kind, key, _, count = identity[:5]
        if not isinstance(kind, TypeName):
            raise Refused("a storage without a type")
        return Storage(kind.name, str(key), int(count))


def read_zip(path):
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if name.endswith("data.pkl")]
    if len(names) != 1:
        raise Refused("a zip archive, but not one of torch.save")
    folder = names[0][: -len("data.pkl")]
    if folder + "byteorder" in archive.namelist():
        if archive.read(folder + "byteorder").strip() == b"big":
            raise Refused("its numbers are in the byte order of another machine")
    value = Reader(io.BytesIO(archive.read(names[0]))).load()
    return value, lambda storage: archive.read(f"{folder}data/{storage.key}")


def read_legacy(path):
    with open(path, "rb") as file:
        if Reader(file).load() != LEGACY_MAGIC:
            raise Refused("not a file of torch.save")
        Reader(file).load()  # the protocol's version
        Reader(file).load()  # the machine's sizes
        reader = Reader(file)
        value = reader.load()
        keys = Reader(file).load()
        sizes = {}
        for storage in storages_of(value):
            sizes[storage.key] = TYPES[storage.type][1]
        stored = {}
        for key in keys:
            count = struct.unpack("<q", file.read(8))[0]
            stored[str(key)] = file.read(count * sizes.get(str(key), 1))
    return value, lambda storage: stored[storage.key]


def storages_of(value):
    return [tensor.storage for _, tensor in named(value, "")]


def named(value, name):
    """All tensors in `value`, by name."""
    if isinstance(value, Tensor):
        yield name or "data", value
    elif isinstance(value, dict):
        for key, inside in value.items():
            yield from named(inside, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inside in enumerate(value):
            yield from named(inside, f"{name}.{index}" if name else str(index))


def dense(tensor, raw, width):
    """The tensor's numbers in C order."""
    count = 1
    for size in tensor.shape:
        count *= size
    expected = []
    step = 1
    for size in reversed(tensor.shape):
        expected.insert(0, step)
        step *= size
    if count == 0:
        return b""
    plain = all(size == 1 or have == want
                for size, have, want in zip(tensor.shape, tensor.stride, expected))
    begin = tensor.offset * width
    last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride))
    if tensor.offset < 0 or last < 0 or (last + 1) * width > len(raw):
        raise Refused("a tensor that goes beyond its storage; the file is truncated")
    if plain:
        return raw[begin : begin + count * width]
    out = bytearray()
    index = [0] * len(tensor.shape)
    for _ in range(count):
        at = tensor.offset + sum(i * step for i, step in zip(index, tensor.stride))
        out += raw[at * width : (at + 1) * width]
        for dimension in reversed(range(len(index))):
            index[dimension] += 1
            if index[dimension] < tensor.shape[dimension]:
                break
            index[dimension] = 0
    return bytes(out)


def write_safetensors(path, tensors):
    header = {}
    offset = 0
    # Wider numbers first, so that every tensor lies at a multiple of its width.
    tensors = sorted(tensors, key=lambda entry: -entry[2])
    for name, kind, _, shape, data in tensors:
        header[name] = {
            "dtype": kind,
            "shape": list(shape),
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for entry in tensors:
            file.write(entry[4])


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 64
    source, target = sys.argv[1:]
    try:
        value, bytes_of = (read_zip if zipfile.is_zipfile(source) else read_legacy)(source)
        tensors = []
        for name, tensor in named(value, ""):
            kind, width = TYPES[tensor.storage.type]
            data = dense(tensor, bytes_of(tensor.storage), width)
            tensors.append((name, kind, width, tensor.shape, data))
        if not tensors:
            raise Refused("no tensor in it")
    except FileNotFoundError as error:
        print(f"{source}: {error.strerror}", file=sys.stderr)
        return 66
    except (Refused, pickle.UnpicklingError, EOFError, KeyError, ValueError, struct.error,
            zipfile.BadZipFile) as error:
        print(f"{source}: {error or 'the file ends too early'}", file=sys.stderr)
        return 65
    write_safetensors(target, tensors)
    for name, kind, _, shape, _ in tensors:
        print(f"{name}  {kind}  {list(shape)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
