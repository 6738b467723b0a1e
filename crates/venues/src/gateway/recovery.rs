//! What the gateway does when things break: reconnect and replay, reconcile, pull orders of a silent engine, mass cancel.
//!
//! A first login asks only where the venue's messages end; a second one asks for those that were missed, up to there. Only
//! then an account query is sent, which names the next number that the venue would take: its answer comes after all that the
//! venue said before, so an order with an earlier number and no answer cannot be, and one with a later number never arrived.
//! Answers to queries of earlier connections lie before the end and are passed over: orders may have been sent since.
//!
//! The venue's session is known by its name and by how far it was heard, both journaled. Another name, or fewer messages than
//! were heard, is another session: its silence about an order of the one before proves nothing. The map begins anew, and the
//! engine is told with `Up`. Orders that the venue tells of and the map does not know are adopted by the id in their text.
//!
//! Invariant: commands are taken only after the venue's replay is complete; an order whose fate is not proven stays open.

use journal::JournalError;
use records::{
    MassCancel, OrderEventKind, Owner, Reason, RecordRef, SessionState, Stamp, VenueSession, bytes_of, parse,
};
use sessions::soup::{ClientEvent, ClientState};
use tiles::StartError;
use wire::ouch50;

use super::orders::{Entry, Phase};
use super::ouch::fresh;
use super::socket::Happened;
use super::{GatewayTile, OUTPUT_BYTES, OUTPUT_ROOM_BYTES, SWEEPS_MAX};

/// Orders looked at in one cycle of a sweep.
const ORDERS_A_CYCLE: usize = 256;
/// How far the venue was heard is journaled so often at most.
const MARK_NS: u64 = 1_000_000_000;
/// An account query is answered with what cannot be: after so many in a row the venue means it, and has begun anew.
const DISBELIEVED_MAX: u32 = 3;
/// Of orders only looked at, in one cycle of reconciling.
const LOOKED_AT_A_CYCLE: u32 = 4_096;

/// A pass over the session's orders that cancels those that match; zero fields match all.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    owner: Owner,
    instrument: u32,
    side: u8,
    pulled: bool,
    next_ref: u32,
}

impl Sweep {
    /// A mass cancel's.
    pub fn of(order: &MassCancel) -> Self {
        Self { owner: order.owner, instrument: order.header.instrument, side: order.side, pulled: false, next_ref: 1 }
    }

    /// Every order; `pulled`: because the engine is silent.
    pub fn everything(pulled: bool) -> Self {
        Self { owner: Owner::zeroed(), instrument: 0, side: 0, pulled, next_ref: 1 }
    }

    fn matches(&self, entry: &Entry) -> bool {
        let same = |wanted: u32, found: u32| wanted == 0 || wanted == found;
        same(self.owner.strategy, entry.owner.strategy)
            && same(self.owner.account, entry.owner.account)
            && same(self.owner.trader, entry.owner.trader)
            && same(u32::from(self.owner.desk), u32::from(entry.owner.desk))
            && same(u32::from(self.owner.firm), u32::from(entry.owner.firm))
            && same(self.instrument, entry.instrument)
            && same(u32::from(self.side), u32::from(entry.side))
    }
}

