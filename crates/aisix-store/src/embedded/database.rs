use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::error::is_busy;
use super::{BUSY_TIMEOUT, HISTORY_REVISIONS};
use crate::txn::Guard;
use crate::{Change, Committed, Page, RangeQuery, Row, StoreError, TXN_KEYS_MAX, Txn};

/// The most changes read at once; larger than any transaction, so that each read holds a whole one.
const CHANGES_MAX: usize = 10 * TXN_KEYS_MAX;
/// A page ends behind the row with which it exceeds this.
const PAGE_BYTES: usize = 2 * 1024 * 1024;
/// Counts the layouts of the file.
const FORMAT: i64 = 1;
/// How long to wait before asking a busy file again.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Every put and every deletion since the last compaction, as etcd keeps them: a row's value at a revision is
/// its newest change until then; `value` is null where it was deleted.
const SCHEMA: &str = "
    CREATE TABLE changes (
        key TEXT NOT NULL,
        mod_revision INTEGER NOT NULL,
        version INTEGER NOT NULL,
        value BLOB,
        PRIMARY KEY (key, mod_revision)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX changes_by_revision ON changes (mod_revision);
    CREATE TABLE head (revision INTEGER NOT NULL, compacted INTEGER NOT NULL) STRICT;
    INSERT INTO head VALUES (0, 0);
";

const NEWEST: &str = "SELECT key, mod_revision, version, value FROM changes
    WHERE key = ?1 ORDER BY mod_revision DESC LIMIT 1";

/// A bare column beside `MAX` comes from the row that holds the maximum.
const AS_OF: &str = "SELECT key, MAX(mod_revision), version, value FROM changes
    WHERE key >= ?1 AND mod_revision <= ?2 GROUP BY key HAVING value IS NOT NULL ORDER BY key LIMIT ?3";

const SINCE: &str = "SELECT key, mod_revision, version, value FROM changes
    WHERE mod_revision > ?1 ORDER BY mod_revision, key LIMIT ?2";

const COMPACT: &str = "DELETE FROM changes WHERE mod_revision <= ?1 AND (value IS NULL OR EXISTS (
    SELECT 1 FROM changes AS newer WHERE newer.key = changes.key
        AND newer.mod_revision > changes.mod_revision AND newer.mod_revision <= ?1))";

/// One connection to the file. Its calls block.
pub(super) struct Database {
    connection: Connection,
    file: (u64, u64),
    newest_commit: u64,
}

/// A removed file is not made anew behind the operator's back: an empty one would empty every mirror.
const GONE: StoreError = StoreError::Unreachable("the file is not there");

#[derive(Clone, Copy)]
struct Head {
    revision: u64,
    compacted: u64,
}

// === impl Database ===

impl Database {
    /// Opens the file, which must be there.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = identity(path).ok_or(GONE)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        write_ahead(&connection)?;
        // An answered write survives a power failure.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Compaction wipes replaced secrets.
        connection.pragma_update(None, "secure_delete", "ON")?;
        create_schema(&mut connection)?;
        Ok(Self { connection, file, newest_commit: 0 })
    }

    /// Fails when the file was removed; `false` when another has taken its place.
    pub(super) fn is_at(&self, path: &Path) -> Result<bool, StoreError> {
        Ok(identity(path).ok_or(GONE)? == self.file)
    }

    /// The revision of the last commit through this connection.
    pub(super) fn newest_commit(&self) -> u64 {
        self.newest_commit
    }

    /// Changes when another connection has committed.
    pub(super) fn data_version(&self) -> Result<i64, StoreError> {
        Ok(self.connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    pub(super) fn revision(&self) -> Result<u64, StoreError> {
        Ok(head(&self.connection)?.revision)
    }

    pub(super) fn row(&mut self, key: &str) -> Result<Option<Row>, StoreError> {
        newest(&self.connection, key)
    }

    pub(super) fn page(&mut self, query: &RangeQuery) -> Result<Page, StoreError> {
        let reading = self.connection.transaction()?;
        let head = head(&reading)?;
        let revision = query.revision.unwrap_or(head.revision);
        if revision < head.compacted || revision > head.revision {
            return Err(StoreError::Compacted);
        }
        let first = String::from_utf8_lossy(&query.first_key()).into_owned();
        let limit = query.rows_max();
        let mut statement = reading.prepare_cached(AS_OF)?;
        let mut found = statement.query(params![first, revision, limit + 1])?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(row) = found.next()? {
            let Some(row) = stored(row)?.into_row().filter(|row| row.key.starts_with(&query.prefix)) else {
                break;
            };
            let is_full = bytes > PAGE_BYTES;
            bytes += row.value.len();
            rows.push(row);
            if is_full {
                let limit = rows.len() - 1;
                return Ok(Page::cut(rows, limit, revision));
            }
        }
        Ok(Page::cut(rows, limit, revision))
    }

    pub(super) fn commit(&mut self, txn: &Txn) -> Result<Committed, StoreError> {
        let writing = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(seen_at) = conflict(&writing, &txn.guards)? {
            return Ok(Committed::Conflict { seen_at });
        }
        let head = head(&writing)?;
        let revision = head.revision + 1;
        let mut changes = 0;
        for (key, value) in &txn.writes {
            changes += write(&writing, key, value.as_ref(), revision)?;
        }
        if changes == 0 {
            return Ok(Committed::At(head.revision));
        }
        writing.execute("UPDATE head SET revision = ?1", [revision])?;
        if revision > head.compacted + 2 * HISTORY_REVISIONS {
            compact(&writing, revision - HISTORY_REVISIONS)?;
        }
        writing.commit()?;
        self.newest_commit = revision;
        Ok(Committed::At(revision))
    }

    pub(super) fn compact(&mut self, revision: u64) -> Result<(), StoreError> {
        let writing = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Head { revision: newest, compacted } = head(&writing)?;
        compact(&writing, revision.clamp(compacted, newest))?;
        Ok(writing.commit()?)
    }

    pub(super) fn check_watchable(&mut self, from: u64) -> Result<(), StoreError> {
        head(&self.connection)?.check_watchable(from)
    }

    /// Changes under `prefix` after `position`, whole transactions only, and the revision they reach.
    pub(super) fn changes(&mut self, prefix: &str, position: u64) -> Result<(Vec<Change>, u64), StoreError> {
        let reading = self.connection.transaction()?;
        let head = head(&reading)?;
        head.check_watchable(position + 1)?;
        let mut statement = reading.prepare_cached(SINCE)?;
        let found = statement.query_and_then(params![position, CHANGES_MAX], stored)?;
        let mut changes: Vec<_> = found.collect::<Result<_, _>>()?;
        let mut reached = head.revision;
        if let (CHANGES_MAX, Some(last)) = (changes.len(), changes.last().map(Change::revision)) {
            // The last transaction may go on behind the limit.
            changes.retain(|change| change.revision() < last);
            reached = last - 1;
        }
        changes.retain(|change| change.key().starts_with(prefix));
        Ok((changes, reached))
    }
}

impl Head {
    fn check_watchable(self, from: u64) -> Result<(), StoreError> {
        let held = from > self.compacted && from <= self.revision + 1;
        held.then_some(()).ok_or(StoreError::Compacted)
    }
}

/// Device and number of the file at `path`, if there is one.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Creates the file if it is not there. SQLite gives its own files beside it the same permissions.
pub(super) fn create_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            ErrorKind::NotFound => Err(StoreError::Unreachable("the file's directory does not exist")),
            ErrorKind::PermissionDenied => {
                Err(StoreError::Unreachable("the file's directory cannot be written"))
            }
            _ => Err(StoreError::Unreachable("the file cannot be created")),
        },
    }
}

