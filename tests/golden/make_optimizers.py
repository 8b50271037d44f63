"""Writes optimizers.txt and optimizers_schedules.txt by PyTorch: 37 weights after steps 1 and 20, and the rates of every step.

Run with PyTorch 1.13: /usr/bin/python3 tests/golden/make_optimizers.py
Weights, gradients and rates are exact in float32, so that both sides start from the same bits; coefficients are rounded to float32 first.
"""
import os

import numpy as np
import torch
from torch.optim import lr_scheduler as S

FOLDER = os.path.dirname(os.path.abspath(__file__))
COUNT, STEPS = 37, 20


def f(x):
    return float(np.float32(x))


def line(values):
    return " ".join("%.9g" % v for v in values)


def betas(a=0.9, b=0.999):
    return {"betas": (f(a), f(b))}


class NAdam(torch.optim.Optimizer):
    """torch.optim.NAdam of PyTorch 2; that of 1.13 multiplies mu twice into the next product."""

    def __init__(self, params, lr, betas, eps, momentum_decay, weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, decay=momentum_decay, l2=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (a, b), lr = group["betas"], group["lr"]
            for w in group["params"]:
                s = self.state[w]
                if not s:
                    s.update(step=0, product=1.0, m=torch.zeros_like(w), v=torch.zeros_like(w))
                s["step"] += 1
                mu, after = (a * (1.0 - 0.5 * 0.96 ** (t * group["decay"])) for t in (s["step"], s["step"] + 1))
                s["product"] *= mu
                g = w.grad.add(w, alpha=group["l2"])
                s["m"].mul_(a).add_(g, alpha=1 - a)
                s["v"].mul_(b).addcmul_(g, g, value=1 - b)
                denominator = s["v"].div(1 - b ** s["step"]).sqrt().add_(group["eps"])
                w.addcdiv_(g, denominator, value=-lr * (1.0 - mu) / (1.0 - s["product"]))
                w.addcdiv_(s["m"], denominator, value=-lr * after / (1.0 - s["product"] * after))


# name; our options; our regularisation; PyTorch's optimizer and its arguments.
O = torch.optim
CASES = [
    ("sgd", "learning_rate=0.05", "", O.SGD, dict(lr=f(0.05))),
    ("sgd", "learning_rate=0.05", "l2=0.1", O.SGD, dict(lr=f(0.05), weight_decay=f(0.1))),
    ("momentum", "learning_rate=0.05", "", O.SGD, dict(lr=f(0.05), momentum=f(0.9))),
    ("momentum", "learning_rate=0.05,momentum=0.5", "l2=0.1", O.SGD, dict(lr=f(0.05), momentum=0.5, weight_decay=f(0.1))),
    ("nesterov", "learning_rate=0.05", "", O.SGD, dict(lr=f(0.05), momentum=f(0.9), nesterov=True)),
    ("nesterov", "learning_rate=0.05", "l2=0.1", O.SGD, dict(lr=f(0.05), momentum=f(0.9), nesterov=True, weight_decay=f(0.1))),
    ("adagrad", "", "", O.Adagrad, dict(lr=f(0.01), eps=f(1e-10))),
    ("adagrad", "learning_rate=0.1", "l2=0.1", O.Adagrad, dict(lr=f(0.1), eps=f(1e-10), weight_decay=f(0.1))),
    ("rmsprop", "", "", O.RMSprop, dict(lr=f(0.01), alpha=f(0.99), eps=f(1e-8))),
    ("rmsprop", "alpha=0.9,epsilon=0.001", "l2=0.1", O.RMSprop, dict(lr=f(0.01), alpha=f(0.9), eps=f(1e-3), weight_decay=f(0.1))),
    ("adadelta", "", "", O.Adadelta, dict(lr=1.0, rho=f(0.9), eps=f(1e-6))),
    ("adadelta", "rho=0.5", "l2=0.1", O.Adadelta, dict(lr=1.0, rho=0.5, eps=f(1e-6), weight_decay=f(0.1))),
    ("adam", "", "", O.Adam, dict(lr=f(1e-3), eps=f(1e-8), **betas())),
    ("adam", "learning_rate=0.02,beta1=0.8,beta2=0.95,epsilon=0.001", "l2=0.1", O.Adam, dict(lr=f(0.02), eps=f(1e-3), weight_decay=f(0.1), **betas(0.8, 0.95))),
    ("adam", "learning_rate=0.02", "decay=0.1", O.AdamW, dict(lr=f(0.02), eps=f(1e-8), weight_decay=f(0.1), **betas())),
    ("adamw", "", "", O.AdamW, dict(lr=f(1e-3), eps=f(1e-8), weight_decay=f(0.01), **betas())),
    ("adamw", "learning_rate=0.02,weight_decay=0.5", "", O.AdamW, dict(lr=f(0.02), eps=f(1e-8), weight_decay=0.5, **betas())),
    ("adamax", "", "", O.Adamax, dict(lr=f(2e-3), eps=f(1e-8), **betas())),
    ("adamax", "beta2=0.5", "l2=0.1", O.Adamax, dict(lr=f(2e-3), eps=f(1e-8), weight_decay=f(0.1), **betas(b=0.5))),
    ("nadam", "", "", NAdam, dict(lr=f(2e-3), eps=f(1e-8), momentum_decay=f(4e-3), **betas())),
    ("nadam", "momentum_decay=0.5", "l2=0.1", NAdam, dict(lr=f(2e-3), eps=f(1e-8), momentum_decay=0.5, weight_decay=f(0.1), **betas())),
    ("amsgrad", "", "", O.Adam, dict(lr=f(1e-3), eps=f(1e-8), amsgrad=True, **betas())),
    ("amsgrad", "learning_rate=0.02,beta2=0.5", "l2=0.1", O.Adam, dict(lr=f(0.02), eps=f(1e-8), amsgrad=True, weight_decay=f(0.1), **betas(b=0.5))),
    ("sgd", "learning_rate=0.05", "clip_value=0.25", O.SGD, dict(lr=f(0.05))),
    ("sgd", "learning_rate=0.05", "clip_norm=1.5", O.SGD, dict(lr=f(0.05))),
    ("sgd", "learning_rate=0.0625", "l1=0.125", O.SGD, dict(lr=0.0625)),
]


def weights():
    return torch.tensor([((i * 11) % 29 - 14) / 8 for i in range(COUNT)], dtype=torch.float32)


def gradient(step):
    # The largest come early, so that AMSGrad differs from Adam.
    size = 4 if step <= 3 else 1
    return torch.tensor([size * ((i * 7 + step * 13) % 31 - 15) / 16 for i in range(COUNT)], dtype=torch.float32)


with open(os.path.join(FOLDER, "optimizers.txt"), "w") as out:
    for name, options, extra, kind, arguments in CASES:
        w = torch.nn.Parameter(weights())
        optimizer = kind([w], **arguments)
        kept = []
        for step in range(1, STEPS + 1):
            w.grad = gradient(step)
            if extra.startswith("clip_value"):
                torch.nn.utils.clip_grad_value_([w], float(extra.split("=")[1]))
            if extra.startswith("clip_norm"):
                torch.nn.utils.clip_grad_norm_([w], float(extra.split("=")[1]))
            if extra.startswith("l1"):
                w.grad += 0.125 * torch.sign(w.detach())
            optimizer.step()
            if step in (1, STEPS):
                kept.append(w.detach().clone())
        out.write("%s|%s|%s\n%s\n%s\n" % (name, options, extra, line(kept[0]), line(kept[1])))


def rates(base, steps, make):
    optimizer = O.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    schedule = make(optimizer)
    for step in range(steps):
        yield optimizer.param_groups[0]["lr"]
        optimizer.step()
        if step + 1 < steps:
            schedule.step()


def warm(steps, after):
    def make(optimizer):
        first = S.LinearLR(optimizer, start_factor=1 / steps, end_factor=1.0, total_iters=steps - 1)
        return S.SequentialLR(optimizer, [first, after(optimizer)], milestones=[steps])
    return make


# name; options; total steps; steps per epoch; PyTorch's schedule, or a formula of the step from 0 where it has none.
SCHEDULES = [
    ("constant", "", 6, 2, lambda o: S.ConstantLR(o, factor=1.0)),
    ("step", "epochs=2,gamma=0.5", 24, 4, lambda o: S.StepLR(o, step_size=8, gamma=0.5)),
    ("step", "epochs=3", 12, 1, lambda o: S.StepLR(o, step_size=3, gamma=f(0.1))),
    ("exponential", "gamma=0.8", 12, 1, lambda o: S.ExponentialLR(o, gamma=f(0.8))),
    ("exponential", "gamma=0.8", 12, 4, lambda o: S.LambdaLR(o, lambda t: f(0.8) ** (t / 4))),
    ("inverse", "gamma=0.5,power=2", 12, 4, lambda o: S.LambdaLR(o, lambda t: (1 + 0.5 * t / 4) ** -2.0)),
    ("inverse", "", 12, 4, lambda o: S.LambdaLR(o, lambda t: (1 + f(0.1) * t / 4) ** -0.75)),
    ("polynomial", "power=2", 12, 4, lambda o: S.PolynomialLR(o, total_iters=12, power=2.0)),
    ("polynomial", "end=0.25", 12, 4, lambda o: S.LambdaLR(o, lambda t: 0.5 + 0.5 * (1 - t / 12))),
    ("cosine", "", 25, 5, lambda o: S.CosineAnnealingLR(o, T_max=25)),
    ("cosine", "end=0.125", 12, 4, lambda o: S.CosineAnnealingLR(o, T_max=12, eta_min=0.125)),
    ("one_cycle", "", 25, 5, lambda o: S.OneCycleLR(o, max_lr=0.5, total_steps=25, pct_start=f(0.3))),
    ("one_cycle", "pct_start=0.5,div_factor=10,final_div_factor=100", 16, 4,
        lambda o: S.OneCycleLR(o, max_lr=0.5, total_steps=16, pct_start=0.5, div_factor=10.0, final_div_factor=100.0)),
    ("constant", "warmup_epochs=1.5", 12, 4, warm(6, lambda o: S.ConstantLR(o, factor=1.0))),
    ("step", "epochs=1,gamma=0.5,warmup_epochs=1", 16, 4, warm(4, lambda o: S.StepLR(o, step_size=4, gamma=0.5))),
    ("cosine", "warmup_epochs=1", 16, 4, warm(4, lambda o: S.CosineAnnealingLR(o, T_max=12))),
]

with open(os.path.join(FOLDER, "optimizers_schedules.txt"), "w") as out:
    for name, options, total, epoch, make in SCHEDULES:
        out.write("%s|%s|%d|%d\n%s\n" % (name, options, total, epoch, line(rates(0.5, total, make))))
