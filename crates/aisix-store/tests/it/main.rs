//! The stores and the mirror, through their public interface.

mod mirror;
mod rows;
