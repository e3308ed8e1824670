//! The client's side of a conversation.

use super::IpcError;
use super::frame;
use super::protocol::{ExportQuery, Hello, PROTOCOL, Query, Request, Response};
use crate::vocab::Snapshot;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A conversation with a daemon.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    /// Who answers.
    pub daemon: Hello,
}

impl Client {
    /// How long an answer may take; fits with many starts are slow, a daemon that hangs must still end.
    const PATIENCE: Duration = Duration::from_secs(600);

    /// Connects, checks the other's user and exchanges greetings.
    ///
    /// # Errors
    /// [`IpcError`], by what to do.
    pub fn connect(socket: &Path) -> Result<Self, IpcError> {
        let stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => IpcError::NoDaemon,
            _ => error.into(),
        })?;
        let peer = rustix::net::sockopt::socket_peercred(&stream).map_err(std::io::Error::from)?;
        if peer.uid != rustix::process::geteuid() {
            return Err(IpcError::Stranger(peer.uid.as_raw()));
        }
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        let mut client = Self { stream, daemon: Hello::own() };
        frame::write(&mut client.stream, &Hello::own())?;
        client.daemon = client.read()?;
        if client.daemon.protocol != PROTOCOL {
            return Err(IpcError::Version { build: client.daemon.build, theirs: client.daemon.protocol });
        }
        client.stream.set_read_timeout(Some(Self::PATIENCE))?;
        Ok(client)
    }

    fn read<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, IpcError> {
        frame::read(&mut self.stream, frame::MAX_RESPONSE)?.ok_or_else(|| IpcError::Broken("it hung up".to_owned()))
    }

    /// Asks one thing.
    ///
    /// # Errors
    /// [`IpcError::Broken`].
    pub fn ask(&mut self, request: &Request) -> Result<Response, IpcError> {
        frame::write(&mut self.stream, request)?;
        self.read()
    }

    /// The next stretch of an export under way.
    ///
    /// # Errors
    /// [`IpcError::Broken`].
    pub fn more(&mut self) -> Result<Response, IpcError> {
        self.read()
    }

    /// Asks a question.
    ///
    /// # Errors
    /// [`IpcError::Broken`].
    pub fn query(&mut self, query: Query) -> Result<Response, IpcError> {
        self.ask(&Request::Query(query))
    }

    /// Asks for every point; what follows the first answer is had with [`Client::more`].
    ///
    /// # Errors
    /// [`IpcError::Broken`].
    pub fn export(&mut self, query: ExportQuery) -> Result<Response, IpcError> {
        self.ask(&Request::Export(query))
    }

    /// The newest snapshot, or one newer than `after`; `None` where there is none within the daemon's patience.
    ///
    /// # Errors
    /// [`IpcError::Broken`].
    pub fn snapshot(&mut self, after: Option<u64>) -> Result<Option<Arc<Snapshot>>, IpcError> {
        match self.ask(&Request::Snapshot { after })? {
            Response::Snapshot(snapshot) => Ok(Some(snapshot)),
            Response::NothingNewer => Ok(None),
            Response::Stopping => Err(IpcError::Broken("it is stopping".to_owned())),
            other => Err(IpcError::Broken(format!("an answer that was not asked for: {other:?}"))),
        }
    }
}
