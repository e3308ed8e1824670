//! `mixlaw collect`: reads the runs of this machine and sends their points to a stream of NATS, which daemons elsewhere read.

use super::{Outcome, ProjectArg};
use crate::ipc::protocol::Failure;
use crate::project::server::Address;
use crate::vocab::number::parse_amount;
use clap::Args;

/// Arguments of `collect`.
#[derive(Debug, Args)]
pub struct Collect {
    #[command(flatten)]
    project: ProjectArg,
    /// Server and stream, such as nats://head-node:4222/sweeps (tls:// encrypts; several servers of a cluster: with commas).
    /// Who you are is taken from MIXLAW_NATS_CREDS=FILE, MIXLAW_NATS_NKEY=FILE, or MIXLAW_NATS_USER and MIXLAW_NATS_PASSWORD
    #[arg(long, value_name = "ADDRESS", env = "MIXLAW_NATS")]
    to: String,
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
    /// Show what the collector of this project is doing, and end
    #[arg(long, conflicts_with_all = ["once", "again", "limit"])]
    status: bool,
}

fn bytes(text: &str) -> Result<u64, super::ArgumentError> {
    let amount = parse_amount(text.trim_end_matches('B')).ok().filter(|amount| (1e6..1e18).contains(amount));
    amount.map(|amount| amount as u64).ok_or_else(|| super::ArgumentError::NotBytes(text.to_owned()))
}

impl Collect {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let address = Address::parse(&self.to).map_err(|e| Failure::usage(format!("--to: {e}"), e.help.to_owned()))?;
        self.go(address)
    }

    #[cfg(not(feature = "nats"))]
    #[allow(clippy::unused_self, clippy::needless_pass_by_value)]
    fn go(self, address: Address) -> Result<Outcome, Failure> {
        Err(Failure::new(
            format!("this mixlaw was built without streams, so that it cannot send to {address}"),
            "build one with them: cargo install --path . --features nats".to_owned(),
        ))
    }

    #[cfg(feature = "nats")]
    fn go(self, address: Address) -> Result<Outcome, Failure> {
        use crate::daemon::collector::Collector;
        use crate::project::Project;
        use crate::stream::link::Limits;
        let project = Project::load(&self.project.project)?;
        if self.status {
            return shown(&project, &address);
        }
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

/// What the collector of a project is doing.
#[cfg(feature = "nats")]
fn shown(project: &crate::project::Project, address: &Address) -> Result<Outcome, Failure> {
    use crate::daemon::collector::Collector;
    use crate::vocab::number::show_amount;
    let Some((status, runs)) = Collector::status(project, address)? else {
        let help = format!("start one: mixlaw collect --to {address}");
        return Err(Failure::new(format!("no collector has sent this project to {address} from here"), help));
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    let mut text = if runs {
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
        .stream
        .1
        .map_or_else(|| "no limit of its own".to_owned(), |most| format!("of {}", show_amount(most as f64)));
    text.push_str(&format!("stream: {} bytes when it connected, {limit}\n", show_amount(status.stream.0 as f64)));
    if let Some(trouble) = &status.trouble {
        let since = status.since.map_or(0.0, |since| now - since);
        text.push_str(&format!("away for {since:.0} s: {trouble}\nwhat is logged meanwhile is sent when it is back\n"));
    }
    super::output::print(&text)?;
    Ok(Outcome::Done)
}
