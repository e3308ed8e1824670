//! `mixlaw collect`: reads the runs of this machine and sends their points to a stream of NATS, which daemons elsewhere read.

use super::{Outcome, ProjectArg};
use crate::ipc::protocol::Failure;
use crate::project::server::{Address, BadAddress};
use crate::vocab::number::parse_amount;
use clap::Args;

#[cfg(feature = "nats")]
const HELP: &str = "say where to: mixlaw collect --to nats://SERVER/STREAM";

/// Arguments of `collect`.
#[derive(Debug, Args)]
pub struct Collect {
    #[command(flatten)]
    project: ProjectArg,
    /// Server and stream, such as nats://head-node:4222/sweeps (tls:// encrypts; several servers of a cluster: with commas).
    /// Who you are is taken from MIXLAW_NATS_CREDS=FILE, MIXLAW_NATS_NKEY=FILE, or MIXLAW_NATS_USER and MIXLAW_NATS_PASSWORD
    #[arg(long, value_name = "ADDRESS", env = "MIXLAW_NATS", required_unless_present = "status")]
    to: Option<String>,
    /// Name of this machine in the stream; two machines must not have the same
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Send what is there, then end; with an error if the server is away
    #[arg(long)]
    once: bool,
    /// Send everything again, in place of what was sent before
    #[arg(long)]
    again: bool,
    /// Most bytes of the stream if it is made now, such as 50G; the oldest messages go then. Default: the server's own limit
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    limit: Option<u64>,
    /// Servers of a cluster that keep a copy each, if the stream is made now
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: u8,
    /// Show what the collectors of this project on this machine are doing (with --to, the one that sends there), and end
    #[arg(long, conflicts_with_all = ["once", "again", "limit"])]
    status: bool,
    /// With --status: print JSON (schemas/collect.schema.json)
    #[arg(long, requires = "status")]
    json: bool,
}

fn bytes(text: &str) -> Result<u64, super::ArgumentError> {
    let amount = parse_amount(text.trim_end_matches('B')).ok().filter(|amount| (1e6..1e18).contains(amount));
    amount.map(|amount| amount as u64).ok_or_else(|| super::ArgumentError::NotBytes(text.to_owned()))
}

impl Collect {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let wrong = |e: BadAddress| Failure::usage(format!("--to: {e}"), e.help.to_owned());
        let address = self.to.as_deref().map(Address::parse).transpose().map_err(wrong)?;
        self.go(address)
    }

    #[cfg(not(feature = "nats"))]
    #[allow(clippy::unused_self, clippy::needless_pass_by_value)]
    fn go(self, address: Option<Address>) -> Result<Outcome, Failure> {
        let to = address.map_or_else(|| "a stream".to_owned(), |address| address.to_string());
        Err(Failure::new(
            format!("this mixlaw was built without streams, so that it cannot send to {to}"),
            "build one with them: cargo install --path . --features nats".to_owned(),
        ))
    }

    #[cfg(feature = "nats")]
    fn go(self, address: Option<Address>) -> Result<Outcome, Failure> {
        use crate::daemon::collector::Collector;
        use crate::project::Project;
        use crate::stream::link::Limits;
        let project = Project::load_early(&self.project.project)?;
        if self.status {
            return shown(&project, address.as_ref(), self.json);
        }
        let Some(address) = address else { return Err(Failure::usage("no address to send to", HELP.to_owned())) };
        let node = match self.node {
            Some(node) => node,
            None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        };
        if node.trim().is_empty() || node.len() > 200 {
            return Err(Failure::usage(
                "the name of this machine is empty or too long",
                "write one: --node NAME".to_owned(),
            ));
        }
        let limits = Limits { bytes: self.limit, replicas: usize::from(self.replicas) };
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            let failed = |e: std::io::Error| Failure::new(format!("cannot handle signals: {e}"), None);
            // The second one ends the process at once, which loses nothing.
            signal_hook::flag::register_conditional_shutdown(signal, 1, std::sync::Arc::clone(&stop))
                .map_err(failed)?;
            signal_hook::flag::register(signal, std::sync::Arc::clone(&stop)).map_err(failed)?;
        }
        let place = Collector::place(&project, &address)?;
        let collector = Collector { project, place, address, node, once: self.once, again: self.again, limits };
        let status = collector.run(&stop, &|line| super::output::tell(line))?;
        super::output::print(&format!(
            "{} points sent, {} bytes, {} messages so far\n",
            status.points, status.bytes, status.messages
        ))?;
        Ok(Outcome::Done)
    }
}

/// What the collectors of a project on this machine are doing.
#[cfg(feature = "nats")]
fn shown(project: &crate::project::Project, address: Option<&Address>, json: bool) -> Result<Outcome, Failure> {
    use crate::daemon::collector::Collector;
    let answer = Collector::status(project, address)?;
    if json {
        super::output::print_json(&answer)?;
        return Ok(Outcome::Done);
    }
    if answer.collectors.is_empty() {
        let to = address.map(|address| format!(" to {address}")).unwrap_or_default();
        let help = format!(
            "start one: mixlaw collect --to {}",
            address.map_or_else(|| "nats://SERVER/STREAM".to_owned(), Address::to_string)
        );
        return Err(Failure::new(format!("no collector has sent this project{to} from here"), help));
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    super::output::print(&answer.collectors.iter().map(|status| text(status, now)).collect::<Vec<_>>().join("\n"))?;
    Ok(Outcome::Done)
}

/// A collector, for people.
#[cfg(feature = "nats")]
fn text(status: &crate::vocab::CollectStatus, now: f64) -> String {
    use crate::vocab::number::show_amount;
    let mut text = if status.running {
        format!("process {}, node {}, to {}\n", status.pid, status.node, status.to)
    } else {
        format!(
            "not running; the last one ended {:.0} s ago, node {}, to {}\n",
            now - status.at,
            status.node,
            status.to
        )
    };
    text.push_str(&format!(
        "{} messages sent; since it started {} points, {} bytes{}\n",
        status.messages,
        show_amount(status.points as f64),
        show_amount(status.bytes as f64),
        if status.behind { "; more to read" } else { "; all that is logged was sent" }
    ));
    let limit = status
        .stream_limit
        .map_or_else(|| "no limit of its own".to_owned(), |most| format!("of {}", show_amount(most as f64)));
    text.push_str(&format!("stream: {} bytes when it connected, {limit}\n", show_amount(status.stream_bytes as f64)));
    status.warnings.iter().for_each(|warning| text.push_str(&format!("warning: {warning}\n")));
    if let Some(trouble) = &status.trouble {
        let since = status.since.map_or(0.0, |since| now - since);
        text.push_str(&format!("away for {since:.0} s: {trouble}\nwhat is logged meanwhile is sent when it is back\n"));
    }
    text
}
