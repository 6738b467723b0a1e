//! A venue of data by level: the record tells how many lots stand at each price, and our orders stand behind them.
//!
//! A resting order of ours is filled by trades at its price once those ahead of it are gone ([`crate::queue`]), and whole by
//! a trade or an opposite level through its price. An incoming one takes what the levels show, which have fewer lots until
//! the record tells of them again. The engine is told of levels as the record tells of them, and of our orders beside them.
//!
//! Invariant: lots that ours took of a level are not there for ours to take again before the record renews the level; no
//! word of the record panics.

use book::flow::FlowRecord;
use book::{LevelTold, TradeTold};
use records::{
    BookAction, CancelOrder, FLAG_LAST, Kind, MarketLevel, MarketOrder, NewOrder, OrderEventKind, OrderType, Reason,
    ReplaceOrder, Side, Status, TimeInForce, Trade, TradingState, UNDEF_PRICE, read_from,
};

use crate::fees::Fees;
use crate::impact::Impact;
use crate::level_book::{Book, Resting, resting_sides};
use crate::own::{Fill, OWN_REF, OwnOrders};
use crate::queue::{Place, QueueModel};
use crate::venue::{Listed, Made};

/// What a command asks for.
#[derive(Clone, Copy)]
struct Wanted {
    id: u64,
    side: Side,
    price_nanos: i64,
    lots: i64,
    time_in_force: TimeInForce,
    post_only: bool,
    market: bool,
    minimum_lots: i64,
    expire_time_ns: u64,
}

impl Wanted {
    fn is_immediate(&self) -> bool {
        self.market || matches!(self.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill)
    }

    fn reaches(&self, price_nanos: i64) -> bool {
        self.market && self.price_nanos == UNDEF_PRICE || self.side.sign() * (self.price_nanos - price_nanos) >= 0
    }
}

/// The venue.
pub(crate) struct Levels {
    venue: u16,
    books: Vec<Option<Book>>,
    own: OwnOrders,
    fees: Fees,
    model: QueueModel,
    pub impact: Impact,
    resting: usize,
    next_ref: u64,
    next_match: u64,
    next_expiry_ns: u64,
    /// Orders that a trade reaches, while it is looked at.
    filled: Vec<(u64, i64)>,
}

impl Levels {
    pub fn new(venue: u16, listed: &[Listed], model: QueueModel, fees: Fees) -> Self {
        let most = listed.iter().map(|listing| listing.instrument as usize).max().unwrap_or(0);
        let mut books: Vec<Option<Book>> = (0..=most).map(|_| None).collect();
        for listing in listed {
            books[listing.instrument as usize] = Some(Book::new(*listing));
        }
        Self {
            venue,
            books,
            own: OwnOrders::default(),
            fees,
            model,
            impact: Impact::default(),
            resting: 0,
            next_ref: 1,
            next_match: 1,
            next_expiry_ns: u64::MAX,
            filled: Vec::new(),
        }
    }

    pub const fn next_expiry_ns(&self) -> u64 {
        self.next_expiry_ns
    }

    fn book(&mut self, instrument: u32) -> Option<&mut Book> {
        self.books.get_mut(instrument as usize)?.as_mut()
    }

    /// The record's next word; true: it goes into the feed as it stands.
    #[inline]
    pub fn on_record(&mut self, now_ns: u64, record: &FlowRecord, made: &mut Made) -> bool {
        match record {
            FlowRecord::Level(level) => self.on_level(now_ns, level, made),
            FlowRecord::Trade(trade) => {
                if self.resting > 0
                    && let Some(told) = TradeTold::of(trade)
                {
                    self.on_trade(now_ns, trade.header.instrument, &told, made);
                }
                if made.market.made().next().is_none() {
                    return true;
                }
                made.end_event();
                made.market.push(FlowRecord::Trade(*trade));
                false
            }
            FlowRecord::Status(status) => self.on_status(status),
            FlowRecord::Imbalance(_) => true,
            FlowRecord::Order(_) => {
                self.impact.refuse(Reason::InvalidField);
                false
            }
        }
    }

