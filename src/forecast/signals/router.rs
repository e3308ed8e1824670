//! Routers of mixtures of experts: how evenly they share out the tokens, and when that goes wrong.
//!
//! Read are loads by layer and expert, as shares, percent or counts: OLMoE's `train/TokensPercentage/layer3/expert0` (allenai/OLMo,
//! `olmo/train.py`), `moe_ep_usage/L-3_EP-0` of torchtitan's forks whose optimizer hook balances by bias (upstream,
//! pytorch/torchtitan `torchtitan/components/optimizer.py`, logs no loads), and our own recorded sweeps'
//! `moe/layer_0/expert_0/load`. A load is held against an even one, 1/E of the layer's. Trainers that log figures of their
//! own instead: [`super::router_figures`]. Loads by corpus, which would tell what an expert is for, are in no trainer's log that could
//! be read: OLMoE counts them after training, into pickles of its own (allenai/OLMoE, `scripts/run_routing_analysis.py`).
//!
//! A router that is wrong for [`LASTS`] logged steps in a row is told of, and is well again after [`HEALS`] steps beyond wider
//! bounds: early in training experts of sound runs are without tokens for up to eight logged steps, and come back.

type Points = [(i64, f64)];

/// Logged steps in a row after which something is wrong …
const LASTS: usize = 12;
/// … and after which it is well again.
const HEALS: usize = 6;
/// Part of an even load below which an expert is dead, and above which it is alive.
pub(super) const DEAD: (f64, f64) = (0.05, 0.2);
/// Entropy, as a part of the most, below which a router has collapsed, and above which it has not.
const COLLAPSED: (f64, f64) = (0.75, 0.85);
/// Times an even load from which on the busiest expert is overloaded, and below which it is not.
pub(super) const OVERLOADED: (f64, f64) = (4.0, 3.0);
/// Experts that a sentence names before it counts.
const NAMED: usize = 3;

/// Loads of one layer's experts as they were logged.
#[derive(Debug, Clone, Default)]
pub struct RouterLoads<'a> {
    /// The layer, as its keys begin: `train/TokensPercentage/layer3`.
    pub layer: &'a str,
    /// (number, points) of each expert, ascending steps.
    pub experts: Vec<(u32, &'a Points)>,
}

/// The layer and the expert whose load a key is; the layer as the bytes at its front. `None` for any other metric.
#[must_use]
pub fn expert_of(key: &str) -> Option<(usize, u32)> {
    let number = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        Some((text[..digits].parse().ok()?, text[digits..].to_owned()))
    };
    if let Some(at) = memchr::memmem::find(key.as_bytes(), b"_EP-") {
        let (layer, (expert, behind)) = (&key[..at], number(&key[at + "_EP-".len()..])?);
        let numbered = layer.rsplit_once("moe_ep_usage/L-")?.1;
        return (behind.is_empty() && is_number(numbered)).then_some((at, expert));
    }
    let at = memchr::memmem::find(key.as_bytes(), b"/expert")?;
    let layer = &key[..at];
    let (expert, behind) = number(key[at + "/expert".len()..].trim_start_matches('_'))?;
    let is_load = behind == "/load" || behind.is_empty() && layer.contains("TokensPercentage/");
    let numbered = layer.rsplit('/').next()?.strip_prefix("layer")?.trim_start_matches('_');
    (is_load && is_number(numbered)).then_some((at, expert))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// How evenly tokens are shared out at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Balance {
    /// Entropy of the loads over the most there can be, ln E: 1 where all are even.
    pub entropy: f64,
    /// Maximal violation: the largest load over an even one, minus 1 (Wang et al. 2024, 2408.15664).
    pub violation: f64,
    /// Coefficient of variation: standard deviation over mean.
    pub variation: f64,
    /// Experts that together carry 99 % of the tokens.
    pub carry: usize,
}

impl Balance {
    /// Of the loads at one step, in any unit; `None` where they are none: fewer than two, or no finite positive sum.
    #[must_use]
    pub fn of(loads: &[f64]) -> Option<Self> {
        let sum: f64 = loads.iter().sum();
        let sound = loads.len() > 1 && sum.is_finite() && sum > 0.0 && loads.iter().all(|load| *load >= 0.0);
        if !sound {
            return None;
        }
        let experts = loads.len() as f64;
        let share = |load: &f64| load / sum;
        let entropy: f64 = loads.iter().map(share).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum();
        let square = |p: f64| (p * experts - 1.0).powi(2);
        let mut shares: Vec<f64> = loads.iter().map(share).collect();
        shares.sort_by(|a, b| b.total_cmp(a));
        let carried = shares.iter().scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        let carry = carried.take_while(|sum| *sum < 0.99).count() + 1;
        Some(Self {
            entropy: entropy / experts.ln(),
            violation: shares[0] * experts - 1.0,
            variation: (shares.iter().map(|p| square(*p)).sum::<f64>() / experts).sqrt(),
            carry,
        })
    }

