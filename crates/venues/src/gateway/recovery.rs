//! OUCH 5.0 over SoupBinTCP as a gateway's protocol, and what it does when things break: reconnect, replay, reconcile.
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

use records::broken::{Variant, is_broken};
use records::{NewOrder, OrderEventKind, Reason, RecordRef, ReplaceOrder, SessionState, Stamp, VenueSession, bytes_of};
use sessions::soup::{Client, ClientConfig, ClientEvent, ClientState};
use wire::ouch50;

use super::orders::{Entry, Orders, Phase, gone};
use super::ouch::{Ouch, OuchConfig};
use super::socket::Happened;
use super::sweep::{SWEEPS_MAX, Sweep};
use super::{Core, Protocol, Stream};

/// Bytes that the socket may be behind.
const OUTPUT_BYTES: usize = 1 << 20;
/// How far the venue was heard is journaled so often at most.
const MARK_NS: u64 = 1_000_000_000;
/// An account query is answered with what cannot be: after so many in a row the venue means it, and has begun anew.
const DISBELIEVED_MAX: u32 = 3;
/// Of orders only looked at, in one cycle of reconciling.
const LOOKED_AT_A_CYCLE: u32 = 4_096;

/// A venue that speaks OUCH 5.0.
pub struct OuchVenue {
    soup: Client,
    ouch: Ouch,
    sweeps: Vec<Sweep>,
    queried: bool,
    /// First message of the venue that was not handed on.
    next_sequence: u64,
    /// Where the venue's messages ended when it was last asked: what comes before is replay. `None`: to be asked.
    replay_end: Option<u64>,
    /// The venue's session as it was last known, and how far it was heard.
    venue_session: Option<VenueSession>,
    /// Answers to the account query, one after the other, that cannot be.
    disbelieved_in_a_row: u32,
    /// When how far it was heard was last journaled.
    marked_ns: u64,
    /// Reconciling goes on: the next number that the venue would take, and the number looked at next.
    reconciling: Option<(u32, u32)>,
    message: [u8; 512],
    /// Bytes of the message that was made ready.
    ready: usize,
}

impl OuchVenue {
    /// Room for so many orders and replaces a day; the login's `first_sequence` should be 1: all of the day.
    pub fn new(login: ClientConfig, ouch: OuchConfig, orders_max: usize) -> Self {
        Self {
            soup: Client::new(login, OUTPUT_BYTES),
            ouch: Ouch::new(ouch, orders_max),
            sweeps: Vec::with_capacity(SWEEPS_MAX),
            queried: false,
            next_sequence: login.first_sequence.max(1),
            replay_end: None,
            venue_session: None,
            disbelieved_in_a_row: 0,
            marked_ns: 0,
            reconciling: None,
            message: [0; 512],
            ready: 0,
        }
    }
}

impl Stream for Client {
    fn on_connected(&mut self, now_ns: u64) {
        Client::on_connected(self, now_ns);
    }

    fn space(&mut self) -> &mut [u8] {
        Client::space(self)
    }

    fn output(&self) -> &[u8] {
        Client::output(self)
    }

    fn written(&mut self, count: usize) {
        Client::written(self, count);
    }

    fn room(&self) -> usize {
        OUTPUT_BYTES - Client::output(self).len()
    }
}

impl Protocol for OuchVenue {
    type Stream = Client;

    fn stream(&mut self) -> &mut Client {
        &mut self.soup
    }

    fn orders(&mut self) -> &mut Orders {
        &mut self.ouch.orders
    }

    fn sweeps(&mut self) -> &mut Vec<Sweep> {
        &mut self.sweeps
    }

    fn is_up(&self) -> bool {
        self.soup.state() == ClientState::Up
    }

    fn enter(&mut self, order: &NewOrder, now_ns: u64) -> Result<(), Reason> {
        self.ready = self.ouch.enter(order, now_ns, &mut self.message)?;
        Ok(())
    }

    fn replace(&mut self, order: &ReplaceOrder, now_ns: u64) -> Result<(), Reason> {
        self.ready = self.ouch.replace(order, now_ns, &mut self.message)?;
        Ok(())
    }

    fn cancel(&mut self, user_ref: u32, lots: i64, _: u64) -> Result<(), Reason> {
        self.ready = self.ouch.cancel_reference(user_ref, lots, &mut self.message)?;
        Ok(())
    }

