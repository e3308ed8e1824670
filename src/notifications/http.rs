//! A POST request over plain HTTP, and what an answer means.

use super::undelivered::Undelivered;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long all of it may take.
pub const LIMIT: Duration = Duration::from_secs(10);
/// Longest head of an answer, bytes.
const LONGEST_HEAD: usize = 16 << 10;
/// Most headers of an answer.
const MOST_HEADERS: usize = 100;
/// The longest wait that a receiver can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// An address, taken apart. Not printed: it may be a secret.
pub struct Url {
    /// Whether it is `https`.
    pub secure: bool,
    /// Host and port as written.
    authority: String,
    host: String,
    port: u16,
    path: String,
    /// All of it.
    pub whole: String,
}

impl Url {
    /// Takes an address apart.
    ///
    /// # Errors
    /// What is wrong with it, without the address.
    pub fn parse(text: &str) -> Result<Self, Undelivered> {
        let wrong = |what: &str| {
            Undelivered::with_help(
                format!("the address is not valid: {what}"),
                "write one such as https://example.org/hook",
            )
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no https:// in front"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("it is neither https:// nor http://")),
        };
        if !text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '<' | '>')) {
            return Err(wrong("it contains spaces, quotes or characters that are not ASCII"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong("it contains a user or password"));
        }
        let default = if secure { 443 } else { 80 };
        let after_bracket = authority.rfind(']').unwrap_or(0);
        let (host, port) = match authority[after_bracket..].rfind(':') {
            Some(colon) => {
                let (host, port) = authority.split_at(after_bracket + colon);
                (host, port[1..].parse().map_err(|_| wrong("its port is not a number up to 65535"))?)
            }
            None => (authority, default),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, authority: authority.to_owned(), host, port, path, whole: text.to_owned() })
    }

    /// Whether what is sent stays on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let ip = self.host.parse::<std::net::IpAddr>();
        self.host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status, such as 200.
    pub status: u16,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// The answer whose head is at the beginning of `bytes`; `None` where more of it is to come.
    ///
    /// # Errors
    /// Where it is no answer of HTTP/1.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Undelivered> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let strange = || Undelivered::new("the answer is not HTTP");
        match response.parse(bytes) {
            Ok(httparse::Status::Partial) => Ok(None),
            Ok(httparse::Status::Complete(_)) => {
                let status = response.code.ok_or_else(strange)?;
                let wait = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("retry-after"));
                let wait = wait.and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse::<f64>().ok());
                let wait = wait.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
                let retry_after = wait.map(|seconds| Duration::from_secs_f64(seconds.min(LONGEST_WAIT.as_secs_f64())));
                Ok(Some(Self { status, retry_after }))
            }
            Err(_) => Err(strange()),
        }
    }

    /// Whether the message was taken.
    ///
    /// # Errors
    /// Where it was not, with what to do. `place` says where the address is kept.
    pub fn judged(&self, place: &str) -> Result<(), Undelivered> {
        let status = self.status;
        let text = format!("the answer is status {status}");
        let failed = match status {
            200..=299 => return Ok(()),
            300..=399 => Undelivered::with_help(
                format!("{text}, a redirect, which is not followed"),
                format!("write the final address into {place}"),
            ),
            400..=499 if status != 408 && status != 429 => {
                Undelivered::with_help(text, format!("check the address in {place}, and the format of the webhook"))
            }
            _ => Undelivered::new(text),
        };
        Err(Undelivered { retry_after: self.retry_after, ..failed })
    }
}

/// Sends a body and returns what was answered. Redirects are not followed.
///
/// # Errors
/// Where there is no answer in time.
pub fn post(url: &Url, body: &str, key: &str, limit: Duration) -> Result<Answer, Undelivered> {
    let until = Instant::now() + limit;
    let left = || {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(std::io::Error::from(ErrorKind::TimedOut)) } else { Ok(left) }
    };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            Undelivered::new(format!("there was no answer within {} s", limit.as_secs()))
        }
        _ => Undelivered::new(format!("cannot send: {error}")),
    };
    let mut stream = connect(url, &left).map_err(failed)?;
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: mixlaw/{}\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        url.path,
        url.authority,
        env!("CARGO_PKG_VERSION"),
        body.len(),
    );
    left().and_then(|left| stream.set_write_timeout(Some(left))).map_err(failed)?;
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    loop {
        left().and_then(|left| stream.set_read_timeout(Some(left))).map_err(failed)?;
        match stream.read(&mut piece) {
            Ok(0) => return Err(Undelivered::new("the line was closed without an answer")),
            Ok(read) => head.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        }
        if let Some(answer) = Answer::parse(&head)? {
            return Ok(answer);
        }
        if head.len() > LONGEST_HEAD {
            return Err(Undelivered::new("the head of the answer is too long"));
        }
    }
}

/// A line to the first address of the host that takes it.
fn connect(url: &Url, left: &dyn Fn() -> std::io::Result<Duration>) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (url.host.as_str(), url.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left()?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_errors_do_not_repeat_them() {
        let url = Url::parse("http://[::1]:8080?secret=1#x").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.path.as_str(), url.is_local()), ("::1", 8080, "/?secret=1", true));
        let url = Url::parse("https://hooks.slack.com/services/T/B/x").unwrap();
        assert!(url.secure && url.port == 443 && url.host == "hooks.slack.com" && !url.is_local());
        for wrong in [
            "secret",
            "ftp://secret",
            "http://",
            "http://a:b@secret/",
            "http://secret:99999/",
            "http://se cret/",
            "http://secret/\"\nurl",
        ] {
            let said = Url::parse(wrong).err().unwrap().text;
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn answers_are_read_and_what_is_none_is_refused() {
        let parse = |text: &str| Answer::parse(text.as_bytes());
        assert_eq!(parse("HTTP/1.1 200 OK\r\nX: y"), Ok(None));
        let busy = parse("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n\r\n{}").unwrap().unwrap();
        assert_eq!(busy, Answer { status: 429, retry_after: Some(Duration::from_secs(7)) });
        assert_eq!(busy.judged("X").unwrap_err().retry_after, Some(Duration::from_secs(7)));
        let long = parse("HTTP/1.1 503 x\r\nRetry-After: 1e300\r\n\r\n").unwrap().unwrap();
        assert_eq!(long.retry_after, Some(LONGEST_WAIT));
        assert!(parse("SSH-2.0-OpenSSH\r\n\r\n").is_err());
        assert!(
            parse("HTTP/1.1 302 Found\r\n\r\n").unwrap().unwrap().judged("X").unwrap_err().text.contains("redirect")
        );
        assert!(parse("HTTP/1.1 204 x\r\n\r\n").unwrap().unwrap().judged("X").is_ok());
    }
}
