//! Losses by domain of a run in progress, for online rules.

use super::audit::families;
use super::keys;
use std::collections::BTreeMap;

/// The training loss of each domain among a run's metric keys, by domain: keys that name a domain and a loss, and are alike for all
/// domains but for that name (`train/web/loss`). Of the losses on held-out data where training losses name no domains. Empty
/// where fewer than two domains (or the only one) have one.
#[must_use]
pub fn losses_by_domain(domains: &[String], keys: &[&str]) -> BTreeMap<String, String> {
    let trains = |key: &&str| keys::training_loss(key).is_some();
    let evaluates =
        |key: &&str| keys::says_held_out(key) && domains.iter().any(|domain| keys::fitness(key, domain).is_some());
    let training = families(domains, keys.iter().copied().filter(trains));
    let best = |found: BTreeMap<String, BTreeMap<String, String>>| {
        let rank = |(pattern, of): &(String, BTreeMap<String, String>)| {
            (of.len(), pattern.contains("train"), std::cmp::Reverse(pattern.len()))
        };
        found.into_iter().filter(|(_, of)| of.len() >= 2.min(domains.len())).max_by_key(rank).map(|(_, of)| of)
    };
    let held_out = || families(domains, keys.iter().copied().filter(evaluates));
    best(training).or_else(|| best(held_out())).unwrap_or_default()
}

/// The training loss of a whole run, and that of each domain, among a run's metric keys: those of training alone. `None` where
/// there is no loss of the whole, or fewer than two domains have one.
#[must_use]
pub fn training_losses(domains: &[String], keys: &[&str]) -> Option<(String, BTreeMap<String, String>)> {
    let trains = || keys.iter().copied().filter(|key| keys::training_loss(key).is_some());
    let named = families(domains, trains());
    let of_domains: Vec<&String> = named.values().flat_map(BTreeMap::values).collect();
    let whole = trains().filter(|key| !of_domains.iter().any(|of| *of == key));
    let whole = whole.min_by_key(|key| (keys::training_loss(key), key.len()))?.to_owned();
    let rank = |(pattern, of): &(String, BTreeMap<String, String>)| {
        (of.len(), pattern.contains("train"), std::cmp::Reverse(pattern.len()))
    };
    let (_, best) = named.into_iter().filter(|(_, of)| of.len() >= 2).max_by_key(rank)?;
    Some((whole, best))
}

/// One row a step with a loss: the step, and the loss of each series there, `None` where it has none. Steps at 0 or below,
/// before training, are no rows, and neither are losses that are not positive numbers.
#[must_use]
pub fn by_step(series: &[Vec<(i64, f64)>]) -> Vec<(i64, Vec<Option<f64>>)> {
    let mut rows: BTreeMap<i64, Vec<Option<f64>>> = BTreeMap::new();
    for (index, points) in series.iter().enumerate() {
        for (step, loss) in points.iter().filter(|(step, loss)| *step > 0 && loss.is_finite() && *loss > 0.0) {
            rows.entry(*step).or_insert_with(|| vec![None; series.len()])[index] = Some(*loss);
        }
    }
    rows.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_losses_come_before_those_on_held_out_data() {
        let domains = ["web".to_owned(), "web_pro".to_owned()];
        let of = |keys: &[&str]| losses_by_domain(&domains, keys).into_values().collect::<Vec<_>>();
        let (both, eval) = (["train/loss/web", "train/loss/web_pro"], ["eval/web/loss", "eval/web_pro/loss"]);
        assert_eq!(of(&[&both[..], &eval, &["train/loss", "tokens/web", "web/z_loss"]].concat()), both);
        assert_eq!(of(&[&eval[..], &["train/loss", "train/loss/web"]].concat()), eval);
        assert_eq!(of(&["loss/web"]), Vec::<String>::new(), "one of two");
    }

    #[test]
    fn the_loss_of_a_whole_run_stands_beside_those_of_its_domains() {
        let domains = ["web".to_owned(), "code".to_owned()];
        let keys =
            ["lr", "train/loss", "train/web/loss", "train/code/loss", "eval/web/loss", "eval/code/loss", "z_loss"];
        let (whole, of) = training_losses(&domains, &keys).unwrap();
        assert_eq!(
            (whole.as_str(), of.into_values().collect::<Vec<_>>()),
            ("train/loss", vec![keys[3].into(), keys[2].into()])
        );
        for without in [&keys[2..], &[keys[1], keys[2], keys[4], keys[5]]] {
            assert_eq!(training_losses(&domains, without), None, "{without:?}");
        }
    }

    #[test]
    fn steps_are_in_order_and_what_is_no_loss_is_left_out() {
        let series = [vec![(0, 9.0), (1, 3.0), (3, f64::NAN)], vec![(1, 2.0), (2, 1.0)]];
        assert_eq!(by_step(&series), [(1, vec![Some(3.0), Some(2.0)]), (2, vec![None, Some(1.0)])]);
    }
}
