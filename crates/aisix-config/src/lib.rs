//! The sections of config.yaml, their defaults and rules.
