//! From a command line to an open store, a log and a listener: what both services do first, in this order.
//!
//! [`arguments()`] → [`Settings::load`] (all that `check` does) → [`Settings::start`] (the log) →
//! [`Boot::open_store`] → [`Boot::server`] → [`Boot::drain`]. Together with the two `main` functions this is
//! the only code that reads the command line, the environment and files.

mod arguments;
mod boot;
mod store;

pub use arguments::{Arguments, arguments};
pub use boot::{Boot, Settings, runtime};
