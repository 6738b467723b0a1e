//! What a gateway learns of an order otherwise than by its reports: from a status that it asked for, and from its own journal.
//!
//! Invariant: what a status tells is told as an event only as far as it is news, and a fill of it is booked once.

use records::{OrderEvent, OrderEventKind, Reason};

use super::messages::ClientId;
use super::orders::{Came, Emit, FixOrders};
use super::report::Report;
use crate::gateway::orders::{Entry, Phase, fresh};

impl FixOrders {
    /// What a status says of an order, told as far as it is news.
    pub(super) fn on_status(&mut self, report: &Report<'_>, came: Came, emit: Emit<'_>) {
        let open = matches!(report.status, b'0' | b'1' | b'5' | b'6' | b'7' | b'9' | b'A' | b'E');
        let (id, suffix) = ClientId::read(report.client);
        let known = self.orders.reference(id);
        if known.is_none() && (id == 0 || !open) {
            return;
        }
        let user_ref = known.unwrap_or_else(|| self.adopt(id, report));
        let Some(entry) = self.orders.get(user_ref) else { return };
        entry.told = true;
        let (phase, replaces) = (entry.phase, entry.original_id != 0);
        if open && report.cumulative_lots.is_some() && report.leaves_lots.is_some() {
            entry.suffix = suffix;
        }
        let mut tell = |mut event: OrderEvent, again: bool| {
            event.header.sequence = came.sequence;
            event.header.receive_time_ns = came.now_ns;
            event.possible_duplicate = u8::from(again);
            emit(&event);
        };
        match (phase, report.status) {
            (Phase::Gone, _) => {}
            (Phase::Sent, b'8') => {
                let event = self.unknown_to_venue(user_ref);
                tell(event, came.again);
            }
            (Phase::Live, b'8') => {
                // It took this order once. What became of it, it does not say.
                self.forgotten += 1;
                let event = self.statement(user_ref, OrderEventKind::Unknown, Reason::UnknownOrder, came.now_ns);
                tell(event, came.again);
            }
            _ => {
                if phase == Phase::Sent {
                    let taken = Report { leaves_lots: None, cumulative_lots: None, ..*report };
                    let event = if replaces { self.replaced_by_status(report) } else { self.on_new(&taken) };
                    tell(event, came.again);
                }
                if let Some(event) = self.fill_by_status(user_ref, report) {
                    tell(event, true);
                }
                if let Some(event) = self.settle_by_status(user_ref, report, open, came) {
                    tell(event, came.again);
                }
            }
        }
    }

    /// The venue does not know an order that it never answered: it never arrived, or was refused.
    fn unknown_to_venue(&mut self, user_ref: u32) -> OrderEvent {
        let mut event = self.refused(user_ref, Reason::UnknownOrder);
        if event.event == OrderEventKind::Rejected.code() {
            (event.event, event.reason) = (OrderEventKind::NotFound.code(), Reason::Disconnected.code());
        }
        event
    }

    /// A replacement that is in force, as its status shows.
    fn replaced_by_status(&mut self, report: &Report<'_>) -> OrderEvent {
        let own = ClientId::read(report.client).0;
        let user_ref = self.orders.reference(own).unwrap_or(0);
        let original = self.orders.get(user_ref).map_or(0, |entry| entry.original_id);
        let name = ClientId::new(original, 0);
        let filled = self.orders.reference(original).and_then(|at| self.orders.get(at)).map(|entry| entry.filled_lots);
        let lots = self.orders.get(user_ref).map_or(0, |entry| entry.lots);
        // As it was when it came into force, as far as is known: what was filled since is told next.
        let taken = Report {
            original: name.letters(),
            cumulative_lots: filled,
            leaves_lots: filled.map(|filled| (report.lots.unwrap_or(lots) - filled).max(0)),
            ..*report
        };
        self.on_replaced(&taken)
    }

