//! The control plane of the AISIX gateway.
