//! Records small two-phase runs, tails and merged models, with a byte-level model that needs nothing but a compiler:
//!
//! ```sh
//! rustc --edition 2024 -O -C target-cpu=native -o /tmp/record examples/two-phase/record.rs
//! /tmp/record OUT DIRECTORY…          # prose from *.md, rust from *.rs, python from *.py under the directories
//! ```
//!
//! * `OUT/runs/`: 40 runs, the first 80 % on one mixture of the three corpora, the last 20 % on another; five of them are
//!   repeats with another seed.
//! * `OUT/tails/`: one model trained for 80 % on equal shares, then for 20 % on equal shares, or half on one corpus: three
//!   seeds each.
//! * `OUT/merged.csv`: models that are weighted means of three tails, each on one corpus: weights and losses; `OUT/real/`:
//!   tails that were trained on the same 18 mixtures.
//!
//! A step is 256 bytes at random places; the model sees the eight bytes before (embeddings, one hidden layer). Eight seconds a
//! run on one core.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const NAMES: [&str; 3] = ["prose", "rust", "python"];
const ENDINGS: [&str; 3] = ["md", "rs", "py"];
/// Bytes of a corpus, and those at its end that are held out.
const CORPUS: usize = 4 << 20;
const HELD_OUT: usize = 1 << 19;
const CONTEXT: usize = 8;
const WIDTH: usize = 12;
const INPUT: usize = CONTEXT * WIDTH;
const HIDDEN: usize = 96;
const BATCH: usize = 256;
const STEPS: usize = 1200;
const TAIL: usize = 240;
const EVALUATED: usize = 6144;
/// Weights: embeddings, the hidden layer, the output.
const SIZES: [usize; 5] = [256 * WIDTH, INPUT * HIDDEN, HIDDEN, HIDDEN * 256, 256];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A mixture, uniform on the simplex.
    fn mixture(&mut self) -> [f64; 3] {
        let drawn: [f64; 3] = std::array::from_fn(|_| -(1.0 - self.unit()).ln());
        let sum: f64 = drawn.iter().sum();
        drawn.map(|v| (1000.0 * v / sum).round() / 1000.0)
    }
}

#[derive(Clone)]
struct Model {
    weights: Vec<Vec<f32>>,
    /// Adam's moments.
    first: Vec<Vec<f32>>,
    second: Vec<Vec<f32>>,
    step: usize,
}

impl Model {
    fn new(random: &mut Random) -> Self {
        let zero = || SIZES.iter().map(|n| vec![0.0; *n]).collect::<Vec<Vec<f32>>>();
        let mut weights = zero();
        for (at, scale) in [(0, 0.3), (1, 1.0 / (INPUT as f64).sqrt()), (3, 1.0 / (HIDDEN as f64).sqrt())] {
            weights[at].iter_mut().for_each(|w| *w = (3f64.sqrt() * scale * (2.0 * random.unit() - 1.0)) as f32);
        }
        Self { weights, first: zero(), second: zero(), step: 0 }
    }

    /// Loss of positions in a text, nats per byte; adds gradients where they are wanted.
    fn loss(&self, text: &[u8], positions: &[usize], mut gradient: Option<&mut Vec<Vec<f32>>>) -> f64 {
        let [embedding, inner, bias, outer, last] = [0, 1, 2, 3, 4].map(|i| &self.weights[i]);
        let mut total = 0.0;
        let (mut x, mut h, mut y) = (vec![0f32; INPUT], vec![0f32; HIDDEN], vec![0f32; 256]);
        let (mut dx, mut dh) = (vec![0f32; INPUT], vec![0f32; HIDDEN]);
        for &at in positions {
            for c in 0..CONTEXT {
                let byte = text[at - 1 - c] as usize;
                x[c * WIDTH..(c + 1) * WIDTH].copy_from_slice(&embedding[byte * WIDTH..(byte + 1) * WIDTH]);
            }
            h.copy_from_slice(bias);
            for (i, x) in x.iter().enumerate() {
                h.iter_mut().zip(&inner[i * HIDDEN..(i + 1) * HIDDEN]).for_each(|(h, w)| *h += x * w);
            }
            h.iter_mut().for_each(|h| *h = h.max(0.0));
            y.copy_from_slice(last);
            for (i, h) in h.iter().enumerate().filter(|(_, h)| **h > 0.0) {
                y.iter_mut().zip(&outer[i * 256..(i + 1) * 256]).for_each(|(y, w)| *y += h * w);
            }
            let most = y.iter().copied().fold(f32::MIN, f32::max);
            y.iter_mut().for_each(|y| *y = (*y - most).exp());
            let sum: f32 = y.iter().sum();
            y.iter_mut().for_each(|y| *y /= sum);
            let target = text[at] as usize;
            total -= f64::from(y[target].max(1e-30)).ln();
            let Some(g) = gradient.as_deref_mut() else { continue };
            y[target] -= 1.0;
            let scale = 1.0 / positions.len() as f32;
            y.iter_mut().for_each(|y| *y *= scale);
            g[4].iter_mut().zip(&y).for_each(|(g, y)| *g += y);
            for i in 0..HIDDEN {
                dh[i] = 0.0;
                if h[i] > 0.0 {
                    let row = i * 256..(i + 1) * 256;
                    dh[i] = y.iter().zip(&outer[row.clone()]).map(|(y, w)| y * w).sum();
                    let up = h[i];
                    g[3][row].iter_mut().zip(&y).for_each(|(g, y)| *g += up * y);
                }
            }
            g[2].iter_mut().zip(&dh).for_each(|(g, d)| *g += d);
            for i in 0..INPUT {
                let row = i * HIDDEN..(i + 1) * HIDDEN;
                dx[i] = dh.iter().zip(&inner[row.clone()]).map(|(d, w)| d * w).sum();
                let up = x[i];
                g[1][row].iter_mut().zip(&dh).for_each(|(g, d)| *g += up * d);
            }
            for c in 0..CONTEXT {
                let byte = text[at - 1 - c] as usize;
                let to = &mut g[0][byte * WIDTH..(byte + 1) * WIDTH];
                to.iter_mut().zip(&dx[c * WIDTH..]).for_each(|(g, d)| *g += d);
            }
        }
        total / positions.len() as f64
    }

