//! Figures for Prometheus over HTTP, where they are asked for (`daemon run --metrics`): on a loopback port or a Unix socket.

use super::answer;
use super::figures::prometheus;
use super::publisher::Publisher;
use super::seconds;
use crate::ipc::protocol::Failure;
use rustix::fs::Mode;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long a request may take to be said and answered; one is served at a time.
const LIMIT: Duration = Duration::from_secs(2);
/// Longest request, bytes.
const LONGEST: usize = 8 << 10;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A port that only this machine reaches.
    Loopback(SocketAddr),
    /// A Unix socket, for this user alone.
    Socket(PathBuf),
}

/// A text that says no place to listen at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is neither a loopback address with a port, such as 127.0.0.1:9464, nor a path of a Unix socket, such as /run/user/1000/mixlaw.sock"
)]
pub struct NotAPlace(String);

impl FromStr for Listen {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        if text.starts_with('/') {
            return Ok(Self::Socket(text.into()));
        }
        let address = text.replace("localhost:", "127.0.0.1:").parse::<SocketAddr>().ok();
        let loopback = address.filter(|address| address.ip().is_loopback());
        loopback.map(Self::Loopback).ok_or_else(|| NotAPlace(text.to_owned()))
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Loopback(address) => write!(f, "{address}"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Serves until the process ends.
///
/// # Errors
/// Where the port or the socket cannot be had.
pub fn serve(listen: &Listen, publisher: Arc<Publisher>) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot listen at {listen}: {e}"), "give --metrics another place".to_owned())
    };
    let work: Box<dyn FnOnce() + Send> = match listen {
        Listen::Loopback(address) => {
            let listener = TcpListener::bind(address).map_err(failed)?;
            Box::new(move || {
                for mut stream in listener.incoming().flatten() {
                    let timed =
                        stream.set_read_timeout(Some(LIMIT)).and_then(|()| stream.set_write_timeout(Some(LIMIT)));
                    let _ = timed.and_then(|()| answer_one(&mut stream, &publisher));
                }
            })
        }
        Listen::Socket(path) => {
            if let Err(error) = std::fs::remove_file(path)
                && error.kind() != ErrorKind::NotFound
            {
                return Err(failed(error));
            }
            let before = rustix::process::umask(Mode::RWXG | Mode::RWXO);
            let bound = UnixListener::bind(path);
            rustix::process::umask(before);
            let listener = bound.map_err(failed)?;
            Box::new(move || {
                for mut stream in listener.incoming().flatten() {
                    let timed =
                        stream.set_read_timeout(Some(LIMIT)).and_then(|()| stream.set_write_timeout(Some(LIMIT)));
                    let _ = timed.and_then(|()| answer_one(&mut stream, &publisher));
                }
            })
        }
    };
    std::thread::Builder::new().name("metrics".to_owned()).spawn(work).map_err(failed)?;
    Ok(())
}

fn answer_one(stream: &mut (impl Read + Write), publisher: &Publisher) -> std::io::Result<()> {
    let until = Instant::now() + LIMIT;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece)?;
        request.extend_from_slice(&piece[..read]);
        if read == 0 || request.len() > LONGEST || Instant::now() > until {
            return Ok(());
        }
    }
    let path = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let known = request.starts_with(b"GET ") && matches!(path, b"/metrics" | b"/");
    let (status, body) = if known { ("200 OK", figures(publisher)) } else { ("404 Not Found", String::new()) };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn figures(publisher: &Publisher) -> String {
    let Some(current) = publisher.latest() else { return prometheus("", None) };
    let mut status = answer::status(&current);
    status.daemon.uptime += (seconds(SystemTime::now()) - status.at).max(0.0);
    prometheus(&current.project.name, Some(&status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_listened_to() {
        let read = |text: &str| text.parse::<Listen>();
        assert_eq!(read("localhost:9464"), Ok(Listen::Loopback("127.0.0.1:9464".parse().unwrap())));
        assert!(read("[::1]:1").is_ok() && read("/run/x.sock").is_ok());
        for wrong in ["0.0.0.0:9464", "192.168.1.2:80", "9464", "[::]:80", "x.sock", "example.org:80"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
