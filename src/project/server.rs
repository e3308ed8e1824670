//! `nats://host:port/stream` as people write it. A password in it is refused, and never repeated: whoever prints an address, an
//! error or a log prints none.

use std::fmt;

/// Port where none is written.
const PORT: u16 = 4222;
/// Name of the stream where none is written.
const STREAM: &str = "mixlaw";

/// A server, and a stream of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// `nats` or `tls`.
    tls: bool,
    /// `host:port` of each server of a cluster; any of them will do.
    servers: Vec<String>,
    /// Name of the stream.
    stream: String,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadAddress {
    /// What is wrong; without what was written where that may be a secret.
    pub message: String,
    /// What to write.
    pub help: &'static str,
}

const EXAMPLE: &str = "write a server and a name for the project's stream, such as nats://head-node:4222/sweeps";

impl Address {
    /// From text.
    ///
    /// # Errors
    /// Where it is no address, or has a user or password in it.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let bad = |message: &str| BadAddress { message: message.to_owned(), help: EXAMPLE };
        let text = text.trim();
        if text.contains('@') {
            return Err(BadAddress {
                message: "the address has a user or a password in it, which others can read".to_owned(),
                help: "write it without, and set MIXLAW_NATS_USER and MIXLAW_NATS_PASSWORD, or MIXLAW_NATS_CREDS=FILE",
            });
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| bad("the address has no nats:// in front"))?;
        let tls = match scheme {
            "nats" => false,
            "tls" => true,
            _ => return Err(bad("the address begins with neither nats:// nor tls://")),
        };
        let (servers, stream) = rest.split_once('/').unwrap_or((rest, ""));
        let stream = if stream.is_empty() { STREAM } else { stream };
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !plain(stream) || stream.len() > 64 {
            return Err(bad(
                "the name of the stream, after the host, may have letters, digits, - and _ only, 64 at most",
            ));
        }
        let mut all = Vec::new();
        for server in servers.split(',') {
            let (host, port) = match server.rsplit_once(':') {
                Some((host, port)) if !host.ends_with(':') => {
                    (host, port.parse::<u16>().map_err(|_| bad("the port is not a number up to 65535"))?)
                }
                _ => (server, PORT),
            };
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.:[]".contains(&b);
            if host.is_empty() || !host.bytes().all(fits) {
                return Err(bad("the address has no name of a host that can be used"));
            }
            all.push(format!("{host}:{port}"));
        }
        Ok(Self { tls, servers: all, stream: stream.to_owned() })
    }

    /// Name of the stream.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Whether the line is to be encrypted.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Whether all of its servers are on this machine.
    #[must_use]
    pub fn is_here(&self) -> bool {
        let here = |server: &String| ["127.", "localhost:", "[::1]:"].iter().any(|own| server.starts_with(own));
        self.servers.iter().all(here)
    }

    /// Its servers, as `nats://host:port`.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        let scheme = if self.tls { "tls" } else { "nats" };
        self.servers.iter().map(|server| format!("{scheme}://{server}")).collect()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "tls" } else { "nats" };
        write!(f, "{scheme}://{}/{}", self.servers.join(","), self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_passwords_are_refused_and_not_repeated() {
        for (text, shown) in [
            ("nats://head", "nats://head:4222/mixlaw"),
            ("nats://10.0.0.1:4333/sweeps", "nats://10.0.0.1:4333/sweeps"),
            ("tls://a,b:5/my-sweeps_2", "tls://a:4222,b:5/my-sweeps_2"),
            (" nats://[::1]:4222/x ", "nats://[::1]:4222/x"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(Address::parse(&address.to_string()).unwrap(), address);
        }
        for text in [
            "",
            "head",
            "http://head",
            "nats://",
            "nats://head:x",
            "nats://head:99999",
            "nats://h/a.b",
            "nats://h/>",
            "nats://h x/y",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        for text in ["nats://me:hunter2@head", "nats://hunter2@head/x", "me:hunter2@head"] {
            let error = Address::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            assert!(error.help.contains("MIXLAW_NATS_PASSWORD"));
        }
    }
}
