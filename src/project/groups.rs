//! Validation of what holds a new mixture back as a whole: shares of groups of domains, and the distance from the current one.

use super::check::{Checker, Place};
use super::file::{GroupFile, HoldFile, MixtureFile, ShareFile};
use super::weights::tidy;
use super::{Group, Project, ProjectError};
use std::collections::BTreeMap;

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
        Ok(Group { domains: file.domains.clone(), share })
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
        let mut groups = Vec::new();
        for (name, domains) in held {
            let share: f64 = domains.iter().map(|domain| current.weight(domain)).sum();
            groups.push((name.to_owned(), Group { domains, share: [share; 2] }));
        }
        for (name, group) in groups {
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
        Ok(())
    }
}
