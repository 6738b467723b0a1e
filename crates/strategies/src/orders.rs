//! What a strategy in Rust can ask for: the calls of `strategies/orders.py`, one function there, one here.
//!
//! Invariant: on the same view with the same arguments each writes the intents that the Python form writes, or fails with the
//! same status; `tests/strategies/test_rust_calls.py` compares them.

use std::panic::Location;

use records::{
    CallStatus, INTENT_QUOTE, INTENTS_MAX, IntentKind, OrderIntent, OrderState, OrderType, OrdersView, Side,
    TimeInForce, UNDEF_PRICE, WorkingOrder,
};

use crate::rust::Failure;

/// Levels of one side of a mass quote.
pub const QUOTE_LEVELS_MAX: usize = 8;
/// More lots than any venue has.
const LOTS_EDGE: i64 = 1 << 50;
const CHANNEL_MAX: u64 = (1 << 31) - 1;

type Asked = Result<(), Failure>;

/// The orders view, bound to one of the slot's listings.
#[derive(Debug)]
pub struct Orders<'a> {
    view: &'a mut OrdersView,
    listing: usize,
}

/// What rests of one side.
#[derive(Clone, Copy)]
struct Resting {
    side: Side,
    count: usize,
    last: usize,
}

#[track_caller]
fn failure(status: CallStatus) -> Failure {
    Failure { status, line: Location::caller().line() }
}

impl<'a> Orders<'a> {
    /// The view, bound to the event's listing.
    pub fn new(view: &'a mut OrdersView) -> Self {
        let listing = view.current as usize;
        Self { view, listing }
    }