/// Turns the write-ahead log on. SQLite does not wait for another process here, whatever the busy timeout: when
/// several open a new file at once, all but one are refused at once and have to ask again.
fn write_ahead(connection: &Connection) -> Result<(), StoreError> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && Instant::now() < deadline => thread::sleep(BUSY_PAUSE),
            result => return Ok(result?),
        }
    }
}

/// A file that has its tables is opened without waiting for a writer.
fn create_schema(connection: &mut Connection) -> Result<(), StoreError> {
    if has_schema(connection)? {
        return Ok(());
    }
    let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !has_schema(&writing)? {
        writing.execute_batch(SCHEMA)?;
        writing.pragma_update(None, "user_version", FORMAT)?;
    }
    Ok(writing.commit()?)
}

fn has_schema(connection: &Connection) -> Result<bool, StoreError> {
    match connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => Ok(false),
        FORMAT => Ok(true),
        _ => Err(StoreError::Failed("the file was written by a newer version".into())),
    }
}

fn head(connection: &Connection) -> Result<Head, StoreError> {
    let mut statement = connection.prepare_cached("SELECT revision, compacted FROM head")?;
    Ok(statement.query_row([], |row| Ok(Head { revision: row.get(0)?, compacted: row.get(1)? }))?)
}

fn newest(connection: &Connection, key: &str) -> Result<Option<Row>, StoreError> {
    let mut statement = connection.prepare_cached(NEWEST)?;
    Ok(statement.query_row([key], stored).optional()?.and_then(Change::into_row))
}

/// Where the guarded keys stand, if a guard does not hold.
fn conflict(writing: &Transaction<'_>, guards: &[Guard]) -> Result<Option<u64>, StoreError> {
    let (mut all_hold, mut seen_at) = (true, 0);
    for guard in guards {
        let row = newest(writing, &guard.key)?;
        let (version, mod_revision) = row.map_or((0, 0), |row| (row.version, row.mod_revision));
        all_hold &= guard.expected.holds(version, mod_revision);
        seen_at = seen_at.max(mod_revision);
    }
    Ok((!all_hold).then_some(seen_at))
}

/// Writes one key; answers how many changes that is: none when it deletes what is not there.
fn write(
    writing: &Transaction<'_>,
    key: &str,
    value: Option<&Bytes>,
    revision: u64,
) -> Result<usize, StoreError> {
    let version = newest(writing, key)?.map_or(0, |row| row.version);
    if value.is_none() && version == 0 {
        return Ok(0);
    }
    let version = value.map_or(0, |_| version + 1);
    let mut statement = writing.prepare_cached("INSERT INTO changes VALUES (?1, ?2, ?3, ?4)")?;
    Ok(statement.execute(params![key, revision, version, value.map(AsRef::<[u8]>::as_ref)])?)
}

fn compact(writing: &Transaction<'_>, revision: u64) -> Result<(), StoreError> {
    writing.execute(COMPACT, [revision])?;
    writing.execute("UPDATE head SET compacted = ?1", [revision])?;
    Ok(())
}

/// Columns: key, mod_revision, version, value.
fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Change> {
    let (key, mod_revision) = (Arc::<str>::from(row.get_ref(0)?.as_str()?), row.get(1)?);
    let value = row.get_ref(3)?.as_blob_or_null()?.map(Bytes::copy_from_slice);
    Ok(match value {
        Some(value) => Change::Put(Row { key, value, version: row.get(2)?, mod_revision }),
        None => Change::Delete { key, revision: mod_revision },
    })
}
