//! What one call costs: a book callback on a book that moves, as the engine makes it.
//!
//! Invariant: the work measured is the host's whole call (fuel set, views as the engine keeps them), nothing of the book.

use std::time::Instant;

use engine::{EventRef, Host, Inside};
use records::{BOOK_TRADABLE, BOOK_TWO_SIDED, BookView, Callback, NANOS, OrderState, OrdersView, Side, Slot};

/// Calls timed together: the clock's own cost is spread thin.
const BATCH: u64 = 1_000;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Calls made.
    pub calls: u64,
    /// Time of a call: the median over batches, so that what else the machine does stays out.
    pub call_ns: f64,
    /// Intents made in all.
    pub intents: u64,
    /// The first status that was not 0.
    pub status: u32,
}

/// Views like those of a quoting strategy: one listing, a two-sided book, a live order on each side.
fn views() -> (BookView, Box<OrdersView>) {
    let mut book = BookView::zeroed();
    book.flags = BOOK_TWO_SIDED | BOOK_TRADABLE;
    (book.instrument, book.venue) = (1, 1);
    for level in 0..book.bids.len() {
        let step = level as i64 * NANOS / 100;
        book.bids[level].price_nanos = 100 * NANOS - step;
        book.asks[level].price_nanos = 100 * NANOS + NANOS / 50 + step;
        (book.bids[level].lots, book.asks[level].lots) = (300, 400);
        (book.bids[level].orders, book.asks[level].orders) = (3, 4);
    }
    let mut orders = Box::new(OrdersView::zeroed());
    orders.listings_count = 1;
    orders.working_count = 2;
    let listing = &mut orders.listings[0];
    (listing.instrument, listing.venue, listing.flags) = (1, 1, book.flags);
    (listing.headroom_buy_lots, listing.headroom_sell_lots) = (10_000, 10_000);
    (listing.price_min_nanos, listing.price_max_nanos) = (NANOS / 10_000, 200_000 * NANOS);
    (listing.increment_lots, listing.units_per_lot_e8) = (1, 100_000_000);
    for row in &mut listing.ticks {
        row.from_nanos = i64::MAX;
    }
    (listing.ticks[0].from_nanos, listing.ticks[0].tick_nanos) = (0, NANOS / 10_000);
    (listing.ticks[1].from_nanos, listing.ticks[1].tick_nanos) = (NANOS, NANOS / 100);
    for (index, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
        let order = &mut orders.working[index];
        (order.order_id, order.lots, order.leaves_lots) = (index as u64 + 1, 10, 10);
        // Away from any price that will be asked for: every call replaces both.
        order.price_nanos = 90 * NANOS;
        order.side = u32::from(side.code());
        order.state = u32::from(OrderState::Live.code());
    }
    (book, orders)
}

/// Calls a slot's book callback `calls` times, the book moving by a tick each time; `told`: and says of each, as an engine does, which
/// it is.
pub fn measure_calls(host: &mut dyn Host, slot: u8, calls: u64, told: Option<&Inside>) -> Measured {
    let (mut book, mut orders) = views();
    let record = Slot { slot, ..Slot::new() };
    let mut measured = Measured { calls, call_ns: 0.0, intents: 0, status: 0 };
    let mut batches: Vec<f64> = Vec::new();
    let mut start = Instant::now();
    for turn in 0..calls {
        let step = if turn & 1 == 0 { NANOS / 100 } else { -NANOS / 100 };
        book.bids[0].price_nanos += step;
        book.asks[0].price_nanos += step;
        orders.fuel = 10_000;
        orders.time_ns = turn;
        if let Some(inside) = told {
            inside.enter(turn, &record, Callback::Book, 1);
        }
        let status = host.call(slot, Callback::Book, EventRef::Book(&book), &mut orders);
        if let Some(inside) = told {
            inside.leave();
        }
        measured.intents += u64::from(orders.intents_count);
        if status != 0 && measured.status == 0 {
            measured.status = status;
        }
        if (turn + 1) % BATCH == 0 || turn + 1 == calls {
            batches.push(start.elapsed().as_nanos() as f64 / (turn % BATCH + 1) as f64);
            start = Instant::now();
        }
    }
    batches.sort_by(f64::total_cmp);
    measured.call_ns = batches.get(batches.len() / 2).copied().unwrap_or(0.0);
    measured
}

/// Time in ns of one callback on fixed views (median over batches of calls), fuel filled up for each.
pub fn time_calls(
    host: &mut dyn Host,
    slot: u8,
    callback: Callback,
    event: EventRef<'_>,
    orders: &OrdersView,
    calls: u64,
) -> f64 {
    const FEW: u64 = 100;
    let mut view = Box::new(*orders);
    let mut batches: Vec<f64> = Vec::new();
    for _ in 0..calls.div_ceil(FEW) {
        let start = Instant::now();
        for _ in 0..FEW {
            view.fuel = orders.fuel;
            host.call(slot, callback, event, &mut view);
        }
        batches.push(start.elapsed().as_nanos() as f64 / FEW as f64);
    }
    batches.sort_by(f64::total_cmp);
    batches.get(batches.len() / 2).copied().unwrap_or(0.0)
}
