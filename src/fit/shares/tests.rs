//! Runs whose shares are known.

use super::*;

/// Steps of a run: batches of `batch` sequences, each of a domain by chance; a sequence's loss lies around its domain's curve.
fn run(shares: &[f64], floors: &[f64], steps: usize, batch: usize, seed: u64) -> Vec<(f64, Vec<Option<f64>>)> {
    let mut random = Random::new(seed, 77);
    // A sum of uniform numbers is near enough to normal.
    let noise = move |random: &mut Random| (0..4).map(|_| random.uniform(-0.5, 0.5)).sum::<f64>() * 3.0_f64.sqrt();
    (1..=steps)
        .map(|step| {
            let mut sums = vec![(0.0, 0usize); shares.len()];
            for _ in 0..batch {
                let (mut draw, mut domain) = (random.uniform(0.0, 1.0), 0);
                while domain + 1 < shares.len() && draw >= shares[domain] {
                    draw -= shares[domain];
                    domain += 1;
                }
                let curve = floors[domain] + (2.0 + 0.3 * domain as f64) * (step as f64 + 10.0).powf(-0.4);
                sums[domain].0 += curve + 0.25 * noise(&mut random);
                sums[domain].1 += 1;
            }
            let total = sums.iter().map(|(sum, _)| sum).sum::<f64>() / batch as f64;
            (total, sums.iter().map(|(sum, count)| (*count > 0).then(|| sum / *count as f64)).collect())
        })
        .collect()
}

#[test]
fn ranges_hold_the_shares_as_often_as_they_say() {
    for (shares_of, floors, steps, batch) in [
        (&[0.9, 0.1][..], &[2.4, 2.8][..], 40, 32),
        (&[0.35, 0.65], &[2.4, 2.8], 200, 64),
        (&[0.2, 0.7, 0.1], &[2.4, 2.8, 1.9], 60, 32),
        (&[0.5, 0.2, 0.15, 0.1, 0.05], &[2.4, 2.9, 1.9, 2.2, 3.2], 300, 64),
    ] {
        let (mut held, mut of, mut miss, mut alike) = (0, 0, 0.0, 0);
        for seed in 0..60 {
            let found = match shares(&run(shares_of, floors, steps, batch, seed), seed) {
                Ok(found) => found,
                Err(NotTold::Alike { .. }) => {
                    alike += 1;
                    continue;
                }
                Err(_) => continue,
            };
            for (found, truth) in found.iter().zip(shares_of) {
                held += usize::from((found.low..=found.high).contains(truth));
                miss += (found.share - truth).abs();
                of += 1;
            }
        }
        let (coverage, miss) = (held as f64 / of as f64, miss / of as f64);
        let told = of / shares_of.len();
        assert!(told + alike >= 57, "{shares_of:?}: taken for no mean {} of 60 times", 60 - told - alike);
        assert!(told >= 40, "{shares_of:?}: told {told} of 60 times");
        assert!((0.85..=0.99).contains(&coverage), "{shares_of:?}: ranges hold {coverage}, mean error {miss}");
        assert!(miss < 0.03, "{shares_of:?}: mean error {miss}");
    }
}

#[test]
fn a_domain_that_few_batches_have_is_not_counted_for_more() {
    let run = run(&[0.97, 0.03], &[2.4, 3.0], 300, 16, 5);
    let without = run.iter().filter(|(_, losses)| losses[1].is_none()).count();
    assert!(without > 100, "{without} batches have nothing of it");
    let found = shares(&run, 0).unwrap();
    assert!((found[1].share - 0.03).abs() < 0.01 && found[1].low < 0.03 && found[1].high > 0.03, "{found:?}");
    let full: Vec<_> = run.into_iter().filter(|(_, losses)| losses[1].is_some()).collect();
    assert!(shares(&full, 0).unwrap()[1].share > 0.05, "full batches alone have more of it");
}