    /// The same, bound to another of the slot's listings.
    ///
    /// # Errors
    /// [`CallStatus::OutOfBounds`] when the slot has none such.
    #[track_caller]
    pub fn on(&mut self, instrument: u32, venue: u32) -> Result<Orders<'_>, Failure> {
        let bound = &self.view.listings[..self.view.listings_count as usize];
        let found = bound.iter().rposition(|listing| (listing.instrument, listing.venue) == (instrument, venue));
        let listing = found.ok_or(failure(CallStatus::OutOfBounds))?;
        Ok(Orders { view: self.view, listing })
    }

    /// The view.
    pub fn view(&self) -> &OrdersView {
        self.view
    }

    #[track_caller]
    fn place(&mut self, kind: IntentKind, order_id: u64, side: Option<Side>) -> Result<&mut OrderIntent, Failure> {
        let at = self.view.intents_count as usize;
        let full = failure(CallStatus::TooManyIntents);
        let intent = self.view.intents.get_mut(at).filter(|_| at < INTENTS_MAX).ok_or(full)?;
        *intent = OrderIntent::zeroed();
        (intent.order_id, intent.intent, intent.listing) = (order_id, u32::from(kind.code()), self.listing as u32);
        intent.side = side.map_or(0, |side| u32::from(side.code()));
        self.view.intents_count += 1;
        Ok(intent)
    }

    /// A new limit order for the day.
    ///
    /// # Errors
    /// [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn limit(&mut self, side: Side, price_nanos: i64, lots: i64, post_only: bool) -> Asked {
        let intent = self.place(IntentKind::New, 0, Some(side))?;
        (intent.price_nanos, intent.lots) = (price_nanos, lots);
        intent.order_type = u16::from(OrderType::Limit.code());
        intent.time_in_force = TimeInForce::Day.code();
        intent.post_only = u8::from(post_only);
        Ok(())
    }

    /// A new limit order for one auction alone ([`TimeInForce::AtOpen`], [`TimeInForce::AtClose`]); without a price
    /// (undefined) a market order there.
    ///
    /// # Errors
    /// [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn at_auction(&mut self, time_in_force: TimeInForce, side: Side, price_nanos: i64, lots: i64) -> Asked {
        self.limit(side, price_nanos, lots, false)?;
        let intent = &mut self.view.intents[self.view.intents_count as usize - 1];
        intent.time_in_force = time_in_force.code();
        if price_nanos == UNDEF_PRICE {
            intent.order_type = u16::from(OrderType::Market.code());
        }
        Ok(())
    }

    /// Another price and total lots for an order.
    ///
    /// # Errors
    /// [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn replace(&mut self, order: &WorkingOrder, price_nanos: i64, lots: i64) -> Asked {
        let intent = self.place(IntentKind::Replace, order.order_id, side_of(order))?;
        (intent.price_nanos, intent.lots) = (price_nanos, lots);
        Ok(())
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn cancel(&mut self, order: &WorkingOrder) -> Asked {
        self.place(IntentKind::Cancel, order.order_id, side_of(order)).map(|_| ())
    }

    /// Cancels every order of the slot; nothing when there is none and nothing was asked before.
    ///
    /// # Errors
    /// [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn cancel_all(&mut self) -> Asked {
        let stays = |order: &WorkingOrder| order.state == u32::from(OrderState::PendingCancel.code());
        let working = &self.view.working[..self.view.working_count as usize];
        if self.view.intents_count > 0 || !working.iter().all(stays) {
            self.place(IntentKind::CancelAll, 0, None)?;
        }
        Ok(())
    }

    /// The live orders of a side at the bound listing that are not being cancelled.
    fn resting(&self, side: Side) -> Resting {
        let mut found = Resting { side, count: 0, last: 0 };
        for (at, order) in self.view.working[..self.view.working_count as usize].iter().enumerate() {
            if self.counts(order, side) {
                (found.count, found.last) = (found.count + 1, at);
            }
        }
        found
    }

    fn counts(&self, order: &WorkingOrder, side: Side) -> bool {
        order.listing as usize == self.listing
            && side_of(order) == Some(side)
            && order.state != u32::from(OrderState::PendingCancel.code())
    }

    fn headroom_lots(&self, side: Side) -> i64 {
        let listing = &self.view.listings[self.listing];
        if side == Side::Buy { listing.headroom_buy_lots } else { listing.headroom_sell_lots }
    }

    /// Moves the slot's orders at the bound listing so that position and open lots head for a position, at this price.
    ///
    /// # Errors
    /// [`CallStatus::BadNumber`] beyond any position, [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn target(&mut self, lots: i64, price_nanos: i64, post_only: bool) -> Asked {
        if !(-LOTS_EDGE..=LOTS_EDGE).contains(&lots) {
            return Err(failure(CallStatus::BadNumber));
        }
        let listing = &self.view.listings[self.listing];
        let (missing, increment) = (lots - listing.position_lots, listing.increment_lots);
        let (buys, sells) = (self.resting(Side::Buy), self.resting(Side::Sell));
        self.target_side(buys, price_nanos, whole_lots(missing.max(0), increment), post_only)?;
        self.target_side(sells, price_nanos, whole_lots((-missing).max(0), increment), post_only)
    }

    #[track_caller]
    fn target_side(&mut self, resting: Resting, price_nanos: i64, lots: i64, post_only: bool) -> Asked {
        let (increment, room) = (self.view.listings[self.listing].increment_lots, self.headroom_lots(resting.side));
        if lots == 0 || price_nanos == UNDEF_PRICE || resting.count > 1 {
            return match resting.count {
                0 => Ok(()),
                _ => self.place(IntentKind::CancelSide, 0, Some(resting.side)).map(|_| ()),
            };
        }
        if resting.count == 0 {
            let lots = whole_lots(lots.min(room), increment);
            return if lots > 0 { self.limit(resting.side, price_nanos, lots, post_only) } else { Ok(()) };
        }
        let order = self.view.working[resting.last];
        if order.state != u32::from(OrderState::Live.code()) {
            return Ok(()); // It answers first; the next callback decides.
        }
        let lots = lots.min(order.leaves_lots + whole_lots(room.max(0), increment));
        if (order.price_nanos, order.leaves_lots) == (price_nanos, lots) {
            return Ok(());
        }
        self.replace(&order, price_nanos, order.lots - order.leaves_lots + lots)
    }

    /// One order of this size at each price of two lists, up to eight a side; an undefined price leaves a place out.
    ///
    /// # Errors
    /// [`CallStatus::OutOfBounds`] for longer lists, [`CallStatus::BadNumber`] for a size that is none,
    /// [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn mass_quote(&mut self, bids: &[i64], asks: &[i64], lots: i64, post_only: bool) -> Asked {
        if !(0..=LOTS_EDGE).contains(&lots) {
            return Err(failure(CallStatus::BadNumber));
        }
        let room = [self.headroom_lots(Side::Buy), self.headroom_lots(Side::Sell)];
        let first = self.view.intents_count as usize;
        self.mass_side(Side::Buy, bids, lots, room[0], post_only)?;
        self.mass_side(Side::Sell, asks, lots, room[1], post_only)?;
        let end = self.view.intents_count as usize;
        self.view.intents[first..end].iter_mut().for_each(|intent| intent.intent |= INTENT_QUOTE);
        Ok(())
    }

    #[track_caller]
    fn mass_side(&mut self, side: Side, prices: &[i64], size: i64, mut room: i64, post_only: bool) -> Asked {
        let prices = if size > 0 { prices } else { &[] };
        if prices.len() > QUOTE_LEVELS_MAX {
            return Err(failure(CallStatus::OutOfBounds));
        }
        let count = self.view.working_count as usize;
        let (mut taken, mut seen) = (0_u8, 0_u8);
        for at in 0..count {
            let order = &self.view.working[at];
            if self.counts(order, side) {
                taken |= level_of(order, prices, taken).map_or(0, |level| 1 << level);
            }
        }
        for at in 0..count {
            let order = self.view.working[at];
            if !self.counts(&order, side) {
                continue;
            }
            let level = level_of(&order, prices, seen);
            seen |= level.map_or(0, |level| 1 << level);
            let live = order.state == u32::from(OrderState::Live.code());
            if !live || (level.is_some() && order.leaves_lots <= size) {
                continue; // It answers first, or keeps its place in the queue.
            }
            let more = size - order.leaves_lots;
            match level.or_else(|| free_level(prices, taken)).filter(|_| more <= room) {
                None => self.cancel(&order)?,
                Some(free) => {
                    taken |= 1 << free;
                    room -= more.max(0);
                    self.replace(&order, prices[free], order.lots - order.leaves_lots + size)?;
                }
            }
        }
        for (level, price_nanos) in prices.iter().enumerate() {
            if *price_nanos != UNDEF_PRICE && taken >> level & 1 == 0 && room >= size {
                room -= size;
                self.limit(side, *price_nanos, size, post_only)?;
            }
        }
        Ok(())
    }

    /// Publishes a number, by its bits (`f64::to_bits`), on a channel.
    ///
    /// # Errors
    /// [`CallStatus::OutOfBounds`] for a channel that is none, [`CallStatus::BadNumber`] for NaN and infinities,
    /// [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn signal(&mut self, channel: u64, bits: u64) -> Asked {
        const EXPONENT: u64 = 0x7ff << 52;
        if channel == 0 || channel > CHANNEL_MAX {
            return Err(failure(CallStatus::OutOfBounds));
        }
        if bits & EXPONENT == EXPONENT {
            return Err(failure(CallStatus::BadNumber));
        }
        self.place(IntentKind::Signal, channel, None)?.price_nanos = bits.cast_signed();
        Ok(())
    }

    /// A leg, at the bound listing, of the multi-leg order that the callback asks for next. If that fails, what the leg filled is
    /// traded back at `unwind_nanos` or better; where it is undefined, it is kept.
    ///
    /// # Errors
    /// [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn leg(&mut self, side: Side, price_nanos: i64, lots: i64, unwind_nanos: i64) -> Asked {
        let intent = self.place(IntentKind::Leg, 0, Some(side))?;
        (intent.price_nanos, intent.lots) = (price_nanos, lots);
        intent.expire_time_ns = unwind_nanos.cast_unsigned();
        intent.order_type = u16::from(OrderType::Limit.code());
        intent.time_in_force = TimeInForce::Day.code();
        Ok(())
    }

    /// The legs asked for in this callback as one multi-leg order: the legs have `within_ns`, unwinding them `unwind_ns`; with
    /// `one_by_one` a leg leaves when the one before it has filled.
    ///
    /// # Errors
    /// [`CallStatus::TooManyIntents`].
    #[track_caller]
    pub fn multi_leg(&mut self, within_ns: i64, unwind_ns: i64, one_by_one: bool, tag: i64) -> Asked {
        let intent = self.place(IntentKind::MultiLeg, tag.cast_unsigned(), None)?;
        (intent.expire_time_ns, intent.lots) = (within_ns.cast_unsigned(), unwind_ns);
        intent.post_only = u8::from(one_by_one);
        Ok(())
    }

    /// Lots that trade before a live order at its price, where known, and whether they were counted in the book.
    pub fn queue_ahead(&self, order_id: u64) -> Option<(i64, bool)> {
        let queues = &self.view.queues[..self.view.working_count as usize];
        let at = queues.iter().position(|place| place.order_id == order_id)?;
        let ahead = queues[at].ahead_lots;
        (ahead >= 0).then_some((ahead, self.view.queues_exact[at] != 0))
    }
}

fn side_of(order: &WorkingOrder) -> Option<Side> {
    u8::try_from(order.side).ok().and_then(Side::from_code)
}

const fn whole_lots(lots: i64, increment_lots: i64) -> i64 {
    if increment_lots > 1 { lots - lots.rem_euclid(increment_lots) } else { lots }
}

/// The first level at an order's price (the one asked for, while a replace is under way) that is not taken.
fn level_of(order: &WorkingOrder, prices: &[i64], taken: u8) -> Option<usize> {
    let replacing = order.state == u32::from(OrderState::PendingReplace.code()) && order.pending_nanos != UNDEF_PRICE;
    let price_nanos = if replacing { order.pending_nanos } else { order.price_nanos };
    (0..prices.len()).find(|level| prices[*level] == price_nanos && taken >> level & 1 == 0)
}

/// The first level that has a price and no order.
fn free_level(prices: &[i64], taken: u8) -> Option<usize> {
    (0..prices.len()).find(|level| prices[*level] != UNDEF_PRICE && taken >> level & 1 == 0)
}
