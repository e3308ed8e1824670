//! Validation of what is made of several losses: `objective.worst`, `relative_to` and `in_order`.

use super::check::Checker;
use super::constraint;
use super::file::{ObjectiveFile, RelativeFile};
use super::{Base, Project, ProjectError, Slack, Stage, Wanted};
use std::collections::BTreeMap;

impl Checker<'_> {
    /// Everything of `objective` but `minimize` and `subject_to`.
    pub(super) fn goal(&self, file: &ObjectiveFile, project: &mut Project) -> Result<(), ProjectError> {
        let place = self.root().key("objective");
        let stated = [
            ("minimize", file.minimize.is_some()),
            ("worst", file.worst.is_some()),
            ("in_order", file.in_order.is_some()),
        ];
        let mut stated = stated.into_iter().filter(|(_, stated)| *stated).map(|(key, _)| key);
        if let (Some(first), Some(second)) = (stated.next(), stated.next()) {
            let message = format!("`objective.{first}` and `objective.{second}` are both given");
            return Err(self.source.invalid(
                place.key(second).key,
                message,
                format!("remove one: `{first}` or `{second}`"),
            ));
        }
        if file.relative_to.is_some() && file.worst.is_none() {
            let help = "write worst: [prose, rust] beside it, or remove it";
            return Err(self.source.invalid(
                place.key("relative_to").key,
                "`objective.relative_to` belongs to `worst`",
                help,
            ));
        }
        if let Some(names) = &file.worst {
            let list = place.key("worst");
            for (i, name) in names.iter().enumerate() {
                self.known_metric(name, list.item(i).value)?;
                self.once(&names[..i], name, list.item(i).value)?;
            }
            if names.len() < 2 {
                let help = "write worst: [prose, rust], or minimize: rust";
                return Err(self.source.invalid(list.value, "`objective.worst` needs two losses or more", help));
            }
            project.objective.minimize = equal(names);
            project.objective.goal = Wanted::Worst(file.relative_to.map(|relative| match relative {
                RelativeFile::Current => Base::Current,
                RelativeFile::Start => Base::Start,
            }));
        }
        if let Some(texts) = &file.in_order {
            let list = place.key("in_order");
            let mut stages = Vec::new();
            for (i, text) in texts.iter().enumerate() {
                let at = list.item(i).text_start();
                let stage = stage(text, i + 1 == texts.len(), &|name| self.higher_is_better(name, &project.metrics))
                    .map_err(|(message, help)| self.source.invalid(at, message, help))?;
                self.known_metric(&stage.metric, at)?;
                let before: Vec<String> = stages.iter().map(|stage: &Stage| stage.metric.clone()).collect();
                self.once(&before, &stage.metric, at)?;
                stages.push(stage);
            }
            if stages.len() < 2 {
                let help = "write in_order: [rust + 1%, prose], or minimize: rust";
                return Err(self.source.invalid(list.value, "`objective.in_order` needs two losses or more", help));
            }
            project.objective.minimize = equal(&stages.iter().map(|stage| stage.metric.clone()).collect::<Vec<_>>());
            project.objective.goal = Wanted::InOrder(stages);
        }
        Ok(())
    }

    fn once(&self, before: &[String], name: &String, at: super::source::At) -> Result<(), ProjectError> {
        if before.contains(name) {
            return Err(self.source.invalid(at, format!("`{name}` is listed twice"), "remove one of the two"));
        }
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss)]
fn equal(names: &[String]) -> BTreeMap<String, f64> {
    names.iter().map(|name| (name.clone(), 1.0 / names.len() as f64)).collect()
}

/// `rust + 1%`, whose tolerance may not be better than its best, or, of the last, `prose`; the message and the help where it is neither.
fn stage(text: &str, last: bool, higher_is_better: &dyn Fn(&str) -> Option<bool>) -> Result<Stage, (String, String)> {
    let text = text.trim();
    let sign = text.char_indices().find(|(i, c)| matches!(c, '+' | '-') && text[..*i].ends_with(char::is_whitespace));
    let Some((at, _)) = sign else {
        return match last {
            true => Ok(Stage { metric: text.to_owned(), slack: Slack::Nats(0.0), text: String::new() }),
            false => Err((
                format!("'{text}' does not say how far it may be from its best for those that follow"),
                format!("write {text} + 1%"),
            )),
        };
    };
    let (metric, tolerance) = (text[..at].trim(), text[at..].trim());
    // The tolerance is what a limit has behind its base.
    let limit = constraint::parse_for(&format!("{metric} <= current {tolerance}"), &|_| Some(false));
    let slack = limit
        .map_err(|error| (format!("'{tolerance}' is no tolerance: {}", error.message), format!("write {metric} + 1%")))?
        .slack;
    let (Slack::Relative(by) | Slack::Nats(by)) = slack;
    let (better, sign) = match higher_is_better(metric) {
        Some(true) => (by > 0.0, '-'),
        Some(false) => (by < 0.0, '+'),
        None => (false, '+'),
    };
    if better {
        let message = format!("'{text}' asks for a {metric} that is better than its best, which no mixture has");
        return Err((message, format!("write {metric} {sign} 1%")));
    }
    if last {
        let message = format!("nothing follows '{text}': the tolerance of the last is for nothing");
        return Err((message, format!("write {metric}")));
    }
    Ok(Stage { metric: metric.to_owned(), slack, text: tolerance.trim_start_matches('+').trim().to_owned() })
}
