//! Our own orders as a venue knows them, and what it says of them.
//!
//! Invariant: an order's owner, side and filled lots stand here from its command until its end was told; each report is made
//! from them as a gateway would make it.

use records::IdMap;
use records::{NewOrder, OrderEvent, OrderEventKind, Owner, Reason, ReplaceOrder, Side, UNDEF_PRICE};

use crate::fees::{Fee, Fees};

/// References of our orders in a feed; the record's own have this bit clear.
pub(crate) const OWN_REF: u64 = 1 << 62;

/// One order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnOrder {
    pub owner: Owner,
    pub original_id: u64,
    pub instrument: u32,
    pub side: Side,
    pub slot: u8,
    pub filled_lots: i64,
    pub leaves_lots: i64,
    pub sent_ns: u64,
    pub venue_order_ref: u64,
}

impl OwnOrder {
    #[inline]
    fn write_to(&self, event: &mut OrderEvent) {
        event.owner = self.owner;
        event.original_id = self.original_id;
        event.header.instrument = self.instrument;
        event.venue_order_ref = self.venue_order_ref;
        (event.leaves_lots, event.cumulative_lots) = (self.leaves_lots, self.filled_lots);
        (event.side, event.slot, event.sent_time_ns) = (self.side.code(), self.slot, self.sent_ns);
    }
}

/// A report that names no order yet.
#[inline]
fn blank(kind: OrderEventKind, (venue, now_ns): (u16, u64)) -> OrderEvent {
    let mut event = OrderEvent::new();
    (event.header.venue, event.header.source) = (venue, 1);
    event.header.venue_time_ns = now_ns;
    event.event = kind.code();
    (event.price_nanos, event.leaves_lots, event.cumulative_lots) = (UNDEF_PRICE, -1, -1);
    event
}

/// All that live.
#[derive(Debug)]
pub(crate) struct OwnOrders {
    places: IdMap<u32>,
    orders: Vec<OwnOrder>,
    /// Places of orders that ended.
    free: Vec<u32>,
}

/// Room at the beginning; it doubles when it is full.
const ORDERS: usize = 64;

impl Default for OwnOrders {
    fn default() -> Self {
        Self { places: IdMap::with_capacity(ORDERS), orders: Vec::with_capacity(ORDERS), free: Vec::new() }
    }
}

impl OwnOrders {
    #[inline]
    pub fn get(&self, id: u64) -> Option<&OwnOrder> {
        self.places.get(id).map(|place| &self.orders[place as usize])
    }

    #[inline]
    pub fn get_mut(&mut self, id: u64) -> Option<&mut OwnOrder> {
        self.places.get(id).map(|place| &mut self.orders[place as usize])
    }

    fn insert(&mut self, id: u64, order: OwnOrder) {
        if let Some(known) = self.get_mut(id) {
            *known = order;
            return;
        }
        let place = self.free.pop().unwrap_or(self.orders.len() as u32);
        match self.orders.get_mut(place as usize) {
            Some(free) => *free = order,
            None => self.orders.push(order),
        }
        if !self.places.has_room() {
            let mut places = IdMap::with_capacity(self.places.len() * 2);
            for (id, place) in self.places.iter() {
                places.insert(id, place);
            }
            self.places = places;
        }
        self.places.insert(id, place);
    }

    /// A command to begin an order.
    pub fn begin(&mut self, command: &NewOrder, side: Side) {
        self.insert(
            command.owner.order_id,
            OwnOrder {
                owner: command.owner,
                original_id: 0,
                instrument: command.header.instrument,
                side,
                slot: command.slot,
                filled_lots: 0,
                leaves_lots: command.lots,
                sent_ns: command.header.venue_time_ns,
                venue_order_ref: 0,
            },
        );
    }

    /// A command to replace one; it begins under its new id beside the old one.
    pub fn begin_replace(&mut self, command: &ReplaceOrder) {
        let original = self.get(command.original_id).copied();
        let side = Side::from_code(command.side).or(original.map(|order| order.side)).unwrap_or(Side::Buy);
        self.insert(
            command.owner.order_id,
            OwnOrder {
                owner: command.owner,
                original_id: command.original_id,
                instrument: command.header.instrument,
                side,
                slot: command.slot,
                filled_lots: original.map_or(0, |order| order.filled_lots),
                leaves_lots: command.lots,
                sent_ns: command.header.venue_time_ns,
                venue_order_ref: 0,
            },
        );
    }

    pub fn end(&mut self, id: u64) {
        self.free.extend(self.places.remove(id));
    }

    /// A report of an order; of one that is not known it names the id alone.
    pub fn report(&self, id: u64, kind: OrderEventKind, (venue, now_ns): (u16, u64)) -> OrderEvent {
        let mut event = blank(kind, (venue, now_ns));
        event.owner.order_id = id;
        if let Some(order) = self.get(id) {
            order.write_to(&mut event);
        }
        event
    }

    /// A report that a command came to nothing.
    pub fn refused(&self, id: u64, kind: OrderEventKind, reason: Reason, place: (u16, u64)) -> OrderEvent {
        let mut event = self.report(id, kind, place);
        event.reason = reason.code();
        event
    }

    /// Books a fill and reports it; an order that is done is forgotten. `liquidity`: 1 maker, 2 taker.
    pub fn fill(&mut self, id: u64, trade: &Fill, fees: &Fees, place: (u16, u64)) -> Option<OrderEvent> {
        let order = self.get_mut(id)?;
        order.filled_lots += trade.lots;
        order.leaves_lots = trade.leaves_lots;
        let fee: &Fee = if trade.liquidity == 1 { &fees.maker } else { &fees.taker };
        let mut event = blank(OrderEventKind::Filled, place);
        order.write_to(&mut event);
        event.execution_id = trade.match_id;
        (event.lots, event.price_nanos) = (trade.lots, trade.price_nanos);
        event.liquidity = trade.liquidity;
        event.fee_nanos = fee.of(trade.lots, trade.price_nanos, trade.units_e8);
        if trade.leaves_lots == 0 {
            self.end(id);
        }
        Some(event)
    }
}

/// One side of a trade that is ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub match_id: u64,
    pub price_nanos: i64,
    pub lots: i64,
    pub leaves_lots: i64,
    pub liquidity: u8,
    pub units_e8: i64,
}
