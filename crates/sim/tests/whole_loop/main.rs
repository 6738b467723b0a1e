//! The whole loop in one thread on a seeded clock: exchanges, feeds, gateways and an engine with a strategy, run by the
//! simulator through calm and trouble, and compared at the end with the exchanges' own journals.
//!
//! Invariant: every failure names the seed that repeats it.

mod auction;
mod bootstrap;
mod breaker;
mod bytes;
mod calm;
mod days;
mod doors;
mod durability;
mod feed;
mod fence;
mod fix;
mod fix_loop;
mod flaws;
mod flow;
mod garbage;
mod named;
mod parity;
mod session;
mod shadow;
mod sockets;
mod strategy;
mod truth;
mod world;
