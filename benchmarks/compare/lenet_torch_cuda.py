"""LeNet's training step in PyTorch on a GPU: python3 lenet_torch_cuda.py [batch [seconds]] prints images/s of eager, a CUDA graph captured by hand, and
torch.compile (max-autotune, CUDA graphs inside). The net, the loss and the optimizer are those of the recipe `lenet` without augmentation; float32 with TF32 off; the
batch lies on the device, as a resident data set's does. Before torch.compile the chain conv + bias + ReLU + max-pool of both convolutions, alone."""
import statistics
import sys
import time

import torch
from torch import nn

batch, seconds = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 128), (2, 3)))
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.benchmark = True
device = torch.device("cuda")


def make():
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Dropout(0.5), nn.Linear(500, 10)).to(device)
    return net, torch.optim.Adam(net.parameters(), lr=0.002, fused=True, capturable=True)


images = torch.rand(batch, 1, 28, 28, device=device)
labels = torch.arange(batch, device=device) % 10
loss_of = nn.CrossEntropyLoss()


def step_of(net, optimizer):
    def step():
        optimizer.zero_grad(set_to_none=False)
        loss = loss_of(net(images), labels)
        loss.backward()
        optimizer.step()
        return loss
    return step


def rate(step):
    """Median images/s of blocks of 100 steps, one wait per block."""
    for _ in range(20):
        step()
    torch.cuda.synchronize()
    rates, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(rates) < 5:
        start = time.perf_counter()
        for _ in range(100):
            step()
        torch.cuda.synchronize()
        rates.append(100 * batch / (time.perf_counter() - start))
    return statistics.median(rates)


def report(name, step):
    print(f"torch {torch.__version__}, batch {batch}, {name}: {rate(step):.0f} images/s", flush=True)


def captured(step):
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


report("eager", step_of(*make()))
report("CUDA graph", captured(step_of(*make())))
for name, module, size in (("1>20", nn.Conv2d(1, 20, 5), (1, 28, 28)), ("20>50", nn.Conv2d(20, 50, 5), (20, 12, 12))):
    chain = nn.Sequential(module, nn.ReLU(), nn.MaxPool2d(2)).to(device)
    x = torch.rand(batch, *size, device=device)
    with torch.no_grad():
        report(f"conv {name} + ReLU + pool, CUDA graph", captured(lambda chain=chain, x=x: chain(x)))

# Last, as it compiles for a minute or more.
try:
    net, optimizer = make()
    report("compile", step_of(torch.compile(net, mode="max-autotune"), optimizer))
except Exception as e:  # noqa: BLE001: the compiler needs a C compiler and Triton, which a bare machine lacks
    print(f"torch.compile: not measured, {type(e).__name__}", flush=True)
