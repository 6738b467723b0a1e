//! What the matching says, as reports to our engine and as the venue's feed.
//!
//! Invariant: each event of ours becomes the report that a gateway would make of it, and what a feed would show of it is in
//! the feed; a recorded order stands there under the record's own reference, ours under references that no record has.

use book::flow::FlowRecord;
use records::{
    BookAction, BookEffect, ExchangeEvent, ExchangeEventKind, MarketOrder, OrderEventKind, Reason, Side, Trade,
    UNDEF_PRICE,
};

use crate::exact::{Exact, OWN, RECORD};
use crate::own::{Fill, OWN_REF};
use crate::venue::Made;

impl Exact {
    /// One event.
    pub(crate) fn say(&mut self, now_ns: u64, event: &ExchangeEvent, made: &mut Made) {
        match ExchangeEventKind::from_code(event.event) {
            Some(ExchangeEventKind::Accepted) if event.header.source == OWN => self.say_accepted(now_ns, event, made),
            Some(ExchangeEventKind::Rejected) if event.header.source == OWN => {
                self.say_refused(now_ns, event, OrderEventKind::Rejected, made);
            }
            Some(ExchangeEventKind::ReplaceRejected) => {
                self.say_refused(now_ns, event, OrderEventKind::ReplaceRejected, made);
            }
            Some(ExchangeEventKind::CancelRejected) => {
                let reason = Reason::from_code(event.reason).unwrap_or(Reason::Other);
                let place = (self.venue, now_ns);
                // What has ended was told; a cancel that crossed its end needs no other word than that it came too late.
                if self.own.get(event.user_ref).is_some() {
                    made.reports.push(self.own.refused(event.user_ref, OrderEventKind::CancelRejected, reason, place));
                }
            }
            Some(ExchangeEventKind::Rested) => made.market.extend(shown(event).map(FlowRecord::Order)),
            Some(ExchangeEventKind::Refilled) => made.market.extend(shown(event).map(FlowRecord::Order)),
            Some(ExchangeEventKind::Executed) => self.say_executed(now_ns, event, made),
            Some(ExchangeEventKind::Crossed) => self.say_crossed(now_ns, event, made),
            Some(ExchangeEventKind::Canceled) => self.say_canceled(now_ns, event, made),
            Some(ExchangeEventKind::Replaced) => self.say_replaced(now_ns, event, made),
            _ => {}
        }
    }

    fn say_accepted(&mut self, now_ns: u64, event: &ExchangeEvent, made: &mut Made) {
        if let Some(order) = self.own.get_mut(event.user_ref) {
            order.venue_order_ref = OWN_REF | event.order_ref;
            order.leaves_lots = event.leaves_lots;
        }
        let mut report = self.report(event.user_ref, OrderEventKind::Accepted, now_ns);
        (report.price_nanos, report.lots) = (event.price_nanos, event.lots);
        made.reports.push(report);
    }

    fn say_refused(&mut self, now_ns: u64, event: &ExchangeEvent, kind: OrderEventKind, made: &mut Made) {
        let reason = Reason::from_code(event.reason).unwrap_or(Reason::Other);
        let mut report = self.own.refused(event.user_ref, kind, reason, (self.venue, now_ns));
        (report.leaves_lots, report.cumulative_lots) = (-1, -1);
        made.reports.push(report);
        self.own.end(event.user_ref);
    }

    fn say_executed(&mut self, now_ns: u64, event: &ExchangeEvent, made: &mut Made) {
        let place = (self.venue, now_ns);
        let units_e8 = self.units_e8(event.header.instrument);
        let rested_own = event.header.source == OWN;
        let mut fill = Fill {
            match_id: event.match_id,
            price_nanos: event.price_nanos,
            lots: event.lots,
            leaves_lots: event.leaves_lots,
            liquidity: 1,
            units_e8,
        };
        if rested_own {
            made.reports.extend(self.own.fill(event.user_ref, &fill, &self.fees, place));
        } else if event.header.source == RECORD {
            self.took(event.user_ref, event.lots);
        }
        if event.other_source == OWN {
            (fill.leaves_lots, fill.liquidity) = (event.other_leaves_lots, 2);
            made.reports.extend(self.own.fill(event.other_user_ref, &fill, &self.fees, place));
        }
        if event.hidden == 1 {
            let mut trade = Trade::new();
            trade.header.instrument = event.header.instrument;
            (trade.price_nanos, trade.lots, trade.match_id) = (event.price_nanos, event.lots, event.match_id);
            trade.side = event.side;
            made.market.push(FlowRecord::Trade(trade));
            return;
        }
        let mut record = market(event, BookAction::Execute);
        (record.lots, record.match_id, record.printable) = (event.lots, event.match_id, 1);
        made.market.push(FlowRecord::Order(record));
    }

