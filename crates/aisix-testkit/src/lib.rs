//! Scripted upstreams, a snapshot builder and a real etcd for tests.
