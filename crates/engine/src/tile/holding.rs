//! The tile's outbox at a durability for which commands wait: what is asked of the ring, and what leaves it.
//!
//! Invariant: a command either reaches its link once or comes back as one `NotSent`.

use links::Offer;
use records::Reason;
use tiles::FlushFailed;

use super::TileOutbox;
use crate::release::{Held, Release, To, Verdict};

impl TileOutbox {
    /// A command at a durability for which it may have to wait.
    pub(super) fn judge(&mut self, venue: u16, record: &[u8]) {
        let Some(release) = &mut self.release else { return };
        match release.judge(To::Venue(venue), record, self.received_ns, self.now_ns) {
            Verdict::Leaves => self.send(venue, record),
            Verdict::Waits => {}
            Verdict::Refused(reason) => self.give_back(record, reason),
            Verdict::TakesBack(at) => {
                let held = release.taken_back(at);
                self.give_back(held.record(), Reason::UserRequested);
            }
            Verdict::LeavesAlone(at) => {
                let held = release.taken_back(at);
                self.give_back(held.record(), Reason::UserRequested);
                self.send(venue, record);
            }
        }
    }

    pub(super) fn tell_peer(&mut self, shard: u16, record: &[u8]) {
        let link = self.peers.iter_mut().find(|(known, _)| *known == shard);
        if link.map(|(_, link)| link.offer(record)) != Some(Offer::Sent) {
            self.peers_dropped.add(1); // The fold says it again.
        }
    }

    /// Something whose input has become durable.
    fn leave(&mut self, held: &Held) {
        self.received_ns = held.received_ns;
        self.held_ns.record(self.now_ns.saturating_sub(held.since_ns));
        match held.to {
            To::Venue(venue) => self.send(venue, held.record()),
            To::Peer(shard) => self.tell_peer(shard, held.record()),
        }
    }

    /// Lets go of what may leave; where the device refused, or the standby is away, of all, which goes back. Returns how many.
    pub(super) fn release(&mut self, now_ns: u64, device: Result<u64, FlushFailed>, standby: Option<u64>) -> usize {
        self.now_ns = now_ns;
        let Some(release) = &mut self.release else { return 0 };
        if device.is_err() && release.fail() {
            self.flush_failed.set(1);
        }
        release.away = standby.is_none();
        let (Ok(device), Some(standby)) = (device, standby) else {
            return self.give_back_all(Reason::NotDurable);
        };
        release.durable(device.min(standby));
        let mut left = 0;
        while let Some(held) = self.release.as_mut().and_then(Release::next) {
            self.leave(&held);
            left += 1;
        }
        left
    }

    /// What waits never leaves.
    #[cold]
    pub(super) fn give_back_all(&mut self, reason: Reason) -> usize {
        let mut back = 0;
        while let Some(held) = self.release.as_mut().and_then(Release::next_refused) {
            match held.to {
                To::Venue(_) => self.give_back(held.record(), reason),
                To::Peer(_) => self.peers_dropped.add(1),
            }
            back += 1;
        }
        back
    }
}
