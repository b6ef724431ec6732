//! The stores and the mirror, through their public interface.

mod backend;
mod conformance;
mod embedded;
mod etcd;
mod gate;
mod ledger;
mod mirror;
mod mirror_state;
mod rows;
mod witness;
