//! Laws that are sums of exponentials of something simple: L = Σₖ e^uₖ.

use super::{BLOCK, math};

/// Turns exponents uₖ into shares e^uₖ / L in place and writes ln L, for the first `rows` rows.
///
/// Exponents are clipped to what f64 can hold rather than shifted by their largest: no real loss is near either end,
/// and a search that strays there sees a large finite number.
#[inline]
pub(super) fn shares<const K: usize>(terms: &mut [[f64; BLOCK]; K], rows: usize, ln_loss: &mut [f64; BLOCK]) {
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
