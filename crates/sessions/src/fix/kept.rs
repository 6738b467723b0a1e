//! A session that is logged on, as another process goes on with it on the same connection.
//!
//! Invariant: only one that owes and is owed nothing but what stands in its output is given; its numbers are those of its store,
//! which the other process opens, so nothing is sent under a number twice.

use super::session::{Session, State};

/// What of a session its store does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionKept {
    /// The number expected next, and the one sent next.
    pub numbers: [u64; 2],
    /// The agreed interval of heartbeats, ns.
    pub heartbeat_ns: u64,
    /// Since when it is connected, when something was sent last, and heard last, ns UTC.
    pub times_ns: [u64; 3],
    /// Test requests sent since something was heard.
    pub tests: u64,
    /// What is queued and not written yet.
    pub output: Vec<u8>,
}

impl Session {
    /// All of it, for another process; `None` where it is not logged on, or something is under way that only this one can end: messages
    /// that are missing, or that are given again.
    pub fn kept(&self) -> Option<SessionKept> {
        let quiet = self.gap.is_none() && self.replay.is_none() && self.ahead.is_empty() && !self.deaf;
        (self.state == State::Up && quiet).then(|| SessionKept {
            numbers: [self.next_in, self.next_out],
            heartbeat_ns: self.heartbeat_ns,
            times_ns: [self.since_ns, self.last_sent_ns, self.last_heard_ns],
            tests: self.tests,
            output: self.output.as_slice().to_vec(),
        })
    }

    /// Goes on with a session that another process kept, on its connection; `false`: the store's numbers are others, or there is no
    /// room for what waits. It is as it was then.
    ///
    /// # Panics
    /// When there is a connection already.
    #[must_use]
    pub fn resume(&mut self, kept: &SessionKept) -> bool {
        assert_eq!(self.state, State::Down, "one connection at a time");
        if kept.numbers != [self.next_in, self.next_out] || kept.output.len() > self.output.capacity() {
            return false;
        }
        self.output.clear();
        let queued = self.output.push(&[&kept.output]);
        assert!(queued, "its room was looked at above");
        (self.state, self.end, self.heartbeat_ns, self.tests) = (State::Up, None, kept.heartbeat_ns, kept.tests);
        [self.since_ns, self.last_sent_ns, self.last_heard_ns] = kept.times_ns;
        true
    }
}
