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
    pub next: u32,
    pub previous: u32,
    pub level: u32,
    pub session: u32,
    pub owner: u32,
    pub reserved: u16,
    /// 0 bids, 1 asks.
    pub side: u8,
    /// 1: not displayed (the second queue of its level).
    pub hidden: u8,
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
}

impl Order {
    pub fn leaves_lots(&self) -> i64 {
        self.front_lots + self.reserve_lots
    }

    /// What the feed shows of it.
    pub fn shown_lots(&self) -> i64 {
        if self.hidden == 0 { self.front_lots } else { 0 }
    }
}

/// The slab.
pub(crate) struct Orders {
    pub hot: Box<[Order]>,
    pub terms: Box<[Terms]>,
    free: u32,
    live: usize,
}

impl Orders {
    pub fn with_capacity(orders: usize) -> Self {
        let mut hot = vec![Order::default(); orders].into_boxed_slice();
        for (place, order) in hot.iter_mut().enumerate() {
            order.next = if place + 1 < orders { place as u32 + 1 } else { NIL };
        }
        let terms = vec![Terms::default(); orders].into_boxed_slice();
        Self { hot, terms, free: if orders == 0 { NIL } else { 0 }, live: 0 }
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
    pub fn take(&mut self, order: Order, terms: Terms) -> u32 {
        let place = self.free;
        assert!(place != NIL, "the slab is full");
        let slot = &mut self.hot[place as usize];
        self.free = slot.next;
        *slot = order;
        self.terms[place as usize] = terms;
        self.live += 1;
        place
    }

    #[inline]
    pub fn give_back(&mut self, place: u32) {
        self.hot[place as usize].next = self.free;
        self.free = place;
        self.live -= 1;
    }
}
