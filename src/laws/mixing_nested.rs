//! The data mixing law, nested: every mixture's curve is extrapolated first, and the mixing law is fitted to the ends.
//!
//! For each mixture m, in tokens: Lₘ(D) = cₘ + Aₘ·(D₀/D)^α, α shared by all mixtures of one size. Then, where there are
//! several sizes, at the D asked for: Lₘ(N) = c'ₘ + A'ₘ·(N₀/N)^α', α' shared by all mixtures. Then M4 over the mixtures:
//! L(h) = c + exp(Σⱼ tⱼ·hⱼ). Ye et al., "Data Mixing Laws", arXiv:2403.16952, where D is in steps.
//!
//! Amplitudes are linear and exponents few, so that each stage is solved for by least squares on relative errors; M4 is
//! solved for at every N and D that is asked for.

use super::power::{self, Point};
use super::{Columns, Law, LawInfo, Method, Shape, Solved, Variable, math, needs};
use crate::vocab::Observations;
use crate::vocab::number::show_amount;
use std::collections::BTreeMap;

/// See the [module](self).
#[derive(Debug)]
pub struct MixingNested;

static CARD: LawInfo = LawInfo {
    name: "mixing-nested",
    title: "Data mixing law (M4), nested in step and size laws",
    form: "L = c + exp(Σⱼ tⱼ·hⱼ), fitted to the losses of mixtures m extrapolated by cₘ + Aₘ·(D₀/D)^α, then c'ₘ + A'ₘ·(N₀/N)^α'",
    needs: "D, all weights; more mixtures than domains, each at three token counts; one size, or three or more",
    gives: "the loss at any N, D and mixture, from the learning curves of shorter and smaller runs",
    source: "Ye et al. 2024, arXiv:2403.16952",
    caveats: &[
        "all mixtures of one size share α; all mixtures share α'",
        "a rising learning curve is treated as flat",
        "with one size, the prediction does not depend on N",
        "c is at most the lowest observed loss",
    ],
};

impl Law for MixingNested {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        let k = data.domains.len();
        needs::all([
            needs::mixtures(data, k + 1),
            needs::amounts(data, 3),
            needs::not_two_sizes(data),
            needs::rows(data, 3 * (k + 1)),
        ])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Params, Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Solve(self)
    }
}

impl Solved for MixingNested {
    fn shown(&self, shape: &Shape, theta: &[f64]) -> Vec<(String, f64)> {
        let curves = Curves::read(shape.domains, theta);
        let mixing = curves.mixing(curves.ln_unit(), curves.ln_tokens);
        let mut all = vec![("c".to_owned(), mixing.floor)];
        all.extend(mixing.tilt.iter().enumerate().map(|(j, t)| (format!("t{j}"), *t)));
        match curves.sizes.as_slice() {
            [size] => all.push(("α".to_owned(), size.alpha)),
            several => {
                all.push(("α'".to_owned(), curves.alpha));
                all.extend(several.iter().map(|s| (format!("α({})", show_amount(s.ln_params.exp())), s.alpha)));
            }
        }
        all
    }

    fn solve(&self, shape: &Shape, x: &Columns, _: u64) -> Vec<f64> {
        Curves::fit(shape.domains, x).written()
    }

    fn predict(&self, shape: &Shape, theta: &[f64], x: &Columns) -> Vec<f64> {
        let curves = Curves::read(shape.domains, theta);
        let mut known: BTreeMap<(u64, u64), Mixing> = BTreeMap::new();
        (0..x.len())
            .map(|i| {
                let (n, d) = (x.ln_params[i], x.ln_tokens[i]);
                let mixing = known.entry((n.to_bits(), d.to_bits())).or_insert_with(|| curves.mixing(n, d));
                mixing.at(|j| x.share[j][i]).ln()
            })
            .collect()
    }

    fn most_resamples(&self) -> usize {
        16
    }
}

/// The curves of every mixture at every size.
#[derive(Debug, Clone, PartialEq, Default)]
struct Curves {
    /// ln D₀, that of the longest run.
    ln_tokens: f64,
    /// α'.
    alpha: f64,
    /// Weights of each mixture.
    mixtures: Vec<Vec<f64>>,
    /// From the smallest.
    sizes: Vec<Size>,
}

/// The curves of one size.
#[derive(Debug, Clone, PartialEq, Default)]
struct Size {
    ln_params: f64,
    alpha: f64,
    /// cₘ and Aₘ of each mixture; `None` where there is no run.
    curves: Vec<Option<[f64; 2]>>,
}

