//! The FIX gateway against a small scripted venue, the test itself being the engine: every report, every way to lose one, and
//! statuses that settle what nobody said.
//!
//! Invariant: every failure names the seed that repeats it.

mod drop_copy;
mod orders;
mod quotes;
mod recovery;
mod silence;
mod venue;
mod world;
