#!/usr/bin/env python3
"""How well `mixlaw audit --tokenizer` finds mixtures that are known.

Builds corpora from what is on a Debian machine with Rust's crates (Python's library, Perl's modules, change logs, licences,
manual pages of five languages; sources and documentation of crates), trains byte-level BPE tokenizers on random mixtures of them
with a trainer of its own, and compares the shares that mixlaw infers from other files of the same corpora. Only Python's standard
library is used. Versions are those of the machine; the digest of each corpus is printed, so that two runs can be compared.

    python3 examples/tokenizer/known.py --mixlaw target/release/mixlaw --out /tmp/known

With --by-package, no package (crate, module, manual section) is in both halves, so that the samples differ from what was trained on.
"""

import argparse
import collections
import glob
import gzip
import hashlib
import heapq
import json
import os
import random
import re
import subprocess
import sys

CRATES = os.path.join(os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo")), "registry/src/*/*")
MAN = "/usr/share/man/{}/man*/*.gz"
# Name of the corpus: patterns of its files.
SOURCES = {
    "rust": [CRATES + "/src/**/*.rs"],
    "c": [CRATES + "/**/*.c", CRATES + "/**/*.h"],
    "markdown": [CRATES + "/*.md", CRATES + "/docs/**/*.md"],
    "python": ["/usr/lib/python3*/**/*.py"],
    "perl": ["/usr/share/perl*/**/*.pm", "/usr/lib/*/perl*/**/*.pm"],
    "changelogs": ["/usr/share/doc/*/changelog*.gz"],
    "licences": ["/usr/share/doc/*/copyright"],
    "german": [MAN.format("de")],
    "french": [MAN.format("fr")],
    "japanese": [MAN.format("ja")],
    "russian": [MAN.format("ru")],
}
# GPT-2's rule, with the classes that Python's `re` has.
WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def text_of(path):
    """The beginning of a file, so that a corpus has many."""
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
            return file.read(16_000).decode("utf-8", "ignore")
    except OSError:
        return ""


def package_of(path):
    """The directory that a file's package is: a crate, a module, a package's documentation."""
    parts = path.split("/")
    for mark in ("src", "python3", "doc", "perl5", "perl", "man1", "man2", "man3", "man5", "man7", "man8"):
        for at, part in enumerate(parts[:-1]):
            if part == mark or (mark == "python3" and part.startswith("python3")):
                return "/".join(parts[: at + (3 if mark == "src" and "registry" in parts else 2)])
    return os.path.dirname(path)


def corpora(names, train_bytes, sample_bytes, by_package):
    """For each corpus, text to train on and files to sample from, which have no file in common."""
    found = {}
    for name in names:
        files = sorted({p for pattern in SOURCES[name] for p in glob.glob(pattern, recursive=True) if os.path.isfile(p)})
        key = package_of if by_package else (lambda path: path)
        order = lambda path: hashlib.sha256(os.path.basename(path).encode() + path.encode()).digest()
        files.sort(key=order)
        train, sample, sizes = [], [], [0, 0]
        for path in files:
            half = hashlib.sha256(b"half" + key(path).encode()).digest()[0] % 2
            if sizes[half] >= (train_bytes, sample_bytes)[half]:
                continue
            text = text_of(path)
            sizes[half] += len(text.encode())
            (train, sample)[half].append(text)
        digest = hashlib.sha256("".join(train + sample).encode()).hexdigest()[:12]
        print(f"{name:<11} {sizes[0] / 1e6:6.2f} MB to train on, {sizes[1] / 1e6:6.2f} MB of samples, sha256 {digest}")
        found[name] = ("".join(train).encode(), sample)
    return found


def words_of(data):
    return collections.Counter(WORD.findall(data.decode("utf-8", "ignore")))


def train(counts, merges):
    """Byte-level BPE: merges the most frequent pair, again and again; the smaller pair where two are as frequent."""
    words = [([bytes([b]) for b in word.encode()], count) for word, count in counts.items()]
    pairs, places = collections.Counter(), collections.defaultdict(set)
    for at, (tokens, count) in enumerate(words):
        for pair in zip(tokens, tokens[1:]):
            pairs[pair] += count
            places[pair].add(at)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(heap)
    learned = []
    while heap and len(learned) < merges:
        negative, pair = heapq.heappop(heap)
        if pairs[pair] != -negative:
            if pairs[pair] > 0:
                heapq.heappush(heap, (-pairs[pair], pair))
            continue
        if negative > -2:
            break
        learned.append(pair)
        touched = set()
        for at in places.pop(pair):
            tokens, count = words[at]
            for old in zip(tokens, tokens[1:]):
                pairs[old] -= count
                touched.add(old)
            merged, i = [], 0
            while i < len(tokens):
                if i + 1 < len(tokens) and (tokens[i], tokens[i + 1]) == pair:
                    merged.append(tokens[i] + tokens[i + 1])
                    i += 2
                else:
                    merged.append(tokens[i])
                    i += 1
            words[at] = (merged, count)
            for new in zip(merged, merged[1:]):
                pairs[new] += count
                places[new].add(at)
                touched.add(new)
        for changed in touched:
            if pairs[changed] > 0:
                heapq.heappush(heap, (-pairs[changed], changed))
    return learned


def alphabet():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixlaw", default="mixlaw")
    parser.add_argument("--out", required=True, help="directory for samples and tokenizers")
    parser.add_argument("--corpora", default=",".join(SOURCES))
    parser.add_argument("--mixtures", type=int, default=8)
    parser.add_argument("--merges", type=int, default=3000)
    parser.add_argument("--train-mb", type=float, default=4, help="of each mixture")
    parser.add_argument("--sample-mb", type=float, default=1, help="of each corpus")
    parser.add_argument("--resamples", type=int, default=20)
    parser.add_argument("--by-package", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    names = args.corpora.split(",")
    total = int(args.train_mb * 1e6)
    found = corpora(names, total, int(args.sample_mb * 1e6), args.by_package)
    samples = os.path.join(args.out, "samples")
    for name, (_, documents) in found.items():
        os.makedirs(samples, exist_ok=True)
        with open(os.path.join(samples, name + ".jsonl"), "w") as file:
            file.writelines(json.dumps({"text": document}) + "\n" for document in documents)
    letters, draw = alphabet(), random.Random(args.seed)
    errors, uniform, inside, ranges = [], [], 0, 0
    for index in range(args.mixtures):
        gaps = [draw.expovariate(1) for _ in names]
        shares, counts, sizes = {n: g / sum(gaps) for n, g in zip(names, gaps)}, collections.Counter(), {}
        for name, share in shares.items():
            part = found[name][0][: int(share * total)]
            sizes[name] = len(part)
            counts.update(words_of(part))
        truth = {n: size / sum(sizes.values()) for n, size in sizes.items()}
        path = os.path.join(args.out, f"merges-{index}.txt")
        with open(path, "w") as file:
            file.write("#version: 0.2\n")
            for pair in train(counts, args.merges):
                file.write(" ".join("".join(letters[b] for b in token) for token in pair) + "\n")
        command = [args.mixlaw, "audit", "--tokenizer", path, "--samples", samples, "--json"]
        answer = json.loads(subprocess.check_output(command + ["--resamples", str(args.resamples), "--merges", str(args.merges)]))
        said = {s["corpus"]: s for s in answer["shares"]}
        error = sum(abs(said[n]["share"] - truth[n]) for n in names) / len(names)
        errors.append(error)
        uniform.append(sum(abs(1 / len(names) - truth[n]) for n in names) / len(names))
        if args.resamples:
            inside += sum(said[n]["low"] <= truth[n] <= said[n]["high"] for n in names)
            ranges += len(names)
        print(f"mixture {index}: mean absolute error {100 * error:.2f} % (equal shares {100 * uniform[-1]:.2f} %), agreement {answer['agreement']:.3f}")
        print("  " + ", ".join(f"{n} {100 * truth[n]:.1f} → {100 * said[n]['share']:.1f}" for n in names))
        sys.stdout.flush()
    mean = lambda values: 100 * sum(values) / len(values)
    print(f"mean absolute error of a share: {mean(errors):.2f} % of weight; of equal shares {mean(uniform):.2f} %", end="")
    print(f"; truth inside the 90 % range: {100 * inside / ranges:.0f} % of {ranges}" if ranges else "")


if __name__ == "__main__":
    main()
