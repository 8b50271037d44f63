"""Writes the npy golden files with NumPy and prints one line for each: name, type, shape, the first and the last element.

Run with any NumPy from 1.24: python3 tests/golden/make_npy.py
"""
import io
import os
import sys

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npy")

TYPES = ["<f4", "<f8", "<f2", "<i8", "<i4", "<i2", "|i1", "|u1", "<u2", "<u4", "<u8", "|b1"]
SHAPES = [(2, 3), (6,), (), (0, 4), (2, 3, 4, 5)]


def values(dtype, shape):
    count = int(np.prod(shape, dtype=np.int64))
    ramp = np.arange(count) % 7
    if dtype == "|b1":
        ramp = ramp % 2
    elif dtype[1] in "fi":
        ramp = ramp - 3
    return ramp.astype(dtype).reshape(shape)


def files():
    for dtype in TYPES:
        yield dtype[1:], values(dtype, SHAPES[0])
    for shape in SHAPES[1:]:
        yield "f4_" + ("x".join(map(str, shape)) or "scalar"), values("<f4", shape)
    # A short string for the type makes the header end close to a multiple of 64.
    for extent in (10 ** 3, 10 ** 4):
        yield f"u1_{extent}", values("|u1", (extent,))
    yield "big_endian_f4", values(">f4", (2, 3))
    yield "column_major_f4", np.asfortranarray(values("<f4", (2, 3, 4)))


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for name, array in files():
        np.save(os.path.join(FOLDER, name + ".npy"), array)
        print(name, array.dtype.str, array.shape, sep="\t")
    for version in ((2, 0), (3, 0)):
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, values("<f4", (2, 3)), version=version)
        with open(os.path.join(FOLDER, f"version{version[0]}_f4.npy"), "wb") as file:
            file.write(buffer.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
