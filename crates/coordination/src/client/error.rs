//! What can go wrong between us and the store, in kinds that a caller acts on, each with a sentence for a person.
//!
//! Invariant: a write whose answer was lost is never told as failed: its kind is `OutcomeUnknown`. Only what surely did not
//! reach the store is tried again by itself.

use std::error::Error as _;
use std::fmt;

use tonic::Code;

/// The kinds; a caller acts on these, never on the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No member answered; what was asked was not done.
    Unreachable,
    /// A write was sent and no answer came: it may or may not have been done.
    OutcomeUnknown,
    /// Members answer and have no leader: no majority of them meet.
    NoQuorum,
    /// The store does not know this user, or not with this password.
    Unauthenticated,
    /// This user may not do this.
    Forbidden,
    /// One side refused the other's certificate, or one was missing.
    CertificateRefused,
    /// The revision asked for is compacted away.
    Compacted,
    /// The lease has expired or was revoked.
    LeaseLost,
    /// Behind the endpoints stands another store, or the same one put back to an earlier state.
    StoreReplaced,
    /// The server's version is older than what is safe.
    TooOld,
    /// The store says that its members disagree.
    Corrupt,
    /// The store refused the request itself.
    Refused,
}

/// An error of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What a caller acts on.
    pub kind: Kind,
    /// A sentence for a person.
    pub message: String,
    /// The oldest revision that is still there, where the kind is `Compacted`; else 0.
    pub compact_revision: i64,
}

/// What a call ends with.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), compact_revision: 0 }
    }

    /// A compacted revision, and the oldest one that is left.
    pub fn compacted(compact_revision: i64) -> Self {
        let message = format!("this revision is compacted away; the oldest one left is {compact_revision}");
        Self { kind: Kind::Compacted, message, compact_revision }
    }

    /// Whether another member, or the same one later, may answer otherwise.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self.kind, Kind::Unreachable | Kind::OutcomeUnknown | Kind::NoQuorum | Kind::StoreReplaced)
    }
}

/// What is said of a token; a new one is fetched with the next connection.
const TOKEN_ENDED: &str = "the store no longer takes this session's token";

