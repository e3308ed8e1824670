"""Online rules in plain Python, written from the papers' equations and the rules that are stated in src/advise/online: what
the product's weights are compared with. Writes golden.json beside it: python3 tests/online/reference.py

ADO's smoothing solves the normal equations here, and its line solves by Cramer's rule on sums in another form.
"""
import json, math, os

HERE = os.path.dirname(os.path.abspath(__file__))
RUNS = os.path.join(HERE, "..", "..", "examples", "code-cpt", "runs")


def read(name):
    turns = []
    with open(os.path.join(RUNS, name, "metrics.jsonl")) as lines:
        for line in lines:
            record = json.loads(line)
            found = [record.get("train/prose/loss"), record.get("train/rust/loss")]
            if any(v is not None for v in found):
                turns.append((record["step"], record["step"] * 4096.0, found))
    return turns


def odm(prior, turns):
    k = len(prior)
    total, pi, eps_before, out = [0.0] * k, list(prior), 1.0 / k, []
    for t, (_, _, losses) in enumerate(turns, 1):
        for i in range(k):
            if losses[i] is not None:
                total[i] += (losses[i] / 10.0) / (pi[i] if pi[i] > 0 else eps_before)
        eps = min(1.0 / k, math.sqrt(math.log(k) / (k * t)))
        top = max(total)
        e = [math.exp(eps_before * (r - top)) for r in total]
        w = [(1 - k * eps) * x / sum(e) + eps for x in e]
        pi, eps_before = [x / sum(w) for x in w], eps
        out.append(pi)
    return out


def aioli(prior, turns, size=10, eta=0.2):
    p, out, last = list(prior), [], None
    for i in range(len(turns)):
        if (i + 1) % size == 0:
            mean = []
            for j in range(len(p)):
                v = [t[2][j] for t in turns[i + 1 - size : i + 1] if t[2][j] is not None]
                mean.append(math.fsum(v) / len(v) if v else None)
            if last is not None:
                a = [0.0 if last[j] is None or mean[j] is None else -(mean[j] - last[j]) / max(p[j], 0.01) for j in range(len(p))]
                p = [p[j] * math.exp(eta * a[j]) for j in range(len(p))]
                p = [x / math.fsum(p) for x in p]
            last = mean
        out.append(list(p))
    return out


def solve(matrix, right):
    """Gauss with pivots."""
    n = len(right)
    m = [list(row) + [right[i]] for i, row in enumerate(matrix)]
    for c in range(n):
        pivot = max(range(c, n), key=lambda r: abs(m[r][c]))
        m[c], m[pivot] = m[pivot], m[c]
        for r in range(c + 1, n):
            f = m[r][c] / m[c][c]
            for j in range(c, n + 1):
                m[r][j] -= f * m[c][j]
    x = [0.0] * n
    for c in reversed(range(n)):
        x[c] = (m[c][n] - math.fsum(m[c][j] * x[j] for j in range(c + 1, n))) / m[c][c]
    return x


def smooth(values):
    n = len(values)
    window = min(101, n if n % 2 else n - 1)
    if window <= 4:
        return list(values)
    half, out = window // 2, []
    for i in range(n):
        start = max(0, min(i - half, n - window))
        xs = [(j - half) / half for j in range(window)]
        gram = [[math.fsum(x ** (r + c) for x in xs) for c in range(4)] for r in range(4)]
        rhs = [math.fsum(x**r * values[start + j] for j, x in enumerate(xs)) for r in range(4)]
        c = solve(gram, rhs)
        at = (i - start - half) / half
        out.append(math.fsum(c[r] * at**r for r in range(4)))
    return out


def power_law(points):
    if len(points) < 10:
        return None
    level = smooth([p[1] for p in points])
    stride = min(max(len(points) // 20, 1), 10)
    used = list(range(len(points) - 1, -1, -stride))
    n, y = [points[i][0] for i in used], [level[i] for i in used]
    least, most, best = min(math.exp(0.5), 0.5 * min(y)), math.exp(6.5), None
    for g in range(160):
        alpha = 1e-3 * (0.8 / 1e-3) ** (g / 159.0)
        x = [v**-alpha for v in n]
        w = [1.0] * len(x)
        for _ in range(25):
            q = [w[i] / y[i] ** 2 for i in range(len(x))]
            s, sx, sxx = math.fsum(q), math.fsum(q[i] * x[i] for i in range(len(x))), math.fsum(q[i] * x[i] ** 2 for i in range(len(x)))
            sy, sxy = math.fsum(q[i] * y[i] for i in range(len(x))), math.fsum(q[i] * x[i] * y[i] for i in range(len(x)))
            mean = sx / s
            spread = math.fsum(q[i] * (x[i] - mean) ** 2 for i in range(len(x)))
            if s * spread > 1e-14 * s * sxx:
                factor = math.fsum(q[i] * (x[i] - mean) * y[i] for i in range(len(x))) / spread
                floor = sy / s - factor * mean
            else:
                floor, factor = sy / s, 0.0
            if floor < least:
                floor = least
                factor = (sxy - floor * sx) / sxx
            if factor > most or factor < 0:
                factor = min(max(factor, 0.0), most)
                floor = max((sy - factor * sx) / s, least)
            off = [abs((floor + factor * x[i]) / y[i] - 1) for i in range(len(x))]
            w = [1.0 if o <= 1e-3 else 1e-3 / o for o in off]
        objective = math.fsum(0.5 * o * o if o <= 1e-3 else 1e-3 * (o - 5e-4) for o in off) / len(x)
        if best is None or objective < best[0]:
            best = (objective, alpha, floor, factor)
    return best[1:]


def ado(prior, turns):
    k = len(prior)
    pi, h, history, laws, fitted, out = list(prior), list(prior), [list(prior)], None, 0, []
    for i, (_, n, _) in enumerate(turns):
        t = i + 1
        if t >= 20 and (laws is None or t >= fitted + max(10, fitted // 10)):
            laws = [power_law([(u[1], u[2][d]) for u in turns[:t] if u[2][d] is not None and u[1] > 0]) for d in range(k)]
            fitted = t
        if laws is not None and n > 0:
            rho = []
            for d in range(k):
                if laws[d] is None:
                    rho.append(0.0)
                    continue
                alpha, floor, factor = laws[d]
                loss = floor + factor * n**-alpha
                rho.append(prior[d] * math.sqrt(h[d]) * max(alpha, 0.05) * (loss - floor) / n)
            if sum(rho) > 0:
                rho = [max(r / math.fsum(rho), 0.01) for r in rho]
                rho = [r / math.fsum(rho) for r in rho]
                mean = [math.fsum(p[d] for p in history) / len(history) for d in range(k)]
                pi = [0.9 * mean[d] + 0.1 * rho[d] for d in range(k)]
        h = [0.9 * h[d] + 0.1 * pi[d] for d in range(k)]
        history.append(list(pi))
        out.append(list(pi))
    return out


if __name__ == "__main__":
    golden = {}
    for name, rust in [("n25k-r020", 0.2), ("n99k-r050", 0.5), ("n333k-r080", 0.8), ("n590k-r033", 0.33), ("n99k-r000", 0.0)]:
        prior = [1 - rust, rust]
        turns = read(name)
        golden[name] = {"prior": prior, "turns": turns, "odm": odm(prior, turns), "ado": ado(prior, turns), "aioli": aioli(prior, turns)}
    with open(os.path.join(HERE, "golden.json"), "w") as f:
        json.dump(golden, f)
        f.write("\n")