    /// The fill that a status tells of and no report did.
    fn fill_by_status(&mut self, user_ref: u32, report: &Report<'_>) -> Option<OrderEvent> {
        let told = report.cumulative_lots?;
        let entry = self.orders.get(user_ref)?;
        let lots = told - entry.filled_lots;
        if lots <= 0 {
            return None;
        }
        let average = report.average_nanos.filter(|average| *average > 0);
        let worth = average.map(|average| i128::from(average) * i128::from(told) - entry.traded_nanos);
        let price = worth.map(|worth| (worth + i128::from(lots) / 2) / i128::from(lots));
        let price_nanos = price.and_then(|price| i64::try_from(price).ok()).filter(|price| *price > 0);
        let price_nanos = price_nanos.unwrap_or(entry.price_nanos);
        entry.told_by_status(told - lots, told);
        entry.filled_lots = told;
        entry.traded_nanos += i128::from(lots) * i128::from(price_nanos);
        entry.leaves_lots = (entry.leaves_lots - lots).max(0);
        let id = entry.owner.order_id;
        self.fills_by_status += 1;
        let mut event = self.event_of(user_ref, report, OrderEventKind::Filled);
        // The same however often it is told, and no venue's.
        event.execution_id = (id ^ (told as u64).rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63;
        (event.lots, event.price_nanos) = (lots, price_nanos);
        Some(event)
    }

    /// Makes the order what its status says that it is.
    fn settle_by_status(&mut self, user_ref: u32, report: &Report<'_>, open: bool, came: Came) -> Option<OrderEvent> {
        let entry = self.orders.get(user_ref)?;
        if !open {
            let filled = report.status == b'2';
            if filled && entry.leaves_lots == 0 {
                entry.phase = Phase::Gone;
                return None;
            }
            let expired = matches!(report.status, b'C' | b'3');
            let kind = if expired { OrderEventKind::Expired } else { OrderEventKind::Canceled };
            let ended = Report { leaves_lots: Some(0), ..*report };
            return Some(self.on_gone(&ended, kind, Came { again: false, ..came }));
        }
        let leaves_lots = report.leaves_lots.filter(|leaves| *leaves != entry.leaves_lots)?;
        let off = (entry.leaves_lots - leaves_lots).max(0);
        (entry.leaves_lots, entry.cancelling) = (leaves_lots, false);
        let mut event = self.event_of(user_ref, report, OrderEventKind::Restated);
        event.lots = off;
        Some(event)
    }

    /// What an event of an earlier life did to its order.
    pub fn restore(&mut self, event: &OrderEvent) {
        let id = event.owner.order_id;
        let known = self.orders.reference(id);
        let Some(user_ref) = known.or_else(|| {
            let adopted = Entry { side: event.side, instrument: event.header.instrument, ..fresh(event.owner, 0) };
            self.orders.keep_next(adopted)
        }) else {
            return;
        };
        let kind = OrderEventKind::from_code(event.event);
        if kind == Some(OrderEventKind::Replaced)
            && let Some(original) = self.orders.reference(event.original_id).and_then(|at| self.orders.get(at))
        {
            let carried = (original.traded_nanos, original.by_status);
            (original.phase, original.leaves_lots) = (Phase::Gone, 0);
            if let Some(entry) = self.orders.get(user_ref) {
                (entry.traded_nanos, entry.by_status) = carried;
            }
        }
        let Some(entry) = self.orders.get(user_ref) else { return };
        let changed = matches!(kind, Some(OrderEventKind::Broken | OrderEventKind::Corrected));
        if event.leaves_lots >= 0 && (changed || event.cumulative_lots >= entry.filled_lots) {
            (entry.leaves_lots, entry.filled_lots) = (event.leaves_lots, event.cumulative_lots);
        }
        if event.venue_order_ref != 0 {
            entry.venue_order_ref = event.venue_order_ref;
        }
        if kind == Some(OrderEventKind::Filled) {
            entry.traded_nanos += i128::from(event.lots) * i128::from(event.price_nanos);
            if event.execution_id >> 63 == 1 && event.possible_duplicate == 1 {
                entry.told_by_status(event.cumulative_lots - event.lots, event.cumulative_lots);
            }
        }
        let gone = match kind {
            Some(OrderEventKind::Rejected | OrderEventKind::ReplaceRejected | OrderEventKind::NotFound) => true,
            Some(
                OrderEventKind::Filled
                | OrderEventKind::Canceled
                | OrderEventKind::Expired
                | OrderEventKind::Replaced
                | OrderEventKind::Restated,
            ) => entry.leaves_lots == 0,
            Some(OrderEventKind::Accepted) => false,
            _ => return,
        };
        if gone || entry.phase == Phase::Sent {
            entry.phase = if gone { Phase::Gone } else { Phase::Live };
        }
    }
}
