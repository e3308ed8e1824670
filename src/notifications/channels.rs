//! Every channel of a project. A new kind is a file, and its line here.

use super::channel::Channel;
use super::command::Command;
use super::desktop::Desktop;
use super::email::Email;
use super::undelivered::Undelivered;
use super::webhook::WebhookChannel;
use crate::project::Project;
use std::os::unix::fs::MetadataExt;

/// Every channel of a project.
///
/// # Errors
/// Where somebody else could have written the project file: a channel runs programs as the user of the daemon.
pub fn all(project: &Project) -> Result<Vec<Box<dyn Channel>>, Undelivered> {
    let notify = &project.notify;
    if !notify.is_on() {
        return Ok(Vec::new());
    }
    trusted(project)?;
    let mut channels: Vec<Box<dyn Channel>> = Vec::new();
    for webhook in &notify.webhooks {
        channels.push(Box::new(WebhookChannel::new(webhook.clone())));
    }
    if let Some(command) = Command::new(&notify.command, &project.root) {
        channels.push(Box::new(command));
    }
    if notify.desktop {
        channels.push(Box::new(Desktop));
    }
    for address in &notify.email {
        channels.push(Box::new(Email::new(address)));
    }
    Ok(channels)
}

fn trusted(project: &Project) -> Result<(), Undelivered> {
    let Some(file) = &project.file else { return Ok(()) };
    let metadata = std::fs::metadata(file)
        .map_err(|error| Undelivered::new(format!("cannot look at {}: {error}", file.display())))?;
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own && metadata.uid() != 0 {
        return Err(Undelivered::with_help(
            format!("{} belongs to user {}, who could have programs run as you", file.display(), metadata.uid()),
            "copy the project file to a place of your own, and watch that",
        ));
    }
    if metadata.mode() & 0o002 != 0 {
        return Err(Undelivered::with_help(
            format!("everybody can write {}, and could have programs run as you", file.display()),
            format!("make it your own: chmod o-w {}", file.display()),
        ));
    }
    Ok(())
}