    fn on_status(&mut self, status: &Status) -> bool {
        if let Some(state) = TradingState::from_code(status.trading) {
            let meant = status.header.instrument;
            for book in self.books.iter_mut().flatten().filter(|book| meant == 0 || book.listed.instrument == meant) {
                book.trading = state;
            }
        }
        true
    }

    /// True: the level goes into the feed as it stands; what changes nothing does not go there.
    #[inline]
    fn on_level(&mut self, now_ns: u64, level: &MarketLevel, made: &mut Made) -> bool {
        if level.action == BookAction::Clear.code() {
            self.clear(level, made);
            made.end_event_as(level.header.flags);
            return false;
        }
        let Some(read) = LevelTold::of(level) else { return self.refuse(Reason::InvalidField) };
        let book = self.books.get_mut(level.header.instrument as usize).and_then(Option::as_mut);
        let Some(book) = book else { return self.refuse(Reason::InvalidInstrument) };
        let key = match book.key_of(&read) {
            Ok(key) => key,
            Err(reason) => return self.refuse(reason),
        };
        let crosses = book.crosses(&read);
        if !book.renew(key, &read, self.model) {
            return false;
        }
        if !crosses {
            return true;
        }
        let mut told = *level;
        told.header.flags &= !FLAG_LAST;
        made.market.push(FlowRecord::Level(told));
        self.cross(now_ns, told.header.instrument, read.side.opposite(), read.price_nanos, true, made);
        made.end_event_as(level.header.flags);
        false
    }

    /// The book of an instrument, to take words of which nothing comes but what they say.
    #[inline(always)]
    pub fn quiet(&mut self, instrument: u32) -> Option<(&mut Book, QueueModel)> {
        let model = self.model;
        self.book(instrument).map(|book| (book, model))
    }

    /// Counts a record that the venue cannot take; it does not go into the feed.
    fn refuse(&mut self, reason: Reason) -> bool {
        self.impact.refuse(reason);
        false
    }

    /// A level of the other side, or a trade, stands at or through prices of ours: those orders are filled whole.
    fn cross(&mut self, now_ns: u64, instrument: u32, side: Side, price_nanos: i64, or_at: bool, made: &mut Made) {
        let Some(book) = self.book(instrument) else { return };
        let reached = |order: &Resting| {
            let through = side.sign() * (order.price_nanos - price_nanos);
            through > 0 || or_at && through == 0
        };
        let ids: Vec<(u64, i64)> =
            book.own(side).iter().filter(|order| reached(order)).map(|order| (order.id, order.leaves_lots)).collect();
        for (id, lots) in ids {
            self.fill_resting(now_ns, instrument, side, (id, lots), made);
        }
    }

    fn on_trade(&mut self, now_ns: u64, instrument: u32, trade: &TradeTold, made: &mut Made) {
        if self.book(instrument).is_none_or(|book| book.trading != TradingState::Trading) {
            return;
        }
        for side in resting_sides(trade) {
            self.cross(now_ns, instrument, side, trade.price_nanos, false, made);
            let mut filled = std::mem::take(&mut self.filled);
            let Some(book) = self.book(instrument) else { return };
            let mut left_lots = i64::MAX;
            for order in book.own_mut(side).iter_mut().filter(|order| order.price_nanos == trade.price_nanos) {
                let lots = order.place.on_trade(trade.lots).min(order.leaves_lots).min(left_lots);
                left_lots = left_lots.min(trade.lots) - lots;
                if lots > 0 {
                    filled.push((order.id, lots));
                }
            }
            for fill in filled.drain(..) {
                self.fill_resting(now_ns, instrument, side, fill, made);
            }
            self.filled = filled;
        }
    }