    fn is_bad(&self, experts: usize) -> bool {
        self.entropy < COLLAPSED.0 || experts >= 8 && self.violation + 1.0 >= OVERLOADED.0
    }

    fn is_good(&self) -> bool {
        self.entropy > COLLAPSED.1 && self.violation + 1.0 < OVERLOADED.1
    }
}

/// Whether the loads at one step are worth a look at those before it.
#[must_use]
pub fn is_suspicious(loads: &[f64]) -> bool {
    let sum: f64 = loads.iter().sum();
    let idle = loads.iter().any(|load| load * loads.len() as f64 <= DEAD.1 * sum);
    idle || Balance::of(loads).is_some_and(|balance| !balance.is_good())
}

/// Something that is so from many steps in a row on, until it is not for some.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lasting {
    bad: usize,
    good: usize,
    pub is_so: bool,
}

impl Lasting {
    pub fn step(&mut self, bad: bool, good: bool) {
        self.bad = if bad { self.bad + 1 } else { 0 };
        self.good = if good { self.good + 1 } else { 0 };
        self.is_so = if self.is_so { self.good < HEALS } else { self.bad >= LASTS };
    }
}

/// What is wrong with a router now.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Trouble {
    /// Newest step that has all loads.
    pub step: i64,
    /// Few experts take most of the tokens.
    pub collapsed: Option<String>,
    /// Experts that get next to nothing.
    pub dead: Option<String>,
}