#[test]
fn losses_that_are_alike_say_nothing() {
    // Sequences of two domains with one curve: only their noise tells them apart, and of few steps.
    let found = shares(&run(&[0.5, 0.3, 0.2], &[2.4, 2.4, 2.9], 25, 512, 2), 0);
    assert!(matches!(found, Err(NotTold::Alike { .. })), "{found:?}");
    let few = shares(&run(&[0.5, 0.5], &[2.0, 3.0], 10, 32, 1), 0);
    assert_eq!(few, Err(NotTold::Few(10)));
}

#[test]
fn losses_that_are_the_same_tell_no_share_and_a_constant_widens_the_range() {
    let found = run(&[0.6, 0.4], &[2.4, 2.9], 100, 64, 3);
    let same: Vec<_> = found.iter().map(|(_, l)| (l[0].unwrap(), vec![l[0], l[0]])).collect();
    assert!(matches!(shares(&same, 0), Err(NotTold::Alike { high, .. }) if high == 100.0), "{:?}", shares(&same, 0));
    // Without noise, but for a constant that is a fiftieth of what the losses differ by.
    let shifted: Vec<_> = (0..100)
        .map(|i| {
            let (a, b) = (2.0 + 0.1 * (f64::from(i) * 1.7).sin(), 3.0 + 0.1 * (f64::from(i) * 2.3).sin());
            (0.3 * a + 0.7 * b + 0.02, vec![Some(a), Some(b)])
        })
        .collect();
    match shares(&shifted, 0) {
        Ok(found) => assert!(found[1].low <= 0.7 && found[1].high >= 0.7, "{found:?}"),
        Err(why) => assert!(matches!(why, NotTold::Constant(_)), "{why:?}"),
    }
}

#[test]
fn a_loss_that_is_no_mean_of_the_others_is_found_out() {
    let true_run = run(&[0.6, 0.4], &[2.4, 2.9], 300, 64, 9);
    assert!(shares(&true_run, 0).is_ok());
    let shifted = |by: f64| true_run.iter().map(|(total, losses)| (total + by, losses.clone())).collect::<Vec<_>>();
    for by in [-0.5, 0.5, 0.1, -0.1, 0.04] {
        let found = shares(&shifted(by), 0);
        assert!(matches!(found, Err(NotTold::Outside(_) | NotTold::Constant(_))), "{by}: {found:?}");
    }
    // The losses of other batches: as noisy, of the same curves.
    let other = run(&[0.6, 0.4], &[2.4, 2.9], 300, 2, 10);
    let mixed: Vec<_> = run(&[0.6, 0.4], &[2.4, 2.9], 300, 2, 11)
        .into_iter()
        .zip(other)
        .map(|((total, _), (_, losses))| (total, losses))
        .collect();
    assert!(matches!(shares(&mixed, 0), Err(NotTold::Outside(_))), "{:?}", shares(&mixed, 0));
}

/// The recorded runs of continued pre-training, whose batches were drawn with the shares that they state.
#[test]
fn recorded_runs_have_the_shares_that_they_state() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/code-cpt/runs");
    let (mut told, mut held, mut worst) = (0, 0, 0.0_f64);
    for entry in std::fs::read_dir(root).unwrap() {
        let dir = entry.unwrap().path();
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        let truth: f64 = name.split_once("-r").unwrap().1.parse::<f64>().unwrap() / 100.0;
        let log = std::fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
        let step = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).ok()?;
            let of = |key: &str| row.get(key)?.as_f64();
            (row.get("step")?.as_u64()? > 0).then_some(())?;
            Some((of("train/loss")?, vec![of("train/prose/loss"), of("train/rust/loss")]))
        };
        let steps: Vec<_> = log.lines().filter_map(step).collect();
        let Ok(found) = shares(&steps, 0) else {
            assert!(truth == 0.0 || truth == 1.0, "{}: {:?}", dir.display(), shares(&steps, 0));
            continue;
        };
        told += 1;
        held += usize::from((found[1].low..=found[1].high).contains(&truth));
        worst = worst.max((found[1].share - truth).abs());
    }
    assert_eq!(told, 28, "all but those of one corpus");
    assert!(held >= 24 && worst < 0.05, "{held} of {told} ranges hold the share, worst error {worst}");
}
