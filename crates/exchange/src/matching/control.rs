//! Listings, sessions, states, busts, the day roll.
//!
//! Invariant: each is a command of the sequenced input; there is no other way to change these things.

use records::{
    CancelOnDisconnect, ExchangeAction, ExchangeControl, ExchangeEventKind, ExchangeListing, ExchangeSession, Reason,
    Stamp, TimeInForce, TradingState,
};

use super::ladder::Ladder;
use super::listing::Rules;
use super::{Book, Matching, Moment, Port, Sink, event_of};

impl Matching {
    /// Lists an instrument, or changes the rules of one that is listed (its book stays).
    pub fn list<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeListing, sink: &mut S) {
        let moment = self.begin(stamp, command.header.venue, sink);
        let instrument = command.header.instrument;
        let levels = self.levels_per_side;
        let Some(place) = self.books.get_mut(instrument as usize) else { return };
        let rules = Rules::new(command);
        let state = rules.state;
        match place {
            Some(book) => book.rules = rules,
            None => {
                let ladders = [Ladder::new(levels, rules.unit()), Ladder::new(levels, rules.unit())];
                *place = Some(Book { rules, ladders });
            }
        }
        let mut event = event_of(moment, ExchangeEventKind::Listed, instrument, 0);
        event.state = state.code();
        self.say(&event, sink);
    }

    /// Makes a session known, or changes its rules.
    pub fn session<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeSession, sink: &mut S) {
        self.begin(stamp, command.header.venue, sink);
        if let Some(place) = self.ports.get_mut(command.header.source as usize) {
            let (last_user_ref, tied) = place.as_ref().map_or((0, false), |port| (port.last_user_ref, port.tied));
            *place = Some(Port { record: *command, last_user_ref, disabled: false, tied });
        }
    }

    /// Everything else.
    pub fn control<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeControl, sink: &mut S) {
        let moment = self.begin(stamp, command.header.venue, sink);
        let (session, instrument) = (command.header.source, command.header.instrument);
        match ExchangeAction::from_code(command.action) {
            Some(ExchangeAction::State) => self.change_state(moment, command, sink),
            Some(ExchangeAction::Bust) => self.bust(moment, command, sink),
            Some(ExchangeAction::DayRoll) => self.roll(moment, sink),
            Some(ExchangeAction::Disconnect) => self.disconnect(moment, session, sink),
            Some(ExchangeAction::SystemEvent) => {
                self.say_letter(moment, ExchangeEventKind::SystemEvent, 0, command, sink)
            }
            Some(ExchangeAction::ShortSale) => {
                self.say_letter(moment, ExchangeEventKind::ShortSale, instrument, command, sink);
            }
            Some(ExchangeAction::Query) => self.say_answered(moment, session, instrument, 0, b'Q', sink),
            Some(ExchangeAction::DisableEntry) => self.switch_entry(moment, command, true, sink),
            Some(ExchangeAction::EnableEntry) => self.switch_entry(moment, command, false, sink),
            Some(ExchangeAction::Connect | ExchangeAction::Timer) | None => {}
        }
    }

    /// What was promised to be cancelled when this session's connection is lost.
    fn disconnect<S: Sink>(&mut self, moment: Moment, session: u32, sink: &mut S) {
        let promised = self.port(session).map_or(0, |port| port.record.cancel_on_disconnect);
        let own_end = [TimeInForce::GoodTillTime.code(), TimeInForce::GoodTillCancel.code()];
        match CancelOnDisconnect::from_code(promised) {
            Some(CancelOnDisconnect::All) => {
                self.cancel_where(moment, Reason::Disconnected, sink, |order, _| order.session == session);
            }
            Some(CancelOnDisconnect::DayOrders) => {
                self.cancel_where(moment, Reason::Disconnected, sink, |order, terms| {
                    let goes = terms.ends_with_connection == 1 || !own_end.contains(&terms.time_in_force);
                    order.session == session && goes
                });
            }
            None if self.port(session).is_some_and(|port| port.tied) => {
                self.cancel_where(moment, Reason::Disconnected, sink, |order, terms| {
                    order.session == session && terms.ends_with_connection == 1
                });
            }
            None => {}
        }
    }

    /// From now on some of this session's orders go with its connection.
    pub(super) fn tie(&mut self, session: u32) {
        if let Some(port) = self.ports.get_mut(session as usize).and_then(Option::as_mut) {
            port.tied = true;
        }
    }

    fn switch_entry<S: Sink>(&mut self, moment: Moment, command: &ExchangeControl, disabled: bool, sink: &mut S) {
        let session = command.header.source;
        let Some(port) = self.ports.get_mut(session as usize).and_then(Option::as_mut) else { return };
        port.disabled = disabled;
        self.say_answered(moment, session, 0, command.value, if disabled { b'D' } else { b'E' }, sink);
    }

    /// Tells a session that its request is done.
    pub(super) fn say_answered<S: Sink>(
        &mut self,
        moment: Moment,
        session: u32,
        instrument: u32,
        user_ref: u64,
        letter: u8,
        sink: &mut S,
    ) {
        let mut event = event_of(moment, ExchangeEventKind::Answered, instrument, session);
        event.user_ref = user_ref;
        event.letter = letter;
        event.lots = self.last_user_ref(session) as i64 + 1;
        event.participant = self.port(session).map_or([0; 4], |port| port.record.participant);
        self.say(&event, sink);
    }

    fn change_state<S: Sink>(&mut self, moment: Moment, command: &ExchangeControl, sink: &mut S) {
        let Some(state) = TradingState::from_code(command.state) else { return };
        let wanted = command.header.instrument as usize;
        let range = if wanted == 0 { 1..self.books.len() } else { wanted..wanted + 1 };
        for instrument in range {
            let Some(book) = self.books.get_mut(instrument).and_then(Option::as_mut) else { continue };
            book.rules.state = state;
            let mut event = event_of(moment, ExchangeEventKind::State, instrument as u32, 0);
            event.state = state.code();
            event.letters = command.reason;
            self.say(&event, sink);
        }
    }

    fn bust<S: Sink>(&mut self, moment: Moment, command: &ExchangeControl, sink: &mut S) {
        let Some(trade) = self.trades.break_trade(command.value) else {
            let mut event = event_of(moment, ExchangeEventKind::BustRejected, 0, command.header.source);
            event.match_id = command.value;
            return self.say(&event, sink);
        };
        let mut event = event_of(moment, ExchangeEventKind::Broken, trade.instrument, trade.resting_session);
        event.user_ref = trade.resting_user_ref;
        event.other_user_ref = trade.incoming_user_ref;
        event.other_source = trade.incoming_session;
        event.match_id = trade.match_id;
        event.price_nanos = trade.price_nanos;
        event.lots = trade.lots;
        event.side = trade.side;
        event.letter = command.letter;
        self.say(&event, sink);
    }

    fn roll<S: Sink>(&mut self, moment: Moment, sink: &mut S) {
        self.cancel_day_orders(moment, sink);
        self.trades.roll();
        for port in self.ports.iter_mut().flatten() {
            port.last_user_ref = 0;
        }
        let event = event_of(moment, ExchangeEventKind::DayRolled, 0, 0);
        self.say(&event, sink);
    }

    fn say_letter<S: Sink>(
        &mut self,
        moment: Moment,
        kind: ExchangeEventKind,
        instrument: u32,
        command: &ExchangeControl,
        sink: &mut S,
    ) {
        let mut event = event_of(moment, kind, instrument, 0);
        event.letter = command.letter;
        self.say(&event, sink);
    }
}
