#!/usr/bin/env python3
"""Fits laws with SciPy, from forms written down a second time: what mixlaw's optima are checked against.

Reads one JSON object, {"law", "starts", "seed", "own", "rows": [{"params", "active", "tokens", "mixture", "experts",
"experts_per_token", "granularity", "first", "decline", "loss"}]}, and prints {"objective", "seconds", "within"}: the least sum of
Huber(delta = 1e-3) on log loss over all starts (L-BFGS-B, float64, the law's own bounds), the time, and how many starts came
within 1e-4 of it. Needs numpy, scipy, autograd.

A law is a function of the rows that returns its box, (least start, most start, bounds) of each parameter, and its form: of
parameters t, ln L of every row. Gradients are by automatic differentiation; a form that is too slow so returns ln L and
a function beside it, which turns derivatives by ln L into those by t (`by_hand`), and is checked against differences first.
"""
import json, os, sys, time
for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"): os.environ.setdefault(v, "1")
import autograd.numpy as np
import numpy
from autograd import make_vjp
from autograd.scipy.special import logsumexp
from scipy.optimize import minimize

DELTA, FREE, INF = 1e-3, (None, None), float("inf")

def total(*terms): return logsumexp(np.stack([t + np.zeros_like(terms[-1]) for t in terms]), axis=0)
def shares(*terms):
    """ln of the sum of the terms that these are logarithms of, and each one's part of the sum."""
    u = np.empty((len(terms), len(terms[-1])))
    for i, term in enumerate(terms): u[i] = term
    m = u.max(0); p = np.exp(u - m); s = p.sum(0)
    return m + np.log(s), p / s
def by_hand(form): form.by_hand = True; return form
def automatic(form):
    def f(t): pull, v = make_vjp(form, t); return v, pull
    return f
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
    def f(t):
        eps = np.exp(t[8]); lre = np.log(x.r + eps)
        v, p = shares(t[0], t[1] - t[3] * x.n, t[2] + t[5] * x.lr - t[4] * x.d, t[6] - t[7] * lre)
        return v, lambda g: dcpt_pull(x, t, p * g, lre)
    return box, by_hand(f)
def dcpt_pull(x, t, q, lre):
    return np.array([*chinchilla_pull(x, q), q[2] @ x.lr, q[3].sum(), -q[3] @ lre, -t[7] * q[3] @ (np.exp(t[8]) / (x.r + np.exp(t[8])))])
