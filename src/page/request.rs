//! The head of a request.

use httparse::{EMPTY_HEADER, Request, Status};

/// Longest head, bytes.
pub const LONGEST: usize = 8 << 10;
/// Most header lines.
const MOST_LINES: usize = 64;

/// What matters of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whether only the head of the answer is wanted.
    pub head_only: bool,
    /// The path, as it was sent, without what follows `?`.
    pub path: String,
    /// What follows `?`, by name, decoded.
    pub query: Vec<(String, String)>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no HTTP request.
    Malformed,
    /// It would change something.
    Method,
    /// It is meant for another host: a name that was made to lead here.
    Host,
}

/// Reads a head; `None` while it is not whole.
///
/// # Errors
/// [`Refusal`].
pub fn read(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut lines = [EMPTY_HEADER; MOST_LINES];
    let mut request = Request::new(&mut lines);
    match request.parse(bytes) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(Refusal::Malformed),
    }
    let head_only = match request.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Refusal::Method),
    };
    let mut hosts = request.headers.iter().filter(|line| line.name.eq_ignore_ascii_case("host"));
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() || !host.and_then(|line| std::str::from_utf8(line.value).ok()).is_some_and(is_here) {
        return Err(Refusal::Host);
    }
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decoded(k), decoded(v)));
    Ok(Some(Head { head_only, path: path.to_owned(), query: query.collect() }))
}

/// Whether a host is this machine, at any port: one that is forwarded over ssh has another.
fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || matches!(name, "127.0.0.1" | "[::1]")
}

/// `%41+b` is `A b`; what is no text after that is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            (first, ..) => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str, host: &str) -> Result<Option<Head>, Refusal> {
        read(format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
    }

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let head = asked("GET /a/view.svg?view=laws&run=a%2Fb+c%", "localhost:7310").unwrap().unwrap();
        assert_eq!((head.path.as_str(), head.head_only), ("/a/view.svg", false));
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(head.query, [pair("view", "laws"), pair("run", "a/b c%")]);
        assert!(asked("HEAD /", "127.0.0.1").unwrap().unwrap().head_only);
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: localhost\r\n"), Ok(None));
        assert_eq!(read(b"\x16\x03\x01\x02"), Err(Refusal::Malformed), "TLS");
    }

    #[test]
    fn only_this_machine_is_asked_and_nothing_is_changed() {
        for host in ["127.0.0.1", "LOCALHOST:8080", "[::1]:7310"] {
            assert!(asked("GET /", host).is_ok(), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil", "10.0.0.1", "", "localhost:x"] {
            assert_eq!(asked("GET /", host), Err(Refusal::Host), "{host}");
        }
        assert_eq!(read(b"GET / HTTP/1.1\r\n\r\n"), Err(Refusal::Host), "none");
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n"), Err(Refusal::Host), "two");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"] {
            assert_eq!(asked(&format!("{method} /"), "localhost"), Err(Refusal::Method), "{method}");
        }
    }
}
