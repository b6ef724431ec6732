//! The stores and the mirror, through their public interface.

mod backend;
mod conformance;
mod embedded;
mod etcd;
mod mirror;
mod rows;