impl GatewayTile {
    /// Rebuilds the map from its journal: a restart in the middle of the day. Returns where the journal goes on.
    pub(super) fn recover_map(&mut self) -> Result<(u64, u64), StartError> {
        let (orders, venue_session) = (&mut self.ouch.orders, &mut self.venue_session);
        let result = journal::resume(&*self.storage, self.config.journal_segment_bytes, &mut |stamp, bytes| {
            let (user_ref, entry) = match parse(bytes) {
                Ok(RecordRef::NewOrder(order)) => (
                    order.header.source,
                    Entry {
                        price_nanos: order.price_nanos,
                        lots: order.lots,
                        leaves_lots: order.lots,
                        instrument: order.header.instrument,
                        side: order.side,
                        slot: order.slot,
                        time_in_force: order.time_in_force,
                        ..fresh(order.owner, stamp.time_ns)
                    },
                ),
                Ok(RecordRef::ReplaceOrder(order)) => (
                    order.header.source,
                    Entry {
                        original_id: order.original_id,
                        original_ref: orders.reference(order.original_id).unwrap_or(0),
                        price_nanos: order.price_nanos,
                        lots: order.lots,
                        leaves_lots: order.lots,
                        instrument: order.header.instrument,
                        side: order.side,
                        slot: order.slot,
                        time_in_force: order.time_in_force,
                        ..fresh(order.owner, stamp.time_ns)
                    },
                ),
                Ok(RecordRef::VenueSession(session)) => {
                    if venue_session.is_some_and(|known| is_another(&known, &session)) {
                        orders.begin_session();
                    }
                    *venue_session = Some(session);
                    return;
                }
                _ => return,
            };
            orders.skip_to(user_ref, gone());
            if orders.has_room() && orders.next_ref() == user_ref {
                orders.push(entry);
            }
        });
        result.map_err(|error: JournalError| StartError(format!("tile {}: journal: {error}", self.config.name)))
    }

    /// One cycle of the session: connect, read, handle, write.
    pub(super) fn run_socket(&mut self, now_ns: u64) -> usize {
        let mut work = 0;
        if self.soup.state() == ClientState::Down {
            // Message 0 stands for "what comes next": the acceptance tells its number.
            self.soup.set_next_sequence(if self.replay_end.is_some() { self.next_sequence } else { 0 });
        }
        // The venue's bytes wait while the engine is behind; heartbeats of ours still go out.
        if self.events.has_room() {
            match self.socket.step(&*self.net, &mut self.soup, now_ns) {
                Happened::Nothing => {}
                Happened::Connected => self.counts.connects.add(1),
                Happened::Read(count) => {
                    work += 1;
                    self.on_bytes(count, now_ns);
                }
                Happened::Lost => self.on_lost(now_ns),
            }
        }
        let mut down = false;
        self.soup.on_time(now_ns, &mut |event| down |= matches!(event, ClientEvent::Down(_)));
        if down || !self.socket.flush(&mut self.soup) {
            self.socket.close(now_ns);
            self.on_lost(now_ns);
        }
        work
    }

    fn on_bytes(&mut self, count: usize, now_ns: u64) {
        let (ouch, events, counts, sampler) = (&mut self.ouch, &mut self.events, &self.counts, &mut self.sampler);
        let (mut up, mut down, mut answer) = (None, false, None);
        let (recovered, replay_end) = (self.recovered, self.replay_end);
        let next_sequence = &mut self.next_sequence;
        self.soup.on_bytes(now_ns, count, &mut |event| match event {
            ClientEvent::Up { sequence, session } => up = Some((session, sequence)),
            ClientEvent::Sequenced { .. } if replay_end.is_none() => {}
            ClientEvent::Sequenced { sequence, bytes } => {
                *next_sequence = sequence + 1;
                counts.messages.add(1);
                if let Ok(ouch50::Outbound::AccountQueryResponse(view)) = ouch50::decode_outbound(bytes) {
                    if replay_end.is_some_and(|end| sequence >= end) {
                        answer = Some(view.next_user_ref_num());
                    }
                    return;
                }
                match ouch.on_message(bytes, sequence, now_ns) {
                    Ok(Some(mut event)) => {
                        event.possible_duplicate = u8::from(!recovered);
                        let answers = [OrderEventKind::Accepted.code(), OrderEventKind::Replaced.code()];
                        if answers.contains(&event.event) && recovered {
                            counts.round_trip.record(now_ns.saturating_sub(event.sent_time_ns));
                        }
                        events.offer(&event);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        counts.malformed.add(1);
                        sampler.add(error, bytes, sequence, now_ns);
                    }
                }
            }
            ClientEvent::Gap { .. } => counts.malformed.add(1),
            ClientEvent::Down(_) => down = true,
            ClientEvent::Unsequenced(_) | ClientEvent::Debug(_) => {}
        });
        counts.adopted.set(ouch.adopted);
        if let (Some((name, end)), None) = (up, self.replay_end) {
            self.meet_session(name, end);
            self.replay_end = Some(end);
            self.soup.on_disconnected();
            self.socket.connect_again(now_ns);
            return;
        }
        if up.is_some() {
            self.publish_state(SessionState::Recovering, now_ns);
        }
        let replayed = self.replay_end.is_some_and(|end| self.next_sequence >= end);
        if replayed && !self.queried && self.soup.state() == ClientState::Up {
            self.query(now_ns);
        }
        if let Some(next_ref) = answer.filter(|_| self.queried && !self.recovered && self.reconciling.is_none()) {
            down |= !self.believe(next_ref);
        }
        if down {
            self.socket.close(now_ns);
            self.on_lost(now_ns);
        }
    }

