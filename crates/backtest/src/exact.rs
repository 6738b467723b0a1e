//! A venue of order-by-order data: the house's matching, with the record's orders at their own places in its queues.
//!
//! Invariant: a recorded order has here the lots that the record gives it, less what our orders took; what the record then
//! says of lots that are gone is counted and not told. Without orders of ours the feed is the record, byte for byte.

use std::collections::BTreeMap;

use book::flow::FlowRecord;
use exchange::{Capacity, Matching, RecordedOrder};
use records::{
    BookAction, CancelOrder, ExchangeAction, ExchangeCancel, ExchangeControl, ExchangeEnter, ExchangeEvent,
    ExchangeListing, ExchangeReplace, ExchangeSession, FLAG_LAST, Kind, MarketOrder, NewOrder, OrderEventKind, Reason,
    ReplaceOrder, Side, Stamp, Status, Trade, TradingState, UNDEF_PRICE, read_from,
};

use crate::capture::OwnTrade;
use crate::fees::Fees;
use crate::impact::Impact;
use crate::own::{OWN_REF, OwnOrders};
use crate::venue::{Listed, Made};

/// Session of the record's orders, and of ours.
pub(crate) const RECORD: u32 = 1;
pub(crate) const OWN: u32 = 2;
/// Our orders are one group: they do not trade with each other where their own terms say so.
const OWN_GROUP: u32 = 1;

/// The venue.
pub(crate) struct Exact {
    pub(crate) venue: u16,
    pub(crate) matching: Matching,
    pub(crate) own: OwnOrders,
    pub(crate) fees: Fees,
    pub(crate) impact: Impact,
    units_e8: Vec<i64>,
    heard: Vec<ExchangeEvent>,
    /// Lots that ours took of orders that the record still has.
    taken: BTreeMap<u64, i64>,
    input: u64,
}

impl Exact {
    pub fn new(venue: u16, listed: &[Listed], orders_max: usize, fees: Fees) -> Self {
        Self::guarded(venue, listed, orders_max, fees, 0)
    }

    /// `self_trade`: what the venue does where our orders meet and the command does not say, a [`records::SelfTrade`] code, 0:
    /// they trade.
    pub fn guarded(venue: u16, listed: &[Listed], orders_max: usize, fees: Fees, self_trade: u8) -> Self {
        let instruments = listed.iter().map(|listing| listing.instrument as usize).max().unwrap_or(0);
        let capacity =
            Capacity { instruments, sessions: 2, orders: orders_max, levels_per_side: 1 << 16, trades: 1 << 12 };
        let mut units_e8 = vec![0; instruments + 1];
        let mut made = Self {
            venue,
            matching: Matching::new(capacity),
            own: OwnOrders::default(),
            fees,
            impact: Impact::default(),
            units_e8: Vec::new(),
            heard: Vec::with_capacity(64),
            taken: BTreeMap::new(),
            input: 0,
        };
        made.matching.expect_recorded(RECORD);
        for session in [RECORD, OWN] {
            let mut record = ExchangeSession::new();
            (record.header.venue, record.header.source) = (venue, session);
            (record.owner, record.self_trade) = if session == OWN { (OWN_GROUP, self_trade) } else { (0, 0) };
            made.matching.session(Stamp::zeroed(), &record, &mut made.heard);
        }
        for listing in listed {
            units_e8[listing.instrument as usize] = listing.units_e8;
            let mut record = ExchangeListing::new();
            (record.header.venue, record.header.instrument) = (venue, listing.instrument);
            (record.tick_nanos, record.increment_lots) = (listing.tick_nanos, listing.increment_lots);
            (record.price_min_nanos, record.price_max_nanos) = (listing.price_min_nanos, listing.price_max_nanos);
            record.state = TradingState::Trading.code();
            made.matching.list(Stamp::zeroed(), &record, &mut made.heard);
        }
        made.heard.clear();
        made.units_e8 = units_e8;
        made
    }

    fn stamp(&mut self, now_ns: u64) -> Stamp {
        self.input += 1;
        Stamp { sequence: self.input, time_ns: now_ns }
    }

    /// When an order of ours ends by itself next.
    pub fn next_expiry_ns(&self) -> u64 {
        self.matching.next_expiry_ns()
    }

