//! Exponentials and logarithms that the compiler can vectorise: no branch, no table, no call. Laws spend their time here.

/// ln 2 in two parts, so that `k * LN2_HIGH` is exact for every exponent k.
const LN2_HIGH: f64 = 0.693_145_751_953_125;
const LN2_LOW: f64 = 1.428_606_820_309_417_2e-6;

/// Beyond this e^x leaves the range of f64; arguments are clipped here, so that a wild step of a search stays finite.
const LARGEST: f64 = 690.0;

/// e^x to within 2 ulp for |x| ≤ 690; clipped outside. The rational approximation of Cephes.
#[inline(always)]
#[must_use]
pub fn exp(x: f64) -> f64 {
    // Adding 1.5·2⁵² rounds to an integer and leaves it in the low bits of the mantissa.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = x.clamp(-LARGEST, LARGEST);
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let rr = r * r;
    let p = r * ((1.261_771_930_748_105_9e-4 * rr + 3.029_944_077_074_419_6e-2) * rr + 1.0);
    let q = ((3.001_985_051_386_644_6e-6 * rr + 2.524_483_403_496_841e-3) * rr + 2.272_655_482_081_550_3e-1) * rr + 2.0;
    let scale = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    scale + scale * (2.0 * p / (q - p))
}

/// ln x to within 2 ulp for positive normal x; finite nonsense for others. The polynomial of FDLIBM.
#[inline(always)]
#[must_use]
pub fn ln(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    // An integer below 2⁵² in the mantissa of 2⁵² is that number plus 2⁵²: a conversion without a conversion.
    const TWO52: u64 = 0x4330_0000_0000_0000;
    let bits = x.to_bits();
    let biased = bits.wrapping_add(ONE - SQRT_HALF) >> 52;
    let k = f64::from_bits(biased | TWO52) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits(bits.wrapping_sub(biased << 52).wrapping_add(ONE));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (0.399_999_999_994_094_2 + w * (0.222_221_984_321_497_84 + w * 0.153_138_376_992_093_73));
    let odd = z
        * (0.666_666_666_666_673_5
            + w * (0.285_714_287_436_623_9 + w * (0.181_835_721_616_180_5 + w * 0.147_981_986_051_165_86)));
    let half = 0.5 * f * f;
    k * LN2_HIGH - ((half - (s * (half + even + odd) + k * LN2_LOW)) - f)
}

/// ln(1 + e^x): positive, smooth, x itself once x is large.
#[must_use]
pub fn softplus(x: f64) -> f64 {
    if x > 30.0 { x } else { x.exp().ln_1p() }
}

/// The inverse of [`softplus`].
#[must_use]
pub fn softplus_inverse(y: f64) -> f64 {
    if y > 30.0 { y } else { y.max(1e-300).exp_m1().ln() }
}

/// 1 / (1 + e^−x).
#[must_use]
pub fn logistic(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// The inverse of [`logistic`], finite at 0 and 1.
#[must_use]
pub fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-15, 1.0 - 1e-15);
    (p / (1.0 - p)).ln()
}

/// Solves the symmetric positive definite system A x = b in place (A is n × n, row-major, and is destroyed).
pub(super) fn solve(a: &mut [f64], b: &mut [f64]) {
    let n = b.len();
    for i in 0..n {
        let pivot = a[i * n + i];
        if pivot.is_nan() || pivot.abs() < 1e-300 {
            b[i] = 0.0;
            continue;
        }
        for row in i + 1..n {
            let factor = a[row * n + i] / pivot;
            for column in i..n {
                a[row * n + column] -= factor * a[i * n + column];
            }
            b[row] -= factor * b[i];
        }
    }
    for i in (0..n).rev() {
        let pivot = a[i * n + i];
        let known: f64 = (i + 1..n).map(|j| a[i * n + j] * b[j]).sum();
        b[i] = if pivot.is_nan() || pivot.abs() < 1e-300 { 0.0 } else { (b[i] - known) / pivot };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_ln_agree_with_the_standard_library() {
        let mut worst: f64 = 0.0;
        for i in -200_000..=200_000 {
            let x = f64::from(i) * 3.3e-3;
            worst = worst.max((exp(x) / x.exp() - 1.0).abs());
            let y = x.exp();
            let error = (ln(y) - y.ln()).abs() / y.ln().abs().max(1e-300);
            assert!(error < 5e-16 || (y - 1.0).abs() < 1e-12, "ln {y}: {} {}", ln(y), y.ln());
        }
        assert!(worst < 5e-16, "{worst}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(ln(1.0), 0.0);
        assert!(exp(1e9).is_finite() && exp(-1e9) > 0.0);
    }

    #[test]
    fn coordinates_come_back() {
        for y in [1e-9, 0.3, 1.0, 7.0, 50.0] {
            assert!((softplus(softplus_inverse(y)) / y - 1.0).abs() < 1e-9, "{y}");
        }
        for p in [1e-9, 0.3, 0.999] {
            assert!((logistic(logit(p)) / p - 1.0).abs() < 1e-9, "{p}");
        }
        assert!(logit(0.0).is_finite() && logit(1.0).is_finite() && softplus_inverse(0.0).is_finite());
    }
}
