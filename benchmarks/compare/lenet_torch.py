"""PyTorch's side of cpu.sh: lenet_torch.py FILE answers the requests of peers/Answers.cs, one line each, for the net of LeNetStep.cs. By hand:
echo training 64 2 5 | lenet_torch.py prints images/s."""
import statistics
import sys
import time

try:
    import torch
    from torch import nn
except ImportError:
    print("none\tnot installed: apt-get install python3-torch")
    sys.exit()

BATCH, WIDTHS = 64, {"training": (20, 50, 500), "wide": (64, 160, 1600)}
values = torch.from_file(sys.argv[1], size=431080 + BATCH * 794) if len(sys.argv) > 1 else None


def make(batch, widths):
    """Net, optimizer, images and labels; weights and images of the file where they fit."""
    first, second, hidden = widths
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, first, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(first, second, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * second, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    images = torch.rand(batch, 1, 28, 28)
    if values is not None and widths == WIDTHS["training"]:
        offset = 0
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.copy_(values[offset:offset + parameter.numel()].view_as(parameter))
                offset += parameter.numel()
        if batch == BATCH:
            images = values[offset:offset + BATCH * 784].view(BATCH, 1, 28, 28).clone()
    return net, torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9), images, torch.arange(batch) % 10


def training(batch, widths):
    net, optimizer, images, labels = make(batch, widths)
    loss_of = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_of(net(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()
    return step


def inference(batch):
    net, _, images, _ = make(batch, WIDTHS["training"])

    def run():
        with torch.inference_mode():
            return net(images).numpy()
    return run


def layer(number, batch):
    channels, filters, size, pooled = (1, 20, 28, 12) if number == 1 else (20, 50, 12, 4)
    net = nn.Sequential(nn.Conv2d(channels, filters, 5), nn.ReLU(), nn.MaxPool2d(2))
    x, dy = torch.rand(batch, channels, size, size, requires_grad=number != 1), torch.ones(batch, filters, pooled, pooled)

    def run():
        net.zero_grad()
        if x.grad is not None:
            x.grad.zero_()
        net(x).backward(dy)
    return run


def open_work(request, *numbers):
    """What to run, and images of a run."""
    *numbers, threads = numbers
    torch.set_num_threads(threads)
    if request in WIDTHS:
        return training(numbers[0], WIDTHS[request]), numbers[0]
    if request == "inference":
        return inference(numbers[0]), numbers[0]
    return (layer(*numbers), numbers[1]) if request == "layer" else (None, 0)


def rate(run, amount, warm, seconds):
    """Images per second at the median time of blocks of runs of at least 0.2 ms, as Work.cs takes it."""
    end = time.perf_counter() + warm
    run()
    while time.perf_counter() < end:
        run()

    def block(runs):
        start = time.perf_counter()
        for _ in range(runs):
            run()
        return time.perf_counter() - start
    runs = min(max(int(200e-6 / block(1)), 1), 10000)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        times.append(block(runs))
    return amount * runs / statistics.median_low(times)


def answer(words, works):
    if words[0] == "forget":
        works.clear()
        return None
    if words[0] == "difference":
        return float(abs(torch.from_numpy(inference(BATCH)()) - values[-BATCH * 10:].view(BATCH, 10)).max())
    if words[0] == "loss":
        step = training(BATCH, WIDTHS["training"])
        return [step() for _ in range(int(words[1]) + 1)][-1]
    key, warm = tuple(words[:-1]), 0.05
    if key not in works:
        works[key], warm = open_work(words[0], *map(int, words[1:-1])), 0.7
    run, amount = works[key]
    return rate(run, amount, warm, float(words[-1])) if run else None


print(f"ready\tPyTorch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
kept = {}
for line in sys.stdin:
    result = answer(line.split(), kept)
    print("none" if result is None else repr(result), flush=True)