/// Looks at the loads of a layer, from the first to the newest.
pub(super) fn trouble(router: &RouterLoads<'_>) -> Trouble {
    let (mut found, mut collapse) = (Trouble::default(), Lasting::default());
    let mut dead = vec![Lasting::default(); router.experts.len()];
    let mut newest: Option<(Vec<f64>, Balance)> = None;
    let mut at = vec![0; router.experts.len()];
    for (step, _) in router.experts.first().map_or(&[][..], |(_, points)| points) {
        let load = |(i, (_, points)): (usize, &(u32, &Points))| {
            at[i] += points[at[i]..].partition_point(|p| p.0 < *step);
            points.get(at[i]).filter(|p| p.0 == *step).map(|p| p.1)
        };
        let Some(loads) = router.experts.iter().enumerate().map(load).collect::<Option<Vec<f64>>>() else { continue };
        let Some(balance) = Balance::of(&loads) else { continue };
        let even = loads.iter().sum::<f64>() / loads.len() as f64;
        collapse.step(balance.is_bad(loads.len()), balance.is_good());
        for (expert, load) in dead.iter_mut().zip(&loads) {
            expert.step(*load < DEAD.0 * even, *load > DEAD.1 * even);
        }
        found.step = *step;
        newest = Some((loads, balance));
    }
    let Some((loads, balance)) = newest else { return found };
    let (sum, layer) = (loads.iter().sum::<f64>(), router.layer.rsplit('/').next().unwrap_or(router.layer));
    let percent = |load: f64| format!("{:.1} %", 100.0 * load / sum);
    let even = format!("an even share is {}", percent(sum / loads.len() as f64));
    if collapse.is_so {
        let busiest = (0..loads.len()).max_by(|a, b| loads[*a].total_cmp(&loads[*b])).unwrap_or(0);
        found.collapsed = Some(format!(
            "{layer}: expert {} takes {} of the tokens ({even}); entropy {:.0} % of the most",
            router.experts[busiest].0,
            percent(loads[busiest]),
            100.0 * balance.entropy
        ));
    }
    let gone: Vec<usize> = (0..dead.len()).filter(|i| dead[*i].is_so).collect();
    if let Some(first) = gone.first() {
        let named: Vec<String> = gone.iter().take(NAMED).map(|i| router.experts[*i].0.to_string()).collect();
        let more = gone.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        found.dead = Some(if gone.len() == 1 {
            format!("{layer}: expert {} gets {} of the tokens ({even})", named[0], percent(loads[*first]))
        } else {
            format!("{layer}: experts {}{more} get next to none of the tokens ({even})", named.join(", "))
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_loads_are_told_from_others() {
        for (key, layer, expert) in [
            ("train/TokensPercentage/layer3/expert0", "train/TokensPercentage/layer3", 0),
            ("moe/layer_1/expert_17/load", "moe/layer_1", 17),
            ("moe_ep_usage/L-12_EP-5", "moe_ep_usage/L-12", 5),
        ] {
            assert_eq!(expert_of(key).map(|(at, number)| (&key[..at], number)), Some((layer, expert)), "{key}");
        }
        for key in [
            "train/TokensTotal/layer3/expert0",
            "moe/layer_1/expert_17/loss",
            "moe/layer_x/expert_1/load",
            "expert",
            "moe_bias/L-1_EP-0",
            "moe_ep_usage/L-_EP-0",
            "moe_ep_usage/L-1_EP-",
            // Only the five busiest and the five idlest of all layers, other ones each time: no loads of a layer.
            "moe_expert_utilization/layer_0_expert_5",
        ] {
            assert_eq!(expert_of(key), None, "{key}");
        }
    }

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        // Half, a quarter, two eighths: 1.75 bits of 2.
        let balance = Balance::of(&[4.0, 2.0, 1.0, 1.0]).unwrap();
        assert!((balance.entropy - 0.875).abs() < 1e-12 && (balance.violation - 1.0).abs() < 1e-12, "{balance:?}");
        // Deviations of 1, 0, -1/2, -1/2 from the mean of 1.
        assert!((balance.variation - 0.375_f64.sqrt()).abs() < 1e-12, "{balance:?}");
        assert_eq!((balance.carry, Balance::of(&[99.5, 0.5, 0.0, 0.0]).unwrap().carry), (4, 1));
        assert_eq!(Balance::of(&[0.0, 0.0]), None);
        assert_eq!(Balance::of(&[1.0]), None);
        assert_eq!(Balance::of(&[1.0, f64::NAN]), None);
    }

    /// Loads of eight experts at every tenth step.
    fn loads(at: impl Fn(i64, usize) -> f64) -> Vec<Vec<(i64, f64)>> {
        (0..8).map(|expert| (0..60).map(|i| (10 * i, at(i, expert))).collect()).collect()
    }

    fn troubles(series: &[Vec<(i64, f64)>]) -> Vec<Trouble> {
        let until = |i: usize| -> Vec<(u32, &Points)> {
            series.iter().enumerate().map(|(expert, points)| (expert as u32, &points[..i])).collect()
        };
        (1..=60).map(|i| trouble(&RouterLoads { layer: "moe/layer_0", experts: until(i) })).collect()
    }

    #[test]
    fn what_lasts_is_told_within_twenty_logged_steps_and_is_over_when_it_is_well_for_some() {
        let planted = loads(|i, expert| match (i, expert) {
            (20..40, 0) => 60.0,
            (20..40, 3) => 0.0,
            (20..40, _) => 40.0 / 6.0,
            _ => 12.5 + 0.5 * ((i * 7 + expert as i64 * 3) % 5) as f64,
        });
        let told = troubles(&planted);
        let spans = |so: fn(&Trouble) -> bool| -> Vec<usize> { (0..60).filter(|i| so(&told[*i])).collect() };
        let (collapsed, dead) = (spans(|t| t.collapsed.is_some()), spans(|t| t.dead.is_some()));
        assert_eq!((collapsed[0], *collapsed.last().unwrap()), (31, 44), "twelve steps after, and five beyond its end");
        assert_eq!((dead[0], *dead.last().unwrap()), (31, 44));
        let first = &told[31];
        assert_eq!(
            first.collapsed.as_deref(),
            Some("layer_0: expert 0 takes 60.0 % of the tokens (an even share is 12.5 %); entropy 67 % of the most")
        );
        assert_eq!(first.dead.as_deref(), Some("layer_0: expert 3 gets 0.0 % of the tokens (an even share is 12.5 %)"));
    }

    #[test]
    fn what_comes_and_goes_is_not_told() {
        // Eight steps in a row, as in recorded runs that went well.
        let early = loads(|i, expert| if i % 20 < 8 && expert == 5 { 0.0 } else { 1.0 });
        assert!(troubles(&early).iter().all(|t| t.dead.is_none() && t.collapsed.is_none()));
        let flicker = loads(|i, expert| if expert == 5 { [0.04, 0.06][(i % 2) as usize] } else { 1.0 });
        assert!(troubles(&flicker).iter().all(|t| t.dead.is_none()), "at the bound");
    }
}
