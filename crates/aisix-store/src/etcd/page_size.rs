use std::sync::atomic::{AtomicUsize, Ordering};

use etcd_client::KeyValue;

use crate::PAGE_ROWS_MAX;

/// The first page, before the size of the rows is known.
const ROWS_AT_FIRST: usize = 1000;
/// What a page should hold: half of what gRPC takes by default.
const BYTES_AIM: usize = 2 * 1024 * 1024;

/// How many rows to ask for so that an answer fits into a message. etcd limits answers by rows only.
#[derive(Debug)]
pub(super) struct PageSize(AtomicUsize);

impl PageSize {
    pub(super) fn rows(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Fits the next page to the size of these rows.
    pub(super) fn learn(&self, kvs: &[KeyValue]) {
        let bytes: usize = kvs.iter().map(|kv| kv.key().len() + kv.value().len()).sum();
        if let Some(rows) = (BYTES_AIM * kvs.len()).checked_div(bytes) {
            self.0.store(rows.clamp(1, PAGE_ROWS_MAX), Ordering::Relaxed);
        }
    }

    /// `limit` rows were too many.
    pub(super) fn halve(&self, limit: usize) {
        self.0.store((limit / 2).max(1), Ordering::Relaxed);
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(AtomicUsize::new(ROWS_AT_FIRST))
    }
}
