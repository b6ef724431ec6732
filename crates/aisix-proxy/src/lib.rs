//! The data plane: callers' requests to upstreams and the answers back.
//!
//! A [`Gateway`] is the part that all workers share: the current snapshot made ready for calls, metrics and
//! the access log. It observes the mirror of the store and never asks the store anything. A [`Proxy`] is one
//! worker's view of it, with that worker's own connections; [`Proxy::handle`] takes any `http` request and
//! answers it, on any runtime. It is the place to begin reading.

mod access_log;
mod admit;
mod answer;
mod body;
mod gateway;
mod metrics;
mod models;
mod passthrough;
mod pipeline;
mod problem;
mod record;
mod request_body;
mod request_id;
mod routes;
mod routing;
mod status;

pub use access_log::LineWriter;
pub use aisix_adapters::base_url::UrlPolicy;
/// How upstreams are reached.
pub use aisix_upstream as upstream;
pub use body::{ProxyBody, RelayError};
pub use gateway::{Gateway, GatewayOptions};
pub use pipeline::Proxy;
pub use status::StatusService;