    /// Ends what is due.
    pub fn expire(&mut self, now_ns: u64, made: &mut Made) {
        let stamp = self.stamp(now_ns);
        let mut control = ExchangeControl::new();
        control.header.venue = self.venue;
        control.action = ExchangeAction::Timer.code();
        self.matching.control(stamp, &control, &mut self.heard);
        self.settle(now_ns, made);
        made.end_event();
    }

    /// The record's next word; true: it goes into the feed as it stands.
    #[inline]
    pub fn on_record(&mut self, now_ns: u64, record: &FlowRecord, made: &mut Made) -> bool {
        match record {
            FlowRecord::Order(order) => match BookAction::from_code(order.action) {
                Some(BookAction::Add) => self.add(now_ns, order, made),
                Some(BookAction::Execute) => self.execute(now_ns, order, made),
                Some(BookAction::Reduce) => self.reduce(order, made),
                Some(BookAction::Delete) => self.delete(order),
                Some(BookAction::Modify) => self.modify(now_ns, order, order.order_ref, made),
                Some(BookAction::Replace) => self.modify(now_ns, order, order.new_order_ref, made),
                Some(BookAction::Clear) => self.clear(order, made),
                None => self.refuse(Reason::InvalidField),
            },
            FlowRecord::Trade(trade) => self.trade(now_ns, trade, made),
            FlowRecord::Status(status) => self.status(now_ns, status, made),
            // What the venue said of its auction, which is the record's: our orders do not change it.
            FlowRecord::Imbalance(_) => true,
            FlowRecord::Level(_) => self.refuse(Reason::InvalidField),
        }
    }

    fn refuse(&mut self, reason: Reason) -> bool {
        self.impact.refuse(reason);
        false
    }

    #[inline]
    fn add(&mut self, now_ns: u64, order: &MarketOrder, made: &mut Made) -> bool {
        let Some(side) = Side::from_code(order.side) else { return self.refuse(Reason::InvalidField) };
        let recorded = RecordedOrder {
            session: RECORD,
            instrument: order.header.instrument,
            user_ref: order.order_ref,
            side,
            price_nanos: order.price_nanos,
            lots: order.lots,
        };
        let stamp = self.stamp(now_ns);
        match self.matching.add_recorded(stamp, self.venue, &recorded, &mut self.heard) {
            Ok(_) if self.heard.is_empty() => true,
            Ok(rests) => {
                self.settle(now_ns, made);
                self.impact.crossed_records += 1;
                self.impact.crossed_lots += order.lots - rests;
                self.note_taken(order.order_ref, order.lots - rests);
                if rests > 0 {
                    made.market.push(FlowRecord::Order(MarketOrder { lots: rests, ..*order }));
                }
                made.end_event_as(order.header.flags);
                false
            }
            Err(reason) => self.refuse(reason),
        }
    }

    fn note_taken(&mut self, order_ref: u64, lots: i64) {
        if lots > 0 {
            *self.taken.entry(order_ref).or_default() += lots;
        }
    }

    /// The record says something of lots that are not here: ours took them, or nobody ever saw them.
    #[cold]
    fn missing(&mut self, order_ref: u64, lots: i64) -> bool {
        match self.taken.get_mut(&order_ref) {
            Some(taken) => {
                let gone = lots.min(*taken);
                *taken -= gone;
                if *taken == 0 {
                    self.taken.remove(&order_ref);
                }
                self.impact.skipped_records += 1;
                self.impact.skipped_lots += gone;
            }
            None => self.impact.unknown += 1,
        }
        false
    }

    /// Of `lots` that the record takes off, so many were here.
    #[cold]
    fn shortfall(&mut self, order_ref: u64, lots: i64) {
        self.impact.reduced_records += 1;
        self.impact.skipped_lots += lots;
        if let Some(taken) = self.taken.get_mut(&order_ref) {
            *taken -= lots.min(*taken);
            if *taken == 0 {
                self.taken.remove(&order_ref);
            }
        }
    }

