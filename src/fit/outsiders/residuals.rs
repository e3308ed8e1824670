//! Residuals without what laws see in them.

use crate::fit::linalg;
use crate::vocab::Ordered;

/// Spread of a normal distribution over its median absolute deviation.
pub const NORMAL: f64 = 1.4826;

/// Residuals without what a straight line in what laws see explains; robust: the line is that of residuals that are clipped.
pub fn without_line(seen: &[&[f64]], values: &[f64]) -> Vec<f64> {
    let centred = |values: &[f64]| {
        let middle = median(&mut values.to_vec());
        values.iter().map(|v| v - middle).collect::<Vec<f64>>()
    };
    let mut rest = centred(values);
    if !regressible(seen) {
        return rest;
    }
    for _ in 0..3 {
        let spread = NORMAL * median(&mut rest.iter().map(|v| v.abs()).collect::<Vec<_>>());
        // The line is fitted to what is within two spreads of the last one.
        let line: Vec<f64> = values.iter().zip(&rest).map(|(v, r)| v - r).collect();
        let clipped: Vec<f64> = rest.iter().zip(&line).map(|(r, l)| l + r.clamp(-2.0 * spread, 2.0 * spread)).collect();
        rest = centred(&residual_of(seen, &clipped, values));
    }
    rest
}

/// Whether there are runs enough for a line.
pub fn regressible(seen: &[&[f64]]) -> bool {
    let variables = seen.first().map_or(0, |at| at.len());
    variables > 0 && seen.len() >= 5 * variables
}

/// What a least-squares line fitted to `values` leaves of `of`; slightly ridged, as weights sum to one.
pub fn residual_of(seen: &[&[f64]], values: &[f64], of: &[f64]) -> Vec<f64> {
    let (n, p) = (seen.len() as f64, seen[0].len());
    let means: Vec<f64> = (0..p).map(|k| seen.iter().map(|at| at[k]).sum::<f64>() / n).collect();
    let spread = |k: usize| (seen.iter().map(|at| (at[k] - means[k]).powi(2)).sum::<f64>() / n).sqrt();
    let spreads: Vec<f64> = (0..p).map(spread).collect();
    let used: Vec<usize> = (0..p).filter(|k| spreads[*k] > 1e-9).collect();
    let x = |at: &[f64], k: usize| (at[k] - means[k]) / spreads[k];
    let q = used.len();
    let level = values.iter().sum::<f64>() / n;
    let mut gram = vec![0.0; q * q];
    let mut rhs = vec![0.0; q];
    for (at, v) in seen.iter().zip(values) {
        for (a, k) in used.iter().enumerate() {
            rhs[a] += x(at, *k) * (v - level);
            for (b, l) in used.iter().enumerate() {
                gram[a * q + b] += x(at, *k) * x(at, *l);
            }
        }
    }
    (0..q).for_each(|a| gram[a * q + a] += 1e-6 * n);
    let mut factor = vec![0.0; q * q];
    if !linalg::cholesky(&gram, q, &mut factor) {
        return of.iter().map(|v| v - level).collect();
    }
    linalg::forward(&factor, q, &mut rhs);
    linalg::backward(&factor, q, &mut rhs);
    let line = |at: &[f64]| level + used.iter().zip(&rhs).map(|(k, b)| b * x(at, *k)).sum::<f64>();
    seen.iter().zip(of).map(|(at, v)| v - line(at)).collect()
}

/// Residuals without the median at their size, in units of the spread there; sizes with few runs share one.
pub fn at_each_size(sizes: &[f64], values: &[f64]) -> Vec<f64> {
    const ENOUGH_AT_A_SIZE: usize = 6;
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_cached_key(|i| Ordered(sizes[*i]));
    let mut bins: Vec<Vec<usize>> = Vec::new();
    for i in order {
        let same = |bin: &Vec<usize>| (sizes[bin[bin.len() - 1]] - sizes[i]).abs() < 1e-3;
        match bins.last_mut() {
            Some(bin) if same(bin) || bin.len() < ENOUGH_AT_A_SIZE => bin.push(i),
            _ => bins.push(vec![i]),
        }
    }
    if let [.., _, last] = bins.as_slice()
        && last.len() < ENOUGH_AT_A_SIZE
        && let Some(last) = bins.pop()
        && let Some(bin) = bins.last_mut()
    {
        bin.extend(last);
    }
    let mut scaled = vec![0.0; values.len()];
    for bin in &bins {
        let middle = median(&mut bin.iter().map(|i| values[*i]).collect::<Vec<_>>());
        let spread = NORMAL * median(&mut bin.iter().map(|i| (values[*i] - middle).abs()).collect::<Vec<_>>());
        bin.iter().for_each(|i| scaled[*i] = (values[*i] - middle) / spread.max(1e-9));
    }
    scaled
}

/// The median; 0 of nothing.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}