    fn fill_resting(&mut self, now_ns: u64, instrument: u32, side: Side, (id, lots): (u64, i64), made: &mut Made) {
        let match_id = self.match_id();
        let (fees, venue) = (self.fees, self.venue);
        let Some(book) = self.book(instrument) else { return };
        let units_e8 = book.listed.units_e8;
        let Some(at) = book.own(side).iter().position(|order| order.id == id) else { return };
        let order = &mut book.own_mut(side)[at];
        order.leaves_lots -= lots;
        let order = *order;
        if order.leaves_lots == 0 {
            book.take_out(side, at);
            self.resting -= 1;
        }
        let mut record = own_record(instrument, &order, side, BookAction::Execute);
        (record.lots, record.match_id, record.printable) = (lots, match_id, 1);
        made.market.push(FlowRecord::Order(record));
        let fill = Fill {
            match_id,
            price_nanos: order.price_nanos,
            lots,
            leaves_lots: order.leaves_lots,
            liquidity: 1,
            units_e8,
        };
        made.reports.extend(self.own.fill(id, &fill, &fees, (venue, now_ns)));
    }

    fn match_id(&mut self) -> u64 {
        self.next_match += 1;
        self.next_match - 1
    }

    fn clear(&mut self, level: &MarketLevel, made: &mut Made) {
        let Some(book) = self.book(level.header.instrument) else { return };
        let mut record = MarketOrder::new();
        record.header.instrument = level.header.instrument;
        (record.action, record.side, record.price_nanos) = (BookAction::Clear.code(), level.side, UNDEF_PRICE);
        made.market.push(FlowRecord::Order(record));
        for side in [Side::Buy, Side::Sell] {
            if level.side != 0 && level.side != side.code() {
                continue;
            }
            book.levels[side.index()].clear();
            for order in book.own_mut(side) {
                order.place = Place::behind(order.place.ahead_lots());
                let mut record = own_record(level.header.instrument, order, side, BookAction::Add);
                (record.price_nanos, record.lots) = (order.price_nanos, order.leaves_lots);
                made.market.push(FlowRecord::Order(record));
            }
        }
    }

    /// A command of ours arrives.
    pub fn on_command(&mut self, now_ns: u64, record: &[u8], made: &mut Made) {
        match read_from::<records::Header>(record).and_then(|header| header.kind()) {
            Some(Kind::NewOrder) => {
                if let Some(command) = read_from::<NewOrder>(record) {
                    self.enter(now_ns, &command, made);
                }
            }
            Some(Kind::ReplaceOrder) => {
                if let Some(command) = read_from::<ReplaceOrder>(record) {
                    self.replace(now_ns, &command, made);
                }
            }
            Some(Kind::CancelOrder) => {
                if let Some(command) = read_from::<CancelOrder>(record) {
                    self.cancel(now_ns, &command, made);
                }
            }
            _ => {}
        }
        made.end_event();
    }

    fn enter(&mut self, now_ns: u64, command: &NewOrder, made: &mut Made) {
        let id = command.owner.order_id;
        let side = Side::from_code(command.side).unwrap_or(Side::Buy);
        self.own.begin(command, side);
        let wanted = Wanted {
            id,
            side,
            price_nanos: command.price_nanos,
            lots: command.lots,
            time_in_force: TimeInForce::from_code(command.time_in_force).unwrap_or(TimeInForce::Day),
            post_only: command.post_only == 1,
            market: command.order_type == OrderType::Market.code(),
            minimum_lots: command.minimum_lots,
            expire_time_ns: command.expire_time_ns,
        };
        let instrument = command.header.instrument;
        if let Some(reason) = self.refusal(instrument, &wanted) {
            made.reports.push(self.own.refused(id, OrderEventKind::Rejected, reason, (self.venue, now_ns)));
            return self.own.end(id);
        }
        let mut report = self.own.report(id, OrderEventKind::Accepted, (self.venue, now_ns));
        (report.price_nanos, report.lots, report.leaves_lots) = (wanted.price_nanos, wanted.lots, wanted.lots);
        made.reports.push(report);
        self.work(now_ns, instrument, &wanted, made);
    }

