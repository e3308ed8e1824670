//! Connecting to a server, and why one refuses, in words that say what to do.

use super::super::credentials::{Credentials, Who};
use super::error::{AGAIN, LinkError, PATIENCE, away, source};
use crate::project::server::Address;
use async_nats::{ConnectErrorKind, ConnectOptions, Event, ServerError, jetstream};
use std::sync::{Arc, Mutex, PoisonError};

/// What a server last complained of beside its answers, as it does where somebody may not publish or subscribe.
#[derive(Clone, Default)]
pub(super) struct Complaint(Arc<Mutex<Option<String>>>);

impl Complaint {
    pub(super) fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, event: Event) {
        if let Event::ServerError(ServerError::Other(text)) = event {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        }
    }
}

pub(super) async fn connect(
    address: &Address,
    credentials: &Credentials,
    name: &str,
    complaint: &Complaint,
) -> Result<jetstream::Context, LinkError> {
    let noted = complaint.clone();
    let mut options = ConnectOptions::new()
        .name(name)
        .require_tls(address.tls())
        .connection_timeout(PATIENCE)
        .request_timeout(Some(PATIENCE))
        // Of a cluster, another server goes on; when none does, who uses the line decides when to try again.
        .max_reconnects(3 * address.servers().len())
        .reconnect_delay_callback(|_| AGAIN / 4)
        .event_callback(move |event| {
            noted.note(event);
            std::future::ready(())
        });
    options = match &credentials.who {
        Who::Nobody => options,
        Who::User(user, password) => options.user_and_password(user.clone(), password.clone()),
        Who::Nkey(seed) => options.nkey(seed.clone()),
        // The error may hold a part of the file.
        Who::Creds(text) => options.credentials(text).map_err(|_| refused(address, &NO_CREDS))?,
    };
    if let Some(roots) = &credentials.roots {
        options = options.add_root_certificates(roots.clone());
    }
    let client = options.connect(address.servers()).await.map_err(|error| why(address, &credentials.who, &error))?;
    Ok(jetstream::context::ContextBuilder::new().timeout(PATIENCE).ack_timeout(PATIENCE).build(client))
}

/// What is wrong, and what to do.
type Words = (&'static str, &'static str);

const NO_CREDS: Words = (
    "what MIXLAW_NATS_CREDS names is no credentials file of NATS",
    "it begins with -----BEGIN NATS USER JWT-----; have whoever runs the server make one: nsc generate creds",
);

fn refused(address: &Address, (reason, help): &Words) -> LinkError {
    LinkError::Refused { server: address.to_string(), reason: (*reason).to_owned(), help: (*help).to_owned() }
}

/// A complaint such as `Permissions Violation for Publish to "mixlaw.sweeps.n1"`.
pub(super) fn not_allowed(address: &Address, complaint: &str) -> LinkError {
    const BEGINS: &str = "permissions violation for ";
    let Some(what) = complaint.get(BEGINS.len()..).filter(|_| complaint.to_lowercase().starts_with(BEGINS)) else {
        return away(address, &format!("the server says: {complaint}"));
    };
    LinkError::Refused {
        server: address.to_string(),
        reason: format!("the server does not let this user do what is needed: {what}"),
        help: "have the server allow it (docs/cluster.md, Who may read and write)".to_owned(),
    }
}

fn why(address: &Address, who: &Who, error: &async_nats::ConnectError) -> LinkError {
    let text = source(error);
    let words = match error.kind() {
        ConnectErrorKind::AuthorizationViolation => unauthorized(who),
        ConnectErrorKind::Authentication => match who {
            Who::Nkey(_) => (
                "what MIXLAW_NATS_NKEY names is no seed of an nkey",
                "it is one line that begins with SU; make one: nk -gen user",
            ),
            _ => NO_CREDS,
        },
        // Its words for what rustls says; `tests/e2e/cluster/security.rs` holds that they are still these.
        _ if text.contains("UnknownIssuer") => (
            "the server's certificate is of an authority that is not trusted here",
            "name a file with the certificate of that authority: MIXLAW_NATS_CA=FILE",
        ),
        _ if text.contains("certificate expired") => (
            "the server's certificate has expired",
            "have it renewed where the server runs; if that was done, look at this machine's clock: date",
        ),
        _ if text.contains("not valid yet") => (
            "the server's certificate is not valid yet",
            "look at the clocks of this machine and of the one that made it: date",
        ),
        _ if text.contains("not valid for") => (
            "the server's certificate is for a machine of another name",
            "write the name that is in it: openssl s_client -connect HOST:PORT -starttls nats, or have one made for this name",
        ),
        _ if text.contains("InvalidContentType") => (
            "the server does not encrypt",
            "give it a certificate (docs/cluster.md), or write nats:// instead of tls://",
        ),
        _ if text.contains("certificate required") || text.contains("CertificateRequired") => (
            "the server asks for a certificate of this machine, which mixlaw has none of",
            "have it ask for credentials instead: tlsverify off at the server",
        ),
        _ => return away(address, &text),
    };
    refused(address, &words)
}

fn unauthorized(who: &Who) -> Words {
    match who {
        Who::Nobody => (
            "the server asks who you are",
            "set MIXLAW_NATS_CREDS=FILE, MIXLAW_NATS_NKEY=FILE, or MIXLAW_NATS_USER and MIXLAW_NATS_PASSWORD",
        ),
        Who::User(..) => {
            ("the server refuses this user or password", "check MIXLAW_NATS_USER and MIXLAW_NATS_PASSWORD")
        }
        Who::Nkey(_) => (
            "the server refuses this nkey",
            "check MIXLAW_NATS_NKEY; the server must list its public part: nk -inkey FILE -pubout",
        ),
        Who::Creds(_) => (
            "the server refuses these credentials: they are not of this server, were withdrawn, or have expired",
            "check MIXLAW_NATS_CREDS, or have new ones made: nsc generate creds",
        ),
    }
}
