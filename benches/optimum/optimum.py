#!/usr/bin/env python3
"""Fits laws with SciPy, from forms written down a second time: what mixlaw's optima are checked against.

Reads one JSON object, {"law", "starts", "seed", "own", "rows": [{"params", "active", "tokens", "mixture", "experts",
"experts_per_token", "granularity", "loss"}]}, and prints {"objective", "seconds", "within"}: the least sum of
Huber(delta = 1e-3) on log loss over all starts (L-BFGS-B, float64, gradients by automatic differentiation, the law's own
bounds), the time, and how many starts came within 1e-4 of it. Needs numpy, scipy, autograd.
"""
import json, os, sys, time
for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"): os.environ.setdefault(v, "1")
import autograd.numpy as np
import numpy
from autograd import value_and_grad
from autograd.scipy.special import logsumexp
from scipy.optimize import minimize

DELTA, FREE, INF = 1e-3, (None, None), float("inf")

def total(*terms): return logsumexp(np.stack([t + np.zeros_like(terms[-1]) for t in terms]), axis=0)
def soft(v): return np.logaddexp(0, v)
def amplitude(low, high): return (low, high, FREE)
def power(low, high): return (low, high, (0, None))
def free(low, high): return (low, high, FREE)
SIZE = [amplitude(0, 12), amplitude(0, 14), power(.05, 1), power(.05, 1)]

def chinchilla(x): return [amplitude(-1, 1), *SIZE], lambda t: total(t[0], t[1] - t[3] * x.n, t[2] - t[4] * x.d)
def skaling(x):
    box = [amplitude(-3, 1), amplitude(2, 25), amplitude(2, 25), power(.1, 1.5), power(.1, 1.5), power(.2, 1)]
    return box, lambda t: total(t[0], t[5] * total(t[1] - t[3] * x.n, t[2] - t[4] * x.d))
def over_training(x):
    s = lambda v: -(np.log(6) + 2 * v)
    return [amplitude(-1, 1), amplitude(0, 12), amplitude(0, 12), power(.02, .4)], lambda t: total(t[0], t[1] + t[3] * s(x.n), t[2] + t[3] * s(x.d))
def dcpt(x):
    box = [amplitude(-1, 1), *SIZE, free(0, 1), amplitude(-4, 1), power(.1, 1.5), (-6, 0, (-16, 9))]
    return box, lambda t: total(t[0], t[1] - t[3] * x.n, t[2] + t[5] * x.lr - t[4] * x.d, t[6] - t[7] * np.log(x.r + np.exp(t[8])))
def bimix(x):
    return [amplitude(0, 12), amplitude(-1, 1), free(0, .3), power(.05, 1)], lambda t: total(t[0] - t[2] * x.lr - t[3] * x.d, t[1] - t[2] * x.lr)
def critical_ratio(x): return [amplitude(-4, 1), amplitude(-3, 1), free(-1, .5)], lambda t: total(t[0] + t[2] * x.lr, t[1] + 0 * x.lr)
def mixing(x):
    # c below the least loss, by a sigmoid.
    return [free(-3, 3)] + [free(-1, 2)] * x.k, lambda t: total(x.y.min() - np.logaddexp(0, -t[0]), x.h @ t[1:])
def log_linear(x): return [amplitude(-2, 1)] + [free(-1, 2)] * x.k, lambda t: total(t[0], x.h @ t[1:])
def exponential(x):
    return [amplitude(-1, 1), *SIZE] + [free(-2, 2)] * x.k, lambda t: total(t[0], t[1] - t[3] * x.n, t[2] - t[4] * x.d, x.h @ t[5:])
def harmonic(x, c, g): return -logsumexp(c + g * x.lh, axis=1)
def additive(x):
    k = x.k
    return [amplitude(-1, 1), *SIZE] + [amplitude(-2, 3)] * k + [free(.05, 1)] * k, \
        lambda t: total(t[0], t[1] - t[3] * x.n, t[2] - t[4] * x.d, harmonic(x, t[5:5 + k], t[5 + k:]))
def joint(x):
    k = x.k
    mixed = lambda a: np.log(x.h @ np.exp(a))
    box = [amplitude(-1, 1), power(.05, 1), power(.05, 1), (.3, 1.5, (0, 5)), (.3, 1.5, (0, 5))] + [amplitude(-2, 3)] * k + [free(.05, 1)] * k + [amplitude(0, 10)] * k + [amplitude(0, 12)] * k
    return box, lambda t: total(t[0], t[3] * mixed(t[5 + 2 * k:5 + 3 * k]) - t[1] * x.n, t[4] * mixed(t[5 + 3 * k:]) - t[2] * x.d, harmonic(x, t[5:5 + k], t[5 + k:5 + 2 * k]))