    fn refusal(&mut self, instrument: u32, wanted: &Wanted) -> Option<Reason> {
        let Some(book) = self.book(instrument) else { return Some(Reason::InvalidInstrument) };
        match book.trading {
            TradingState::Trading | TradingState::QuoteOnly => {}
            TradingState::Halted | TradingState::Paused => return Some(Reason::Halted),
            TradingState::Auction | TradingState::PreOpen | TradingState::Closed => return Some(Reason::Closed),
        }
        if wanted.time_in_force.is_at_auction() {
            // Levels say nothing of an auction's orders.
            return Some(Reason::InvalidField);
        }
        let listed = &book.listed;
        let free = wanted.market && wanted.price_nanos == UNDEF_PRICE;
        let in_range = (listed.price_min_nanos..=listed.price_max_nanos).contains(&wanted.price_nanos);
        let on_tick = wanted.price_nanos % listed.tick_nanos == 0;
        if !free && (!in_range || !on_tick) {
            return Some(Reason::InvalidPrice);
        }
        if wanted.lots <= 0 || wanted.lots % listed.increment_lots.max(1) != 0 {
            return Some(Reason::InvalidQuantity);
        }
        None
    }

    /// Takes what is in reach, then rests or ends.
    fn work(&mut self, now_ns: u64, instrument: u32, wanted: &Wanted, made: &mut Made) {
        let venue = self.venue;
        let other = wanted.side.opposite();
        let Some(book) = self.book(instrument) else { return };
        let tick_nanos = book.listed.tick_nanos;
        let levels = &book.levels[other.index()];
        let priced = |(key, lots): (i64, i64)| (other.sign() * key * tick_nanos, lots);
        let is_reached = |level: &(i64, i64)| wanted.reaches(level.0);
        let reach: Vec<(i64, i64)> = match levels.iter().next().map(priced).filter(is_reached) {
            Some(_) => levels.iter().map(priced).take_while(is_reached).collect(),
            None => Vec::new(),
        };
        let in_reach: i64 = reach.iter().map(|(_, lots)| *lots).sum();
        let least_lots =
            if wanted.time_in_force == TimeInForce::FillOrKill { wanted.lots } else { wanted.minimum_lots };
        let would_cross = wanted.post_only && !reach.is_empty();
        if would_cross || in_reach < least_lots {
            let reason = if would_cross { Reason::WouldCross } else { Reason::MinimumQuantity };
            return self.end(now_ns, wanted.id, wanted.lots, reason, made);
        }
        let mut left_lots = wanted.lots;
        for (price_nanos, there) in reach {
            if left_lots == 0 {
                break;
            }
            let lots = there.min(left_lots);
            left_lots -= lots;
            self.take(now_ns, instrument, (wanted.id, other, price_nanos), (lots, there, left_lots), made);
        }
        if left_lots == 0 {
            return;
        }
        if wanted.is_immediate() {
            return self.end(now_ns, wanted.id, left_lots, Reason::Immediate, made);
        }
        let feed_ref = OWN_REF | self.next_ref;
        self.next_ref += 1;
        let Some(book) = self.book(instrument) else { return };
        let ahead = book.lots_at(wanted.side, wanted.price_nanos);
        let order = Resting {
            id: wanted.id,
            feed_ref,
            price_nanos: wanted.price_nanos,
            leaves_lots: left_lots,
            expire_time_ns: wanted.expire_time_ns,
            place: Place::behind(ahead),
        };
        book.rest(wanted.side, order);
        self.resting += 1;
        if wanted.expire_time_ns > 0 {
            self.next_expiry_ns = self.next_expiry_ns.min(wanted.expire_time_ns);
        }
        if let Some(own) = self.own.get_mut(wanted.id) {
            (own.venue_order_ref, own.leaves_lots) = (feed_ref, left_lots);
        }
        let mut record = own_record(instrument, &order, wanted.side, BookAction::Add);
        (record.price_nanos, record.lots, record.header.venue) = (order.price_nanos, left_lots, venue);
        made.market.push(FlowRecord::Order(record));
    }

