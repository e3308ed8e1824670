//! Client of the daemon's socket.

use super::IpcError;
use super::frame;
use super::protocol::{Command, ExportQuery, Hello, PROTOCOL, Query, Request, Response};
use super::replica::Replica;
use super::topic::Subscription;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A conversation with a daemon.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    /// Who answers.
    pub daemon: Hello,
    /// Bytes that it has said so far.
    pub received: u64,
}

impl Client {
    /// How long an answer may take; fits with many starts are slow, a daemon that hangs must still end.
    const PATIENCE: Duration = Duration::from_secs(600);

    /// A subscriber hears from the daemon every few seconds, if only that nothing is new.
    const SILENCE: Duration = Duration::from_secs(30);

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
        let mut client = Self { stream, daemon: Hello::own(), received: 0 };
        frame::write(&mut client.stream, &Hello::own())?;
        client.daemon = client.read()?;
        if client.daemon.protocol != PROTOCOL {
            return Err(IpcError::Version { build: client.daemon.build, theirs: client.daemon.protocol });
        }
        client.stream.set_read_timeout(Some(Self::PATIENCE))?;
        Ok(client)
    }

    fn read<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, IpcError> {
        let mut counted = Counted { from: &self.stream, bytes: &mut self.received };
        frame::read(&mut counted, frame::MAX_RESPONSE)?
            .ok_or_else(|| IpcError::Ended("it closed the connection".to_owned()))
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

    /// Has something done.
    ///
    /// # Errors
    /// [`IpcError::Broken`].
    pub fn command(&mut self, command: Command) -> Result<Response, IpcError> {
        self.ask(&Request::Command(command))
    }

    /// Turns the conversation into a subscription.
    ///
    /// # Errors
    /// [`IpcError::Broken`].
    pub fn subscribe(mut self, wants: Subscription) -> Result<Updates, IpcError> {
        frame::write(&mut self.stream, &Request::Subscribe(wants))?;
        self.stream.set_read_timeout(Some(Self::SILENCE))?;
        Ok(Updates { client: self, replica: Replica::default() })
    }
}

/// Counts what is read.
struct Counted<'a> {
    from: &'a UnixStream,
    bytes: &'a mut u64,
}

impl std::io::Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(into)?;
        *self.bytes += read as u64;
        Ok(read)
    }
}

/// A subscription, and the copy that it keeps up to date.
#[derive(Debug)]
pub struct Updates {
    client: Client,
    /// The copy.
    pub replica: Replica,
}

impl Updates {
    /// Bytes that were received so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.client.received
    }

    /// What ends it from another thread: whoever waits for what is new is told that the line is broken.
    ///
    /// # Errors
    /// Where the process has no descriptors left.
    pub fn hang_up(&self) -> std::io::Result<impl FnOnce() + Send + use<>> {
        let line = self.client.stream.try_clone()?;
        Ok(move || {
            let _ = line.shutdown(Shutdown::Both);
        })
    }

    /// Waits for what is new, and takes it. Now and then nothing is, and that is said, too.
    ///
    /// # Errors
    /// [`IpcError::Broken`], [`IpcError::Behind`] and [`IpcError::Ended`]: connect again. [`IpcError::Stopped`].
    pub fn wait(&mut self) -> Result<&Replica, IpcError> {
        match self.client.read()? {
            Response::Change(change) => {
                self.replica.apply(*change)?;
                Ok(&self.replica)
            }
            Response::Stopping => Err(IpcError::Stopped),
            Response::Failed(failure) => Err(IpcError::Ended(failure.message)),
            other => Err(IpcError::Ended(format!("unexpected answer: {other:?}"))),
        }
    }
}