def ln_experts(x, start, gap):
    s, m = np.exp(start), np.exp(start) + np.exp(gap)
    return -np.log(1 / (x.e - 1 + 1 / (1 / s - 1 / m)) + 1 / m)
EXPERTS = [(0, 1.5, (-2, 4)), (3, 7, (0, 10))]
def routed(x):
    ln10 = np.log(10)
    def f(t):
        e, n = ln_experts(x, t[4], t[5]) / ln10, x.a / ln10
        return ln10 * (t[0] * n + t[1] * e + t[2] * n * e + t[3])
    return [free(-.3, 0), free(-.3, 0), free(0, .03), free(.5, 1.5), *EXPERTS], f
def joint_moe(x):
    def f(t):
        e = ln_experts(x, t[9], t[10])
        return total(t[0], t[1] + t[4] * e + (t[3] + t[5] * e) * x.a, t[2] + t[7] * e + (t[6] + t[8] * e) * x.d)
    exponents = [free(-.5, -.05), free(-.5, .5), free(-.03, .03)]
    return [amplitude(-1, 1), amplitude(0, 8), amplitude(0, 8), *exponents, *exponents, *EXPERTS], f
def fine_grained(x):
    box = [amplitude(-1, 1), amplitude(0, 4), amplitude(0, 6), amplitude(0, 8), power(.1, 1), power(.05, .5), power(.05, .5)]
    return box, lambda t: total(t[0], t[1] - t[4] * x.g - t[5] * x.n, t[2] - t[5] * x.n, t[3] - t[6] * x.d)
def sparsity(x):
    box = [amplitude(-3, 1), *SIZE, amplitude(-4, 1), amplitude(-2, 8), free(-.4, .4), free(-.3, .5), power(.05, .5)]
    return box, lambda t: total(t[0], t[1] - t[3] * x.n, t[2] - t[4] * x.d, t[5] - t[7] * x.s, t[6] - t[8] * x.s - t[9] * x.n)

LAWS = {f.__name__.replace("_", "-"): f for f in (chinchilla, skaling, over_training, dcpt, bimix, critical_ratio, mixing, log_linear,
        exponential, additive, joint, routed, joint_moe, fine_grained, sparsity)}

class Rows:
    def __init__(x, rows, own):
        column = lambda k: numpy.array([float(r[k]) for r in rows])
        x.n, x.a, x.d, x.e, x.y = np.log(column("params")), np.log(column("active")), np.log(column("tokens")), column("experts"), np.log(column("loss"))
        x.g, x.s = np.log(column("granularity")), np.log(column("experts_per_token") / x.e)
        x.h = numpy.array([r["mixture"] for r in rows]); x.k = x.h.shape[1]; x.lh = np.log(np.maximum(x.h, 1e-9))
        if own is not None: x.r, x.lr = x.h[:, own], x.lh[:, own]

def main():
    given = json.load(sys.stdin); x = Rows(given["rows"], given["own"]); box, form = LAWS[given["law"]](x)
    def objective(t):
        z = (form(t) - x.y) / DELTA; a = np.abs(z); c = np.minimum(a, 1)
        return np.sum(c * (a - .5 * c))
    f, q, found, t0 = value_and_grad(objective), numpy.random.default_rng(given["seed"]), [], time.perf_counter()
    def safe(t):
        with numpy.errstate(all="ignore"): v, g = f(t)
        return (v, g) if numpy.isfinite(v) and numpy.isfinite(g).all() else (1e300, numpy.zeros_like(t))
    for _ in range(given["starts"]):
        r = minimize(safe, numpy.array([q.uniform(a, b) for a, b, _ in box]), jac=True, method="L-BFGS-B", bounds=[b for *_, b in box],
                     options=dict(maxiter=5000, maxfun=20000, ftol=1e-12, gtol=1e-6, maxcor=20))
        found.append(float(r.fun))
    best = min(found)
    print(json.dumps(dict(objective=best * DELTA ** 2, seconds=round(time.perf_counter() - t0, 2), starts=given["starts"], within=sum(v <= best * 1.0001 for v in found))))

if __name__ == "__main__": main()
