//! Wire formats of the upstream families, without I/O.
