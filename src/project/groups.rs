//! Validation of what holds a new mixture back as a whole: shares of groups of domains, and the distance from the current one.

use super::check::{Checker, Place};
use super::file::{GroupFile, HoldFile, MixtureFile, ShareFile};
use super::source::At;
use super::suggest::listed;
use super::together::Limits;
use super::weights::tidy;
use super::{Group, Project, ProjectError};
use crate::vocab::number::show_amount;
use std::collections::{BTreeMap, BTreeSet};

impl Checker<'_> {
    /// `mixture.groups`, given the bounds.
    pub(super) fn groups(
        &self,
        file: &MixtureFile,
        place: Place<'_>,
        project: &mut Project,
    ) -> Result<(), ProjectError> {
        let place = place.key("groups");
        // In the order of the text, so that the first mistake is the one that is told.
        for name in place.names() {
            if let Some(group) = file.groups.as_ref().and_then(|groups| groups.get(name)) {
                let group = self.group(name, group, place.key(name), project)?;
                self.beside_others(name, &group, place.key(name).key("share").value, project)?;
                project.groups.insert(name.to_owned(), group);
            }
        }
        Ok(())
    }

    fn group(&self, name: &str, file: &GroupFile, place: Place<'_>, project: &Project) -> Result<Group, ProjectError> {
        let domains = place.key("domains");
        if file.domains.is_empty() {
            let message = format!("the group `{name}` has no domain");
            return Err(self.source.invalid(domains.value, message, "write domains: [python, rust]"));
        }
        for (i, domain) in file.domains.iter().enumerate() {
            let at = domains.item(i).value;
            self.known_domain(domain, at)?;
            if file.domains[..i].contains(domain) {
                let message = format!("the group `{name}` lists `{domain}` twice");
                return Err(self.source.invalid(at, message, "remove one of them"));
            }
        }
        let at = place.key("share").value;
        let share = match file.share {
            ShareFile::Fixed(share) => [share; 2],
            ShareFile::Range(pair) => [pair.0, pair.1],
        };
        let [low, high] = share;
        if !share.iter().all(|w| (0.0..=1.0).contains(w)) {
            let help = match share.iter().all(|w| (0.0..=100.0).contains(w)) {
                true if low == high => format!("write share: {}", low / 100.0),
                true => format!("write share: [{}, {}]", low / 100.0, high / 100.0),
                false => "write share: [0.1, 0.3], or one number".to_owned(),
            };
            let written = if low == high { low.to_string() } else { format!("[{low}, {high}]") };
            let message = format!("the share of the group `{name}` is {written}; it must be from 0 to 1");
            return Err(self.source.invalid(at, message, help));
        }
        if low > high {
            let message = format!("the minimum share of the group `{name}` ({low}) is more than its maximum ({high})");
            return Err(self.source.invalid(at, message, format!("write share: [{high}, {low}]")));
        }
        let bound = |domain: &String| project.bounds.get(domain).copied().unwrap_or([0.0, 1.0]);
        let (least, most) = file.domains.iter().map(bound).fold((0.0, 0.0), |sum, b| (sum.0 + b[0], sum.1 + b[1]));
        if least > high + 1e-9 || most < low - 1e-9 {
            let (word, sum) = if least > high { ("minimum", least) } else { ("maximum", most) };
            let message = format!(
                "the {word} weights of the domains of the group `{name}` sum to {}, outside its share",
                tidy(sum)
            );
            return Err(self.source.invalid(at, message, "change the share, or mixture.bounds"));
        }
        Ok(Group { domains: file.domains.clone(), share, held: None })
    }

    /// What the project says so far of the mixture of any run.
    pub(super) fn limits_so_far<'p>(&'p self, project: &'p Project) -> Limits<'p> {
        let grouped = project.groups.values().flat_map(|group| &group.domains);
        let named = project.bounds.keys().chain(project.current.iter().flat_map(|now| now.0.keys())).chain(grouped);
        let names: BTreeSet<&str> = named.chain(&self.domains).map(String::as_str).collect();
        Limits {
            domains: names.into_iter().collect(),
            others: !self.domains_stated,
            ranges: project.bounds.clone(),
            groups: project.groups.values().collect(),
            now: project.current.as_ref().map(|now| &now.0),
        }
    }

    /// Checks that the bounds and the groups so far leave a group its share.
    fn beside_others(&self, name: &str, group: &Group, at: At, project: &Project) -> Result<(), ProjectError> {
        let mut limits = self.limits_so_far(project);
        let new = group.domains.iter().map(String::as_str).filter(|domain| !limits.domains.contains(domain));
        let new: Vec<&str> = new.collect();
        limits.domains.extend(new);
        let [low, high] = group.share;
        let Some([least, most]) =
            limits.share(group).filter(|[least, most]| *least > high + 1e-9 || *most < low - 1e-9)
        else {
            return Ok(());
        };
        let others = listed(project.groups.keys().map(String::as_str));
        let domains = project.groups.values().chain([group]).flat_map(|group| &group.domains);
        let apart = domains.clone().collect::<BTreeSet<_>>().len() == domains.count();
        let minima: f64 = project.groups.values().chain([group]).map(|group| group.share[0]).sum();
        let message = if apart && minima > 1.0 + 1e-9 {
            let fixed = project.groups.values().chain([group]).all(|group| group.share[0] >= group.share[1]);
            let what = if fixed { "shares" } else { "minimum shares" };
            format!("the {what} of the groups sum to {}, more than 1", tidy(minima))
        } else {
            let bounds = if project.bounds.is_empty() { "" } else { " and the bounds" };
            format!(
                "with the shares of {others}{bounds}, the group `{name}` has {} of the weight, outside its share of {}",
                range(least, most),
                range(low, high)
            )
        };
        Err(self.source.invalid(at, message, format!("change this share, or that of {others}")))
    }

    /// `mixture.hold`: a group with the share of the current mixture for each corpus, or each length.
    pub(super) fn hold(&self, file: &MixtureFile, place: Place<'_>, project: &mut Project) -> Result<(), ProjectError> {
        let Some(hold) = file.hold else { return Ok(()) };
        let at = place.key("hold");
        let Some(current) = &project.current else {
            let message = "`mixture.hold` keeps shares of the current mixture, which is not stated";
            return Err(self.source.invalid(at.key, message, "add current: { web@4k: 0.6, web@32k: 0.4 } to mixture"));
        };
        let mut held: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for domain in current.0.keys() {
            let Some((corpus, length)) = domain.rsplit_once('@').filter(|(c, l)| !c.is_empty() && !l.is_empty()) else {
                let message = format!("`mixture.hold` needs domains named CORPUS@LENGTH, and `{domain}` is not");
                let help = format!("name it such as {domain}@32k, or write groups instead of hold");
                return Err(self.source.invalid(at.value, message, help));
            };
            let key = if hold == HoldFile::Corpora { corpus } else { length };
            held.entry(key).or_default().push(domain.clone());
        }
        let word = if hold == HoldFile::Corpora { "corpora" } else { "lengths" };
        let mut groups = Vec::new();
        for (name, domains) in held {
            let share: f64 = domains.iter().map(|domain| current.weight(domain)).sum();
            groups.push((name.to_owned(), Group { domains, share: [share; 2], held: Some(word) }));
        }
        for (name, group) in groups {
            let [share, _] = group.share;
            if let Some([least, most]) = self.limits_so_far(project).share(&group)
                && (least > share + 1e-9 || most < share - 1e-9)
            {
                let message = format!(
                    "`mixture.hold` keeps `{name}` at {}, and {} leave it {}",
                    tidy(share),
                    limiting(project, false),
                    range(least, most)
                );
                let help = format!("change {}, or mixture.current, or remove hold", limiting(project, false));
                return Err(self.source.invalid(at.value, message, help));
            }
            if project.groups.insert(name.clone(), group).is_some() {
                let message = format!("`{name}` is a group, and `mixture.hold` makes one of that name");
                return Err(self.source.invalid(at.value, message, format!("name the group otherwise than `{name}`")));
            }
        }
        Ok(())
    }

    /// `mixture.max_change` and `mixture.max_divergence`, given the current mixture.
    pub(super) fn nearness(
        &self,
        file: &MixtureFile,
        place: Place<'_>,
        project: &mut Project,
    ) -> Result<(), ProjectError> {
        for (key, value, example) in
            [("max_change", file.max_change, "0.2"), ("max_divergence", file.max_divergence, "0.05")]
        {
            let Some(value) = value else { continue };
            let at = place.key(key);
            let value = self.positive("mixture", key, value, at.value, example)?;
            if key == "max_change" && value > 1.0 {
                let message = format!("`mixture.max_change` is {value}; it is a part of the weight, from 0 to 1");
                let help = if value <= 100.0 {
                    format!("write max_change: {}", value / 100.0)
                } else {
                    "write max_change: 0.2".to_owned()
                };
                return Err(self.source.invalid(at.value, message, help));
            }
            if project.current.is_none() {
                let message =
                    format!("`mixture.{key}` limits the distance from the current mixture, which is not stated");
                return Err(self.source.invalid(at.key, message, "add current: { prose: 0.8, rust: 0.2 } to mixture"));
            }
        }
        (project.max_change, project.max_divergence) = (file.max_change, file.max_divergence);
        project.beyond_runs = file.beyond_runs;
        self.near_enough(place, project)
    }

    /// Checks that the bounds and the groups leave a mixture near the current one.
    fn near_enough(&self, place: Place<'_>, project: &Project) -> Result<(), ProjectError> {
        let limits = self.limits_so_far(project);
        let moved =
            project.max_change.and_then(|most| limits.moved().filter(|moved| *moved > most + 1e-9).zip(Some(most)));
        if let Some((moved, most)) = moved {
            let message = format!(
                "{} need {} % of the weight to move away from the current mixture, and `max_change` allows {} %",
                limiting(project, false),
                tidy(100.0 * moved),
                tidy(100.0 * most)
            );
            let help = format!("write max_change: {} or more, or change {}", upwards(moved), limiting(project, false));
            return Err(self.source.invalid(place.key("max_change").value, message, help));
        }
        let (Some(most), Some(now)) = (project.max_divergence, &project.current) else { return Ok(()) };
        let at = place.key("max_divergence").value;
        let used: Vec<&str> = now.0.iter().filter(|(_, weight)| **weight > 0.0).map(|(d, _)| d.as_str()).collect();
        let help = "write max_change: 0.1 in its place, or give other domains a little weight in current";
        if let [only] = used.as_slice() {
            let message = format!(
                "`{only}` has all of the current mixture, and any weight on a domain that has none is an infinite divergence: \
                 `max_divergence` allows no other mixture"
            );
            return Err(self.source.invalid(at, message, help));
        }
        let least = limits.diverges();
        if least.is_infinite() {
            let message = format!(
                "{} need weight where the current mixture has none, which is an infinite divergence: `max_divergence` allows no \
                 such mixture",
                limiting(project, false)
            );
            return Err(self.source.invalid(at, message, help));
        }
        if least > most * (1.0 + 1e-6) + 1e-9 {
            let message = format!(
                "{} need a divergence of at least {} nats from the current mixture, and `max_divergence` allows {most}",
                limiting(project, false),
                tidy(least)
            );
            let help =
                format!("write max_divergence: {} or more, or change {}", upwards(least), limiting(project, false));
            return Err(self.source.invalid(at, message, help));
        }
        Ok(())
    }

    /// Checks that the tokens there are, of the target's, leave a mixture within all other limits.
    pub(super) fn enough_for_limits(&self, project: &Project, place: Place<'_>) -> Result<(), ProjectError> {
        let Some(tokens) = project.target.tokens.filter(|_| !project.available_tokens.is_empty()) else {
            return Ok(());
        };
        let mut limits = self.limits_so_far(project);
        for (domain, available) in &project.available_tokens {
            if !limits.domains.contains(&domain.as_str()) {
                limits.domains.push(domain);
            }
            let part = available * project.max_epochs / tokens;
            let range = limits.ranges.entry(domain.clone()).or_insert([0.0, 1.0]);
            if part < range[0] - 1e-9 {
                let message = format!(
                    "`{domain}` must have at least {} % of the target's {} tokens, and {} tokens in {} epochs are {} %",
                    tidy(100.0 * range[0]),
                    show_amount(tokens),
                    show_amount(*available),
                    project.max_epochs,
                    tidy(100.0 * part)
                );
                let help = format!("raise max_epochs, or lower target.tokens or the minimum weight of {domain}");
                return Err(self.source.invalid(place.key(domain).value, message, help));
            }
            range[1] = range[1].min(part);
        }
        if limits.any(project.max_change) {
            return Ok(());
        }
        let message = format!(
            "the tokens there are, in {} epochs of a target of {}, leave no mixture that keeps {}",
            project.max_epochs,
            show_amount(tokens),
            limiting(project, true)
        );
        let help = format!("raise max_epochs, lower target.tokens, or change {}", limiting(project, true));
        Err(self.source.invalid(place.key, message, help))
    }
}

/// The limits that a project states of the weights, by their keys.
fn limiting(project: &Project, change: bool) -> String {
    let stated = [
        ("`bounds`", !project.bounds.is_empty()),
        ("`groups`", !project.groups.is_empty()),
        ("`max_change`", change && project.max_change.is_some()),
    ];
    let names: Vec<&str> = stated.iter().filter(|(_, stated)| *stated).map(|(name, _)| *name).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => "0 to 1".to_owned(),
    }
}

fn range(low: f64, high: f64) -> String {
    if high - low < 1e-9 { tidy(low) } else { format!("{} to {}", tidy(low), tidy(high)) }
}

/// Rounded up to two digits, or three where that is much.
fn upwards(value: f64) -> String {
    let unit = if value < 0.1 { 1e4 } else { 1e2 };
    tidy(((value * unit - 1e-6).ceil() / unit).max(1.0 / unit))
}
