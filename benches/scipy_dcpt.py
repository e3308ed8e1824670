#!/usr/bin/env python3
"""The D-CPT law on a directory of runs, fitted with SciPy: what `mixlaw fit` is checked against.

    python3 benches/scipy_dcpt.py examples/code-cpt/runs --domain rust --starts 400

Reads the same logs directly (`config.json`, `metrics.jsonl`), drops the first tenth of each run's planned tokens, and
minimises the sum of Huber(delta = 1e-3) on log loss with analytic gradients, L-BFGS-B, float64, many starts.
`--signs free` leaves every exponent free, as most notebooks do; `--signs paper` keeps them >= 0, as the paper has them.
Prints one JSON line. Needs numpy and scipy.
"""
import argparse, glob, json, os, time
for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"): os.environ.setdefault(v, "1")
import numpy as np
from scipy.optimize import minimize

DELTA = 1e-3

def read(root, domain, skip):
    n, d, r, y, run = [], [], [], [], []
    for i, path in enumerate(sorted(glob.glob(os.path.join(root, "*")))):
        config = json.load(open(os.path.join(path, "config.json")))
        planned = config["max_steps"] * config["batch_tokens"]
        for line in open(os.path.join(path, "metrics.jsonl")):
            point = json.loads(line); loss = point.get(f"eval/{domain}/loss")
            if loss is None or point["tokens"] < skip * planned or point["tokens"] == 0: continue
            n.append(config["params_non_embedding"]); d.append(point["tokens"]); y.append(loss); run.append(i)
            r.append(config["mixture"].get(domain, 0.0))
    return np.log(n), np.log(d), np.array(r, float), np.log(y), np.array(run)

def objective(ln, ld, r, y, floor):
    lr = np.log(np.maximum(r, floor))
    def f(t):  # ln E, ln A, alpha, ln B, beta, eta, ln C, gamma, ln eps
        e, a, al, b, be, et, c, ga, le = t; ep = np.exp(le); lre = np.log(r + ep)
        u = np.stack([np.full_like(ln, e), a - al * ln, b + et * lr - be * ld, c - ga * lre])
        m = u.max(0); p = np.exp(u - m); s = p.sum(0); p /= s
        z = (m + np.log(s) - y) / DELTA; w = np.abs(z)
        q = np.clip(z, -1, 1) / DELTA * p
        return np.where(w <= 1, .5 * z * z, w - .5).sum(), np.array([
            q[0].sum(), q[1].sum(), -(q[1] * ln).sum(), q[2].sum(), -(q[2] * ld).sum(), (q[2] * lr).sum(),
            q[3].sum(), -(q[3] * lre).sum(), -(q[3] * ga * ep / (r + ep)).sum()])
    return f

def main():
    p = argparse.ArgumentParser(); p.add_argument("runs"); p.add_argument("--domain", default="rust")
    p.add_argument("--starts", type=int, default=400); p.add_argument("--seed", type=int, default=0)
    p.add_argument("--skip", type=float, default=.1); p.add_argument("--signs", choices=["free", "paper"], default="free")
    p.add_argument("--floor", type=float, default=1e-9, help="share that stands for 0 in r^eta")
    a = p.parse_args(); ln, ld, r, y, _ = read(a.runs, a.domain, a.skip); f = objective(ln, ld, r, y, a.floor)
    draw = lambda q: np.array([q.uniform(-1, 1), q.uniform(0, 8), q.uniform(.1, 1), q.uniform(0, 10), q.uniform(.1, 1), q.uniform(0, 1), q.uniform(-4, 1), q.uniform(.1, 1.5), q.uniform(-6, 0)])
    low = 0. if a.signs == "paper" else None
    bounds = [(None, None), (None, None), (low, None), (None, None), (low, None), (low, None), (None, None), (low, None), (-15, 8)]
    q = np.random.default_rng(a.seed); best, hits, t0 = None, [], time.perf_counter()
    for _ in range(a.starts):
        s = minimize(f, draw(q), jac=True, method="L-BFGS-B", bounds=bounds, options=dict(maxiter=5000, maxfun=20000, ftol=1e-12, gtol=1e-6, maxcor=30))
        hits.append(s.fun)
        if best is None or s.fun < best.fun: best = s
    t = best.x; names = "E A alpha B beta eta C gamma eps".split()
    print(json.dumps(dict(domain=a.domain, signs=a.signs, observations=len(y), objective=best.fun * DELTA ** 2,
          seconds=round(time.perf_counter() - t0, 2), starts=a.starts,
          within_1e_4=int(sum(x <= best.fun * (1 + 1e-4) for x in hits)), median=float(np.median(hits) * DELTA ** 2), theta=[round(float(x), 6) for x in t],
          **{k: float(np.exp(v) if k in "E A B C eps".split() else v) for k, v in zip(names, t)})))

if __name__ == "__main__": main()