    /// Where the venue's session stands, before anything of it is asked for: the one that we know, or another.
    fn meet_session(&mut self, name: [u8; 10], end: u64) {
        let mut met = VenueSession::new();
        met.name[..name.len()].copy_from_slice(&name);
        met.next_sequence = end;
        let heard = VenueSession {
            next_sequence: self.next_sequence.max(self.venue_session.map_or(0, |known| known.next_sequence)),
            ..self.venue_session.unwrap_or(met)
        };
        if is_another(&heard, &met) {
            self.begin_session();
            self.next_sequence = 1;
        }
        // Journaled once commands are taken: until then a restart has to find the difference again.
        self.venue_session = Some(met);
    }

    /// The session that our orders were sent in is no more.
    fn begin_session(&mut self) {
        self.counts.renewed.add(1);
        self.ouch.orders.begin_session();
        self.sweeps.clear();
        self.renewed = true;
    }

    /// Goes on from the number that the venue names next; `false` when it cannot mean it.
    fn believe(&mut self, next_ref: u32) -> bool {
        if !self.ouch.orders.can_be_next(next_ref) {
            self.counts.disbelieved.add(1);
            self.disbelieved_in_a_row += 1;
            if self.disbelieved_in_a_row < DISBELIEVED_MAX || next_ref == 0 {
                return false;
            }
            self.begin_session();
        }
        self.disbelieved_in_a_row = 0;
        self.ouch.orders.skip_to(next_ref, gone());
        self.reconciling = Some((next_ref, 1));
        true
    }

    /// Journals the venue's session and how far it was heard, when that is news.
    pub(super) fn mark_session(&mut self, now_ns: u64) {
        let Some(known) = self.venue_session.filter(|_| self.recovered) else { return };
        let due = now_ns.saturating_sub(self.marked_ns) >= MARK_NS && known.next_sequence != self.next_sequence;
        if due {
            self.journal_session(known, now_ns);
        }
    }

    fn journal_session(&mut self, mut session: VenueSession, now_ns: u64) {
        session.next_sequence = self.next_sequence;
        let stamp = Stamp { sequence: self.journal_next, time_ns: now_ns };
        let journaled = self.journal.as_mut().is_some_and(|journal| journal.append(stamp, bytes_of(&session)).is_ok());
        self.journal_next += u64::from(journaled);
        if journaled {
            (self.venue_session, self.marked_ns) = (Some(session), now_ns);
        }
    }

    /// Asks for the next number: its answer marks the end of the replay.
    fn query(&mut self, now_ns: u64) {
        let length = ouch50::AccountQueryFields::default().encode(&mut self.message);
        self.queried = self.soup.send(now_ns, &self.message[..length]);
    }

