use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use etcd_client::Error;
use tonic::{Code, Status};

use crate::StoreError;

/// How a request failed, by what can be done about it.
#[derive(Debug)]
pub(super) enum Failure {
    /// The token has expired or is older than the users' last change; a new session has a new one.
    StaleToken,
    /// The answer is larger than a message may be.
    AnswerTooLarge,
    /// It has had no effect.
    Refused(StoreError),
    /// The connection was never there.
    NotSent(StoreError),
    /// Whether it has had an effect is unknown.
    Unanswered(StoreError),
}

impl Failure {
    /// Whether a new connection may fare better.
    pub(super) fn ends_session(&self) -> bool {
        match self {
            Self::StaleToken | Self::NotSent(_) | Self::Unanswered(_) => true,
            Self::AnswerTooLarge | Self::Refused(_) => false,
        }
    }

    pub(super) fn into_read_error(self) -> StoreError {
        match self {
            Self::StaleToken => StoreError::Unauthenticated,
            Self::AnswerTooLarge => StoreError::Failed("a row is larger than a message may be".into()),
            Self::Refused(error) | Self::NotSent(error) | Self::Unanswered(error) => error,
        }
    }

    pub(super) fn into_write_error(self) -> StoreError {
        match self {
            Self::Unanswered(_) | Self::AnswerTooLarge => StoreError::OutcomeUnknown,
            other => other.into_read_error(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::GRpcStatus(status) => of_status(&status),
            // Requests answer with a status; before one, the client builds its connection from the options.
            Error::InvalidUri(_) | Error::InvalidArgs(_) | Error::EndpointError(_) => Self::Refused(
                StoreError::Options("an etcd endpoint is not a URL such as http://host:2379".into()),
            ),
            Error::TransportError(_) => {
                let message = "the etcd CA, certificate or key is not usable PEM";
                Self::Refused(StoreError::Options(message.into()))
            }
            _ => Self::Unanswered(StoreError::Unreachable("the connection broke")),
        }
    }
}

fn of_status(status: &Status) -> Failure {
    let says = |text: &str| status.message().contains(text);
    match status.code() {
        Code::Unauthenticated => Failure::StaleToken,
        Code::InvalidArgument if says("revision of auth store is old") => Failure::StaleToken,
        Code::InvalidArgument if says("authentication") || says("user name is empty") => {
            Failure::Refused(StoreError::Unauthenticated)
        }
        Code::PermissionDenied => Failure::Refused(StoreError::PermissionDenied),
        Code::OutOfRange if says("message length too large") => Failure::AnswerTooLarge,
        Code::OutOfRange => Failure::Refused(StoreError::Compacted),
        Code::InvalidArgument if says("too large") || says("too many operations") => {
            Failure::Refused(StoreError::TooLarge)
        }
        Code::ResourceExhausted if says("message larger than max") => Failure::Refused(StoreError::TooLarge),
        Code::ResourceExhausted | Code::InvalidArgument | Code::FailedPrecondition | Code::Unimplemented => {
            Failure::Refused(StoreError::Failed(own_words(status)))
        }
        Code::Unavailable if says("no leader") => {
            Failure::NotSent(StoreError::Unreachable("the etcd cluster has no leader"))
        }
        _ if sources(status).any(|cause| cause.is::<tonic::ConnectError>()) => {
            Failure::NotSent(StoreError::Unreachable(reason(status)))
        }
        _ => Failure::Unanswered(StoreError::Unreachable(reason(status))),
    }
}

/// etcd's own messages name no endpoint and no value; others might.
fn own_words(status: &Status) -> String {
    match status.message() {
        message if message.starts_with("etcdserver: ") => message.to_owned(),
        _ => format!("etcd answers {:?}", status.code()),
    }
}

fn reason(status: &Status) -> &'static str {
    let io = sources(status).filter_map(|cause| cause.downcast_ref::<io::Error>()).last();
    match io.map(io::Error::kind) {
        _ if sources(status).any(|cause| cause.to_string() == "dns error") => {
            "the host name cannot be resolved"
        }
        Some(ErrorKind::ConnectionRefused) => "connection refused",
        Some(ErrorKind::TimedOut) => "connecting took too long",
        Some(ErrorKind::InvalidData) => "the TLS handshake failed",
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => "no route to the host",
        _ => "the connection broke",
    }
}

fn sources(status: &Status) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(status.source(), |cause: &&'_ (dyn StdError + 'static)| StdError::source(*cause))
}
