//! Order-by-order books of one venue: many instruments, one map of order references, one of prices.
//!
//! Invariant: the queues, the levels and the maps always tell of the same orders; a record changes all of them or none.
//! Nothing is allocated after `new`; a record beyond the capacity is a counted anomaly and its book is suspect.

use records::{BookAction, Hash64, Level, MarketOrder, Side, UNDEF_PRICE};

use crate::anomaly::{Anomalies, Anomaly, Change};
use crate::levels::HINTS;
use crate::map::{Found, Mixed, PlaceMap};
use crate::orders::{Node, Nodes, SUM};
use crate::sides::{Sides, key_at};

/// How much a venue's books can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The largest instrument id.
    pub instruments: usize,
    /// Resting orders of all instruments together.
    pub orders: usize,
    /// Price levels of one side of one book.
    pub levels_per_side: usize,
}

/// A resting order as a book knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestingOrder {
    /// The venue's reference.
    pub order_ref: u64,
    /// Instrument whose book it rests in.
    pub instrument: u32,
    /// Its side.
    pub side: Side,
    /// Its price.
    pub price_nanos: i64,
    /// Its open lots.
    pub lots: i64,
    /// The `records::FLAG_*` bits of the record that added it.
    pub flags: u8,
}

/// All books of one venue.
pub struct VenueBooks {
    /// Order references to orders.
    pub(crate) map: PlaceMap,
    /// Instruments and prices to levels.
    pub(crate) prices: PlaceMap,
    pub(crate) nodes: Nodes,
    pub(crate) sides: Sides,
    /// Levels that were found last, by their prices' hash; each is looked at before it is believed.
    pub(crate) hints: Box<[u32; HINTS]>,
    pub(crate) suspect: Vec<bool>,
    pub(crate) anomalies: Anomalies,
    pub(crate) live_orders: usize,
}

pub(crate) type Applied = Result<Change, Anomaly>;

fn side_from(index: u32) -> Side {
    if index & 1 == 0 { Side::Buy } else { Side::Sell }
}

impl VenueBooks {
    /// Books for instruments `0..=capacity.instruments`.
    ///
    /// # Panics
    /// When a capacity is zero (but `instruments`) or beyond 2^31 orders.
    pub fn new(capacity: Capacity) -> Self {
        assert!(capacity.orders > 0 && capacity.levels_per_side > 0, "a book holds at least one order");
        let sides = (capacity.instruments + 1) * 2;
        let levels = capacity.orders.min(sides * capacity.levels_per_side);
        Self {
            map: PlaceMap::new(capacity.orders),
            prices: PlaceMap::new(levels),
            nodes: Nodes::new(levels, capacity.orders),
            sides: Sides::new(sides, capacity.levels_per_side, levels),
            hints: Box::new([0; HINTS]),
            suspect: vec![false; capacity.instruments + 1],
            anomalies: Anomalies::default(),
            live_orders: 0,
        }
    }

    /// Writes to every page, so that none is first touched on the hot path. Costs the whole capacity in real memory.
    pub fn touch_memory(&mut self) {
        self.map.touch();
        self.prices.touch();
        self.nodes.items.touch();
        self.sides.touch();
    }

    /// Applies one record to the book of its instrument.
    #[inline]
    pub fn apply(&mut self, record: &MarketOrder) -> Change {
        self.apply_to(record.header.instrument, record)
    }

    /// Applies one record to the book of `instrument`, whatever its header says.
    #[inline]
    pub fn apply_to(&mut self, instrument: u32, record: &MarketOrder) -> Change {
        let applied = match record.action {
            code if code == BookAction::Add as u8 => self.add(instrument, record),
            code if code == BookAction::Execute as u8 => self.take(instrument, record, Anomaly::ExecutedBeyondSize),
            code if code == BookAction::Reduce as u8 => self.take(instrument, record, Anomaly::ReducedBeyondSize),
            code if code == BookAction::Delete as u8 => self.delete(instrument, record.order_ref),
            code if code == BookAction::Replace as u8 => self.replace(instrument, record),
            code if code == BookAction::Modify as u8 => self.modify(instrument, record),
            code if code == BookAction::Clear as u8 => self.clear_as_told(instrument, record.side),
            _ => Err(Anomaly::BadAction),
        };
        applied.unwrap_or_else(|anomaly| self.refuse(instrument, anomaly))
    }

