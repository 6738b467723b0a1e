//! Resting orders: one slab, taken at the start, with the fields of matching apart from the rest.
//!
//! Invariant: an order's place is stable from rest to removal; `front + reserve` is what is left of it.

/// No place, no link.
pub(crate) const NIL: u32 = u32::MAX;
/// `OrderTerms::expiry` of an order that no timer watches.
pub(crate) const NO_TIMER: u32 = u32::MAX;

/// What matching touches: one cache line.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub(crate) struct Order {
    pub price_nanos: i64,
    /// What trades now: the displayed part, or all of a hidden order.
    pub front_lots: i64,
    /// What comes forward when the front is gone.
    pub reserve_lots: i64,
    pub order_ref: u64,
    pub user_ref: u64,
    pub level: u32,
    pub session: u32,
    pub owner: u32,
    pub instrument: u32,
    /// 0 bids, 1 asks.
    pub side: u8,
    /// 1: not displayed (the second queue of its level).
    pub hidden: u8,
    /// 1: for one auction alone (its level lies beside the ladders).
    pub waits: u8,
}

const _: () = assert!(size_of::<Order>() == 64);

/// What replaces, reports and timers need.
#[derive(Clone, Copy, Default)]
pub(crate) struct Terms {
    /// Lots of the whole chain: executed and open.
    pub executed_lots: i64,
    pub display_lots: i64,
    pub expire_time_ns: u64,
    pub instrument: u32,
    /// Place in the timer heap.
    pub expiry: u32,
    pub participant: [u8; 4],
    pub letters: [u8; 4],
    pub time_in_force: u8,
    pub self_trade: u8,
    pub short_sale: u8,
    /// 1: goes with its session's connection.
    pub ends_with_connection: u8,
    /// 1: not displayed because it came in during a call, and to be displayed after it.
    pub veiled: u8,
}

impl Order {
    pub fn leaves_lots(&self) -> i64 {
        self.front_lots + self.reserve_lots
    }

    /// 1: it asked not to be displayed at all.
    #[inline(always)]
    pub fn hides(&self, terms: &Terms) -> u8 {
        self.hidden ^ (self.waits | terms.veiled)
    }

    /// What the feed shows of it.
    pub fn shown_lots(&self) -> i64 {
        if self.hidden == 0 { self.front_lots } else { 0 }
    }
}

/// An order's or a queue's neighbours.
#[derive(Clone, Copy, Default)]
struct Link {
    next: u32,
    previous: u32,
}

/// The slab, and the queues of all levels. A queue and its orders form one ring through a link of the queue's own: the
/// queue's `next` is the first to trade, its `previous` the last, and an empty queue's both are itself. So no link is ever
/// absent, joining or leaving a queue asks no question, and a level that ends leaves two empty queues to the next one.
pub(crate) struct Orders {
    pub hot: Box<[Order]>,
    pub terms: Box<[Terms]>,
    /// Of the orders, by place; then of the queues, two a level.
    links: Box<[Link]>,
    free: u32,
    live: usize,
}

impl Orders {
    /// Room for so many orders in the queues of so many levels.
    pub fn with_capacity(orders: usize, levels: usize) -> Self {
        let places = orders + 2 * levels;
        assert!(places < NIL as usize, "orders and queues together are fewer than 2^32 - 1");
        let mut links = vec![Link::default(); places].into_boxed_slice();
        for (place, link) in links[..orders].iter_mut().enumerate() {
            link.next = if place + 1 < orders { place as u32 + 1 } else { NIL };
        }
        for (place, link) in links.iter_mut().enumerate().skip(orders) {
            *link = Link { next: place as u32, previous: place as u32 };
        }
        let hot = vec![Order::default(); orders].into_boxed_slice();
        let terms = vec![Terms::default(); orders].into_boxed_slice();
        Self { hot, terms, links, free: if orders == 0 { NIL } else { 0 }, live: 0 }
    }

    pub fn live(&self) -> usize {
        self.live
    }

    pub fn is_full(&self) -> bool {
        self.free == NIL
    }

    /// Takes a place.
    ///
    /// # Panics
    /// When full: the caller looks first.
    #[inline]
    pub fn take(&mut self) -> u32 {
        let place = self.free;
        assert!(place != NIL, "the slab is full");
        self.free = self.links[place as usize].next;
        self.live += 1;
        place
    }

    #[inline]
    pub fn give_back(&mut self, place: u32) {
        self.links[place as usize].next = self.free;
        self.free = place;
        self.live -= 1;
    }

    /// The link of a level's queue of displayed (0) or hidden (1) orders.
    #[inline]
    fn queue(&self, level: u32, queue: usize) -> u32 {
        self.hot.len() as u32 + level * 2 + queue as u32
    }

    /// Puts an order at the end of its queue in its level.
    #[inline]
    pub fn link(&mut self, place: u32) {
        let order = &self.hot[place as usize];
        let own = self.queue(order.level, usize::from(order.hidden));
        let last = std::mem::replace(&mut self.links[own as usize].previous, place);
        self.links[last as usize].next = place;
        self.links[place as usize] = Link { next: own, previous: last };
    }

    /// Takes an order out of its queue.
    #[inline]
    pub fn unlink(&mut self, place: u32) {
        let Link { next, previous } = self.links[place as usize];
        self.links[previous as usize].next = next;
        self.links[next as usize].previous = previous;
    }

    /// The order of a level's queue that trades first.
    #[inline]
    pub fn first_of(&self, level: u32, queue: usize) -> Option<u32> {
        self.after(self.queue(level, queue))
    }

    /// The order that trades first in a level: displayed ones before hidden ones.
    #[inline]
    pub fn first(&self, level: u32) -> u32 {
        let first = self.first_of(level, 0).or_else(|| self.first_of(level, 1));
        first.expect("a level in use has an order")
    }

    /// The order behind one in its queue.
    #[inline]
    pub fn after(&self, place: u32) -> Option<u32> {
        let next = self.links[place as usize].next;
        ((next as usize) < self.hot.len()).then_some(next)
    }
}
