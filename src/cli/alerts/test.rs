//! `mixlaw alerts test`: a test message through every channel, now and from this process.

use crate::cli::Outcome;
use crate::cli::output::{print, print_json};
use crate::daemon::StateDir;
use crate::ipc::client::Client;
use crate::ipc::protocol::Failure;
use crate::notifications::channel::Channel;
use crate::notifications::channels;
use crate::notifications::message::{Batch, Message};
use crate::open;
use crate::project::Project;
use crate::vocab::{AlertsTestAnswer, ChannelTest};
use std::path::Path;
use std::time::SystemTime;

const EXAMPLE: &str = "say in the project file whom to tell, such as:\nnotify:\n  desktop: true\n  webhooks:\n    - { url_env: SLACK_URL, format: slack }";

pub(super) fn run(path: &Path, json: bool) -> Result<Outcome, Failure> {
    let project = Project::load(path)?;
    let channels = channels::all(&project).map_err(|e| Failure::new(e.text, e.help))?;
    if channels.is_empty() {
        return Err(Failure::new("this project tells nobody: it has no `notify:`", EXAMPLE.to_owned()));
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let message = Message::test(now);
    let batch = Batch { key: message.key.clone(), project: project.name.clone(), messages: vec![message] };
    let environment = environment(&project);
    let tested = channels.iter().map(|channel| test(channel.as_ref(), &batch, environment.as_deref()));
    let answer = AlertsTestAnswer { channels: tested.collect() };
    if json {
        print_json(&answer)?;
    } else {
        print(&shown(&answer))?;
    }
    let failed = answer.channels.iter().filter(|channel| !channel.delivered).count();
    match failed {
        0 => Ok(Outcome::Done),
        count => Err(Failure::new(format!("{count} of {} channels failed", answer.channels.len()), None)),
    }
}

fn test(channel: &dyn Channel, batch: &Batch, environment: Option<&[u8]>) -> ChannelTest {
    let mut remarks: Vec<String> = channel.remark().into_iter().collect();
    if let (Some(name), Some(environment)) = (channel.variable(), environment)
        && !has(environment, name)
    {
        remarks.push(format!(
            "the running daemon was started without {name}; start it again from here: mixlaw daemon stop"
        ));
    }
    let failed = channel.deliver(batch).err();
    ChannelTest {
        channel: channel.name().to_owned(),
        delivered: failed.is_none(),
        help: failed.as_ref().and_then(|failed| failed.help.clone()),
        error: failed.map(|failed| failed.text),
        remarks,
    }
}

/// The environment that the project's daemon was started with, where one runs and the system says.
fn environment(project: &Project) -> Option<Vec<u8>> {
    let client = Client::connect(StateDir::of(project).ok()?.socket()).ok()?;
    open::whole(format!("/proc/{}/environ", client.daemon.pid).as_ref(), 1 << 22).ok()
}

fn has(environment: &[u8], name: &str) -> bool {
    environment.split(|byte| *byte == 0).any(|pair| pair.split(|byte| *byte == b'=').next() == Some(name.as_bytes()))
}

fn shown(answer: &AlertsTestAnswer) -> String {
    let mut text = String::new();
    for channel in &answer.channels {
        let how = channel.error.as_ref().map_or_else(|| "delivered".to_owned(), |error| format!("failed: {error}"));
        text.push_str(&format!("{}: {how}\n", channel.channel));
        text.extend(channel.help.iter().map(|help| format!("  help: {help}\n")));
        text.extend(channel.remarks.iter().map(|remark| format!("  note: {remark}\n")));
    }
    text
}