    #[cold]
    pub(crate) fn refuse(&mut self, instrument: u32, anomaly: Anomaly) -> Change {
        self.anomalies.count(anomaly);
        if let Some(suspect) = self.suspect.get_mut(instrument as usize) {
            *suspect = true;
        }
        // Some anomalies end an order, so whoever shows the book must look again.
        Change { touch_changed: true, visible_changed: true, anomaly: Some(anomaly) }
    }

    #[inline(always)]
    pub(crate) fn check_instrument(&self, instrument: u32) -> Result<(), Anomaly> {
        if (instrument as usize) < self.suspect.len() { Ok(()) } else { Err(Anomaly::UnknownInstrument) }
    }

    #[inline(always)]
    pub(crate) fn node(&self, place: u32) -> &Node {
        &self.nodes.items[place as usize]
    }

    #[inline(always)]
    fn find_order(&self, order_ref: u64) -> Option<Found> {
        self.map.find(Mixed::order(order_ref), |place| self.node(place).key == order_ref)
    }

    #[inline(always)]
    pub(crate) fn find_level(&self, side: u32, price_nanos: i64) -> Option<Found> {
        self.prices.find(Mixed::level(side >> 1, price_nanos), |level| {
            let node = self.node(level);
            node.price_nanos() == price_nanos && node.owner == side
        })
    }

    /// An order that must rest in this instrument's book, and its level.
    #[inline(always)]
    fn locate(&self, instrument: u32, order_ref: u64) -> Result<(Found, u32), Anomaly> {
        let found = self.find_order(order_ref).ok_or(Anomaly::UnknownOrder)?;
        let level = self.node(found.place).owner;
        if self.node(level).owner >> 1 != instrument {
            return Err(Anomaly::WrongInstrument);
        }
        Ok((found, level))
    }

    #[inline(always)]
    pub(crate) fn change_at(&self, side: u32, price_nanos: i64) -> Change {
        let (touch_changed, visible_changed) = self.sides.is_best_is_visible(side, key_at(side, price_nanos));
        Change { touch_changed, visible_changed, anomaly: None }
    }

    #[inline(always)]
    fn add(&mut self, instrument: u32, record: &MarketOrder) -> Applied {
        self.check_instrument(instrument)?;
        let side = Side::from_code(record.side).ok_or(Anomaly::BadSide)?;
        let side = instrument * 2 + side.index() as u32;
        self.enter(side, record.order_ref, record.price_nanos, record.lots, record.header.flags)
    }

    /// Puts a new order at the end of its price's queue.
    #[inline(always)]
    pub(crate) fn enter(&mut self, side: u32, order_ref: u64, price_nanos: i64, lots: i64, flags: u8) -> Applied {
        if lots <= 0 {
            return Err(Anomaly::BadLots);
        }
        if price_nanos == UNDEF_PRICE {
            return Err(Anomaly::BadPrice);
        }
        if self.find_order(order_ref).is_some() {
            return Err(Anomaly::DuplicateOrder);
        }
        if !self.nodes.has_room() {
            return Err(Anomaly::OrdersFull);
        }
        let level = self.level_for(side, price_nanos, lots)?;
        let Some(place) = self.nodes.take_order() else { return Err(Anomaly::OrdersFull) };
        let order = &mut self.nodes.items[place as usize];
        (order.key, order.extra) = (order_ref, u32::from(flags));
        self.map.insert(Mixed::order(order_ref), place);
        self.live_orders += 1;
        self.nodes.append(place, level, lots);
        Ok(self.change_at(side, price_nanos))
    }

