//! Listings, sessions, states, busts and corrections, the day roll.
//!
//! Invariant: each is a command of the sequenced input; there is no other way to change these things.

use records::{
    AuctionKind, CancelOnDisconnect, ExchangeAction, ExchangeAuction, ExchangeControl, ExchangeCorrection,
    ExchangeEvent, ExchangeEventKind, ExchangeListing, ExchangeSession, Reason, Stamp, TimeInForce, TradingState,
    UNDEF_PRICE,
};

use super::ladder::Ladder;
use super::listing::Rules;
use super::trades::Trade;
use super::{Book, Matching, Moment, Port, Sink, event_of};

impl Matching {
    /// Lists an instrument, or changes the rules of one that is listed (its book stays).
    pub fn list<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeListing, sink: &mut S) {
        let moment = self.begin(stamp, command.header.venue, sink);
        let instrument = command.header.instrument;
        let levels = self.levels_per_side;
        let Some(place) = self.books.get_mut(instrument as usize) else { return };
        let mut rules = Rules::new(command);
        let mut letter = 0;
        match place {
            Some(book) => {
                if let Some(call) = &book.call {
                    // It ends as calls end.
                    (rules.state, letter) = (book.rules.state, call.kind.letter());
                }
                book.rules = rules;
            }
            None => {
                let ladders = [Ladder::new(levels, rules.unit()), Ladder::new(levels, rules.unit())];
                let waiting = [0; 2].map(|key| self.levels.take(key).expect("two levels for each instrument"));
                *place = Some(Book { rules, ladders, waiting, call: None });
            }
        }
        let mut event = event_of(moment, ExchangeEventKind::Listed, instrument, 0);
        event.state = self.state(instrument).map_or(0, TradingState::code);
        event.letter = letter;
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
                self.cancel_where(moment, Reason::Disconnected, sink, |_, order, _| order.session == session);
            }
            Some(CancelOnDisconnect::DayOrders) => {
                self.cancel_where(moment, Reason::Disconnected, sink, |_, order, terms| {
                    let goes = terms.ends_with_connection == 1 || !own_end.contains(&terms.time_in_force);
                    order.session == session && goes
                });
            }
            None if self.port(session).is_some_and(|port| port.tied) => {
                self.cancel_where(moment, Reason::Disconnected, sink, |_, order, terms| {
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
        let recorded = self.recorded_session != 0;
        for instrument in self.meant(command.header.instrument) {
            let Some(book) = self.books[instrument as usize].as_mut() else { continue };
            match state {
                TradingState::Auction if !recorded => {
                    let mut call = ExchangeAuction::new();
                    call.reference_nanos = UNDEF_PRICE;
                    call.kind = AuctionKind::from_letter(command.letter).map_or(0, AuctionKind::code);
                    self.call(moment, instrument, &call, sink);
                }
                // What a call collected may cross: it meets at one price before anything else trades.
                TradingState::Trading | TradingState::QuoteOnly | TradingState::Closed if book.call.is_some() => {
                    self.uncross(moment, instrument, state.code(), command.reason, sink);
                }
                _ => {
                    book.rules.state = state;
                    self.say_state(moment, instrument, command.reason, 0, sink);
                }
            }
        }
    }

    fn bust<S: Sink>(&mut self, moment: Moment, command: &ExchangeControl, sink: &mut S) {
        let Some(trade) = self.trades.standing(command.value) else {
            let mut event = event_of(moment, ExchangeEventKind::BustRejected, 0, command.header.source);
            event.match_id = command.value;
            return self.say(&event, sink);
        };
        trade.broken = true;
        let event = changed(moment, ExchangeEventKind::Broken, trade, command.letter);
        self.say(&event, sink);
    }

    /// A trade gets other terms: a price that its listing allows, or fewer lots. Its orders get nothing back.
    pub fn correct<S: Sink>(&mut self, stamp: Stamp, command: &ExchangeCorrection, sink: &mut S) {
        let moment = self.begin(stamp, command.header.venue, sink);
        let corrected = self.new_terms(command).map(|(price_nanos, lots)| {
            let trade = self.trades.standing(command.match_id).expect("looked at for its terms");
            let (former_price_nanos, fewer) = (trade.price_nanos, trade.lots - lots);
            (trade.price_nanos, trade.lots) = (price_nanos, lots);
            let mut event = changed(moment, ExchangeEventKind::Corrected, trade, command.letter);
            (event.former_price_nanos, event.shown_change_lots) = (former_price_nanos, fewer);
            event
        });
        let event = corrected.unwrap_or_else(|reason| {
            let mut event = event_of(moment, ExchangeEventKind::CorrectionRejected, 0, command.header.source);
            (event.match_id, event.reason) = (command.match_id, reason.code());
            event
        });
        self.say(&event, sink);
    }

    /// What a corrected trade's price and lots are to be, or why they cannot.
    fn new_terms(&mut self, command: &ExchangeCorrection) -> Result<(i64, i64), Reason> {
        let trade = *self.trades.standing(command.match_id).ok_or(Reason::UnknownOrder)?;
        let price_nanos = if command.price_nanos == UNDEF_PRICE { trade.price_nanos } else { command.price_nanos };
        let lots = if command.lots == 0 { trade.lots } else { command.lots };
        let rules = &self.book(trade.instrument).ok_or(Reason::InvalidInstrument)?.rules;
        if lots > trade.lots || !rules.lots_are_valid(lots) {
            return Err(Reason::InvalidQuantity);
        }
        if price_nanos != trade.price_nanos && !rules.price_is_valid(price_nanos) {
            return Err(Reason::InvalidPrice);
        }
        Ok((price_nanos, lots))
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

/// What is said of a trade, to both its sides, when its venue changes it.
fn changed(moment: Moment, kind: ExchangeEventKind, trade: &Trade, letter: u8) -> ExchangeEvent {
    let mut event = event_of(moment, kind, trade.instrument, trade.resting_session);
    event.user_ref = trade.resting_user_ref;
    event.other_user_ref = trade.incoming_user_ref;
    event.other_source = trade.incoming_session;
    event.match_id = trade.match_id;
    event.price_nanos = trade.price_nanos;
    event.lots = trade.lots;
    event.side = trade.side;
    event.letter = letter;
    event
}
