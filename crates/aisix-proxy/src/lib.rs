//! The data plane of the AISIX gateway.
