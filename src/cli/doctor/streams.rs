//! Whether the servers of streams can be used: who answers, whether JetStream is on, which limits the stream has.

use super::finding::Findings;
use super::patient::Patient;

#[cfg(not(feature = "nats"))]
pub(super) fn look(patient: &Patient, found: &mut Findings) {
    let Ok(project) = &patient.project else { return };
    for stream in &project.streams {
        let help = "build one with them: cargo install --path . --features nats";
        found.fail(format!("{}: this mixlaw was built without streams", stream.address), help);
    }
}

#[cfg(feature = "nats")]
pub(super) fn look(patient: &Patient, found: &mut Findings) {
    use crate::project::server::Address;
    use crate::stream::credentials::{Credentials, VARIABLES};
    use crate::stream::link::{LinkError, Server};
    use crate::vocab::count::counted;
    use crate::vocab::number::show_amount;

    let Ok(project) = &patient.project else { return };
    for source in &project.streams {
        let Ok(address) = Address::parse(&source.address) else { continue };
        let credentials = match Credentials::from_environment() {
            Ok(credentials) => credentials,
            Err(error) => return found.fail(error.to_string(), format!("who you are: {VARIABLES}")),
        };
        if !address.tls() && !address.is_here() {
            let text = format!("{address}: points cross the network as they are");
            found.warn(text, "encrypt them: write tls:// once the server has a certificate (docs/cluster.md)");
        }
        let answer = Server::connect(&address, &credentials, "mixlaw doctor").and_then(|server| server.stream(None));
        match answer {
            Ok(about) => {
                let limit = |most: u64| format!(", the oldest go above {} bytes", show_amount(most as f64));
                let age = about.longest.map(|age| format!(", after {} s", age.as_secs())).unwrap_or_default();
                found.know(format!(
                    "{address} answers, as {}: {}, {} bytes{}{age}; {}",
                    credentials.who.kind(),
                    counted(about.messages as usize, "message"),
                    show_amount(about.bytes as f64),
                    about.most_bytes.map(limit).unwrap_or_default(),
                    match about.replicas {
                        0 | 1 => "one copy".to_owned(),
                        n if about.late.is_empty() => format!("{n} copies, all up to date"),
                        n => format!("{n} copies"),
                    }
                ));
                if !about.late.is_empty() {
                    let text = format!("{address}: without all messages at present: {}", about.late.join(", "));
                    found.warn(text, "a server that was away catches up by itself; start it if it does not run");
                }
                if about.first > 1 {
                    let text =
                        format!("{address}: the first {} are gone", counted(about.first as usize - 1, "message"));
                    found.warn(text, "a new daemon lacks them; have nodes send again: mixlaw collect --again");
                }
            }
            Err(LinkError::NoStream(_)) => {
                let help = format!("start a collector where the runs are: mixlaw collect --to {address}");
                found.warn(format!("{address}: nothing has been sent there yet"), help);
            }
            Err(error) => {
                let help = error.help().map_or_else(
                    || format!("start it (nats-server -js -sd DIR), or say who you are: {VARIABLES}"),
                    str::to_owned,
                );
                found.fail(error.to_string(), help);
            }
        }
    }
}
