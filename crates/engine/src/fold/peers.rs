//! Legs in other engines, seen from here: what is asked of those engines, and what they answer.
//!
//! Invariant: a request is said again until it is answered, and how the leg stands is asked for until it is closed; each carries
//! its number, so that saying it again changes nothing. Nothing is held here for a leg that another engine runs.

use records::{ExecutorAnswer, ExecutorRequest, LegAsk, Peer, Record, bytes_of};

use super::control::{APPLIED, REFUSED};
use super::{Engine, PEERS_MAX};
use crate::outbox::Outbox;

const SHARD_MAX: u16 = 255;

impl Engine {
    /// Another engine that runs legs for this one, or asks this one to.
    pub(super) fn on_peer(&mut self, record: &Peer, out: &mut dyn Outbox) {
        let times = [record.repeat_ns, record.silence_ns, record.age_ns_max];
        let fits = times.iter().all(|time_ns| *time_ns > 0) && record.repeat_ns <= record.silence_ns;
        let another = (1..=SHARD_MAX).contains(&record.shard) && record.shard != self.identity.shard;
        let known = self.peers.iter().position(|peer| peer.shard == record.shard);
        let room = known.is_some() || self.peers.len() < PEERS_MAX;
        let outcome = if fits && another && room { APPLIED } else { REFUSED };
        match known {
            _ if outcome == REFUSED => {}
            Some(known) => self.peers[known] = *record,
            None => self.peers.push(*record),
        }
        self.applied(record, u32::from(record.shard), (0, 0, 0), outcome, out);
    }

    /// The engine of this shard, if it is one that we work with.
    pub(super) fn peer(&self, shard: u16) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.shard == shard)
    }

    /// Says something to another engine.
    pub(super) fn tell_peer<T: Record>(&mut self, shard: u16, mut record: T, out: &mut dyn Outbox) {
        let (input, time_ns) = (self.input, self.time_ns);
        let header = record.header_mut();
        (header.sequence, header.venue_time_ns) = (input, time_ns);
        self.hash.bytes(bytes_of(&record));
        out.peer(shard, bytes_of(&record));
    }

    /// Asks the engine that runs a leg for something new.
    pub(super) fn ask_peer(&mut self, at: u8, place: usize, ask: LegAsk, lots: i64, out: &mut dyn Outbox) {
        if let Some(far) = &mut self.multi_legs.get_mut(at).legs[place].far {
            far.asks(ask, lots);
        }
        self.say_request(at, place, out);
    }

    /// Says again what is not answered, and asks how the legs stand that other engines run.
    pub(super) fn repeat_requests(&mut self, at: u8, out: &mut dyn Outbox) {
        for place in 0..self.multi_legs.get(at).legs_count {
            let far = self.multi_legs.get(at).legs[place].far;
            if far.is_some_and(|far| !far.is_closed() && self.time_ns >= far.due_ns) {
                self.say_request(at, place, out);
            }
        }
    }

    fn say_request(&mut self, at: u8, place: usize, out: &mut dyn Outbox) {
        let (now_ns, origin) = (self.time_ns, self.identity.shard);
        let multi_leg = self.multi_legs.get_mut(at);
        let (id, until_ns, unwind_ns) = (multi_leg.id, multi_leg.legs_until_ns, multi_leg.unwind_ns);
        let leg = &mut multi_leg.legs[place];
        let Some(far) = &mut leg.far else { return };
        far.said(now_ns);
        let far = *far;
        let mut record = ExecutorRequest::new();
        record.header.venue = leg.command.header.venue;
        record.header.instrument = leg.command.header.instrument;
        (record.multi_leg_id, record.leg, record.strategy) = (id, place as u8 + 1, leg.command.owner.strategy);
        (record.price_nanos, record.lots) = (leg.command.price_nanos, leg.command.lots);
        (record.unwind_nanos, record.unwind_lots) = (leg.unwind_nanos, far.unwind_lots);
        (record.until_ns, record.unwind_ns, record.asked_ns) = (until_ns, unwind_ns, now_ns);
        (record.request, record.ask) = (far.request, far.ask.code());
        (record.origin, record.shard) = (origin, far.shard);
        (record.side, record.time_in_force) = (leg.command.side, leg.command.time_in_force);
        self.tell_peer(far.shard, record, out);
        self.multi_leg_due(at);
    }

    /// Another engine says how a leg of ours stands.
    pub(super) fn on_executor_answer(&mut self, record: &ExecutorAnswer, out: &mut dyn Outbox) {
        let ours = record.origin == self.identity.shard && self.peer(record.shard).is_some();
        let found = if ours { self.multi_legs.find(record.multi_leg_id) } else { None };
        let now_ns = self.time_ns;
        let leg = found.and_then(|at| {
            let multi_leg = self.multi_legs.get_mut(at);
            let legs = multi_leg.legs_mut();
            legs.get_mut(usize::from(record.leg).wrapping_sub(1)).and_then(|leg| leg.far.as_mut())
        });
        match (found, leg.filter(|far| far.shard == record.shard)) {
            (Some(at), Some(far)) if is_whole(record) => {
                far.hear(record, now_ns);
                self.advance(at, out);
            }
            // Said again of one that has ended here, or nothing that was asked for.
            _ if ours => self.statistics.repeated += 1,
            _ => self.statistics.unused += 1,
        }
    }
}

/// Whether its numbers can be true.
fn is_whole(record: &ExecutorAnswer) -> bool {
    let within = |lots: i64| (-records::LOTS_MAX..=records::LOTS_MAX).contains(&lots);
    [record.filled_lots, record.open_lots, record.unwound_lots].into_iter().all(within)
}