impl Curves {
    fn fit(domains: usize, x: &Columns) -> Self {
        let ln_tokens = x.ln_tokens.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        #[allow(clippy::cast_possible_truncation)]
        let key = |i: usize| x.share.iter().map(|column| (column[i] * 1e4).round() as i64).collect::<Vec<i64>>();
        let mut index: BTreeMap<Vec<i64>, usize> = BTreeMap::new();
        let mut all = Self { ln_tokens, ..Self::default() };
        let mut ln_sizes = x.ln_params.clone();
        ln_sizes.sort_by(f64::total_cmp);
        ln_sizes.dedup_by(|a, b| (*a - *b).abs() < 1e-3);
        let mut points: Vec<Vec<Vec<Point>>> = vec![Vec::new(); ln_sizes.len()];
        for i in 0..x.len() {
            let next = index.len();
            let mixture = *index.entry(key(i)).or_insert(next);
            if mixture == next {
                all.mixtures.push((0..domains).map(|j| x.share[j][i]).collect());
            }
            // The largest size that is not above this one.
            let size = ln_sizes.partition_point(|s| *s <= x.ln_params[i]).saturating_sub(1);
            let curves = &mut points[size];
            curves.resize(curves.len().max(mixture + 1), Vec::new());
            curves[mixture].push((x.ln_tokens[i], x.ln_loss[i].clamp(-300.0, 300.0).exp(), x.weight[i]));
        }
        for (ln_params, mut curves) in ln_sizes.into_iter().zip(points) {
            curves.resize(all.mixtures.len(), Vec::new());
            let alpha = power::shared(&curves, ln_tokens);
            let one = |c: &Vec<Point>| (!c.is_empty()).then(|| power::curve(c, ln_tokens, alpha).0);
            all.sizes.push(Size { ln_params, alpha, curves: curves.iter().map(one).collect() });
        }
        all.alpha = power::shared(&all.by_size(ln_tokens), all.ln_unit());
        all
    }

    /// ln N₀, that of the largest size.
    fn ln_unit(&self) -> f64 {
        self.sizes.last().map_or(0.0, |size| size.ln_params)
    }

    /// Each mixture's loss against size, at one D.
    fn by_size(&self, ln_tokens: f64) -> Vec<Vec<Point>> {
        let at = |size: &Size, m: usize| {
            let [floor, scale] = size.curves.get(m).copied().flatten()?;
            let loss = floor + scale * (-size.alpha * (ln_tokens - self.ln_tokens)).clamp(-300.0, 300.0).exp();
            Some((size.ln_params, loss.max(1e-300), 1.0))
        };
        (0..self.mixtures.len()).map(|m| self.sizes.iter().filter_map(|size| at(size, m)).collect()).collect()
    }

    /// M4 over the mixtures at one N and D.
    fn mixing(&self, ln_params: f64, ln_tokens: f64) -> Mixing {
        let unit = self.ln_unit();
        let (mut mixtures, mut losses) = (Vec::new(), Vec::new());
        for (mixture, points) in self.mixtures.iter().zip(self.by_size(ln_tokens)) {
            let loss = match points.as_slice() {
                // Of several sizes, a mixture that only one has says nothing about the others.
                [(_, loss, _)] if self.sizes.len() == 1 => *loss,
                [] | [_] => continue,
                several => {
                    let ([floor, scale], _) = power::curve(several, unit, self.alpha);
                    floor + scale * (-self.alpha * (ln_params - unit)).clamp(-300.0, 300.0).exp()
                }
            };
            mixtures.push(mixture.as_slice());
            losses.push(loss);
        }
        Mixing::fit(&mixtures, &losses)
    }

    /// As numbers: θ.
    fn written(&self) -> Vec<f64> {
        let mut out = vec![self.ln_tokens, self.alpha, self.mixtures.len() as f64];
        out.extend(self.mixtures.iter().flatten());
        for size in &self.sizes {
            out.extend([size.ln_params, size.alpha]);
            // A floor below 0 stands for no run.
            out.extend(size.curves.iter().flat_map(|c| c.unwrap_or([-1.0, 0.0])));
        }
        out
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "written by `written`")]
    fn read(domains: usize, theta: &[f64]) -> Self {
        let [ln_tokens, alpha, count, rest @ ..] = theta else { return Self::default() };
        let count = *count as usize;
        let (mixtures, sizes) = rest.split_at((count * domains).min(rest.len()));
        let curve = |pair: &[f64]| (pair[0] >= 0.0).then(|| [pair[0], pair[1]]);
        let size =
            |s: &[f64]| Size { ln_params: s[0], alpha: s[1], curves: s[2..].chunks_exact(2).map(curve).collect() };
        Self {
            ln_tokens: *ln_tokens,
            alpha: *alpha,
            mixtures: mixtures.chunks_exact(domains.max(1)).map(<[f64]>::to_vec).collect(),
            sizes: sizes.chunks_exact(2 + 2 * count).map(size).collect(),
        }
    }
}

/// L(h) = c + exp(Σⱼ tⱼ·hⱼ), solved for.
#[derive(Debug, Clone, PartialEq, Default)]
struct Mixing {
    floor: f64,
    tilt: Vec<f64>,
}

impl Mixing {
    /// With c given, ln(L − c) is linear in the mixture; c, below the least loss, is searched for.
    fn fit(mixtures: &[&[f64]], losses: &[f64]) -> Self {
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        if !least.is_finite() {
            return Self { floor: 1.0, tilt: Vec::new() };
        }
        let at = |ln_above: f64| Self::with_floor(mixtures, losses, least - ln_above.exp());
        let ends = ((0.02 * least).ln(), least.ln());
        let ln_above = power::least(|v| at(v).1, ends, (0.5 * least).ln());
        at(ln_above).0
    }

