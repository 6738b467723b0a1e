//! Where the fold's commands and outputs go, and the hook for stage stamps.
//!
//! Invariant: nothing that an outbox does or finds flows back into the fold within the pass. A link that is full is told to
//! the fold as an input of its own (`OrderEvent` `NotSent`), so that a replay sees the same.

/// Points of one pass at which a runner may read its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The book stands as after the event; strategies are called next.
    Booked,
    /// A strategy returned with intents.
    Decided,
    /// Risk let an intent pass and holds it.
    RiskPassed,
}

/// Takes what a pass produces.
pub trait Outbox {
    /// An order command for the gateway of `venue`. When its link is full the outbox must see to it that the fold is given
    /// an `OrderEvent` `NotSent` for this command next ([`crate::not_sent`] makes it).
    fn command(&mut self, venue: u16, record: &[u8]);

    /// An output for whoever reports.
    fn output(&mut self, record: &[u8]);

    /// Something for the engine of this shard. It may be lost: what matters is said again.
    fn peer(&mut self, _shard: u16, _record: &[u8]) {}

    /// A stage was reached. Only for counters and traces.
    fn stage(&mut self, _stage: Stage) {}
}

/// Drops everything: replay, benchmarks.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOutbox;

impl Outbox for NoOutbox {
    fn command(&mut self, _venue: u16, _record: &[u8]) {}

    fn output(&mut self, _record: &[u8]) {}
}
