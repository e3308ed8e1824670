//! Laws that are sums of exponentials of something simple: L = Σₖ e^uₖ.

use super::simd::vectorised;
use super::{BLOCK, Block, Columns, math};
use std::ops::Range;

/// Turns exponents uₖ into shares e^uₖ / L in place and writes ln L, for the first `rows` rows.
///
/// Exponents are clipped to what f64 can hold rather than shifted by their largest: no real loss is near either end,
/// and a search that strays there sees a large finite number.
pub(super) fn shares<const K: usize>(terms: &mut [[f64; BLOCK]; K], rows: usize, ln_loss: &mut [f64; BLOCK]) {
    vectorised(
        #[inline(always)]
        || {
            let mut sum = [0.0; BLOCK];
            for term in terms.iter_mut() {
                for (u, s) in term[..rows].iter_mut().zip(&mut sum[..rows]) {
                    *u = math::exp(u.min(600.0));
                    *s += *u;
                }
            }
            for (s, y) in sum[..rows].iter_mut().zip(&mut ln_loss[..rows]) {
                *y = math::ln(*s);
                *s = 1.0 / *s;
            }
            for term in terms.iter_mut() {
                for (u, s) in term[..rows].iter_mut().zip(&sum[..rows]) {
                    *u *= s;
                }
            }
        },
    );
}

/// The derivatives by the logarithms of the amplitudes that terms begin with, which are the first parameters: the share of
/// each term in the loss.
pub(super) fn amplitudes(terms: &[[f64; BLOCK]], rows: usize, out: &mut Block) {
    for (k, term) in terms.iter().enumerate() {
        out.column_mut(k, rows).copy_from_slice(&term[..rows]);
    }
}

/// `into[i] = f(a[i])`.
#[inline(always)]
pub(super) fn map(into: &mut [f64], a: &[f64], f: impl Fn(f64) -> f64) {
    for (out, a) in into.iter_mut().zip(a) {
        *out = f(*a);
    }
}

/// `into[i] = f(a[i], b[i])`.
#[inline(always)]
pub(super) fn map2(into: &mut [f64], a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) {
    for ((out, a), b) in into.iter_mut().zip(a).zip(b) {
        *out = f(*a, *b);
    }
}

/// Writes ln of 1/Σᵢ Cᵢ·hᵢ^γᵢ into `term`, with ln Cᵢ at `phi[first..]` and γᵢ after them. The shares of the sum's parts
/// are left in the columns of the Cᵢ, for [`harmonic_columns`].
pub(super) fn harmonic(
    phi: &[f64],
    first: usize,
    domains: usize,
    x: &Columns,
    rows: Range<usize>,
    out: &mut Block,
    term: &mut [f64; BLOCK],
) {
    vectorised(
        #[inline(always)]
        || {
            let n = rows.len();
            let mut sum = [1e-200; BLOCK];
            for i in 0..domains {
                let (c, gamma) = (phi[first + i], phi[first + domains + i]);
                let column = out.column_mut(first + i, n);
                map(column, &x.ln_share[i][rows.clone()], |v| math::exp((c + gamma * v).min(450.0)));
                for (s, v) in sum[..n].iter_mut().zip(column.iter()) {
                    *s += v;
                }
            }
            map(&mut term[..n], &sum[..n], |s| -math::ln(s));
            if out.wants_jacobian {
                divide(first, domains, &mut sum[..n], out);
            }
        },
    );
}

/// Divides the columns from `first` on by `sum`, which becomes its inverse.
#[inline(always)]
fn divide(first: usize, columns: usize, sum: &mut [f64], out: &mut Block) {
    sum.iter_mut().for_each(|s| *s = 1.0 / *s);
    for k in first..first + columns {
        for (v, s) in out.column_mut(k, sum.len()).iter_mut().zip(sum.iter()) {
            *v *= s;
        }
    }
}

/// Turns the shares that [`harmonic`] left into derivatives, given the share of its term in the loss.
pub(super) fn harmonic_columns(
    first: usize,
    domains: usize,
    x: &Columns,
    rows: Range<usize>,
    out: &mut Block,
    share: &[f64; BLOCK],
) {
    vectorised(
        #[inline(always)]
        || {
            let n = rows.len();
            for i in 0..domains {
                let (by_c, by_gamma) = out.columns_mut(first + i, first + domains + i, n);
                for (v, p) in by_c.iter_mut().zip(share) {
                    *v *= -p;
                }
                map2(by_gamma, by_c, &x.ln_share[i][rows.clone()], |v, ln| v * ln);
            }
        },
    );
}

/// Writes ln of h₀ + Σᵢ hᵢ·exp(`ratios`ᵢ/`power`) over the domains but the first into `ln_sum`; the shares of the sum's parts but
/// the first go to the columns from `first` on.
pub(super) fn mixed(
    ratios: &[f64],
    power: f64,
    first: usize,
    x: &Columns,
    rows: Range<usize>,
    out: &mut Block,
    ln_sum: &mut [f64; BLOCK],
) {
    vectorised(
        #[inline(always)]
        || {
            let n = rows.len();
            let top = ratios.iter().copied().fold(0.0, f64::max) / power;
            let mut sum = [1e-200; BLOCK];
            if let Some(share) = x.share.first() {
                let c = math::exp(-top);
                sum[..n].iter_mut().zip(&share[rows.clone()]).for_each(|(s, h)| *s += c * h);
            }
            for (i, ratio) in ratios.iter().enumerate() {
                let c = math::exp(ratio / power - top);
                let column = out.column_mut(first + i, n);
                map(column, &x.share[i + 1][rows.clone()], |h| c * h);
                for (s, v) in sum[..n].iter_mut().zip(column.iter()) {
                    *s += v;
                }
            }
            map(&mut ln_sum[..n], &sum[..n], |s| top + math::ln(s));
            if out.wants_jacobian {
                divide(first, ratios.len(), &mut sum[..n], out);
            }
        },
    );
}

/// Writes Σⱼ tⱼ·hⱼ into `term`, with tⱼ at `phi[first..]`.
pub(super) fn tilted(
    phi: &[f64],
    first: usize,
    domains: usize,
    x: &Columns,
    rows: Range<usize>,
    term: &mut [f64; BLOCK],
) {
    vectorised(
        #[inline(always)]
        || {
            let n = rows.len();
            term[..n].fill(0.0);
            for j in 0..domains {
                let t = phi[first + j];
                for (v, h) in term[..n].iter_mut().zip(&x.share[j][rows.clone()]) {
                    *v += t * h;
                }
            }
        },
    );
}

/// The derivatives by the tⱼ of [`tilted`], given the share of its term in the loss.
pub(super) fn tilted_columns(
    first: usize,
    domains: usize,
    x: &Columns,
    rows: Range<usize>,
    out: &mut Block,
    share: &[f64; BLOCK],
) {
    vectorised(
        #[inline(always)]
        || {
            for j in 0..domains {
                map2(out.column_mut(first + j, rows.len()), share, &x.share[j][rows.clone()], |p, h| p * h);
            }
        },
    );
}
