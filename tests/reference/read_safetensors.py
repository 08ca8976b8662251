#!/usr/bin/env python3
"""Reads a safetensors file with the format's own package and prints what it holds.

One line a tensor, sorted by name: name, type, shape, and the sum of its bytes.
Exits 77 (skipped) when the safetensors or numpy package is not installed.
"""

import sys


def main() -> int:
    try:
        from safetensors import safe_open
        import numpy
    except ImportError as missing:
        print(f"skipped: {missing}")
        return 77
    with safe_open(sys.argv[1], framework="numpy") as file:
        for key, value in sorted((file.metadata() or {}).items()):
            print(f"metadata {key}={value}")
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            total = int(numpy.frombuffer(tensor.tobytes(), dtype=numpy.uint8).sum(dtype=numpy.int64))
            shape = "x".join(str(extent) for extent in tensor.shape)
            print(f"{name} {tensor.dtype} [{shape}] {total}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