    /// The level of a price that has room for `lots` more, made if need be.
    #[inline(always)]
    fn level_for(&mut self, side: u32, price_nanos: i64, lots: i64) -> Result<u32, Anomaly> {
        let Some(found) = self.find_level(side, price_nanos) else { return self.make_level(side, price_nanos) };
        match self.node(found.place).lots.checked_add(lots) {
            Some(_) => Ok(found.place),
            None => Err(Anomaly::BadLots),
        }
    }

    #[inline(never)]
    pub(crate) fn make_level(&mut self, side: u32, price_nanos: i64) -> Result<u32, Anomaly> {
        if self.sides.is_full(side) {
            return Err(Anomaly::LevelsFull);
        }
        let level = self.nodes.take_level(side, price_nanos).ok_or(Anomaly::LevelsFull)?;
        self.sides.insert(side, key_at(side, price_nanos), level);
        self.prices.insert(Mixed::level(side >> 1, price_nanos), level);
        Ok(level)
    }

    /// Unlinks an order from its level; the level goes with its last order. The order and its map entry stay.
    #[inline(always)]
    pub(crate) fn unlink(&mut self, place: u32, level: u32) {
        if self.nodes.unlink(place, level) == 0 {
            self.drop_level(level);
        }
    }

    #[inline(never)]
    fn drop_level(&mut self, level: u32) {
        let (side, price_nanos) = (self.node(level).owner, self.node(level).price_nanos());
        self.sides.remove(side, key_at(side, price_nanos), level);
        self.forget_level(side, price_nanos, level);
    }

    /// Takes a level out of the map of prices and gives its place back.
    fn forget_level(&mut self, side: u32, price_nanos: i64, level: u32) {
        let mixed = Mixed::level(side >> 1, price_nanos);
        let found = self.prices.find(mixed, |place| place == level).expect("a level is in the map of prices");
        self.prices.remove(mixed, found);
        self.nodes.items[level as usize].extra = 0;
        self.nodes.give_level(level);
    }

    #[inline(always)]
    fn remove(&mut self, order_ref: u64, found: Found, level: u32) -> Change {
        let (side, price_nanos) = (self.node(level).owner, self.node(level).price_nanos());
        self.unlink(found.place, level);
        self.map.remove(Mixed::order(order_ref), found);
        self.nodes.give_order(found.place);
        self.live_orders -= 1;
        self.change_at(side, price_nanos)
    }

    /// Execute and Reduce: lots leave an order from the front of its size; its place in the queue stays.
    #[inline(always)]
    fn take(&mut self, instrument: u32, record: &MarketOrder, beyond: Anomaly) -> Applied {
        if record.lots <= 0 {
            return Err(Anomaly::BadLots);
        }
        let (found, level) = self.locate(instrument, record.order_ref)?;
        let order = &mut self.nodes.items[found.place as usize];
        if record.lots < order.lots {
            order.lots -= record.lots;
            let node = &mut self.nodes.items[level as usize];
            node.lots -= record.lots;
            let (side, price_nanos) = (node.owner, node.price_nanos());
            return Ok(self.change_at(side, price_nanos));
        }
        let exact = record.lots == order.lots;
        let change = self.remove(record.order_ref, found, level);
        if exact { Ok(change) } else { Err(beyond) }
    }

    #[inline(always)]
    fn delete(&mut self, instrument: u32, order_ref: u64) -> Applied {
        let (found, level) = self.locate(instrument, order_ref)?;
        Ok(self.remove(order_ref, found, level))
    }

    #[inline(always)]
    fn replace(&mut self, instrument: u32, record: &MarketOrder) -> Applied {
        let (found, level) = self.locate(instrument, record.order_ref)?;
        let side = self.node(level).owner;
        let flags = self.node(found.place).extra as u8;
        let left = self.remove(record.order_ref, found, level);
        let entered = self.enter(side, record.new_order_ref, record.price_nanos, record.lots, flags)?;
        Ok(either(left, entered))
    }

