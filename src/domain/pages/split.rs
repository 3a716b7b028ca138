//! Division into parts that are whole, not negative and add up exactly (largest remainder, the earlier part first).

use super::{MILLION, StandardPages, clamp};

/// `total` in `parts` parts as even as whole numbers allow, the larger first; a negative total in parts of at most 0. No parts for
/// `parts` = 0.
pub fn split_evenly(total: i64, parts: usize) -> Vec<i64> {
    let count = i128::try_from(parts).unwrap_or(i128::MAX);
    let Some(each) = i128::from(total).checked_div(count) else { return Vec::new() };
    let extra = i128::from(total) % count;
    (0..count).map(|index| clamp(if index < extra.abs() { each + extra.signum() } else { each })).collect()
}

/// `total` standard pages in `parts` parts: whole pages evenly, the fraction of a page to the first.
pub fn split_standard(total: StandardPages, parts: usize) -> Vec<StandardPages> {
    let million = clamp(MILLION);
    let mut split: Vec<_> = split_evenly(total.0 / million, parts).into_iter().map(StandardPages::whole).collect();
    if let Some(first) = split.first_mut() {
        *first += StandardPages(total.0 % million);
    }
    split
}

/// `total` (0 or more) in parts that are in proportion to `weights` (each 0 or more) by largest remainder; evenly when all weights
/// are 0.
pub fn split_by_weight(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().map(|&weight| i128::from(weight)).sum();
    if sum <= 0 {
        return split_evenly(total, weights.len());
    }
    let shares: Vec<i128> = weights.iter().map(|&weight| i128::from(total) * i128::from(weight)).collect();
    let mut parts: Vec<i64> = shares.iter().map(|share| clamp(share / sum)).collect();
    let rest = i128::from(total) - parts.iter().map(|&part| i128::from(part)).sum::<i128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(shares[index] % sum));
    for index in order.into_iter().take(usize::try_from(rest).unwrap_or(0)) {
        parts[index] += 1;
    }
    parts
}
