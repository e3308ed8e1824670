//! Made-up runs whose truth is known, over three designs: of some truths a law has the form, of others none has. The cheap runs are to be
//! fitted to, the dear ones asked for.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Loss at N and D, nats.
type Truth = fn(f64, f64) -> f64;

/// What losses may follow. Of some no law here has the form.
const TRUTHS: [(&str, Truth); 7] = [
    ("chinchilla", |n, d| 1.82 + 482.0 / n.powf(0.348) + 2085.0 / d.powf(0.366)),
    ("skaling", |n, d| 1.6 + (6e4 / n.powf(0.62) + 2.4e5 / d.powf(0.6)).powf(0.45)),
    ("over-training", |n, d| {
        let (ratio, flops) = ((d / n).powf(0.19), (6.0 * n * d).powf(-0.19));
        1.75 + (900.0 * ratio + 2300.0 / ratio) * flops
    }),
    ("no floor", |n, d| ((8.8e13 / n).powf(0.8) + 5.4e13 / d).powf(0.095)),
    // Two ways of learning, one of which is soon at its end.
    ("two powers", |n, d| 1.5 + 6e3 / n.powf(0.55) + 14.0 / n.powf(0.15) + 1500.0 / d.powf(0.36)),
    // The exponent of N changes at 1B.
    ("broken", |n, d| 1.8 + 410.0 / n.powf(0.34) * (1.0 + (n / 1e9).powi(2)).powf(0.04) + 2085.0 / d.powf(0.366)),
    // Settings that suit small runs suit large ones less and less.
    ("ill-tuned", |n, d| {
        let far = (n * d / 1e17).ln().max(0.0);
        (1.82 + 482.0 / n.powf(0.348) + 2085.0 / d.powf(0.366)) * (1.0 + 4e-4 * far * far)
    }),
];

/// Standard deviations of ln L between seeds.
const NOISE: [f64; 2] = [0.001, 0.005];
const SEEDS: u64 = 3;

/// Size, tokens and loss.
pub type Run = [f64; 3];

/// Runs of one truth over one design.
pub struct Set {
    pub truth: &'static str,
    pub design: &'static str,
    /// Standard deviation of ln L between seeds.
    pub noise: f64,
    pub seed: u64,
    pub cheap: Vec<Run>,
    pub dear: Vec<Run>,
}

pub fn all() -> Vec<Set> {
    let mut sets = Vec::new();
    for (name, loss) in TRUTHS {
        for (design, cheap, dear) in designs() {
            for (at, noise) in NOISE.into_iter().enumerate() {
                for seed in 0..SEEDS {
                    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed + 100 * at as u64);
                    let mut run = |(n, d): &(f64, f64)| [*n, *d, loss(*n, *d) * (noise * normal(&mut random)).exp()];
                    let (cheap, dear) = (cheap.iter().map(&mut run).collect(), dear.iter().map(&mut run).collect());
                    sets.push(Set { truth: name, design, noise, seed, cheap, dear });
                }
            }
        }
    }
    sets
}

type Places = Vec<(f64, f64)>;

/// Where runs are, and where they are wanted: isoFLOP curves, every size with every count of tokens, and few tokens a parameter.
fn designs() -> [(&'static str, Places, Places); 3] {
    let budget = |k: i32| 6e18 * 2f64.powi(k);
    let curve = |k: i32| {
        let middle = (budget(k) / 120.0).sqrt();
        (-3..=3).map(move |j| (middle * 2f64.powf(0.5 * f64::from(j)), budget(k))).map(|(n, c)| (n, c / (6.0 * n)))
    };
    let grid = |sizes: std::ops::RangeInclusive<i32>, tokens: std::ops::RangeInclusive<i32>| {
        sizes.flat_map(move |k| tokens.clone().map(move |j| (5e7 * 2f64.powi(k), 2e9 * 2f64.powi(j)))).collect()
    };
    let ladder = |sizes: std::ops::RangeInclusive<i32>| {
        sizes.flat_map(|k| [10.0, 20.0, 40.0].map(|ratio| (6e7 * 2f64.powi(k), ratio * 6e7 * 2f64.powi(k)))).collect()
    };
    [
        ("isoFLOP", (0..5).flat_map(curve).collect(), (7..9).flat_map(curve).collect()),
        ("grid", grid(0..=4, 0..=4), grid(5..=7, 4..=6)),
        ("ladder", ladder(0..=4), ladder(6..=7)),
    ]
}

fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    let mut uniform = || ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}
