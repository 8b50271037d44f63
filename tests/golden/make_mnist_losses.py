"""Writes NAME_losses.txt by PyTorch: the losses of LeNet's first ten steps on the first 640 training images of a folder, in file order, batches of 64.

Run with PyTorch 1.13 (Debian's python3-torch), the folder holding MNIST's train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or .gz:
    /usr/bin/python3 tests/golden/make_mnist_losses.py mnist FOLDER
    /usr/bin/python3 tests/golden/make_mnist_losses.py digits FOLDER
The digits are drawn by the program; this writes them to FOLDER:
    RAWDL_EXPORT=FOLDER dotnet test tests/RawDL.NN.Tests -c Release --filter Name~Digits_lose
All is computed in float64 from float32 weights and coefficients, so that the losses are exact to more digits than are written. What float32 would
have given is printed: its distance is the size of the rounding that a test has to allow.
"""
import gzip
import hashlib
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

BATCH, STEPS = 64, 10
SHAPES = [(20, 1, 5, 5), (20,), (50, 20, 5, 5), (50,), (500, 800), (500,), (10, 500), (10,)]


def f(x):
    return float(np.float32(x))


# name; options; PyTorch's optimizer and its arguments.
O = torch.optim
CASES = [
    ("sgd", "learning_rate=0.05", O.SGD, dict(lr=f(0.05))),
    ("momentum", "learning_rate=0.05", O.SGD, dict(lr=f(0.05), momentum=f(0.9))),
    ("adam", "learning_rate=0.001", O.Adam, dict(lr=f(0.001), betas=(f(0.9), f(0.999)), eps=f(1e-8))),
]


def idx(folder, name):
    path = os.path.join(folder, name)
    with open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz", "rb") as file:
        data = file.read()
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])


def first_values(number, shape):
    """Uniform within He's bound, sqrt(6 / inputs), from a hash (SplitMix64) of the parameter's number and the element's index; biases are zero."""
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    z = (np.uint64(number << 32) + np.arange(1, np.prod(shape) + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    uniform = (z >> np.uint64(40)).astype(np.float64) / 2 ** 23 - 1
    return (uniform * np.sqrt(6 / np.prod(shape[1:]))).astype(np.float32).reshape(shape)


def losses(images, labels, kind, arguments, dtype):
    w = [torch.nn.Parameter(torch.tensor(first_values(i, shape)).to(dtype)) for i, shape in enumerate(SHAPES)]
    x, y = torch.tensor(images).to(dtype) / 255, torch.tensor(labels).long()
    optimizer = kind(w, **arguments)
    for step in range(STEPS):
        part = slice(step * BATCH, (step + 1) * BATCH)
        h = F.max_pool2d(torch.relu(F.conv2d(x[part], w[0], w[1])), 2)
        h = F.max_pool2d(torch.relu(F.conv2d(h, w[2], w[3])), 2)
        h = F.linear(torch.relu(F.linear(h.flatten(1), w[4], w[5])), w[6], w[7])
        loss = F.cross_entropy(h, y[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


name, folder = sys.argv[1:]
count = BATCH * STEPS
images, labels = idx(folder, "train-images-idx3-ubyte")[:count * 784], idx(folder, "train-labels-idx1-ubyte")[:count]
digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
images = images.reshape(count, 1, 28, 28)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name + "_losses.txt"), "w") as out:
    out.write("SHA-256 of the %d images and labels\n%s\n" % (count, digest))
    for optimizer, options, kind, arguments in CASES:
        exact, rounded = (list(losses(images, labels, kind, arguments, dtype)) for dtype in (torch.float64, torch.float32))
        out.write("%s|%s\n%s\n" % (optimizer, options, " ".join("%.9g" % loss for loss in exact)))
        print("%s, %s: float32 is off by %.1e" % (name, optimizer, max(abs(a / b - 1) for a, b in zip(rounded, exact))))
