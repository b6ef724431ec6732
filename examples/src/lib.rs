//! Programs that embed parts of the gateway.