    /// An order of ours in a recorded auction; what it took is not in the record's volume. One that was in view leaves it.
    fn say_crossed(&mut self, now_ns: u64, event: &ExchangeEvent, made: &mut Made) {
        let fill = Fill {
            match_id: event.match_id,
            price_nanos: event.price_nanos,
            lots: event.lots,
            leaves_lots: event.leaves_lots,
            liquidity: 3,
            units_e8: self.units_e8(event.header.instrument),
        };
        made.reports.extend(self.own.fill(event.user_ref, &fill, &self.fees, (self.venue, now_ns)));
        if event.shown_change_lots > 0 {
            let mut record = market(event, BookAction::Execute);
            (record.price_nanos, record.lots, record.match_id) =
                (event.price_nanos, event.shown_change_lots, event.match_id);
            made.market.push(FlowRecord::Order(record));
        }
    }

    fn say_canceled(&mut self, now_ns: u64, event: &ExchangeEvent, made: &mut Made) {
        if event.resting == 1 && event.hidden == 0 && event.shown_change_lots > 0 {
            let action = if event.shown_lots == 0 { BookAction::Delete } else { BookAction::Reduce };
            let mut record = market(event, action);
            record.lots = if action == BookAction::Delete { 0 } else { event.shown_change_lots };
            made.market.push(FlowRecord::Order(record));
        }
        if event.header.source != OWN {
            return;
        }
        let reason = Reason::from_code(event.reason).unwrap_or(Reason::Other);
        let kind = match (event.leaves_lots, reason) {
            (1.., _) => OrderEventKind::Restated,
            (_, Reason::Timeout) => OrderEventKind::Expired,
            _ => OrderEventKind::Canceled,
        };
        if let Some(order) = self.own.get_mut(event.user_ref) {
            order.leaves_lots = event.leaves_lots;
        }
        let mut report = self.own.refused(event.user_ref, kind, reason, (self.venue, now_ns));
        report.lots = event.lots;
        made.reports.push(report);
        if event.leaves_lots == 0 {
            self.own.end(event.user_ref);
        }
    }

    fn say_replaced(&mut self, now_ns: u64, event: &ExchangeEvent, made: &mut Made) {
        let filled_lots = self.own.get(event.other_user_ref).map_or(0, |order| order.filled_lots);
        self.own.end(event.other_user_ref);
        if let Some(order) = self.own.get_mut(event.user_ref) {
            order.filled_lots = filled_lots;
            order.leaves_lots = event.leaves_lots;
            order.venue_order_ref = OWN_REF | event.order_ref;
        }
        let mut report = self.report(event.user_ref, OrderEventKind::Replaced, now_ns);
        (report.price_nanos, report.lots) = (event.price_nanos, filled_lots + event.leaves_lots);
        made.reports.push(report);
        let mut record = market(event, BookAction::Reduce);
        record.order_ref = OWN_REF | event.other_ref;
        match BookEffect::from_code(event.effect) {
            Some(BookEffect::Reduced) => record.lots = event.shown_change_lots,
            Some(BookEffect::Removed) => record.action = BookAction::Delete.code(),
            Some(BookEffect::Replaced) => {
                record.action = BookAction::Replace.code();
                record.new_order_ref = OWN_REF | event.order_ref;
                (record.price_nanos, record.lots) = (event.price_nanos, event.shown_lots);
                record.side = event.side;
            }
            Some(BookEffect::None) | None => return,
        }
        made.market.push(FlowRecord::Order(record));
    }
}

/// An order that comes into view.
fn shown(event: &ExchangeEvent) -> Option<MarketOrder> {
    if event.hidden == 1 || event.shown_lots == 0 {
        return None;
    }
    let mut record = market(event, BookAction::Add);
    (record.price_nanos, record.lots) = (event.price_nanos, event.shown_lots);
    Some(record)
}

fn market(event: &ExchangeEvent, action: BookAction) -> MarketOrder {
    let mut record = MarketOrder::new();
    record.header.instrument = event.header.instrument;
    record.action = action.code();
    record.order_ref = if event.header.source == RECORD { event.user_ref } else { OWN_REF | event.order_ref };
    record.side = Side::from_code(event.side).map_or(0, Side::code);
    record.price_nanos = UNDEF_PRICE;
    record
}