    fn update(&mut self, gradient: &[Vec<f32>], rate: f32) {
        self.step += 1;
        let (a, b) = (1.0 - 0.9f32.powi(self.step as i32), 1.0 - 0.99f32.powi(self.step as i32));
        for (part, g) in gradient.iter().enumerate() {
            for (i, g) in g.iter().enumerate() {
                let first = &mut self.first[part][i];
                *first = 0.9 * *first + 0.1 * g;
                let second = &mut self.second[part][i];
                *second = 0.99 * *second + 0.01 * g * g;
                self.weights[part][i] -= rate * (*first / a) / ((*second / b).sqrt() + 1e-8);
            }
        }
    }
}

fn corpus(roots: &[PathBuf], ending: &str) -> Vec<u8> {
    fn walk(at: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(at) else { return };
        for path in entries.flatten().map(|e| e.path()).filter(|p| !p.is_symlink()) {
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    roots.iter().for_each(|root| walk(root, ending, &mut files));
    files.sort();
    // Files in no order, so that what is held out is like the rest.
    let mut random = Random(7);
    for i in (1..files.len()).rev() {
        files.swap(i, (random.next() % (i as u64 + 1)) as usize);
    }
    let mut text = Vec::with_capacity(CORPUS);
    for file in files {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        // Tables of numbers are no code, and one file is not a tenth of a corpus.
        if (500..CORPUS / 20).contains(&bytes.len()) {
            text.extend_from_slice(&bytes);
        }
        if text.len() >= CORPUS {
            break;
        }
    }
    text.truncate(CORPUS);
    assert!(text.len() > 4 * HELD_OUT, "only {} bytes of *.{ending}", text.len());
    text
}

struct World {
    corpora: Vec<Vec<u8>>,
}

impl World {
    fn evaluate(&self, model: &Model) -> [f64; 3] {
        std::array::from_fn(|c| {
            let text = &self.corpora[c];
            let from = text.len() - HELD_OUT + CONTEXT;
            let positions: Vec<usize> = (0..EVALUATED).map(|i| from + i * ((HELD_OUT - CONTEXT) / EVALUATED)).collect();
            model.loss(text, &positions, None)
        })
    }

    /// Trains on a mixture by step from `from` to `to`, and writes a log. The learning rate is a cosine of all steps.
    fn train(
        &self,
        model: &mut Model,
        (from, to): (usize, usize),
        mixture: impl Fn(usize) -> [f64; 3],
        random: &mut Random,
        log: &mut String,
    ) {
        let mut gradient: Vec<Vec<f32>> = SIZES.iter().map(|n| vec![0.0; *n]).collect();
        for step in from..to {
            gradient.iter_mut().for_each(|g| g.fill(0.0));
            let weights = mixture(step);
            let mut count = [0usize; 3];
            for _ in 0..BATCH {
                let at = random.unit() * weights.iter().sum::<f64>();
                let corpus = if at < weights[0] { 0 } else if at < weights[0] + weights[1] { 1 } else { 2 };
                count[corpus] += 1;
            }
            let mut loss = 0.0;
            for (c, text) in self.corpora.iter().enumerate().filter(|(c, _)| count[*c] > 0) {
                let most = (text.len() - HELD_OUT - CONTEXT) as u64;
                let positions: Vec<usize> = (0..count[c]).map(|_| CONTEXT + (random.next() % most) as usize).collect();
                let mut own: Vec<Vec<f32>> = SIZES.iter().map(|n| vec![0.0; *n]).collect();
                let part = count[c] as f32 / BATCH as f32;
                loss += f64::from(part) * model.loss(text, &positions, Some(&mut own));
                let both = gradient.iter_mut().flatten().zip(own.iter().flatten());
                both.for_each(|(all, own)| *all += part * own);
            }
            let done = step as f64 / STEPS as f64;
            let warm = ((step + 1) as f64 / 50.0).min(1.0);
            let rate = 4e-3 * warm * (0.55 + 0.45 * (std::f64::consts::PI * done).cos());
            model.update(&gradient, rate as f32);
            let now = step + 1;
            if now % 300 == 0 || now == STEPS {
                let [a, b, c] = self.evaluate(model);
                let _ = writeln!(
                    log,
                    "{{\"step\": {now}, \"train/loss\": {loss:.4}, \"eval/prose/loss\": {a:.5}, \"eval/rust/loss\": {b:.5}, \"eval/python/loss\": {c:.5}}}"
                );
            } else if now % 60 == 0 {
                let _ = writeln!(log, "{{\"step\": {now}, \"train/loss\": {loss:.4}}}");
            }
        }
    }
}

fn weights(mixture: &[f64; 3]) -> String {
    let parts: Vec<String> = NAMES.iter().zip(mixture).map(|(name, w)| format!("{name}: {w:.4}")).collect();
    format!("{{ {} }}", parts.join(", "))
}

fn whole(mixture: [f64; 3]) -> [f64; 3] {
    let sum: f64 = mixture.iter().sum();
    mixture.map(|w| w / sum)
}

fn write(out: &Path, name: &str, facts: &str, log: &str) {
    let folder = out.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let params: usize = SIZES[1..4].iter().sum();
    let facts = format!("params: {params}\nbatch_tokens: {BATCH}\nplanned_steps: {STEPS}\n{facts}");
    std::fs::write(folder.join("mixlaw.run.yaml"), facts).unwrap();
    std::fs::write(folder.join("metrics.jsonl"), log).unwrap();
    println!("{name}");
}

fn phases(first: &[f64; 3], second: &[f64; 3]) -> String {
    format!("phases:\n  - until: 80%\n    mixture: {}\n  - mixture: {}\n", weights(first), weights(second))
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let out = arguments.next().expect("OUT DIRECTORY…");
    let roots: Vec<PathBuf> = arguments.collect();
    let world = World { corpora: ENDINGS.iter().map(|ending| corpus(&roots, ending)).collect() };
    let split = STEPS - TAIL;
    let third = [1.0 / 3.0; 3];

    // One model for 80 % on equal shares, and what follows from it.
    let mut random = Random(1);
    let (mut base, mut head) = (Model::new(&mut random), String::new());
    world.train(&mut base, (0, split), |_| third, &mut random, &mut head);
    let tail = |mixture: [f64; 3], seed: u64| {
        let (mut model, mut random, mut log) = (base.clone(), Random(seed), String::new());
        world.train(&mut model, (split, STEPS), |_| mixture, &mut random, &mut log);
        (model, log)
    };
    let half = |corpus: usize| std::array::from_fn(|c| if c == corpus { 0.5 + 0.5 / 3.0 } else { 0.5 / 3.0 });
    for seed in 0..3 {
        for (name, mixture) in [("base", third), ("prose", half(0)), ("rust", half(1)), ("python", half(2))] {
            let (_, log) = tail(mixture, 100 + seed);
            let facts = format!("seed: {seed}\ninit_from: base\n{}", phases(&third, &mixture));
            write(&out.join("tails"), &format!("{name}_{seed}"), &facts, &log);
        }
    }
    let branches: Vec<Model> =
        (0..3).map(|c| tail(std::array::from_fn(|i| f64::from(u8::from(i == c))), 200 + c as u64).0).collect();
    let mut table = "w_prose,w_rust,w_python,loss_prose,loss_rust,loss_python\n".to_owned();
    let mut drawn = Random(5);
    for index in 0..18 {
        let mixture = whole(drawn.mixture());
        let mut merged = base.clone();
        for part in 0..SIZES.len() {
            for i in 0..SIZES[part] {
                merged.weights[part][i] = (0..3).map(|c| mixture[c] as f32 * branches[c].weights[part][i]).sum();
            }
        }
        let [a, b, c] = world.evaluate(&merged);
        let [p, r, y] = mixture;
        let _ = writeln!(table, "{p:.4},{r:.4},{y:.4},{a:.5},{b:.5},{c:.5}");
        let (_, log) = tail(mixture, 300 + index);
        let facts = format!("seed: {index}\ninit_from: base\nmixture: {}\n", weights(&mixture));
        write(&out.join("real"), &format!("m{index:02}"), &facts, &log);
    }
    std::fs::write(out.join("merged.csv"), table).unwrap();

    // Two phases, from the beginning.
    let mut designs = Random(3);
    let mut all: Vec<([f64; 3], [f64; 3])> =
        (0..35).map(|_| (whole(designs.mixture()), whole(designs.mixture()))).collect();
    all.extend_from_within(..5);
    for (index, (first, second)) in all.iter().enumerate() {
        let mut random = Random(1000 + index as u64);
        let (mut model, mut log) = (Model::new(&mut random), String::new());
        world.train(&mut model, (0, STEPS), |step| if step < split { *first } else { *second }, &mut random, &mut log);
        let facts = format!("seed: {index}\n{}", phases(first, second));
        write(&out.join("runs"), &format!("p{index:02}"), &facts, &log);
    }
}
