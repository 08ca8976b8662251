"""The one writer of .npy files of the tests and benchmarks; needs no packages."""

import struct


def write_array(path, kind, shape, values):
    """A .npy file of `values`: bytes, or numbers in the order of the rows; kind as NumPy names it: '<f4', '|u1'."""
    if not isinstance(values, bytes):
        values = bytes(values) if kind == "|u1" else struct.pack(f"<{len(values)}f", *values)
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"  # 10 bytes before it, whole in 64
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + values)
