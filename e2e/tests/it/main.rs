//! Both services as real processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::print_stderr, reason = "a failed test shows what the services said")]

mod harness;

/// Runs a test once on each store; etcd is in the name of the one that needs it.
macro_rules! on_both_stores {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use crate::harness::Store;

            #[tokio::test(flavor = "multi_thread")]
            async fn on_the_embedded_store() {
                super::$test(Store::Embedded).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_etcd() {
                super::$test(Store::etcd().await).await;
            }
        }
    )+};
}

mod changes;
mod etcd;
mod guide;
mod lifecycle;
mod limits;
mod observability;
mod openai_sdk;
mod secrets;
mod streams;
mod tls;