    /// The tilt for one floor, and the squares of relative errors that it leaves.
    fn with_floor(mixtures: &[&[f64]], losses: &[f64], floor: f64) -> (Self, f64) {
        // Enough to give a domain that no run used no effect of its own.
        const RIDGE: f64 = 1e-6;
        let k = mixtures.first().map_or(0, |m| m.len());
        let (mut gram, mut tilt) = (vec![0.0; k * k], vec![0.0; k]);
        let above: Vec<f64> = losses.iter().map(|l| math::ln(l - floor)).collect();
        let mean = above.iter().sum::<f64>() / losses.len().max(1) as f64;
        for ((h, loss), above) in mixtures.iter().zip(losses).zip(above) {
            // An error of ln(L − c) is one of ln L times (L − c)/L.
            let weight = (1.0 - floor / loss).powi(2);
            for a in 0..k {
                let weighted = weight * h[a];
                tilt[a] += weighted * (above - mean);
                for (sum, b) in gram[a * k..].iter_mut().zip(&h[..=a]) {
                    *sum += weighted * b;
                }
            }
        }
        for a in 0..k {
            for b in 0..a {
                gram[b * k + a] = gram[a * k + b];
            }
        }
        let size = (0..k).map(|a| gram[a * k + a]).sum::<f64>() / k.max(1) as f64;
        (0..k).for_each(|a| gram[a * k + a] += RIDGE * size + f64::MIN_POSITIVE);
        math::solve(&mut gram, &mut tilt);
        // Weights sum to one, so that the mean can be a part of every t.
        tilt.iter_mut().for_each(|t| *t += mean);
        let fitted = Self { floor, tilt };
        let error = |(h, loss): (&&[f64], &f64)| (fitted.at(|j| h[j]) / loss - 1.0).powi(2);
        let left = mixtures.iter().zip(losses).map(error).sum();
        (fitted, left)
    }

    fn at(&self, share: impl Fn(usize) -> f64) -> f64 {
        let tilt = self.tilt.iter().enumerate().map(|(j, t)| t * share(j)).sum::<f64>();
        self.floor + tilt.clamp(-300.0, 300.0).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Observation;

    /// Runs of three sizes over four mixtures of two domains, and the loss that a curve ends at.
    fn truth(n: f64, d: f64, r: f64) -> f64 {
        0.9 + (0.1 - 0.6 * r).exp() * (0.6 + 40.0 / n.powf(0.3)) + (0.4 + r) * 30.0 / d.powf(0.25)
    }

    fn data(sizes: &[f64], most: f64) -> Observations {
        let mut all = crate::laws::tests::anything(0, 0);
        all.domains.truncate(2);
        for n in sizes {
            for r in [0.1, 0.3, 0.5, 0.7, 0.9] {
                for part in 2..=10 {
                    let tokens = most * f64::from(part) / 10.0;
                    let mixture = vec![r, 1.0 - r];
                    let run = all.runs.len();
                    all.rows.push(Observation {
                        params: *n,
                        tokens,
                        mixture,
                        loss: truth(*n, tokens, r),
                        run,
                        ..Observation::default()
                    });
                }
                all.runs.push(format!("{n} {r}"));
            }
        }
        all
    }

    fn predicted(data: &Observations, n: f64, d: f64, r: f64) -> f64 {
        let x = Columns::of(data);
        let shape = Shape::of(data.own, &x);
        let theta = MixingNested.solve(&shape, &x, 0);
        let at = Observation { params: n, tokens: d, mixture: vec![r, 1.0 - r], ..Observation::default() };
        MixingNested.predict(&shape, &theta, &Columns::places(2, &[at], &shape.context))[0].exp()
    }

    #[test]
    fn longer_and_larger_runs_are_predicted_at_mixtures_between() {
        let one = data(&[1e8], 1e9);
        assert!(MixingNested.missing(&one).is_empty());
        let (got, want) = (predicted(&one, 1e8, 3e9, 0.4), truth(1e8, 3e9, 0.4));
        assert!((got / want - 1.0).abs() < 0.01, "{got} {want}");
        let three = data(&[1e7, 3e7, 1e8], 1e9);
        let (got, want) = (predicted(&three, 3e8, 2e9, 0.6), truth(3e8, 2e9, 0.6));
        assert!((got / want - 1.0).abs() < 0.015, "{got} {want}");
        let two = data(&[1e7, 1e8], 1e9);
        assert!(MixingNested.missing(&two).iter().any(|m| m.contains("one size")), "{:?}", MixingNested.missing(&two));
    }

    #[test]
    fn numbers_come_back() {
        let x = Columns::of(&data(&[1e7, 3e7, 1e8], 1e9));
        let curves = Curves::fit(2, &x);
        assert_eq!(Curves::read(2, &curves.written()), curves);
    }
}