    /// Lots of a level are ours: the feed tells of a trade, and of what is left there.
    fn take(
        &mut self,
        now_ns: u64,
        instrument: u32,
        (id, side, price_nanos): (u64, Side, i64),
        (lots, there, left_lots): (i64, i64, i64),
        made: &mut Made,
    ) {
        let match_id = self.match_id();
        let (fees, venue) = (self.fees, self.venue);
        let Some(book) = self.book(instrument) else { return };
        let (units_e8, tick_nanos) = (book.listed.units_e8, book.listed.tick_nanos);
        book.levels[side.index()].set(side.sign() * (price_nanos / tick_nanos), there - lots);
        let mut trade = Trade::new();
        (trade.header.instrument, trade.side) = (instrument, side.code());
        (trade.price_nanos, trade.lots, trade.match_id) = (price_nanos, lots, match_id);
        made.market.push(FlowRecord::Trade(trade));
        let mut level = MarketLevel::new();
        (level.header.instrument, level.side) = (instrument, side.code());
        (level.price_nanos, level.lots) = (price_nanos, there - lots);
        level.action = if lots == there { BookAction::Delete.code() } else { BookAction::Modify.code() };
        made.market.push(FlowRecord::Level(level));
        self.impact.taken_lots += lots;
        let fill = Fill { match_id, price_nanos, lots, leaves_lots: left_lots, liquidity: 2, units_e8 };
        made.reports.extend(self.own.fill(id, &fill, &fees, (venue, now_ns)));
    }

    /// What is left of an order ends.
    fn end(&mut self, now_ns: u64, id: u64, lots: i64, reason: Reason, made: &mut Made) {
        if let Some(own) = self.own.get_mut(id) {
            own.leaves_lots = 0;
        }
        let kind = if reason == Reason::Timeout { OrderEventKind::Expired } else { OrderEventKind::Canceled };
        let mut report = self.own.refused(id, kind, reason, (self.venue, now_ns));
        report.lots = lots;
        made.reports.push(report);
        self.own.end(id);
    }

    /// Takes an order of ours out of its queue.
    fn withdraw(&mut self, id: u64, made: &mut Made) -> Option<(u32, Side, Resting)> {
        let known = self.own.get(id).copied()?;
        let book = self.book(known.instrument)?;
        let at = book.own(known.side).iter().position(|order| order.id == id)?;
        let order = book.take_out(known.side, at);
        self.resting -= 1;
        made.market.push(FlowRecord::Order(own_record(known.instrument, &order, known.side, BookAction::Delete)));
        Some((known.instrument, known.side, order))
    }

    fn cancel(&mut self, now_ns: u64, command: &CancelOrder, made: &mut Made) {
        let id = command.owner.order_id;
        let Some(known) = self.own.get(id).copied() else { return };
        if command.lots > known.filled_lots {
            let kept_lots = command.lots - known.filled_lots;
            return self.shrink(now_ns, id, known.instrument, known.side, kept_lots, made);
        }
        match self.withdraw(id, made) {
            Some((_, _, order)) => self.end(now_ns, id, order.leaves_lots, Reason::UserRequested, made),
            None => made.reports.push(self.own.refused(
                id,
                OrderEventKind::CancelRejected,
                Reason::UnknownOrder,
                (self.venue, now_ns),
            )),
        }
    }

    /// Fewer lots at the same place.
    fn shrink(&mut self, now_ns: u64, id: u64, instrument: u32, side: Side, kept_lots: i64, made: &mut Made) {
        let venue = self.venue;
        let Some(book) = self.book(instrument) else { return };
        let Some(order) = book.own_mut(side).iter_mut().find(|order| order.id == id) else { return };
        let off_lots = order.leaves_lots - kept_lots;
        if off_lots <= 0 {
            let refused =
                self.own.refused(id, OrderEventKind::CancelRejected, Reason::InvalidQuantity, (venue, now_ns));
            return made.reports.push(refused);
        }
        order.leaves_lots = kept_lots;
        let mut record = own_record(instrument, order, side, BookAction::Reduce);
        record.lots = off_lots;
        made.market.push(FlowRecord::Order(record));
        if let Some(own) = self.own.get_mut(id) {
            own.leaves_lots = kept_lots;
        }
        let mut report = self.own.report(id, OrderEventKind::Restated, (venue, now_ns));
        report.lots = off_lots;
        made.reports.push(report);
    }

