//! What the gateway does when things break: reconnect and replay, reconcile, pull orders of a silent engine, mass cancel.
//!
//! After a login the venue replays what was missed; then an account query names the next number that it would take. Its
//! answer comes after all that the venue said before, so an order with an earlier number and no answer cannot be, and one
//! with a later number never arrived.
//!
//! Invariant: commands are taken only after the venue's replay is complete; an order whose fate is not proven stays open.

use journal::JournalError;
use records::{MassCancel, OrderEventKind, Owner, Reason, RecordRef, SessionState, parse};
use sessions::soup::{ClientEvent, ClientState};
use tiles::StartError;
use wire::ouch50;

use super::orders::{Entry, Phase};
use super::ouch::fresh;
use super::socket::Happened;
use super::{GatewayTile, OUTPUT_BYTES, OUTPUT_ROOM_BYTES, SWEEPS_MAX};

/// Orders looked at in one cycle of a sweep.
const ORDERS_A_CYCLE: usize = 256;

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

    fn all() -> Self {
        Self { owner: Owner::zeroed(), instrument: 0, side: 0, pulled: true, next_ref: 1 }
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
        let orders = &mut self.ouch.orders;
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
        let (ouch, events, counts) = (&mut self.ouch, &mut self.events, &self.counts);
        let (mut up, mut down, mut next_ref) = (false, false, None);
        let recovered = self.recovered;
        self.soup.on_bytes(now_ns, count, &mut |event| match event {
            ClientEvent::Up { .. } => up = true,
            ClientEvent::Sequenced { sequence, bytes } => {
                counts.messages.add(1);
                if let Ok(ouch50::Outbound::AccountQueryResponse(view)) = ouch50::decode_outbound(bytes) {
                    next_ref = Some(view.next_user_ref_num());
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
                    Err(_) => counts.malformed.add(1),
                }
            }
            ClientEvent::Gap { .. } => counts.malformed.add(1),
            ClientEvent::Down(_) => down = true,
            ClientEvent::Unsequenced(_) | ClientEvent::Debug(_) => {}
        });
        if up {
            self.publish_state(SessionState::Recovering, now_ns);
            self.query(now_ns);
        }
        if let Some(next_ref) = next_ref.filter(|_| self.queried && !self.recovered) {
            self.reconcile(next_ref, now_ns);
        }
        if down {
            self.socket.close(now_ns);
            self.on_lost(now_ns);
        }
    }

    /// Asks for the next number: its answer marks the end of the replay.
    fn query(&mut self, now_ns: u64) {
        let length = ouch50::AccountQueryFields::default().encode(&mut self.message);
        self.queried = self.soup.send(now_ns, &self.message[..length]);
    }

    /// All that the venue said is in: states what it did not say.
    fn reconcile(&mut self, next_ref: u32, now_ns: u64) {
        self.ouch.orders.skip_to(next_ref, gone());
        for user_ref in 1..self.ouch.orders.next_ref() {
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
        self.recovered = true;
        self.publish_state(SessionState::Up, now_ns);
    }

    fn state_one(&mut self, user_ref: u32, kind: OrderEventKind, now_ns: u64) {
        let event = self.ouch.statement(user_ref, kind, Reason::Disconnected, now_ns);
        self.events.offer(&event);
    }

    fn on_lost(&mut self, now_ns: u64) {
        if self.soup.state() != ClientState::Down || self.recovered || self.queried {
            self.counts.disconnects.add(1);
            self.publish_state(SessionState::Down, now_ns);
        }
        (self.recovered, self.queried) = (false, false);
        self.soup.on_disconnected();
    }

    /// An engine that says nothing any more has its orders pulled, once.
    pub(super) fn watch_engine(&mut self, now_ns: u64) {
        let silent = now_ns.saturating_sub(self.heard_engine_ns) > self.config.engine_silence_ns_max;
        if silent && !self.engine_silent && self.sweeps.len() < SWEEPS_MAX {
            self.engine_silent = true;
            self.sweeps.push(Sweep::all());
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

/// A number that was used, by us before the journal began or by someone else: nothing is open there for us.
fn gone() -> Entry {
    Entry { phase: Phase::Gone, ..fresh(Owner::zeroed(), 0) }
}
