use std::time::Duration;

/// Why a store did not do what it was asked. No message names an endpoint, a credential or a stored value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No connection, or it broke before the request was sent.
    #[error("the store cannot be reached: {0}")]
    Unreachable(&'static str),
    /// The store did not answer in time.
    #[error("the store did not answer within {} ms ({operation})", .after.as_millis())]
    Timeout {
        /// What was asked of it.
        operation: &'static str,
        /// The limit that applied.
        after: Duration,
    },
    /// A write was sent and its answer was lost: it may or may not have been committed.
    #[error("the write was sent but not answered: it may or may not have been committed")]
    OutcomeUnknown,
    /// User and password, or the client certificate, are refused.
    #[error("the store refuses the credentials")]
    Unauthenticated,
    /// The user may not read or write under the prefix.
    #[error("the store's user lacks permission for the prefix")]
    PermissionDenied,
    /// The history at the named revision is gone.
    #[error("the store has compacted the requested revision")]
    Compacted,
    /// The transaction or one of its values is larger than a store takes.
    #[error("the transaction is larger than the store accepts")]
    TooLarge,
    /// The store answered with an error that is none of the others.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The options cannot be used.
    #[error("{0}")]
    Options(String),
}
