#!/usr/bin/env python3
"""How well `mixlaw audit --tokenizer` finds mixtures that are known.

Builds corpora from what is on a Debian machine with Rust's crates (Python's library, Perl's modules, change logs, licences,
manual pages of four languages, C headers; sources and documentation of crates), trains byte-level BPE tokenizers on random mixtures
of them with a trainer of its own, and compares the shares that mixlaw infers from other files of the same corpora. Only Python's
standard library is used. Manual pages in other languages are few until they are installed:

    apt-get install --no-install-recommends manpages-de manpages-de-dev manpages-fr manpages-fr-dev manpages-ja manpages-ja-dev \\
        manpages-ru perl-doc
    python3 examples/tokenizer/known.py --mixlaw target/release/mixlaw --out /tmp/known

Versions are those of the machine; they and the digest of each corpus are printed, so that two runs can be compared. No text is in both
the samples and what was trained on. With --by-package, neither is any package (a crate of whatever version, a module, a section of the
manual, what Debian builds from one source), so that the samples differ in subject from what was trained on.
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
    "c": [CRATES + "/**/*.c", CRATES + "/**/*.h", "/usr/include/**/*.h"],
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
# Packages whose versions are printed.
VERSIONS = ["python3", "perl-base", "libc6-dev", "manpages-de", "manpages-fr", "manpages-ja", "manpages-ru", "perl-doc"]
# What a path says of its package: the first group that is there.
PACKAGE = [
    re.compile(r"/registry/src/[^/]+/(.+?)-\d+\.[^/]*/"),
    re.compile(r"/usr/share/man/[^/]+/(man\d)"),
    re.compile(r"/python3[^/]*/(?:dist-packages/)?([^/]+?)(?:\.py)?(?:/|$)"),
    re.compile(r"/perl(?:5|-base)?/(?:5\.[^/]*/)?(?:auto/)?([^/.]+)"),
    re.compile(r"/usr/include/(?:\w+-linux-gnu/)?([^/]+)"),
]
# GPT-2's rule, with the classes that Python's `re` has.
WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def text_of(path):
    """The beginning of a file, so that a corpus has many."""
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
            return file.read(16_000).decode("utf-8", "ignore")
    except OSError:
        return ""


def asked(*command):
    """What a command prints, line by line; nothing where there is no such command or it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    except OSError:
        return []


# Name of a Debian package: that of its source, whose packages share their change log and licence.
SOURCE_OF = dict(line.split() for line in asked("dpkg-query", "-W", "-f", "${Package} ${source:Package}\n"))


def package_of(path):
    """The package that a file belongs to: a crate, a module, a section of the manual, what Debian builds from one source."""
    documentation = re.match(r"/usr/share/doc/([^/]+)/", path)
    if documentation:
        return SOURCE_OF.get(documentation[1], documentation[1])
    found = (pattern.search(path) for pattern in PACKAGE)
    return next((match[1] for match in found if match), os.path.dirname(path))


def halves(packages, wanted):
    """Text to train on and to sample from: each package (texts, in order) goes where less of what is wanted is there."""
    texts, sizes = ([], []), [0, 0]
    for package in packages:
        if min(size / want for size, want in zip(sizes, wanted)) >= 1:
            break
        half = min((0, 1), key=lambda h: sizes[h] / wanted[h])
        for text in package:
            if sizes[half] < wanted[half]:
                texts[half].append(text)
                sizes[half] += len(text.encode())
    return texts, sizes


def corpora(names, train_bytes, sample_bytes, by_package, deal):
    """For each corpus, text to train on and files to sample from, which have no text in common; another `deal`, other files in each."""
    found, seen = {}, set()
    order = lambda text: hashlib.sha256(((f"{deal}:" if deal else "") + text).encode()).digest()
    for name in names:
        files = {os.path.realpath(p) for pattern in SOURCES[name] for p in glob.glob(pattern, recursive=True) if os.path.isfile(p)}
        packages = collections.defaultdict(list)
        for path in sorted(files, key=order):
            text = text_of(path)
            digest = hashlib.sha256(text.encode()).digest()
            # Copies are many: a licence of several packages, a manual page under several names.
            if digest not in seen:
                seen.add(digest)
                packages[package_of(path) if by_package else path].append(text)
        in_order = [packages[key] for key in sorted(packages, key=order)]
        (train, sample), sizes = halves(in_order, (train_bytes, sample_bytes))
        digest = hashlib.sha256("".join(train + sample).encode()).hexdigest()[:12]
        of = f"{len(packages):>4} {'packages' if by_package else 'files'}"
        print(f"{name:<11} {of}: {sizes[0] / 1e6:5.2f} MB to train on, {sizes[1] / 1e6:5.2f} MB of samples, sha256 {digest}")
        if not train or not sample:
            sys.exit(f"{name}: two packages are needed, and there are {len(packages)}; leave it out: --corpora NAME,NAME")
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
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--by-package", action="store_true")
    parser.add_argument("--deal", type=int, default=0, help="of packages or files to what is trained on and to samples")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    names = args.corpora.split(",")
    print("versions: " + ", ".join(asked("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *VERSIONS)))
    total = int(args.train_mb * 1e6)
    found = corpora(names, total, int(args.sample_mb * 1e6), args.by_package, args.deal)
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
        answer = json.loads(subprocess.check_output(command + ["--trials", str(args.trials), "--merges", str(args.merges)]))
        said = {s["corpus"]: s for s in answer["shares"]}
        error = sum(abs(said[n]["share"] - truth[n]) for n in names) / len(names)
        errors.append(error)
        uniform.append(sum(abs(1 / len(names) - truth[n]) for n in names) / len(names))
        if args.trials:
            # Where samples allow no trials there is no range.
            known = [n for n in names if said[n].get("low") is not None]
            inside += sum(said[n]["low"] <= truth[n] <= said[n]["high"] for n in known)
            ranges += len(known)
        print(f"mixture {index}: mean absolute error {100 * error:.2f} % (equal shares {100 * uniform[-1]:.2f} %), agreement {answer['agreement']:.3f}")
        print("  " + ", ".join(f"{n} {100 * truth[n]:.1f} → {100 * said[n]['share']:.1f}" for n in names))
        sys.stdout.flush()
    mean = lambda values: 100 * sum(values) / len(values)
    print(f"mean absolute error of a share: {mean(errors):.2f} % of weight; of equal shares {mean(uniform):.2f} %", end="")
    print(f"; truth inside the 90 % range: {100 * inside / ranges:.0f} % of {ranges}" if ranges else "")


if __name__ == "__main__":
    main()