impl Error {
    pub(crate) fn is_of_token(&self) -> bool {
        self.kind == Kind::Unauthenticated && self.message.starts_with(TOKEN_ENDED)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// What is known of a request that got no good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It surely did not happen, and may be tried elsewhere.
    NotDone,
    /// It may have happened.
    Unknown,
    /// The store itself said no; asking again changes nothing.
    Refused,
}

/// The kind and fate of what the client library reports.
pub(crate) fn classify(error: &etcd_client::Error) -> (Error, Fate) {
    match error {
        etcd_client::Error::GRpcStatus(status) => classify_status(status),
        etcd_client::Error::TransportError(inner) => transport(&chain(inner), true),
        etcd_client::Error::IoError(inner) => transport(&chain(inner), false),
        etcd_client::Error::LeaseKeepAliveError(text) if text.contains("lease not found") => {
            (Error::new(Kind::LeaseLost, "the lease is gone: it expired or was revoked"), Fate::Refused)
        }
        etcd_client::Error::WatchError(_)
        | etcd_client::Error::LeaseKeepAliveError(_)
        | etcd_client::Error::Internal(_)
        | etcd_client::Error::EndpointError(_) => {
            (Error::new(Kind::Unreachable, format!("the connection ended: {error}")), Fate::Unknown)
        }
        _ => (Error::new(Kind::Refused, error.to_string()), Fate::Refused),
    }
}

fn classify_status(status: &tonic::Status) -> (Error, Fate) {
    let text = status.message();
    if let Some(source) = status.source() {
        let whole = format!("{text}; {}", chain(source));
        return transport(&whole, never_connected(source));
    }
    let kind = match status.code() {
        Code::Unauthenticated => return (signed_out(text), Fate::NotDone),
        Code::PermissionDenied => Kind::Forbidden,
        Code::NotFound if text.contains("lease not found") => Kind::LeaseLost,
        Code::OutOfRange if text.contains("has been compacted") => Kind::Compacted,
        // A member that lags behind the revision asked for; another one has it.
        Code::OutOfRange if text.contains("future revision") => {
            return (Error::new(Kind::Unreachable, format!("a member lags behind: {text}")), Fate::NotDone);
        }
        Code::InvalidArgument if text.contains("user name is empty") || text.contains("authentication failed") => {
            return (signed_out(text), Fate::Refused);
        }
        Code::InvalidArgument if text.contains("revision of auth store is old") => {
            return (signed_out(text), Fate::NotDone);
        }
        Code::FailedPrecondition if text.contains("authentication is not enabled") => Kind::Unauthenticated,
        Code::DataLoss => Kind::Corrupt,
        _ if text.contains("corrupt") => Kind::Corrupt,
        // Said before the request is looked at, so it was not done.
        Code::Unavailable if text == "etcdserver: no leader" => {
            return (Error::new(Kind::NoQuorum, "the store has no leader: too few members meet"), Fate::NotDone);
        }
        Code::ResourceExhausted if text.contains("too many requests") => {
            return (Error::new(Kind::Unreachable, format!("the store is overloaded: {text}")), Fate::NotDone);
        }
        Code::Unavailable if text.contains("timed out") || text.contains("leader") => {
            return (
                Error::new(Kind::NoQuorum, format!("the store came to no agreement in time: {text}")),
                Fate::Unknown,
            );
        }
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Unknown | Code::Internal => {
            return (Error::new(Kind::Unreachable, format!("a member broke off: {text}")), Fate::Unknown);
        }
        _ => Kind::Refused,
    };
    (Error::new(kind, explain(kind, text)), Fate::Refused)
}

fn explain(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Forbidden => format!("this user may not do this ({text})"),
        Kind::LeaseLost => "the lease is gone: it expired or was revoked".to_owned(),
        Kind::Compacted => "this revision is compacted away".to_owned(),
        Kind::Corrupt => {
            format!("the store's members disagree about its content ({text}); stop writing and restore it")
        }
        Kind::Unauthenticated => format!("a user was given and the store asks for none ({text})"),
        _ => format!("the store refused this: {text}"),
    }
}

fn signed_out(text: &str) -> Error {
    let sentence = if text.contains("user name is empty") {
        "the store wants a user: give a user and password, or a client certificate whose common name is the user"
    } else if text.contains("authentication failed") {
        "the store does not know this user with this password"
    } else {
        TOKEN_ENDED
    };
    Error::new(Kind::Unauthenticated, format!("{sentence} ({text})"))
}

/// A failure of the connection itself. `unsent`: it ended before a request could leave.
fn transport(text: &str, unsent: bool) -> (Error, Fate) {
    let fate = if unsent { Fate::NotDone } else { Fate::Unknown };
    if let Some(sentence) = certificate_trouble(text) {
        // A member with another certificate may still take us.
        return (Error::new(Kind::CertificateRefused, format!("{sentence} ({text})")), Fate::NotDone);
    }
    (Error::new(Kind::Unreachable, text.to_owned()), fate)
}

/// What a failed handshake means to the person who chose the files.
fn certificate_trouble(text: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["UnknownIssuer", "BadSignature"]) {
        Some("the server's certificate comes from another authority than the one given as ca")
    } else if has(&["NotValidForName"]) {
        Some("the server's certificate does not name this address")
    } else if has(&["Expired", "NotValidYet", "CertificateExpired"]) {
        Some("a certificate is out of its time, or a clock is wrong")
    } else if has(&["invalid peer certificate"]) {
        Some("the server's certificate was refused here")
    } else if has(&["CertificateRequired", "certificate required"]) {
        Some("the server wants a client certificate: give certificate and key")
    } else if has(&[
        "BadCertificate",
        "UnknownCA",
        "CertificateUnknown",
        "DecryptError",
        "HandshakeFailure",
        "AccessDenied",
    ]) {
        Some("the server refused the client certificate; it wants one of its own authority")
    } else if has(&["InvalidContentType", "corrupt message"]) {
        Some("the server does not speak TLS at this address: try http://")
    } else {
        None
    }
}

fn never_connected(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// The error and everything under it, each text once.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.iter().any(|before| before.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}