    #[inline]
    fn execute(&mut self, now_ns: u64, order: &MarketOrder, made: &mut Made) -> bool {
        if order.lots <= 0 {
            return self.refuse(Reason::InvalidQuantity);
        }
        let stamp = self.stamp(now_ns);
        let key = (RECORD, order.order_ref);
        let change = self.matching.execute_recorded(stamp, self.venue, key, order.lots, &mut self.heard);
        let Some(change) = change else { return self.missing(order.order_ref, order.lots) };
        if change.guest_lots == 0 && change.off_lots == order.lots {
            return true;
        }
        self.settle(now_ns, made);
        if change.off_lots < order.lots {
            self.shortfall(order.order_ref, order.lots - change.off_lots);
        }
        let withdrawn = change.guest_lots.min(change.off_lots);
        self.impact.displaced_records += u64::from(withdrawn > 0);
        self.impact.displaced_lots += withdrawn;
        let traded = change.off_lots - withdrawn;
        if traded > 0 {
            made.market.push(FlowRecord::Order(MarketOrder { lots: traded, ..*order }));
        }
        if withdrawn > 0 {
            made.market.push(FlowRecord::Order(taken_off(order, order.order_ref, withdrawn, change.left_lots)));
        }
        made.end_event_as(order.header.flags);
        false
    }

    #[inline]
    fn reduce(&mut self, order: &MarketOrder, made: &mut Made) -> bool {
        if order.lots <= 0 {
            return self.refuse(Reason::InvalidQuantity);
        }
        let Some(change) = self.matching.reduce_recorded(RECORD, order.order_ref, order.lots) else {
            return self.missing(order.order_ref, order.lots);
        };
        if change.off_lots == order.lots {
            return true;
        }
        self.shortfall(order.order_ref, order.lots - change.off_lots);
        made.market.push(FlowRecord::Order(taken_off(order, order.order_ref, change.off_lots, change.left_lots)));
        made.end_event_as(order.header.flags);
        false
    }

    #[inline]
    fn delete(&mut self, order: &MarketOrder) -> bool {
        if self.matching.reduce_recorded(RECORD, order.order_ref, i64::MAX).is_none() {
            return self.missing(order.order_ref, i64::MAX);
        }
        if !self.taken.is_empty() {
            self.taken.remove(&order.order_ref);
        }
        true
    }

    /// New terms of a recorded order: fewer lots at the same price keep its place, anything else joins anew.
    fn modify(&mut self, now_ns: u64, order: &MarketOrder, new_ref: u64, made: &mut Made) -> bool {
        let Some(before) = self.matching.resting_order(RECORD, order.order_ref) else {
            if self.taken.contains_key(&order.order_ref) {
                // Ours took all of it: what it becomes is not here either.
                self.taken.insert(new_ref, order.lots.max(1));
            }
            if new_ref != order.order_ref || !self.taken.contains_key(&new_ref) {
                return self.missing(order.order_ref, i64::MAX);
            }
            self.impact.skipped_records += 1;
            return false;
        };
        if order.price_nanos == UNDEF_PRICE || order.lots <= 0 {
            return self.refuse(Reason::InvalidField);
        }
        let taken = if self.taken.is_empty() { 0 } else { self.taken.remove(&order.order_ref).unwrap_or(0) };
        let wanted = order.lots - taken;
        let in_place = new_ref == order.order_ref && order.price_nanos == before.price_nanos;
        if in_place && (0..=before.front_lots).contains(&wanted) {
            self.matching.reduce_recorded(RECORD, order.order_ref, before.front_lots - wanted);
            self.note_taken(order.order_ref, taken);
            if taken == 0 {
                return true;
            }
            self.impact.reduced_records += 1;
            let off = before.front_lots - wanted;
            if off > 0 {
                made.market.push(FlowRecord::Order(taken_off(order, order.order_ref, off, wanted)));
            }
            made.end_event_as(order.header.flags);
            return false;
        }
        self.matching.reduce_recorded(RECORD, order.order_ref, i64::MAX);
        let recorded = RecordedOrder {
            session: RECORD,
            instrument: order.header.instrument,
            user_ref: new_ref,
            side: before.side,
            price_nanos: order.price_nanos,
            lots: wanted,
        };
        let stamp = self.stamp(now_ns);
        let added = self.matching.add_recorded(stamp, self.venue, &recorded, &mut self.heard);
        if taken == 0 && added.is_ok() && self.heard.is_empty() {
            return true;
        }
        made.market.push(FlowRecord::Order(taken_off(order, order.order_ref, before.front_lots, 0)));
        self.settle(now_ns, made);
        let rests = added.unwrap_or_else(|reason| {
            if wanted > 0 {
                self.impact.refuse(reason);
            }
            0
        });
        self.note_taken(new_ref, order.lots - rests);
        self.impact.reduced_records += u64::from(taken > 0);
        if rests > 0 {
            let mut add = *order;
            (add.action, add.side, add.lots) = (BookAction::Add.code(), before.side.code(), rests);
            (add.order_ref, add.new_order_ref) = (new_ref, 0);
            made.market.push(FlowRecord::Order(add));
        }
        made.end_event_as(order.header.flags);
        false
    }