def dcpt_cross(x):
    # K = 1/first + w decline; w within e^9 of where both are alike at the middle row.
    known = x.decline > 0; even = -numpy.sort(np.log((x.first * x.decline)[known]))[known.sum() // 2]
    box = [*dcpt(x)[0], amplitude(-3, 1), power(.1, 2), (even - 3, even + 3, (even - 9, even + 9))]
    def f(t):
        eps, w = np.exp(t[8]), np.exp(t[11]); lre, K = np.log(x.r + eps), 1 / x.first + w * x.decline; lk = np.log(K)
        v, p = shares(t[0], t[1] - t[3] * x.n, t[2] + t[5] * x.lr - t[4] * x.d, t[6] - t[7] * lre, t[9] - t[10] * lk)
        def pull(g): q = p * g; return np.concatenate([dcpt_pull(x, t, q, lre), [q[4].sum(), -q[4] @ lk, -t[10] * q[4] @ (w * x.decline / K)]])
        return v, pull
    return box, by_hand(f)
def bimix(x):
    return [amplitude(0, 12), amplitude(-1, 1), free(0, .3), power(.05, 1)], lambda t: total(t[0] - t[2] * x.lr - t[3] * x.d, t[1] - t[2] * x.lr)
def critical_ratio(x): return [amplitude(-4, 1), amplitude(-3, 1), free(-1, .5)], lambda t: total(t[0] + t[2] * x.lr, t[1] + 0 * x.lr)
def mixing(x):
    # c below the least loss, by a sigmoid.
    return [free(-3, 3)] + [free(-1, 2)] * x.k, lambda t: total(x.y.min() - np.logaddexp(0, -t[0]), x.h @ t[1:])
def mixing_implicit(x):
    # Two hidden domains: what a fit without cross-validation takes.
    def f(t):
        one, other = t[1:1 + x.k], t[1 + x.k:]
        v, p = shares(x.y.min() - np.logaddexp(0, -t[0]), x.h @ one, x.h @ other)
        return v, lambda g: np.concatenate([[p[0] @ g / (1 + np.exp(t[0]))], (p[1] * g) @ x.h, (p[2] * g) @ x.h])
    return [free(-3, 3)] + [free(-2, 1.5)] * (2 * x.k), by_hand(f)
def log_linear(x): return [amplitude(-2, 1)] + [free(-1, 2)] * x.k, lambda t: total(t[0], x.h @ t[1:])
def exponential(x):
    def f(t):
        v, p = shares(t[0], t[1] - t[3] * x.n, t[2] - t[4] * x.d, x.h @ t[5:])
        return v, lambda g: np.concatenate([chinchilla_pull(x, p * g), (p[3] * g) @ x.h])
    return [amplitude(-1, 1), *SIZE] + [free(-2, 2)] * x.k, by_hand(f)
def chinchilla_pull(x, q): return [q[0].sum(), q[1].sum(), q[2].sum(), -q[1] @ x.n, -q[2] @ x.d]
def harmonic(x, c, g):
    """ln of 1/sum(C h^g), and its derivatives by c and g."""
    v, p = shares(*(c + g * x.lh).T)
    def pull(q): by_c = -p * q; return np.concatenate([by_c.sum(1), (by_c * x.lh.T).sum(1)])
    return -v, pull
def additive(x):
    k = x.k
    def f(t):
        mix, mix_pull = harmonic(x, t[5:5 + k], t[5 + k:])
        v, p = shares(t[0], t[1] - t[3] * x.n, t[2] - t[4] * x.d, mix)
        return v, lambda g: np.concatenate([chinchilla_pull(x, p * g), mix_pull(p[3] * g)])
    return [amplitude(-1, 1), *SIZE] + [amplitude(-2, 3)] * k + [free(.05, 1)] * k, by_hand(f)
def joint(x):
    k = x.k
    box = [amplitude(-1, 1), power(.05, 1), power(.05, 1), (.3, 1.5, (0, 5)), (.3, 1.5, (0, 5))] + [amplitude(-2, 3)] * k + [free(.05, 1)] * k + [amplitude(0, 10)] * k + [amplitude(0, 12)] * k
    def f(t):
        big_a, big_b = np.exp(t[5 + 2 * k:5 + 3 * k]), np.exp(t[5 + 3 * k:])
        a, b = x.h @ big_a, x.h @ big_b; la, lb = np.log(a), np.log(b)
        mix, mix_pull = harmonic(x, t[5:5 + k], t[5 + k:5 + 2 * k])
        v, p = shares(t[0], t[3] * la - t[1] * x.n, t[4] * lb - t[2] * x.d, mix)
        def pull(g):
            q = p * g
            return np.concatenate([[q[0].sum(), -q[1] @ x.n, -q[2] @ x.d, q[1] @ la, q[2] @ lb], mix_pull(q[3]),
                                   t[3] * ((q[1] / a) @ x.h) * big_a, t[4] * ((q[2] / b) @ x.h) * big_b])
        return v, pull
    return box, by_hand(f)
def capacity(x):
    # Sizes relative to the largest; one problem of who gets how much for each size and mixture.
    k, o, top = x.k, x.own, x.n.max()
    places, of = numpy.unique(numpy.column_stack([x.n - top, x.lh]), axis=0, return_inverse=True); of = of.ravel()
    size, lh, most = np.exp(places[:, 0]), places[:, 1:], x.n.min() - top - .1
    def split(c, b, floor):
        """ln x before it is held above the floor, by bisection of ln lambda."""
        pull, wanted = lh + c + np.log(b), size + (k - 1) * floor
        high = (pull - (b + 1) * np.log(floor)).max(1); low = (pull - (b + 1) * np.log(wanted)[:, None]).min(1)
        for _ in range(60):
            middle = (low + high) / 2; over = np.maximum(floor, np.exp((pull - middle[:, None]) / (b + 1))).sum(1) > wanted
            low, high = np.where(over, middle, low), np.where(over, high, middle)
        return (pull - ((low + high) / 2)[:, None]) / (b + 1)
    def f(t):
        floor, c, b = np.exp(t[3]), t[4:4 + k], t[4 + k:]; u = split(c, b, floor); above = u > t[3]; lx = np.maximum(u, t[3])[:, o]
        own = x.d + x.lr
        v, p = shares(t[0], t[1] - t[2] * own, (c[o] - b[o] * lx)[of])
        def pull(g):
            q = p * g; s = np.bincount(of, q[2], len(size))
            # The sum's differential: what the domains above the floor gain is what more floor takes.
            w = np.where(above, np.exp(u) / (b + 1), 0); w /= w.sum(1, keepdims=True); up = s * above[:, o] * b[o] / (b[o] + 1)
            by_c = up @ w; by_b = up @ (w * (1 / b - u))
            slope = (np.exp(u) * above / (b + 1)).sum(1)
            by_floor = -(up * (above.sum(1) - 1) * floor / slope).sum() - (s * ~above[:, o]).sum() * b[o]
            by_c[o] += s.sum() - up.sum(); by_b[o] -= s @ lx + up @ (1 / b[o] - u[:, o])
            return np.concatenate([[q[0].sum(), q[1].sum(), -q[1] @ own, by_floor], by_c, by_b])
        return v, pull
    box = [amplitude(-3, 1), amplitude(0, 10), power(.05, .8), (most - 6, most - 1, (None, most))]
    return box + [amplitude(-3, .5)] * k + [(.1, .8, (1e-12, None))] * k, by_hand(f)
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
        dcpt_cross, mixing_implicit, exponential, additive, joint, capacity, routed, joint_moe, fine_grained, sparsity)}

