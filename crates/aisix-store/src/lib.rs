//! Revisioned key-value stores of the AISIX gateway, and the mirror that turns them into snapshots.
