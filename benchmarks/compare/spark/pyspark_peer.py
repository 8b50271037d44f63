"""PySpark's side of floor.sh and training.sh, run by spark-submit: `floor`, or `lenet PERIOD ROUNDS IMAGES LABELS` (MNIST's idx.gz files).

lenet is parameter averaging as PySpark users write it: one replica per partition, whose net and images stay in the Python worker; each round broadcasts the
weights and momenta, maps PERIOD steps over the partitions, collects what they return and averages it in the driver. It prints images/s of the rounds after the first."""
import gzip
import struct
import sys
import time

from pyspark import SparkContext

spark = SparkContext.getOrCreate()
BATCH, REPLICAS = 64, 2


def median(times):
    return sorted(times)[len(times) // 2]


def floor():
    """In turn with the JVM's own count of an RDD as small."""
    data = spark.parallelize(["a", "b"], REPLICAS)
    for _ in range(10):
        mapped, alone = [], []
        for _ in range(40):
            start = time.perf_counter()
            data.mapPartitions(lambda part: part).collect()
            mapped.append(time.perf_counter() - start)
            start = time.perf_counter()
            data._jrdd.count()
            alone.append(time.perf_counter() - start)
    print(f"RESULT PySpark median {1e3 * median(mapped):.1f} ms, JVM alone median {1e3 * median(alone):.1f} ms, ratio {median(mapped) / median(alone):.2f}")


def idx(path, share, shares):
    """The bytes of a part of the items."""
    with gzip.open(path) as file:
        dimensions = struct.unpack(">I", file.read(4))[0] & 255
        count, *extents = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
        size = count // shares
        for extent in extents:
            size *= extent
        return bytearray(file.read()[share * size:(share + 1) * size])


def make():
    import torch
    from torch import nn
    torch.set_num_threads(1)
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))


def replica(index, images, labels):
    """What a worker keeps between rounds."""
    import torch
    x = torch.frombuffer(idx(images, index, REPLICAS), dtype=torch.uint8).view(-1, 1, 28, 28)
    return make(), (x.float() / 255 - 0.1307) / 0.3081, torch.frombuffer(idx(labels, index, REPLICAS), dtype=torch.uint8).long()


def train(index, files, state, period, round):
    import torch
    module = sys.modules["__main__"]
    if not hasattr(module, "kept"):
        module.kept = replica(index, *files)
    net, x, y = module.kept
    parameters = list(net.parameters())
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
    weights, momenta = state.value
    with torch.no_grad():
        for parameter, weight, momentum in zip(parameters, weights, momenta):
            parameter.copy_(torch.from_numpy(weight))
            optimizer.state[parameter]["momentum_buffer"] = torch.from_numpy(momentum.copy())
    loss_of, start, batches = torch.nn.CrossEntropyLoss(), time.perf_counter(), len(x) // BATCH
    for step in range(period):
        first = (round * period + step) % batches * BATCH
        optimizer.zero_grad()
        loss = loss_of(net(x[first:first + BATCH]), y[first:first + BATCH])
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - start
    yield [p.detach().numpy() for p in parameters], [optimizer.state[p]["momentum_buffer"].numpy() for p in parameters], loss.item(), seconds


def lenet(period, rounds, images, labels):
    weights = [p.detach().numpy() for p in make().parameters()]
    state = (weights, [0 * w for w in weights])
    data = spark.parallelize(range(REPLICAS), REPLICAS)
    times, computing = [], []
    for round in range(rounds):
        start = time.perf_counter()
        sent = spark.broadcast(state)
        results = data.mapPartitionsWithIndex(lambda i, _: train(i, (images, labels), sent, period, round)).collect()
        state = tuple([sum(parts) / REPLICAS for parts in zip(*(result[kind] for result in results))] for kind in (0, 1))
        sent.destroy()
        times.append(time.perf_counter() - start)
        computing.append(max(result[3] for result in results))
        loss = sum(result[2] for result in results) / REPLICAS
    times, computing = times[1:], computing[1:]
    print(f"RESULT PySpark period {period}: {REPLICAS * BATCH * period * len(times) / sum(times):.0f} images/s, round median {1e3 * median(times):.0f} ms, "
          f"computing {1e3 * median(computing):.0f} ms, loss {loss:.3f} after {rounds} rounds")


{"floor": floor, "lenet": lambda p, r, images, labels: lenet(int(p), int(r), images, labels)}[sys.argv[1]](*sys.argv[2:])