class Rows:
    def __init__(x, rows, own):
        column = lambda k: numpy.array([float(r[k]) for r in rows])
        x.n, x.a, x.d, x.e, x.y = np.log(column("params")), np.log(column("active")), np.log(column("tokens")), column("experts"), np.log(column("loss"))
        x.g, x.s = np.log(column("granularity")), np.log(column("experts_per_token") / x.e)
        x.h = numpy.array([r["mixture"] for r in rows]); x.k = x.h.shape[1]; x.lh = np.log(np.maximum(x.h, 1e-9))
        if rows[0]["first"] is not None: x.first, x.decline = column("first"), column("decline")
        if own is not None: x.own, x.r, x.lr = own, x.h[:, own], x.lh[:, own]

def check(f, t):
    """Stops where a derivative is not what differences say."""
    weights = numpy.random.default_rng(1).normal(size=len(f(t)[0])); exact, h = f(t)[1](weights), 1e-6
    differences = numpy.array([weights @ (f(t + h * e)[0] - f(t - h * e)[0]) / (2 * h) for e in numpy.eye(len(t))])
    off = numpy.abs(exact - differences).max() / numpy.abs(differences).max()
    if not off < 1e-6: sys.exit(f"the gradient is off by {off}")

def main():
    given = json.load(sys.stdin); x = Rows(given["rows"], given["own"]); box, form = LAWS[given["law"]](x)
    f = form if hasattr(form, "by_hand") else automatic(form)
    def safe(t):
        with numpy.errstate(all="ignore"):
            v, pull = f(t); z = (v - x.y) / DELTA; a = numpy.abs(z); c = numpy.minimum(a, 1)
            o, g = float(numpy.sum(c * (a - .5 * c))), pull(numpy.clip(z, -1, 1) / DELTA)
        return (o, g) if numpy.isfinite(o) and numpy.isfinite(g).all() else (1e300, numpy.zeros_like(t))
    q, found, t0 = numpy.random.default_rng(given["seed"]), [], time.perf_counter()
    draw = lambda: numpy.array([q.uniform(a, b) for a, b, _ in box])
    if f is form: check(f, draw())
    for _ in range(given["starts"]):
        r = minimize(safe, draw(), jac=True, method="L-BFGS-B", bounds=[b for *_, b in box],
                     options=dict(maxiter=5000, maxfun=20000, ftol=1e-12, gtol=1e-6, maxcor=20))
        found.append(float(r.fun))
        if "-v" in sys.argv: print(f"{r.fun * DELTA ** 2:.9e} after {r.nfev}, {time.perf_counter() - t0:.0f} s: {r.message}", file=sys.stderr, flush=True)
    best = min(found)
    print(json.dumps(dict(objective=best * DELTA ** 2, seconds=round(time.perf_counter() - t0, 2), starts=given["starts"], within=sum(v <= best * 1.0001 for v in found))))

if __name__ == "__main__": main()
