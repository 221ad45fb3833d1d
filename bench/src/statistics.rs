//! Medians and quantiles.

/// The value below which a share `at` of the values lies; zero of none.
pub(crate) fn quantile(values: impl IntoIterator<Item = f64>, at: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (values.len().saturating_sub(1) as f64 * at).round() as usize;
    values.get(index).copied().unwrap_or_default()
}

/// The middle value.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// The standard score of a Mann-Whitney test: how far the ranks of `b` among both are from what they would be if
/// both came from one distribution, with the correction for equal values.
#[expect(clippy::cast_precision_loss, reason = "hundreds")]
pub(crate) fn rank_sum(a: &[f64], b: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|value| (*value, false)).chain(b.iter().map(|value| (*value, true))).collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut ranks, mut ties, mut done) = (0.0, 0.0, 0);
    for equal in all.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let count = equal.len() as f64;
        let rank = done as f64 + f64::midpoint(1.0, count);
        ranks += rank * equal.iter().filter(|(_, is_b)| *is_b).count() as f64;
        ties += count.powi(3) - count;
        done += equal.len();
    }
    let (n, m, total) = (a.len() as f64, b.len() as f64, all.len() as f64);
    let expected = m * (total + 1.0) / 2.0;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance > 0.0 { (ranks - expected) / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_seen_and_equal_series_are_not() {
        let a: Vec<f64> = (0..200).map(|number| f64::from(number % 50)).collect();
        let shifted: Vec<f64> = a.iter().map(|value| value + 10.0).collect();
        assert!(rank_sum(&a, &a).abs() < 1e-9);
        assert!(rank_sum(&a, &shifted) > 5.0 && rank_sum(&shifted, &a) < -5.0);
        assert!(rank_sum(&[1.0; 20], &[1.0; 20]).abs() < 1e-9);
        // By hand: ranks 1, 2, 3 and 4, 5, 6; (15 - 10.5) / sqrt(9 * 7 / 12).
        assert!((rank_sum(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]) - 1.963_961).abs() < 1e-6);
    }
}
