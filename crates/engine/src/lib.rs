//! The deterministic engine: orders, positions, strategy slots.
