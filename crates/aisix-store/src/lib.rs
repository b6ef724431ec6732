//! Revisioned key-value stores of the AISIX gateway, and the mirror that turns them into snapshots.
//!
//! A [`Store`] has etcd's semantics: one revision for all keys, guarded transactions, consistent listings and
//! watches from a revision. There are three: [`etcd`], [`embedded`] (an SQLite file that several processes
//! share) and [`memory`]. A [`Mirror`] lists a store, then watches it, and yields
//! [`Snapshot`](aisix_domain::Snapshot)s; a [`Ledger`] writes resources. [`record`] knows how a resource is
//! stored; nothing else in this crate knows a resource's fields.

pub mod embedded;
pub mod etcd;
pub mod memory;
pub mod mirror;
pub mod record;

mod error;
mod layout;
mod ledger;
mod store;
mod txn;
mod watch;

pub use embedded::{EmbeddedOptions, EmbeddedStore};
pub use error::StoreError;
pub use etcd::{EtcdOptions, EtcdStore, EtcdTls};
pub use layout::Layout;
pub use ledger::{Ledger, LedgerTxn};
pub use memory::MemoryStore;
pub use mirror::{Mirror, MirrorHandle};
pub use record::Record;
pub use store::{Cursor, PAGE_ROWS_MAX, Page, RangeQuery, Row, Store};
pub use txn::{Committed, Expected, TXN_BYTES_MAX, TXN_KEYS_MAX, Txn};
pub use watch::{Change, Watch, WatchEnd, WatchEvent};
