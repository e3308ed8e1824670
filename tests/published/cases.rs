//! A table and a law, and the least objective that SciPy has found for them: `cargo bench --bench optimum`.

use super::board::SLIMPAJAMA;
use super::{chinchilla, farseer, mixing_laws, observations, plain, pooled, regmix, routing, slimpajama};
use mixlaw::vocab::{Observation, Observations};

/// One table fitted with one law.
pub struct Case {
    /// The table.
    pub table: &'static str,
    /// The law.
    pub law: &'static str,
    /// The rows, where the table is there.
    pub rows: fn() -> Option<Observations>,
    /// SciPy 1.17.1's least sum of Huber(1e-3) on log loss over 320 starts; NaN where it has not been run.
    pub scipy: f64,
}

const fn case(table: &'static str, law: &'static str, rows: fn() -> Option<Observations>, scipy: f64) -> Case {
    Case { table, law, rows, scipy }
}

/// Every case. Where SciPy's gradients are written by hand (`optimum.py`), its 320 starts took one to fifteen minutes on one core.
/// Of the joint law it found no optimum twice, and its best lies above mixlaw's; of capacity on c4 mixlaw finds what is recorded
/// from one seed of six, and one that is 0.05 % higher, SciPy's third, from the others.
///
/// Laws that are not least Huber losses found by searching have no case: `regmix-linear` is solved for in closed form,
/// `regmix-trees` grows trees, `mixing-nested` and `general-loss` solve for one curve after another by least squares, and the
/// step law is published constants.
pub static ALL: &[Case] = &[
    case("chinchilla", "chinchilla", chinchilla, 1.018_274_018e-3),
    case("chinchilla", "skaling", chinchilla, 9.541_845_003e-4),
    case("chinchilla", "over-training", chinchilla, 1.022_174_894e-3),
    case("farseer", "chinchilla", || farseer("train"), 2.488_410_811e-3),
    case("farseer", "skaling", || farseer("train"), 5.825_715_191e-4),
    case("farseer", "over-training", || farseer("train"), 2.497_632_199e-3),
    case("slimpajama github", "chinchilla", || slimpajama("github", |_| true), 1.221_066_062e-1),
    case("slimpajama github", "dcpt", || slimpajama("github", |_| true), 5.219_105_238e-2),
    case("slimpajama github", "bimix", || slimpajama("github", |_| true), 1.135_990_735e-1),
    case("slimpajama github", "exponential", || slimpajama("github", |_| true), 2.577_541_713e-2),
    case("slimpajama github", "additive", || slimpajama("github", |_| true), 2.170_829_450e-2),
    case("slimpajama github", "joint", || slimpajama("github", |_| true), 1.970_531_016e-2),
    case("slimpajama c4", "dcpt", || slimpajama("c4", |_| true), 2.487_898_828e-2),
    case("slimpajama c4", "exponential", || slimpajama("c4", |_| true), 1.133_144_219e-2),
    case("slimpajama c4", "additive", || slimpajama("c4", |_| true), 1.005_745_499e-2),
    case("slimpajama c4", "joint", || slimpajama("c4", |_| true), 1.011_945_737e-2),
    case("slimpajama github", "capacity", || slimpajama("github", |_| true), 1.144_587_032e-1),
    case("slimpajama c4", "capacity", || slimpajama("c4", |_| true), 7.248_924_938e-2),
    case("slimpajama, seven", "dcpt-cross", seven_of_slimpajama, 1.475_997_703e-1),
    case("regmix 0", "mixing-implicit", || regmix("train", 0), 1.334_742_021e-2),
    case("regmix 3", "mixing-implicit", || regmix("train", 3), 5.095_539_594e-3),
    case("regmix 0", "mixing", || regmix("train", 0), 3.174_404_915e-2),
    case("regmix 0", "log-linear", || regmix("train", 0), 2.675_925_347e-2),
    case("regmix 3", "mixing", || regmix("train", 3), 1.231_761_237e-2),
    case("regmix 3", "log-linear", || regmix("train", 3), 1.022_427_783e-2),
    case("five domains", "mixing", || mixing_laws("five_domains", "Github", last_of_160m), 2.253_979_214e-4),
    case("five domains", "log-linear", || mixing_laws("five_domains", "Github", last_of_160m), 2.226_202_728e-4),
    case("two domains", "mixing", || mixing_laws("two_domains", "Github", last_of_160m), 5.373_429_877e-6),
    case("two domains", "critical-ratio", || mixing_laws("two_domains", "Github", last_of_160m), 1.215_366_068e-5),
    case("two domains", "bimix", || mixing_laws("two_domains", "Github", |n, _| n == "160M"), 3.234_259_201e-4),
    case("two domains", "dcpt", || mixing_laws("two_domains", "Github", |_, _| true), 5.701_758_900e-4),
    case("two domains, both", "dcpt-cross", both_of_two_domains, 9.985_405_003e-4),
    case("routing S-Base", "routed", || routing("S-Base"), 2.014_134_254e-4),
    case("routing Hash", "routed", || routing("Hash"), 1.808_774_980e-4),
    case("drawn", "joint-moe", || Some(drawn(joint_moe)), 6.215_926_858e-5),
    case("drawn", "fine-grained", || Some(drawn(fine_grained)), 6.454_708_984e-5),
    case("drawn", "sparsity", || Some(drawn(sparsity)), 6.335_211_687e-5),
];