    /// The record begins anew; our orders rest on, and the feed says so.
    fn clear(&mut self, order: &MarketOrder, made: &mut Made) -> bool {
        let (mut gone, mut ours) = (Vec::new(), Vec::new());
        self.matching.for_each_resting(|resting| {
            let meant = order.side == 0 || order.side == resting.side.code();
            if resting.instrument == order.header.instrument && meant {
                if resting.session == RECORD {
                    gone.push(resting.user_ref)
                } else {
                    ours.push(*resting)
                };
            }
        });
        for order_ref in gone {
            self.matching.reduce_recorded(RECORD, order_ref, i64::MAX);
            self.taken.remove(&order_ref);
        }
        if ours.is_empty() {
            return true;
        }
        made.market.push(FlowRecord::Order(*order));
        for resting in ours.iter().filter(|resting| !resting.hidden) {
            let mut add = MarketOrder::new();
            add.header.instrument = resting.instrument;
            (add.action, add.order_ref) = (BookAction::Add.code(), OWN_REF | resting.order_ref);
            (add.side, add.price_nanos, add.lots) = (resting.side.code(), resting.price_nanos, resting.front_lots);
            made.market.push(FlowRecord::Order(add));
        }
        made.end_event_as(order.header.flags);
        false
    }

    fn trade(&mut self, now_ns: u64, trade: &Trade, made: &mut Made) -> bool {
        if trade.cross == 1 && trade.busted == 0 && self.matching.has_guests() {
            return self.cross(now_ns, trade, made);
        }
        let Some(side) = Side::from_code(trade.side).filter(|_| trade.busted == 0 && trade.cross == 0) else {
            return true;
        };
        if trade.price_nanos == UNDEF_PRICE || !self.matching.has_guests() {
            return true;
        }
        let recorded = RecordedOrder {
            session: RECORD,
            instrument: trade.header.instrument,
            user_ref: 0,
            side,
            price_nanos: trade.price_nanos,
            lots: trade.lots,
        };
        let stamp = self.stamp(now_ns);
        let guest_lots = self.matching.trade_recorded(stamp, self.venue, &recorded, &mut self.heard);
        if guest_lots == 0 {
            return true;
        }
        self.settle(now_ns, made);
        self.impact.displaced_records += 1;
        self.impact.displaced_lots += guest_lots;
        if guest_lots < trade.lots {
            made.market.push(FlowRecord::Trade(Trade { lots: trade.lots - guest_lots, ..*trade }));
        }
        made.end_event_as(trade.header.flags);
        false
    }

    /// A recorded auction: our orders in it trade, those that are for it alone end, and what came in its call is shown.
    #[cold]
    fn cross(&mut self, now_ns: u64, trade: &Trade, made: &mut Made) -> bool {
        let (stamp, found) = (self.stamp(now_ns), (trade.price_nanos, trade.lots));
        let (instrument, letter) = (trade.header.instrument, trade.cross_type);
        self.matching.cross_recorded(stamp, self.venue, instrument, letter, found, &mut self.heard);
        let crossed = !self.heard.is_empty();
        self.settle(now_ns, made);
        self.matching.show_collected(stamp, self.venue, instrument, &mut self.heard);
        if !crossed && self.heard.is_empty() {
            return true;
        }
        made.market.push(FlowRecord::Trade(*trade));
        self.settle(now_ns, made);
        made.end_event_as(trade.header.flags);
        false
    }

