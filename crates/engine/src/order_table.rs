//! All orders the engine knows: the live ones, and ended ones as long as there is room, for late reports.
//!
//! Invariant: an order is found by any id of its chain; it makes room for another only when it has ended and holds nothing.

use std::collections::VecDeque;

use records::{IdMap, State, StateError, StateReader, StateValue, StateWriter};
use risk::Hold;

use crate::orders::{CHAIN, Order};

const NOWHERE: u32 = u32::MAX;

/// What stands beside an order.
#[derive(Clone, Copy, Debug)]
struct Beside {
    hold: Hold,
    live_at: u32,
    queued: bool,
}

/// Writes to each page of what a vector has room for.
pub(crate) fn touch<T>(room: &mut Vec<T>) {
    const PAGE_BYTES: usize = 4_096;
    let free = room.spare_capacity_mut();
    for place in (0..free.len()).step_by((PAGE_BYTES / size_of::<T>()).max(1)) {
        free[place] = std::mem::MaybeUninit::zeroed();
    }
    // Opaque, so that the writes are not left out for changing nothing.
    std::hint::black_box(free);
}

/// The same of a ring, which goes through all its room. What is in it stays.
pub(crate) fn touch_ring<T: Clone>(ring: &mut VecDeque<T>, some: T) {
    let (held, room) = (ring.len(), ring.capacity());
    ring.resize(room, some);
    std::hint::black_box(&mut *ring);
    ring.truncate(held);
}

/// Orders by place.
#[derive(Debug)]
pub(crate) struct OrderTable {
    orders: Vec<Order>,
    beside: Vec<Beside>,
    live: Vec<u32>,
    ended: VecDeque<u32>,
    ids: IdMap<u32>,
    capacity: usize,
}

/// What stands beside an order, but its hold, and the ids follow from the orders and the two lists of places.
impl State for OrderTable {
    fn save(&self, out: &mut StateWriter) {
        let Self { orders, beside, live, ended, ids: _, capacity: _ } = self;
        out.count(orders.len());
        for (order, beside) in orders.iter().zip(beside) {
            let Beside { hold, live_at: _, queued: _ } = beside;
            order.put(out);
            hold.put(out);
        }
        live.save(out);
        ended.save(out);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let Self { orders, beside, live, ended, ids, capacity } = self;
        orders.clear();
        beside.clear();
        ids.clear();
        for place in 0..from.of("OrderTable.orders").count(*capacity)? {
            let (order, hold) = (Order::take(from)?, Hold::take(from)?);
            let chain = order.chain.get(..order.chain_count).unwrap_or_default();
            let fits =
                !chain.is_empty() && chain.iter().all(|id| ids.get(*id).is_none() && ids.insert(*id, place as u32));
            if !fits {
                return Err(
                    from.wrong(format!("order {} has no ids, or another's; allowed are its own", order.first_id))
                );
            }
            orders.push(order);
            beside.push(Beside { hold, live_at: NOWHERE, queued: false });
        }
        live.load(from.of("OrderTable.live"))?;
        ended.load(from.of("OrderTable.ended"))?;
        let wrong = from.wrong("a place twice or without an order; allowed is each order once".to_owned());
        for (at, place) in live.iter().enumerate() {
            let beside = beside.get_mut(*place as usize).filter(|beside| beside.live_at == NOWHERE);
            beside.ok_or(wrong.clone())?.live_at = at as u32;
        }
        for place in ended.iter() {
            let beside = beside.get_mut(*place as usize).filter(|beside| !beside.queued);
            beside.ok_or(wrong.clone())?.queued = true;
        }
        Ok(())
    }
}

impl OrderTable {
    pub fn new(capacity: usize) -> Self {
        Self {
            orders: Vec::with_capacity(capacity),
            beside: Vec::with_capacity(capacity),
            live: Vec::with_capacity(capacity),
            ended: VecDeque::with_capacity(capacity),
            ids: IdMap::with_capacity(capacity * CHAIN),
            capacity,
        }
    }