    /// An order keeps its place when only its size falls; any other change sends it to the end of its new price's queue.
    fn modify(&mut self, instrument: u32, record: &MarketOrder) -> Applied {
        let (found, level) = self.locate(instrument, record.order_ref)?;
        let (side, price_nanos) = (self.node(level).owner, self.node(level).price_nanos());
        if record.side != 0 && Side::from_code(record.side) != Some(side_from(side)) {
            return Err(Anomaly::BadSide);
        }
        if record.lots <= 0 {
            return Err(Anomaly::BadLots);
        }
        if record.price_nanos == UNDEF_PRICE {
            return Err(Anomaly::BadPrice);
        }
        let order = &mut self.nodes.items[found.place as usize];
        if record.price_nanos == price_nanos && record.lots <= order.lots {
            let taken = order.lots - record.lots;
            order.lots = record.lots;
            self.nodes.items[level as usize].lots -= taken;
            return Ok(self.change_at(side, price_nanos));
        }
        // The new level first: when there is no room for it the order stays as it was.
        let target = self.level_for(side, record.price_nanos, record.lots)?;
        self.move_to(found.place, level, target, record.lots);
        Ok(either(self.change_at(side, price_nanos), self.change_at(side, record.price_nanos)))
    }

    fn move_to(&mut self, place: u32, level: u32, target: u32, lots: i64) {
        if level == target && self.node(level).extra == 1 {
            // Alone at its price: the level must not die between leaving and joining.
            self.nodes.items[level as usize].lots = lots;
            self.nodes.items[place as usize].lots = lots;
            return;
        }
        self.unlink(place, level);
        self.nodes.append(place, target, lots);
    }

    pub(crate) fn clear_as_told(&mut self, instrument: u32, side_code: u8) -> Applied {
        self.check_instrument(instrument)?;
        match Side::from_code(side_code) {
            Some(side) => self.clear_side(instrument * 2 + side.index() as u32),
            None if side_code == 0 => self.clear(instrument),
            None => return Err(Anomaly::BadSide),
        }
        Ok(Change { touch_changed: true, visible_changed: true, anomaly: None })
    }

    /// Empties one instrument's book; it is no longer suspect.
    pub fn clear(&mut self, instrument: u32) {
        if (instrument as usize) < self.suspect.len() {
            self.clear_side(instrument * 2);
            self.clear_side(instrument * 2 + 1);
            self.suspect[instrument as usize] = false;
        }
    }

    /// Empties every book.
    pub fn clear_all(&mut self) {
        (0..self.suspect.len() as u32).for_each(|instrument| self.clear(instrument));
    }

    fn clear_side(&mut self, side: u32) {
        for number in 0..self.sides.length(side) {
            let level = self.sides.level(side, number);
            let mut place = self.node(level).next;
            while place != level {
                let Node { key: order_ref, next, extra, .. } = *self.node(place);
                if extra & SUM == 0 {
                    let found = self.find_order(order_ref).expect("a resting order is in the map");
                    self.map.remove(Mixed::order(order_ref), found);
                }
                self.nodes.give_order(place);
                self.live_orders -= 1;
                place = next;
            }
            self.forget_level(side, self.node(level).price_nanos(), level);
        }
        self.sides.clear(side);
    }
}

fn either(first: Change, second: Change) -> Change {
    Change {
        touch_changed: first.touch_changed | second.touch_changed,
        visible_changed: first.visible_changed | second.visible_changed,
        anomaly: None,
    }
}

/// A level as readers are told of it.
#[inline(always)]
pub(crate) fn told(level: &Node) -> Level {
    Level { price_nanos: level.price_nanos(), lots: level.lots, orders: i64::from(level.extra) }
}

/// Reading.
impl VenueBooks {
    /// The best level of a side.
    #[inline]
    pub fn best(&self, instrument: u32, side: Side) -> Option<Level> {
        let mut level = [Level::zeroed()];
        (self.fill_levels(instrument, side, &mut level) == 1).then_some(level[0])
    }

    /// Writes the best levels of a side, best first; says how many there were.
    #[inline]
    pub fn fill_levels(&self, instrument: u32, side: Side, out: &mut [Level]) -> usize {
        let Some(number) = self.side_number(instrument, side) else { return 0 };
        let (mut count, depth) = (0, out.len());
        self.sides.walk(number, |level| {
            let Some(out) = out.get_mut(count) else { return false };
            *out = told(self.node(level));
            count += 1;
            count < depth
        });
        count
    }