    /// All that the venue said is in: states what the venue did not say, as far as there is room for it; then commands are taken again.
    pub(super) fn reconcile(&mut self, now_ns: u64) -> usize {
        let Some((next_ref, first)) = self.reconciling else { return 0 };
        let end = self.ouch.orders.next_ref();
        for user_ref in first..end {
            if !self.events.has_room() || user_ref - first == LOOKED_AT_A_CYCLE {
                self.reconciling = Some((next_ref, user_ref));
                return 1;
            }
            let Some(entry) = self.ouch.orders.get(user_ref) else { break };
            let (sent, cancelling, replaces) = (entry.phase == Phase::Sent, entry.cancelling, entry.original_ref != 0);
            entry.cancelling = false;
            if sent && user_ref >= next_ref {
                (entry.phase, entry.leaves_lots) = (Phase::Gone, 0);
                let kind = if replaces { OrderEventKind::ReplaceRejected } else { OrderEventKind::NotFound };
                self.state_one(user_ref, kind, now_ns);
            } else if sent {
                self.state_one(user_ref, OrderEventKind::Unknown, now_ns);
            } else if cancelling {
                self.state_one(user_ref, OrderEventKind::CancelRejected, now_ns);
            }
        }
        self.reconciling = None;
        self.recovered = true;
        if let Some(session) = self.venue_session {
            self.journal_session(session, now_ns);
        }
        self.publish_state(SessionState::Up, now_ns);
        1
    }

    fn state_one(&mut self, user_ref: u32, kind: OrderEventKind, now_ns: u64) {
        let event = self.ouch.statement(user_ref, kind, Reason::Disconnected, now_ns);
        self.events.offer(&event);
    }

    pub(super) fn on_lost(&mut self, now_ns: u64) {
        if self.soup.state() != ClientState::Down || self.recovered || self.queried {
            self.counts.disconnects.add(1);
            self.publish_state(SessionState::Down, now_ns);
        }
        (self.recovered, self.queried, self.reconciling, self.replay_end) = (false, false, None, None);
        self.soup.on_disconnected();
    }

    /// An engine that says nothing any more has its orders pulled, once.
    pub(super) fn watch_engine(&mut self, now_ns: u64) {
        let silent = now_ns.saturating_sub(self.heard_engine_ns) > self.config.engine_silence_ns_max;
        if silent && !self.engine_silent && self.sweeps.len() < SWEEPS_MAX {
            self.engine_silent = true;
            self.sweeps.push(Sweep::everything(true));
        }
    }

    /// Goes on with mass cancels and pulls, as far as the session has room.
    pub(super) fn sweep(&mut self, now_ns: u64) -> usize {
        if self.sweeps.is_empty() || !self.recovered {
            return 0;
        }
        let mut sweep = self.sweeps[0];
        let mut work = 0;
        for _ in 0..ORDERS_A_CYCLE {
            if sweep.next_ref >= self.ouch.orders.next_ref() {
                self.sweeps.remove(0);
                return work + 1;
            }
            if OUTPUT_BYTES - self.soup.output().len() < OUTPUT_ROOM_BYTES {
                break;
            }
            work += usize::from(self.sweep_one(&sweep, now_ns));
            sweep.next_ref += 1;
        }
        self.sweeps[0] = sweep;
        work.max(1)
    }

    fn sweep_one(&mut self, sweep: &Sweep, now_ns: u64) -> bool {
        let Some(entry) = self.ouch.orders.get(sweep.next_ref) else { return false };
        if entry.phase == Phase::Gone || entry.cancelling || !sweep.matches(entry) {
            return false;
        }
        entry.pulled |= sweep.pulled;
        let Ok(length) = self.ouch.cancel_reference(sweep.next_ref, 0, &mut self.message) else { return false };
        let sent = self.soup.send(now_ns, &self.message[..length]);
        if sent && sweep.pulled {
            self.counts.pulled.add(1);
        }
        sent
    }
}

/// Whether what is met cannot be the session that was heard.
fn is_another(heard: &VenueSession, met: &VenueSession) -> bool {
    heard.name != met.name || met.next_sequence < heard.next_sequence
}

/// A number that was used, by us before the journal began or by someone else: nothing is open there for us.
pub(super) fn gone() -> Entry {
    Entry { phase: Phase::Gone, ..fresh(Owner::zeroed(), 0) }
}