    /// A replacement keeps its place when it asks for no more at the same price, else it joins anew.
    fn replace(&mut self, now_ns: u64, command: &ReplaceOrder, made: &mut Made) {
        let id = command.owner.order_id;
        let original = self.own.get(command.original_id).copied();
        self.own.begin_replace(command);
        let place = (self.venue, now_ns);
        let Some(original) = original else {
            made.reports.push(self.own.refused(id, OrderEventKind::ReplaceRejected, Reason::UnknownOrder, place));
            return self.own.end(id);
        };
        let leaves_lots = command.lots - original.filled_lots;
        let wanted = Wanted {
            id,
            side: original.side,
            price_nanos: command.price_nanos,
            lots: leaves_lots,
            time_in_force: TimeInForce::Day,
            post_only: command.post_only == 1,
            market: false,
            minimum_lots: 0,
            expire_time_ns: 0,
        };
        if let Some(reason) = self.refusal(original.instrument, &wanted) {
            made.reports.push(self.own.refused(id, OrderEventKind::ReplaceRejected, reason, place));
            return self.own.end(id);
        }
        let Some((instrument, side, before)) = self.withdraw(command.original_id, made) else {
            made.reports.push(self.own.refused(id, OrderEventKind::ReplaceRejected, Reason::UnknownOrder, place));
            return self.own.end(id);
        };
        if let Some(own) = self.own.get_mut(id) {
            (own.filled_lots, own.leaves_lots) = (original.filled_lots, leaves_lots);
        }
        let mut report = self.own.report(id, OrderEventKind::Replaced, place);
        (report.price_nanos, report.lots) = (command.price_nanos, command.lots);
        made.reports.push(report);
        self.own.end(command.original_id);
        if before.price_nanos == command.price_nanos && leaves_lots <= before.leaves_lots {
            let order = Resting { id, leaves_lots, ..before };
            let Some(book) = self.book(instrument) else { return };
            book.rest(side, order);
            self.resting += 1;
            let mut record = own_record(instrument, &order, side, BookAction::Add);
            (record.price_nanos, record.lots) = (order.price_nanos, leaves_lots);
            made.market.push(FlowRecord::Order(record));
            return;
        }
        self.work(now_ns, instrument, &Wanted { expire_time_ns: before.expire_time_ns, ..wanted }, made);
    }

    /// Ends orders whose time is over.
    pub fn expire(&mut self, now_ns: u64, made: &mut Made) {
        let mut due = Vec::new();
        self.next_expiry_ns = u64::MAX;
        for order in self
            .books
            .iter()
            .flatten()
            .flat_map(|book| [Side::Buy, Side::Sell].into_iter().flat_map(|side| book.own(side)))
        {
            match order.expire_time_ns {
                0 => {}
                time_ns if time_ns <= now_ns => due.push(order.id),
                time_ns => self.next_expiry_ns = self.next_expiry_ns.min(time_ns),
            }
        }
        for id in due {
            if let Some((_, _, order)) = self.withdraw(id, made) {
                self.end(now_ns, id, order.leaves_lots, Reason::Timeout, made);
            }
        }
        made.end_event();
    }
}

fn own_record(instrument: u32, order: &Resting, side: Side, action: BookAction) -> MarketOrder {
    let mut record = MarketOrder::new();
    (record.header.instrument, record.action) = (instrument, action.code());
    (record.order_ref, record.side, record.price_nanos) = (order.feed_ref, side.code(), UNDEF_PRICE);
    record
}

#[cfg(test)]
#[path = "level_tests.rs"]
mod tests;
