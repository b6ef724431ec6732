//! A store in etcd 3.4 or later.

mod options;

pub use options::{EtcdOptions, EtcdTls};
