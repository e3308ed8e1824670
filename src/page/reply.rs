//! Answers, with what keeps a browser from doing more with them than showing them.

use super::request::Refusal;
use std::io::Write;
use std::sync::Arc;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status line without the version: `200 OK`.
    pub status: &'static str,
    /// What kind of text it is.
    pub kind: &'static str,
    /// Further header lines, each with its end.
    pub lines: String,
    /// The text.
    pub body: Arc<str>,
}

/// Scripts, styles, pictures and data from the page itself; nothing else, nobody around it, and nowhere to send a form.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Reply {
    /// What was asked for.
    #[must_use]
    pub fn found(kind: &'static str, body: impl Into<Arc<str>>) -> Self {
        Self { status: "200 OK", kind, lines: String::new(), body: body.into() }
    }

    /// A sentence about what is wrong.
    #[must_use]
    pub fn failed(status: &'static str, why: &str) -> Self {
        let body = format!("{why}\n").into();
        Self { status, kind: "text/plain; charset=utf-8", lines: String::new(), body }
    }

    /// There is nothing here, or not for whoever asks.
    #[must_use]
    pub fn nothing() -> Self {
        Self::failed("404 Not Found", "nothing here; open the whole address that 'mixlaw page' printed")
    }

    /// Why a request is refused.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => {
                Self::failed("400 Bad Request", "not an HTTP request; the address begins with http://")
            }
            Refusal::Method => Self {
                lines: "Allow: GET, HEAD\r\n".to_owned(),
                ..Self::failed("405 Method Not Allowed", "the page is read-only: GET and HEAD")
            },
            Refusal::Host => Self::failed("403 Forbidden", "the page answers to 127.0.0.1 and localhost only"),
        }
    }

    /// To where the page is.
    #[must_use]
    pub fn moved(to: &str) -> Self {
        Self {
            lines: format!("Location: {to}\r\n"),
            ..Self::failed("308 Permanent Redirect", "the page ends in a slash")
        }
    }

    /// More are connected than are served at once.
    #[must_use]
    pub fn busy() -> Self {
        Self {
            lines: "Retry-After: 2\r\n".to_owned(),
            ..Self::failed("503 Service Unavailable", "too many connections")
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// What the connection says.
    pub fn write(&self, to: &mut impl Write, head_only: bool) -> std::io::Result<()> {
        let length = self.body.len();
        write!(
            to,
            "{}Content-Length: {length}\r\nConnection: close\r\n\r\n",
            head(self.status, self.kind, &self.lines)
        )?;
        if !head_only {
            to.write_all(self.body.as_bytes())?;
        }
        to.flush()
    }
}

/// The lines that every answer begins with.
#[must_use]
pub fn head(status: &str, kind: &str, lines: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Security-Policy: {POLICY}\r\nX-Content-Type-Options: nosniff\r\n\
         Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n\
         Cache-Control: no-store\r\n{lines}"
    )
}
