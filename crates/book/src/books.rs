//! Order-by-order books of one venue: many instruments, one map of order references.
//!
//! Invariant: the queues, the levels and the map always tell of the same orders; a record changes all three or none.
//! Nothing is allocated after `new`; a record beyond the capacity is a counted anomaly and its book is suspect.

use records::{BookAction, Hash64, Level, MarketOrder, Side, UNDEF_PRICE, VIEW_LEVELS};

use crate::anomaly::{Anomalies, Anomaly, Change};
use crate::map::{OrderMap, Search};
use crate::orders::{LevelNode, NIL, Order, Pool};
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
    pub(crate) map: OrderMap,
    pub(crate) orders: Pool<Order>,
    pub(crate) levels: Pool<LevelNode>,
    pub(crate) sides: Sides,
    suspect: Vec<bool>,
    anomalies: Anomalies,
    live_orders: usize,
}

type Applied = Result<Change, Anomaly>;

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
        Self {
            map: OrderMap::new(capacity.orders),
            orders: Pool::new(capacity.orders),
            levels: Pool::new(capacity.orders.min(sides * capacity.levels_per_side)),
            sides: Sides::new(sides, capacity.levels_per_side),
            suspect: vec![false; capacity.instruments + 1],
            anomalies: Anomalies::default(),
            live_orders: 0,
        }
    }

    /// Writes to every page, so that none is first touched on the hot path. Costs the whole capacity in real memory.
    pub fn touch_memory(&mut self) {
        self.map.touch();
        self.orders.items.touch();
        self.levels.items.touch();
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
    fn refuse(&mut self, instrument: u32, anomaly: Anomaly) -> Change {
        self.anomalies.count(anomaly);
        if let Some(suspect) = self.suspect.get_mut(instrument as usize) {
            *suspect = true;
        }
        // Some anomalies end an order, so whoever shows the book must look again.
        Change { touch_changed: true, visible_changed: true, anomaly: Some(anomaly) }
    }

    #[inline(always)]
    fn check_instrument(&self, instrument: u32) -> Result<(), Anomaly> {
        if (instrument as usize) < self.suspect.len() { Ok(()) } else { Err(Anomaly::UnknownInstrument) }
    }

    /// Slot in the map, index and level of an order that must rest in this instrument's book.
    #[inline(always)]
    fn locate(&self, instrument: u32, order_ref: u64) -> Result<(usize, u32, u32), Anomaly> {
        let Search::Found(slot, index) = self.map.search(order_ref, &self.orders.items) else {
            return Err(Anomaly::UnknownOrder);
        };
        let level = self.orders.items[index as usize].level;
        if self.levels.items[level as usize].side >> 1 != instrument {
            return Err(Anomaly::WrongInstrument);
        }
        Ok((slot, index, level))
    }

    #[inline(always)]
    fn change_at(&self, side: u32, price_nanos: i64) -> Change {
        let key = key_at(side, price_nanos);
        Change {
            touch_changed: self.sides.is_within(side, key, 1),
            visible_changed: self.sides.is_within(side, key, VIEW_LEVELS),
            anomaly: None,
        }
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
    fn enter(&mut self, side: u32, order_ref: u64, price_nanos: i64, lots: i64, flags: u8) -> Applied {
        if lots <= 0 {
            return Err(Anomaly::BadLots);
        }
        if price_nanos == UNDEF_PRICE {
            return Err(Anomaly::BadPrice);
        }
        let Search::Vacant(slot) = self.map.search(order_ref, &self.orders.items) else {
            return Err(Anomaly::DuplicateOrder);
        };
        if !self.orders.has_room() {
            return Err(Anomaly::OrdersFull);
        }
        let level = self.level_for(side, price_nanos, lots)?;
        let Some(index) = self.orders.take() else { return Err(Anomaly::OrdersFull) };
        self.orders.items[index as usize] =
            Order { order_ref, lots: 0, level: NIL, next: NIL, previous: NIL, flags: u32::from(flags) };
        self.map.insert(slot, order_ref, index);
        self.live_orders += 1;
        self.append(index, level, lots);
        Ok(self.change_at(side, price_nanos))
    }

    /// The level of a price that has room for `lots` more, made if need be.
    #[inline(always)]
    fn level_for(&mut self, side: u32, price_nanos: i64, lots: i64) -> Result<u32, Anomaly> {
        let key = key_at(side, price_nanos);
        match self.sides.find(side, key) {
            Ok(level) => match self.levels.items[level as usize].lots.checked_add(lots) {
                Some(_) => Ok(level),
                None => Err(Anomaly::BadLots),
            },
            Err(position) => {
                if self.sides.is_full(side) {
                    return Err(Anomaly::LevelsFull);
                }
                let level = self.levels.take().ok_or(Anomaly::LevelsFull)?;
                self.levels.items[level as usize] =
                    LevelNode { price_nanos, lots: 0, head: NIL, tail: NIL, orders: 0, side };
                self.sides.insert(side, position, key, level);
                Ok(level)
            }
        }
    }

    /// Links an order to the end of a level's queue.
    #[inline(always)]
    fn append(&mut self, index: u32, level: u32, lots: i64) {
        let node = &mut self.levels.items[level as usize];
        let tail = node.tail;
        node.tail = index;
        node.orders += 1;
        node.lots += lots;
        if tail == NIL {
            node.head = index;
        } else {
            self.orders.items[tail as usize].next = index;
        }
        let order = &mut self.orders.items[index as usize];
        order.level = level;
        order.lots = lots;
        order.previous = tail;
        order.next = NIL;
    }

    /// Unlinks an order from its level; the level goes with its last order. The order and its map entry stay.
    #[inline(always)]
    fn unlink(&mut self, index: u32, level: u32) {
        let Order { lots, next, previous, .. } = self.orders.items[index as usize];
        if previous != NIL {
            self.orders.items[previous as usize].next = next;
        }
        if next != NIL {
            self.orders.items[next as usize].previous = previous;
        }
        let node = &mut self.levels.items[level as usize];
        if previous == NIL {
            node.head = next;
        }
        if next == NIL {
            node.tail = previous;
        }
        node.orders -= 1;
        node.lots -= lots;
        if node.orders == 0 {
            let (side, key) = (node.side, key_at(node.side, node.price_nanos));
            self.sides.remove(side, key);
            self.levels.give(level);
        }
    }

    #[inline(always)]
    fn remove(&mut self, slot: usize, index: u32, level: u32) -> Change {
        let LevelNode { side, price_nanos, .. } = self.levels.items[level as usize];
        self.unlink(index, level);
        self.map.remove(slot);
        self.orders.give(index);
        self.live_orders -= 1;
        self.change_at(side, price_nanos)
    }

    /// Execute and Reduce: lots leave an order from the front of its size; its place in the queue stays.
    #[inline(always)]
    fn take(&mut self, instrument: u32, record: &MarketOrder, beyond: Anomaly) -> Applied {
        if record.lots <= 0 {
            return Err(Anomaly::BadLots);
        }
        let (slot, index, level) = self.locate(instrument, record.order_ref)?;
        let order = &mut self.orders.items[index as usize];
        if record.lots < order.lots {
            order.lots -= record.lots;
            let node = &mut self.levels.items[level as usize];
            node.lots -= record.lots;
            let (side, price_nanos) = (node.side, node.price_nanos);
            return Ok(self.change_at(side, price_nanos));
        }
        let exact = record.lots == order.lots;
        let change = self.remove(slot, index, level);
        if exact { Ok(change) } else { Err(beyond) }
    }

    #[inline(always)]
    fn delete(&mut self, instrument: u32, order_ref: u64) -> Applied {
        let (slot, index, level) = self.locate(instrument, order_ref)?;
        Ok(self.remove(slot, index, level))
    }

    #[inline(always)]
    fn replace(&mut self, instrument: u32, record: &MarketOrder) -> Applied {
        let (slot, index, level) = self.locate(instrument, record.order_ref)?;
        let side = self.levels.items[level as usize].side;
        let flags = self.orders.items[index as usize].flags as u8;
        let left = self.remove(slot, index, level);
        let entered = self.enter(side, record.new_order_ref, record.price_nanos, record.lots, flags)?;
        Ok(either(left, entered))
    }

    /// An order keeps its place when only its size falls; any other change sends it to the end of its new price's queue.
    fn modify(&mut self, instrument: u32, record: &MarketOrder) -> Applied {
        let (_, index, level) = self.locate(instrument, record.order_ref)?;
        let LevelNode { side, price_nanos, .. } = self.levels.items[level as usize];
        if record.side != 0 && Side::from_code(record.side) != Some(side_from(side)) {
            return Err(Anomaly::BadSide);
        }
        if record.lots <= 0 {
            return Err(Anomaly::BadLots);
        }
        if record.price_nanos == UNDEF_PRICE {
            return Err(Anomaly::BadPrice);
        }
        let order = &mut self.orders.items[index as usize];
        if record.price_nanos == price_nanos && record.lots <= order.lots {
            let taken = order.lots - record.lots;
            order.lots = record.lots;
            self.levels.items[level as usize].lots -= taken;
            return Ok(self.change_at(side, price_nanos));
        }
        // The new level first: when there is no room for it the order stays as it was.
        let target = self.level_for(side, record.price_nanos, record.lots)?;
        self.move_to(index, level, target, record.lots);
        Ok(either(self.change_at(side, price_nanos), self.change_at(side, record.price_nanos)))
    }

    fn move_to(&mut self, index: u32, level: u32, target: u32, lots: i64) {
        if level == target && self.levels.items[level as usize].orders == 1 {
            // Alone at its price: the level must not die between leaving and joining.
            self.levels.items[level as usize].lots = lots;
            self.orders.items[index as usize].lots = lots;
            return;
        }
        self.unlink(index, level);
        self.append(index, target, lots);
    }

    fn clear_as_told(&mut self, instrument: u32, side_code: u8) -> Applied {
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
        for position in 0..self.sides.length(side) {
            let level = self.sides.levels(side)[position];
            let mut index = self.levels.items[level as usize].head;
            while index != NIL {
                let Order { order_ref, next, .. } = self.orders.items[index as usize];
                if let Search::Found(slot, _) = self.map.search(order_ref, &self.orders.items) {
                    self.map.remove(slot);
                }
                self.orders.give(index);
                self.live_orders -= 1;
                index = next;
            }
            self.levels.give(level);
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
        let Some(levels) = self.level_indices(instrument, side) else { return 0 };
        let mut count = 0;
        for (out, &level) in out.iter_mut().zip(levels.iter().rev()) {
            let node = &self.levels.items[level as usize];
            *out = Level { price_nanos: node.price_nanos, lots: node.lots, orders: i64::from(node.orders) };
            count += 1;
        }
        count
    }

    #[inline(always)]
    fn level_indices(&self, instrument: u32, side: Side) -> Option<&[u32]> {
        let number = instrument.checked_mul(2)?.checked_add(side.index() as u32)?;
        ((number as usize) < self.sides.count()).then(|| self.sides.levels(number))
    }

    /// How many price levels a side has.
    pub fn level_count(&self, instrument: u32, side: Side) -> usize {
        self.level_indices(instrument, side).map_or(0, <[u32]>::len)
    }

    /// The level at a price.
    pub fn level_at(&self, instrument: u32, side: Side, price_nanos: i64) -> Option<Level> {
        self.level_indices(instrument, side)?;
        let number = instrument * 2 + side.index() as u32;
        let level = self.sides.find(number, key_at(number, price_nanos)).ok()?;
        let node = &self.levels.items[level as usize];
        Some(Level { price_nanos, lots: node.lots, orders: i64::from(node.orders) })
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
        match self.map.search(order_ref, &self.orders.items) {
            Search::Found(_, index) => Some(self.resting(index)),
            Search::Vacant(_) => None,
        }
    }

    fn resting(&self, index: u32) -> RestingOrder {
        let order = &self.orders.items[index as usize];
        let node = &self.levels.items[order.level as usize];
        RestingOrder {
            order_ref: order.order_ref,
            instrument: node.side >> 1,
            side: side_from(node.side),
            price_nanos: node.price_nanos,
            lots: order.lots,
            flags: order.flags as u8,
        }
    }

    /// Lots that trade before this order at its own price. Walks the queue.
    pub fn lots_ahead(&self, order_ref: u64) -> Option<i64> {
        let Search::Found(_, index) = self.map.search(order_ref, &self.orders.items) else { return None };
        let mut ahead = 0;
        let mut index = self.orders.items[index as usize].previous;
        while index != NIL {
            let order = &self.orders.items[index as usize];
            ahead += order.lots;
            index = order.previous;
        }
        Some(ahead)
    }

    /// Visits the orders of a side in the order in which they would trade, until the visitor returns false.
    pub fn visit(&self, instrument: u32, side: Side, mut visitor: impl FnMut(RestingOrder) -> bool) {
        for &level in self.level_indices(instrument, side).unwrap_or(&[]).iter().rev() {
            let mut index = self.levels.items[level as usize].head;
            while index != NIL {
                if !visitor(self.resting(index)) {
                    return;
                }
                index = self.orders.items[index as usize].next;
            }
        }
    }

    /// Adds a book's whole state to a hash: per side the levels best first, each with price, lots, count, and its orders'
    /// references and lots in queue order. Two books with the same orders and priorities hash alike, however they came to be.
    pub fn hash(&self, instrument: u32, hash: &mut Hash64) {
        for side in [Side::Buy, Side::Sell] {
            let levels = self.level_indices(instrument, side).unwrap_or(&[]);
            hash.word(levels.len() as u64);
            for &level in levels.iter().rev() {
                let node = &self.levels.items[level as usize];
                hash.word(node.price_nanos as u64);
                hash.word(node.lots as u64);
                hash.word(u64::from(node.orders));
                let mut index = node.head;
                while index != NIL {
                    let order = &self.orders.items[index as usize];
                    hash.word(order.order_ref);
                    hash.word(order.lots as u64);
                    index = order.next;
                }
            }
        }
    }
}