    fn send(&mut self, now_ns: u64) -> Result<(), Reason> {
        if self.soup.send(now_ns, &self.message[..self.ready]) { Ok(()) } else { Err(Reason::Closed) }
    }

    fn restore_order(&mut self, user_ref: u32, entry: Entry) {
        let orders = &mut self.ouch.orders;
        orders.skip_to(user_ref, gone());
        if orders.has_room() && orders.next_ref() == user_ref {
            orders.push(entry);
        }
    }

    fn restore(&mut self, _: Stamp, record: &RecordRef) {
        let RecordRef::VenueSession(session) = record else { return };
        if self.venue_session.is_some_and(|known| is_another(&known, session)) {
            self.ouch.orders.begin_session();
        }
        self.venue_session = Some(*session);
    }

    fn run(&mut self, core: &mut Core, now_ns: u64) -> usize {
        self.run_socket(core, now_ns) + self.reconcile(core, now_ns)
    }

    fn on_lost(&mut self, core: &mut Core, now_ns: u64) {
        if self.soup.state() != ClientState::Down || core.recovered || self.queried {
            core.counts.disconnects.add(1);
            core.publish_state(SessionState::Down, now_ns);
        }
        core.recovered = false;
        (self.queried, self.reconciling, self.replay_end) = (false, None, None);
        self.soup.on_disconnected();
    }

    fn mark(&mut self, core: &mut Core, now_ns: u64) {
        let Some(known) = self.venue_session.filter(|_| core.recovered) else { return };
        let due = now_ns.saturating_sub(self.marked_ns) >= MARK_NS && known.next_sequence != self.next_sequence;
        if due {
            self.journal_session(core, known, now_ns);
        }
    }

    fn log_out(&mut self, _: u64) {
        self.soup.logout();
    }
}

impl OuchVenue {
    /// One cycle of the session: connect, read, handle, write.
    fn run_socket(&mut self, core: &mut Core, now_ns: u64) -> usize {
        let mut work = 0;
        if self.soup.state() == ClientState::Down {
            // Message 0 stands for "what comes next": the acceptance tells its number.
            self.soup.set_next_sequence(if self.replay_end.is_some() { self.next_sequence } else { 0 });
        }
        // The venue's bytes wait while the engine is behind; heartbeats of ours still go out.
        if core.events.has_room() {
            match core.socket.step(&*core.net, &mut self.soup, now_ns) {
                Happened::Nothing => {}
                Happened::Connected => core.counts.connects.add(1),
                Happened::Read(count) => {
                    work += 1;
                    self.on_bytes(core, count, now_ns);
                }
                Happened::Lost => self.on_lost(core, now_ns),
            }
        }
        let mut down = false;
        self.soup.on_time(now_ns, &mut |event| down |= matches!(event, ClientEvent::Down(_)));
        if down || !core.socket.flush(&mut self.soup) {
            core.socket.close(now_ns);
            self.on_lost(core, now_ns);
        }
        work
    }

    fn on_bytes(&mut self, core: &mut Core, count: usize, now_ns: u64) {
        let (ouch, events, counts, sampler) = (&mut self.ouch, &mut core.events, &core.counts, &mut core.sampler);
        let (mut up, mut down, mut answer) = (None, false, None);
        let (recovered, replay_end) = (core.recovered, self.replay_end);
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
        counts.adopted.set(ouch.orders.adopted());
        if let (Some((name, end)), None) = (up, self.replay_end) {
            self.meet_session(core, name, end);
            self.replay_end = Some(end);
            self.soup.on_disconnected();
            core.socket.connect_again(now_ns);
            return;
        }
        if up.is_some() {
            core.publish_state(SessionState::Recovering, now_ns);
        }
        let replayed = self.replay_end.is_some_and(|end| self.next_sequence >= end);
        if replayed && !self.queried && self.soup.state() == ClientState::Up {
            self.query(now_ns);
        }
        if let Some(next_ref) = answer.filter(|_| self.queried && !core.recovered && self.reconciling.is_none()) {
            down |= !self.believe(core, next_ref);
        }
        if down {
            core.socket.close(now_ns);
            self.on_lost(core, now_ns);
        }
    }

