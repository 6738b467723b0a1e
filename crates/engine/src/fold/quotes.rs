//! Quotes at a venue whose session takes them in sets: those of one callback leave together, and a `QuoteSet` says where they end.
//!
//! A quote that moves is a new order in the place of one that is cancelled, in the same set: the venue takes the new size
//! whatever of the old one was filled meanwhile, so both can fill, and both are held until the venue has answered.
//!
//! Invariant: where a session takes no sets, nothing here changes a command; marks and sets follow from the records alone.

use records::{
    INTENT_QUOTE, IntentKind, OrderIntent, OrderState, OrderType, QuoteSet, Reason, Record, Side, TimeInForce, bytes_of,
};
use risk::Refusal;

use super::Engine;
use crate::orders::Order;
use crate::outbox::Outbox;

/// What is under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quotes {
    /// The intent under way is a quote.
    asking: bool,
    /// Commands of sets that have not ended.
    commands: u32,
}

records::state_value!(Quotes { asking, commands });

impl Engine {
    /// Takes an intent that is a quote; `false` when the slot is disabled for it.
    pub(super) fn intend_quote(
        &mut self,
        slot: u8,
        intent: &OrderIntent,
        feedback: bool,
        out: &mut dyn Outbox,
    ) -> bool {
        let plain = OrderIntent { intent: intent.intent & !INTENT_QUOTE, ..*intent };
        self.quotes.asking = true;
        let goes_on = self.intend(slot, &plain, feedback, out);
        self.quotes.asking = false;
        goes_on
    }

    fn quotes_in_sets(&self, venue: u16) -> bool {
        self.quotes.asking && self.venues.get(usize::from(venue)).is_some_and(|cell| cell.quotes)
    }

    /// Whether the command under way is part of a set at this venue, as its `quote` says it; counts it there.
    #[inline]
    pub(super) fn joins_set(&mut self, venue: u16) -> u8 {
        if !self.quotes_in_sets(venue) {
            return 0;
        }
        self.quotes.commands += 1;
        self.venues[usize::from(venue)].quoted += 1;
        1
    }

    /// Whether an order that a quote is to replace is one that a quote can stand for, as is its replacement.
    pub(super) fn is_requoted(&self, order: &Order, intent: &OrderIntent) -> bool {
        let plain = order.post_only == 0 && (order.display_lots, intent.display_lots) == (0, 0);
        self.quotes_in_sets(order.venue) && plain && order.time_in_force == TimeInForce::Day.code()
    }

    /// Whether an order that a quote is to replace is on its way out in the same set: the other side would have met it.
    pub(super) fn was_pulled_for_a_quote(&self, order: &Order) -> bool {
        let met = order.cancel_owed == Reason::SelfTradePrevention.code();
        met && order.state() == OrderState::PendingCancel
            && self.quotes_in_sets(order.venue)
            && self.quotes.commands > 0
    }

    /// Moves a quote: a new order with what is to be open, and the old one cancelled in the same set. One that is too large
    /// beside the old one is not asked for: the old one goes, and the next callback quotes anew.
    pub(super) fn requote(
        &mut self,
        place: u32,
        listing: u16,
        intent: &OrderIntent,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let order = *self.orders.get(place);
        let lots = intent.lots - order.filled_lots;
        let Some(Some(cell)) = self.slots.get(usize::from(order.slot)) else { return Ok(()) };
        let Some(index) = cell.index_of(listing) else { return Ok(()) };
        let room = self.limits.headroom_at(cell.bindings[index], intent.price_nanos);
        if lots > if order.side == Side::Buy { room.0 } else { room.1 } {
            self.cancel(place, Reason::Risk, false, out);
            return Ok(());
        }
        let anew = OrderIntent {
            order_id: 0,
            lots,
            intent: u32::from(IntentKind::New.code()),
            listing: index as u32,
            side: u32::from(order.side.code()),
            order_type: u16::from(OrderType::Limit.code()),
            time_in_force: order.time_in_force,
            ..*intent
        };
        self.intend_new(order.slot, &anew, Some(place), out)
    }

    /// Says at each venue where a set was begun that it is whole.
    #[inline]
    pub(super) fn end_quote_sets(&mut self, slot: u8, out: &mut dyn Outbox) {
        if self.quotes.commands == 0 {
            return;
        }
        self.quotes.commands = 0;
        for venue in 1..self.venues.len() {
            let commands = std::mem::take(&mut self.venues[venue].quoted);
            if commands == 0 {
                continue;
            }
            let mut record = QuoteSet::new();
            (record.commands, record.slot) = (commands, slot);
            let header = record.header_mut();
            header.venue = venue as u16;
            (header.sequence, header.venue_time_ns, header.receive_time_ns) =
                (self.input, self.time_ns, self.received_ns);
            // No message of its own at the venue: its throttle does not count it.
            self.hash.bytes(bytes_of(&record));
            out.command(venue as u16, bytes_of(&record));
        }
    }
}
