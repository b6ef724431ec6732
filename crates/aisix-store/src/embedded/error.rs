use rusqlite::ErrorCode;

use super::BUSY_TIMEOUT;
use crate::StoreError;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            _ if is_busy(&error) => {
                Self::Timeout { operation: "waiting for another process", after: BUSY_TIMEOUT }
            }
            Some(ErrorCode::CannotOpen | ErrorCode::NotFound) => {
                Self::Unreachable("the file cannot be opened")
            }
            Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::Unreachable("the file or its directory cannot be written")
            }
            Some(ErrorCode::NotADatabase) => Self::Failed("the file is not a database".into()),
            Some(ErrorCode::TooBig) => Self::TooLarge,
            Some(code) => Self::Failed(format!("sqlite reports {code:?}")),
            None => Self::Failed("the file holds something else than this version writes".into()),
        }
    }
}

/// Another connection holds what this one needs.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