    /// Where the venue's session stands, before anything of it is asked for: the one that we know, or another.
    fn meet_session(&mut self, core: &mut Core, name: [u8; 10], end: u64) {
        let mut met = VenueSession::new();
        met.name[..name.len()].copy_from_slice(&name);
        met.next_sequence = end;
        let heard = VenueSession {
            next_sequence: self.next_sequence.max(self.venue_session.map_or(0, |known| known.next_sequence)),
            ..self.venue_session.unwrap_or(met)
        };
        if is_another(&heard, &met) {
            self.begin_session(core);
            self.next_sequence = 1;
        }
        if is_broken(Variant::MissedReportsNotAsked) {
            self.next_sequence = end;
        }
        // Journaled once commands are taken: until then a restart has to find the difference again.
        self.venue_session = Some(met);
    }

    /// The session that our orders were sent in is no more.
    fn begin_session(&mut self, core: &mut Core) {
        core.counts.renewed.add(1);
        self.ouch.orders.begin_session();
        self.sweeps.clear();
        core.renewed = true;
    }

    /// Goes on from the number that the venue names next; `false` when it cannot mean it.
    fn believe(&mut self, core: &mut Core, next_ref: u32) -> bool {
        if !self.ouch.orders.can_be_next(next_ref) {
            core.counts.disbelieved.add(1);
            self.disbelieved_in_a_row += 1;
            if self.disbelieved_in_a_row < DISBELIEVED_MAX || next_ref == 0 {
                return false;
            }
            self.begin_session(core);
        }
        self.disbelieved_in_a_row = 0;
        self.ouch.orders.skip_to(next_ref, gone());
        self.reconciling = Some((next_ref, 1));
        true
    }

    fn journal_session(&mut self, core: &mut Core, mut session: VenueSession, now_ns: u64) {
        session.next_sequence = self.next_sequence;
        if core.journal(bytes_of(&session), now_ns) {
            (self.venue_session, self.marked_ns) = (Some(session), now_ns);
        }
    }

    /// Asks for the next number: its answer marks the end of the replay.
    fn query(&mut self, now_ns: u64) {
        let length = ouch50::AccountQueryFields::default().encode(&mut self.message);
        self.queried = self.soup.send(now_ns, &self.message[..length]);
    }

    /// All that the venue said is in: states what the venue did not say, as far as there is room for it; then commands are taken again.
    fn reconcile(&mut self, core: &mut Core, now_ns: u64) -> usize {
        let Some((next_ref, first)) = self.reconciling else { return 0 };
        let end = self.ouch.orders.next_ref();
        for user_ref in first..end {
            if !core.events.has_room() || user_ref - first == LOOKED_AT_A_CYCLE {
                self.reconciling = Some((next_ref, user_ref));
                return 1;
            }
            let Some(entry) = self.ouch.orders.get(user_ref) else { break };
            let (sent, cancelling, replaces) = (entry.phase == Phase::Sent, entry.cancelling, entry.original_ref != 0);
            entry.cancelling = false;
            if sent && user_ref >= next_ref {
                (entry.phase, entry.leaves_lots) = (Phase::Gone, 0);
                let kind = if replaces { OrderEventKind::ReplaceRejected } else { OrderEventKind::NotFound };
                self.state_one(core, user_ref, kind, now_ns);
            } else if sent {
                self.state_one(core, user_ref, OrderEventKind::Unknown, now_ns);
            } else if cancelling {
                self.state_one(core, user_ref, OrderEventKind::CancelRejected, now_ns);
            }
        }
        self.reconciling = None;
        core.recovered = true;
        if let Some(session) = self.venue_session {
            self.journal_session(core, session, now_ns);
        }
        core.publish_state(SessionState::Up, now_ns);
        1
    }

    fn state_one(&mut self, core: &mut Core, user_ref: u32, kind: OrderEventKind, now_ns: u64) {
        let event = self.ouch.statement(user_ref, kind, Reason::Disconnected, now_ns);
        core.events.offer(&event);
    }
}

/// Whether what is met cannot be the session that was heard.
fn is_another(heard: &VenueSession, met: &VenueSession) -> bool {
    heard.name != met.name || met.next_sequence < heard.next_sequence
}