/// The seven losses of the two smaller sizes, each with the ratio of its own domain.
fn seven_of_slimpajama() -> Option<Observations> {
    pooled(SLIMPAJAMA.map(|target| slimpajama(target, |n| n < 4e8)))
}

fn both_of_two_domains() -> Option<Observations> {
    pooled(["Github", "Pile-CC"].map(|valid| mixing_laws("two_domains", valid, |_, _| true)))
}

fn last_of_160m(size: &str, step: f64) -> bool {
    size == "160M" && step == 30000.0
}

/// Rows of a published law with 3e-3 of noise, over sizes, tokens, experts and granularities: for laws without a
/// published table.
fn drawn(ln_loss: fn(&Observation) -> f64) -> Observations {
    let mut state: u64 = 7;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut rows = Vec::new();
    for n in [1e8, 3e8, 1e9, 3e9] {
        for d in [5e9, 2e10, 8e10] {
            for (experts, granularity) in [(1.0, 1.0), (4.0, 1.0), (8.0, 4.0), (32.0, 1.0), (64.0, 8.0), (128.0, 16.0)]
            {
                let mut row = plain(n, d, vec![1.0], f64::NAN, rows.len());
                (row.experts, row.granularity) = (experts, granularity);
                row.loss = ln_loss(&row).exp() * (1.0 + 3e-3 * (next() + next() + next() - 1.5));
                rows.push(row);
            }
        }
    }
    observations("loss", vec!["text".to_owned()], Some(0), rows)
}

/// 2502.05172, table of coefficients.
fn joint_moe(row: &Observation) -> f64 {
    let (start, most) = (2.0732, 290.4521);
    let e = -(1.0 / (row.experts - 1.0 + 1.0 / (1.0 / start - 1.0 / most)) + 1.0 / most).ln();
    let (n, d) = (row.active_params.ln(), row.tokens.ln());
    let size = 35.91 * (-0.2285 * e + (-0.1889 + 0.0098 * e) * n).exp();
    (size + 35.98 * (0.5529 * e + (-0.1775 - 0.0259 * e) * d).exp() + 1.3637).ln()
}

/// 2402.07871, with its amplitudes rescaled from millions of parameters and billions of tokens to none.
fn fine_grained(row: &Observation) -> f64 {
    let size = (2.1 / row.granularity.powf(0.58) + 18.1) / row.params.powf(0.115);
    (0.47 + size + 30.8 / row.tokens.powf(0.147)).ln()
}

/// 2501.12370.
fn sparsity(row: &Observation) -> f64 {
    let active = row.experts_per_token / row.experts;
    let (n, d) = (row.params, row.tokens);
    let idle = 0.4598 * active.powf(0.1666) + 17.26 / (active.powf(0.1603) * n.powf(0.1595));
    (16612.5 / n.powf(0.5962) + 5455.67 / d.powf(0.3954) + idle + 0.94).ln()
}