    /// A recorded auction is over, of which the caller knows what of ours traded: what was for it alone ends.
    pub(crate) fn end_cross(&mut self, now_ns: u64, trade: &Trade, made: &mut Made) {
        let (stamp, nothing) = (self.stamp(now_ns), (trade.price_nanos, 0));
        let (instrument, letter) = (trade.header.instrument, trade.cross_type);
        self.matching.cross_recorded(stamp, self.venue, instrument, letter, nothing, &mut self.heard);
        self.settle(now_ns, made);
    }

    /// An order of ours that came during a call comes into view, if it is not in view yet.
    pub(crate) fn show(&mut self, now_ns: u64, order_id: u64, made: &mut Made) {
        let stamp = self.stamp(now_ns);
        self.matching.show_order(stamp, self.venue, (OWN, order_id), &mut self.heard);
        self.settle(now_ns, made);
    }

    fn status(&mut self, now_ns: u64, status: &Status, made: &mut Made) -> bool {
        if status.trading != 0 {
            let stamp = self.stamp(now_ns);
            let mut control = ExchangeControl::new();
            (control.header.venue, control.header.instrument) = (self.venue, status.header.instrument);
            (control.action, control.state) = (ExchangeAction::State.code(), status.trading);
            self.matching.control(stamp, &control, &mut self.heard);
            self.heard.clear();
            // A call that ends without an auction leaves nothing unseen.
            let (trades, meant) = (TradingState::Trading.code(), status.header.instrument);
            if status.trading == trades && self.matching.has_guests() {
                self.matching.show_collected(stamp, self.venue, meant, &mut self.heard);
            }
            if !self.heard.is_empty() {
                made.market.push(FlowRecord::Status(*status));
                self.settle(now_ns, made);
                made.end_event();
                return false;
            }
        }
        true
    }

    /// A command of ours arrives.
    pub fn on_command(&mut self, now_ns: u64, record: &[u8], made: &mut Made) {
        let stamp = self.stamp(now_ns);
        match read_from::<records::Header>(record).and_then(|header| header.kind()) {
            Some(Kind::NewOrder) => {
                if let Some(command) = read_from::<NewOrder>(record) {
                    self.enter(stamp, &command);
                }
            }
            Some(Kind::ReplaceOrder) => {
                if let Some(command) = read_from::<ReplaceOrder>(record) {
                    self.replace(stamp, &command);
                }
            }
            Some(Kind::CancelOrder) => {
                if let Some(command) = read_from::<CancelOrder>(record) {
                    self.cancel(stamp, &command);
                }
            }
            _ => {}
        }
        self.settle(now_ns, made);
        made.end_event();
    }

    fn enter(&mut self, stamp: Stamp, command: &NewOrder) {
        self.own.begin(command, Side::from_code(command.side).unwrap_or(Side::Buy));
        let mut enter = ExchangeEnter::new();
        (enter.header.venue, enter.header.source) = (self.venue, OWN);
        enter.header.instrument = command.header.instrument;
        (enter.user_ref, enter.price_nanos, enter.lots) = (command.owner.order_id, command.price_nanos, command.lots);
        (enter.minimum_lots, enter.display_lots) = (command.minimum_lots, command.display_lots);
        enter.expire_time_ns = command.expire_time_ns;
        (enter.side, enter.order_type) = (command.side, command.order_type);
        (enter.time_in_force, enter.post_only) = (command.time_in_force, command.post_only);
        (enter.self_trade, enter.short_sale) = (command.self_trade, command.short_sale);
        self.matching.enter(stamp, &enter, &mut self.heard);
    }

    fn replace(&mut self, stamp: Stamp, command: &ReplaceOrder) {
        self.own.begin_replace(command);
        let mut replace = ExchangeReplace::new();
        (replace.header.venue, replace.header.source) = (self.venue, OWN);
        replace.header.instrument = command.header.instrument;
        (replace.user_ref, replace.original_ref) = (command.owner.order_id, command.original_id);
        (replace.price_nanos, replace.lots) = (command.price_nanos, command.lots);
        (replace.display_lots, replace.post_only) = (command.display_lots, command.post_only);
        self.matching.replace(stamp, &replace, &mut self.heard);
    }