    /// Writes to all pages but those of the ids, so that none is met for the first time in a pass.
    pub fn touch_memory(&mut self) {
        touch(&mut self.orders);
        touch(&mut self.beside);
        touch(&mut self.live);
        touch_ring(&mut self.ended, NOWHERE);
    }

    /// The same for the ids.
    pub fn touch_ids(&mut self) {
        self.ids.touch_memory();
    }

    /// The place of the order that has or had this id.
    #[inline]
    pub fn find(&self, id: u64) -> Option<u32> {
        self.ids.get(id)
    }

    #[inline]
    pub fn get(&self, place: u32) -> &Order {
        &self.orders[place as usize]
    }

    #[inline]
    pub fn get_mut(&mut self, place: u32) -> &mut Order {
        &mut self.orders[place as usize]
    }

    #[inline]
    pub fn hold_mut(&mut self, place: u32) -> &mut Hold {
        &mut self.beside[place as usize].hold
    }

    #[inline]
    pub fn hold(&self, place: u32) -> &Hold {
        &self.beside[place as usize].hold
    }

    /// Places of the orders that have not ended.
    pub fn live(&self) -> &[u32] {
        &self.live
    }

    /// Whether a further order has a place.
    pub fn has_room(&mut self) -> bool {
        if self.orders.len() < self.capacity {
            return true;
        }
        for _ in 0..self.ended.len() {
            let Some(place) = self.ended.front().copied() else { return false };
            let order = &self.orders[place as usize];
            if order.ended.is_some() && order.unbooked_lots == 0 {
                return true;
            }
            self.ended.pop_front();
            if order.ended.is_some() {
                self.ended.push_back(place);
            } else {
                self.beside[place as usize].queued = false;
            }
        }
        false
    }

    /// Whether so many further orders have a place.
    pub fn has_room_for(&self, count: usize) -> bool {
        let free = self.capacity - self.orders.len();
        let over = |place: &&u32| {
            let order = &self.orders[**place as usize];
            order.ended.is_some() && order.unbooked_lots == 0
        };
        free >= count || self.ended.iter().filter(over).take(count - free).count() >= count - free
    }

    /// Puts an order in; the caller has asked for room.
    pub fn insert(&mut self, order: Order, hold: Hold) -> u32 {
        assert!(self.has_room(), "an order is only made when there is room for it");
        let beside = Beside { hold, live_at: self.live.len() as u32, queued: false };
        let place = if self.orders.len() < self.capacity {
            self.orders.push(order);
            self.beside.push(beside);
            self.orders.len() as u32 - 1
        } else {
            let place = self.ended.pop_front().expect("has_room put one there");
            let gone = self.orders[place as usize];
            for id in &gone.chain[..gone.chain_count] {
                self.ids.remove(*id);
            }
            self.orders[place as usize] = order;
            self.beside[place as usize] = beside;
            place
        };
        self.live.push(place);
        self.name(order.owner.order_id, place);
        place
    }

    /// A replacement's id names the order too.
    pub fn add_id(&mut self, place: u32, id: u64, gone: u64) {
        if gone != 0 {
            self.ids.remove(gone);
        }
        self.name(id, place);
    }

    fn name(&mut self, id: u64, place: u32) {
        assert!(self.ids.insert(id, place), "there is room for the ids of as many orders as there is room for");
    }

    /// The order ended.
    pub fn end(&mut self, place: u32) {
        let at = self.beside[place as usize].live_at;
        assert!(at != NOWHERE && self.live[at as usize] == place, "an order ends once");
        self.live.swap_remove(at as usize);
        if let Some(moved) = self.live.get(at as usize) {
            self.beside[*moved as usize].live_at = at;
        }
        let beside = &mut self.beside[place as usize];
        beside.live_at = NOWHERE;
        if !beside.queued {
            beside.queued = true;
            self.ended.push_back(place);
        }
    }

    /// The order is alive after all.
    pub fn reopen(&mut self, place: u32, hold: Hold) {
        let beside = &mut self.beside[place as usize];
        assert!(beside.live_at == NOWHERE, "only an ended order is opened again");
        beside.live_at = self.live.len() as u32;
        beside.hold = hold;
        self.live.push(place);
    }
}
