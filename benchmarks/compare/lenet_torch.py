"""The step of LeNetStep.cs in PyTorch: python3 lenet_torch.py [batch [threads [seconds]]] prints the median images/s."""
import statistics
import sys
import time

import torch
from torch import nn

batch, threads, seconds = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 64), (2, 2), (3, 5)))
torch.set_num_threads(threads)
torch.manual_seed(1)
net = nn.Sequential(
    nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
loss_of = nn.CrossEntropyLoss()
images, labels = torch.rand(batch, 1, 28, 28), torch.arange(batch) % 10


def step():
    optimizer.zero_grad()
    loss = loss_of(net(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


end = time.perf_counter() + 1
while time.perf_counter() < end:
    step()
times, end = [], time.perf_counter() + seconds
while time.perf_counter() < end:
    start = time.perf_counter()
    step()
    times.append(time.perf_counter() - start)
print(f"torch {torch.__version__}, batch {batch}, {threads} threads: {batch / statistics.median(times):.0f} images/s, best {batch / min(times):.0f}")