    fn cancel(&mut self, stamp: Stamp, command: &CancelOrder) {
        let mut cancel = ExchangeCancel::new();
        (cancel.header.venue, cancel.header.source) = (self.venue, OWN);
        cancel.header.instrument = command.header.instrument;
        (cancel.user_ref, cancel.lots) = (command.owner.order_id, command.lots);
        cancel.reason = Reason::UserRequested.code();
        self.matching.cancel(stamp, &cancel, &mut self.heard);
    }

    /// Turns what the matching said into reports and feed.
    #[inline(never)]
    fn settle(&mut self, now_ns: u64, made: &mut Made) {
        let mut heard = std::mem::take(&mut self.heard);
        for event in &heard {
            self.say(now_ns, event, made);
        }
        heard.clear();
        self.heard = heard;
    }

    pub(crate) fn units_e8(&self, instrument: u32) -> i64 {
        self.units_e8.get(instrument as usize).copied().unwrap_or(0)
    }

    pub(crate) fn took(&mut self, order_ref: u64, lots: i64) {
        self.note_taken(order_ref, lots);
        self.impact.taken_lots += lots;
    }

    /// An execution of a recorded order by an order of ours that the record has, too: what ours took here is gone there as
    /// well, and what it did not take leaves without a trade.
    pub(crate) fn settle_taken(&mut self, order: &MarketOrder, made: &mut Made) {
        let taken = self.taken.get(&order.order_ref).copied().unwrap_or(0).min(order.lots);
        if taken > 0 {
            self.missing(order.order_ref, taken);
        }
        let Some(change) = self.matching.reduce_recorded(RECORD, order.order_ref, order.lots - taken) else { return };
        if change.off_lots > 0 {
            made.market.push(FlowRecord::Order(taken_off(order, order.order_ref, change.off_lots, change.left_lots)));
        }
    }

    /// Lots open of an order of ours that rests, and as the side of a trade of so many lots.
    pub(crate) fn open_lots(&self, order_id: u64) -> Option<i64> {
        let resting = self.matching.resting_order(OWN, order_id)?;
        Some(resting.front_lots + resting.reserve_lots)
    }

    /// Side of a recorded order that rests.
    pub(crate) fn recorded_side(&self, order_ref: u64) -> Option<Side> {
        self.matching.resting_order(RECORD, order_ref).map(|order| order.side)
    }

    /// Lots of it that were filled.
    pub(crate) fn filled_lots(&self, order_id: u64) -> i64 {
        self.own.get(order_id).map_or(0, |order| order.filled_lots)
    }

    /// A trade of a resting order of ours.
    pub(crate) fn own_trade(&self, order_id: u64, lots: i64) -> Option<OwnTrade> {
        let resting = self.matching.resting_order(OWN, order_id)?;
        Some(OwnTrade { order_id, side: resting.side.code(), price_nanos: resting.price_nanos, lots })
    }

    /// Displayed lots that a resting order of ours has before it.
    pub(crate) fn lots_ahead(&self, order_id: u64) -> i64 {
        self.matching.recorded_ahead(OWN, order_id).unwrap_or(0)
    }

    /// A report about an order, at this venue and time.
    pub(crate) fn report(&self, id: u64, kind: OrderEventKind, now_ns: u64) -> records::OrderEvent {
        self.own.report(id, kind, (self.venue, now_ns))
    }
}

/// Lots that leave a recorded order without a trade.
fn taken_off(order: &MarketOrder, order_ref: u64, lots: i64, left_lots: i64) -> MarketOrder {
    let mut off = *order;
    (off.order_ref, off.new_order_ref, off.price_nanos, off.match_id) = (order_ref, 0, UNDEF_PRICE, 0);
    (off.action, off.lots) =
        if left_lots == 0 { (BookAction::Delete.code(), 0) } else { (BookAction::Reduce.code(), lots) };
    off.header.flags &= !FLAG_LAST;
    off
}

#[cfg(test)]
#[path = "exact_tests.rs"]
mod tests;