    #[inline(always)]
    fn side_number(&self, instrument: u32, side: Side) -> Option<u32> {
        let number = instrument.checked_mul(2)?.checked_add(side.index() as u32)?;
        ((number as usize) < self.sides.count()).then_some(number)
    }

    /// How many price levels a side has.
    pub fn level_count(&self, instrument: u32, side: Side) -> usize {
        self.side_number(instrument, side).map_or(0, |number| self.sides.length(number))
    }

    /// The level at a price.
    pub fn level_at(&self, instrument: u32, side: Side, price_nanos: i64) -> Option<Level> {
        let found = self.find_level(self.side_number(instrument, side)?, price_nanos)?;
        Some(told(self.node(found.place)))
    }

    /// Whether the best bid is at or above the best ask.
    pub fn is_crossed(&self, instrument: u32) -> bool {
        match (self.best(instrument, Side::Buy), self.best(instrument, Side::Sell)) {
            (Some(bid), Some(ask)) => bid.price_nanos >= ask.price_nanos,
            _ => false,
        }
    }

    /// Whether an anomaly was seen since the book was last cleared.
    pub fn is_suspect(&self, instrument: u32) -> bool {
        self.suspect.get(instrument as usize).copied().unwrap_or(false)
    }

    /// Anomalies of all books since the start.
    pub const fn anomalies(&self) -> &Anomalies {
        &self.anomalies
    }

    /// Resting orders of all books.
    pub const fn live_orders(&self) -> usize {
        self.live_orders
    }

    /// A resting order.
    pub fn order(&self, order_ref: u64) -> Option<RestingOrder> {
        self.find_order(order_ref).map(|found| self.resting(found.place))
    }

    fn resting(&self, place: u32) -> RestingOrder {
        let order = self.node(place);
        let level = self.node(order.owner);
        RestingOrder {
            order_ref: order.key,
            instrument: level.owner >> 1,
            side: side_from(level.owner),
            price_nanos: level.price_nanos(),
            lots: order.lots,
            flags: order.extra as u8,
        }
    }

    /// Lots that trade before this order at its own price; `None` where the venue tells sums, in which no order has a place.
    /// Walks the queue.
    pub fn lots_ahead(&self, order_ref: u64) -> Option<i64> {
        let order = self.node(self.find_order(order_ref)?.place);
        let (level, mut place, mut ahead) = (order.owner, order.previous, 0);
        if self.sum_of(level).is_some() {
            return None;
        }
        while place != level {
            ahead += self.node(place).lots;
            place = self.node(place).previous;
        }
        Some(ahead)
    }

    /// Visits the orders of a side in the order in which they would trade, until the visitor returns false.
    pub fn visit(&self, instrument: u32, side: Side, mut visitor: impl FnMut(RestingOrder) -> bool) {
        let Some(number) = self.side_number(instrument, side) else { return };
        self.sides.walk(number, |level| {
            let mut place = self.node(level).next;
            while place != level {
                if !visitor(self.resting(place)) {
                    return false;
                }
                place = self.node(place).next;
            }
            true
        });
    }

    /// Adds a book's whole state to a hash: per side the levels best first, each with price, lots, count, and its orders'
    /// references and lots in queue order. Two books with the same orders and priorities hash alike, however they came to be.
    pub fn hash(&self, instrument: u32, hash: &mut Hash64) {
        for side in [Side::Buy, Side::Sell] {
            hash.word(self.level_count(instrument, side) as u64);
            let Some(number) = self.side_number(instrument, side) else { continue };
            self.sides.walk(number, |place| {
                let level = self.node(place);
                hash.word(level.key);
                hash.word(level.lots as u64);
                hash.word(u64::from(level.extra));
                let mut order = self.node(level.next);
                for _ in 0..level.extra {
                    hash.word(order.key);
                    hash.word(order.lots as u64);
                    order = self.node(order.next);
                }
                true
            });
        }
    }
}
