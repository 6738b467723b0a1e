//! Dense random flow for a stand-in venue: adds, cancels and takers around a price, every hundred microseconds or so.
//!
//! Invariant: the seed decides what is ordered; each life of an exchange has a session of its own for it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use exchange::CommandSource;
use records::*;
use sim::Random;

use crate::bootstrap::{INSTRUMENT, TICK};

pub const FLOW_SESSION: u32 = 100;

pub struct Storm {
    random: Random,
    session: u32,
    next_ref: u64,
    due_ns: u64,
    stop_ns: u64,
    gap_ns: u64,
}

impl Storm {
    pub fn new(seed: u64, session: u32, stop_ns: u64, gap_ns: u64) -> Self {
        Self { random: Random::new(seed), session, next_ref: 0, due_ns: 0, stop_ns, gap_ns }
    }

    fn enter(&mut self, side: Side, price_nanos: i64, time_in_force: TimeInForce) -> ExchangeEnter {
        let mut record = ExchangeEnter::new();
        (record.header.source, record.header.instrument) = (self.session, INSTRUMENT);
        self.next_ref += 1;
        (record.user_ref, record.price_nanos) = (self.next_ref, price_nanos);
        record.lots = self.random.between(1, 60) as i64;
        (record.side, record.order_type) = (side.code(), OrderType::Limit.code());
        record.time_in_force = time_in_force.code();
        record
    }
}

impl CommandSource for Storm {
    fn next(&mut self, now_ns: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize> {
        if now_ns < self.due_ns || now_ns >= self.stop_ns {
            return None;
        }
        // The first orders at once: a book to start from.
        if self.next_ref > 40 {
            self.due_ns = self.due_ns.max(now_ns - self.gap_ns) + self.random.between(0, 2 * self.gap_ns);
        }
        let mut put = |bytes: &[u8]| {
            out[..bytes.len()].copy_from_slice(bytes);
            Some(bytes.len())
        };
        let side = if self.random.between(0, 1) == 0 { Side::Buy } else { Side::Sell };
        let away = self.random.between(1, 12) as i64 * TICK;
        let kind = if self.next_ref < 40 { 0 } else { self.random.between(0, 9) };
        match kind {
            0..=4 => put(bytes_of(&self.enter(side, 585 * NANOS - side.sign() * away, TimeInForce::Day))),
            5 => put(bytes_of(&self.enter(side, 585 * NANOS + side.sign() * away, TimeInForce::ImmediateOrCancel))),
            _ => {
                let mut record = ExchangeCancel::new();
                (record.header.source, record.header.instrument) = (self.session, INSTRUMENT);
                record.user_ref = self.random.between(self.next_ref.saturating_sub(80).max(1), self.next_ref);
                record.reason = Reason::UserRequested.code();
                put(bytes_of(&record))
            }
        }
    }
}

/// Where a [`Desk`]'s book begins.
pub const BID: i64 = 580 * NANOS;
pub const ASK: i64 = 590 * NANOS;

/// Flow that a test makes itself, order by order.
#[derive(Clone)]
pub struct Desk {
    session: u32,
    queue: Rc<RefCell<VecDeque<Vec<u8>>>>,
    next_ref: Rc<Cell<u64>>,
}

impl Desk {
    pub fn new(session: u32) -> Self {
        Self { session, queue: Rc::default(), next_ref: Rc::default() }
    }

    pub fn enter(&self, side: Side, price_nanos: i64, lots: i64, time_in_force: TimeInForce) {
        let mut record = ExchangeEnter::new();
        (record.header.source, record.header.instrument) = (self.session, INSTRUMENT);
        self.next_ref.set(self.next_ref.get() + 1);
        (record.user_ref, record.price_nanos, record.lots) = (self.next_ref.get(), price_nanos, lots);
        (record.side, record.order_type) = (side.code(), OrderType::Limit.code());
        record.time_in_force = time_in_force.code();
        self.queue.borrow_mut().push_back(bytes_of(&record).to_vec());
    }

    /// Trades with what rests at this price or better.
    pub fn hit(&self, side: Side, price_nanos: i64, lots: i64) {
        self.enter(side, price_nanos, lots, TimeInForce::ImmediateOrCancel);
    }

    /// Begins or ends a closing auction.
    pub fn closing(&self, action: AuctionAction) {
        let mut record = ExchangeAuction::new();
        (record.action, record.kind) = (action.code(), AuctionKind::Closing.code());
        (record.header.instrument, record.reference_nanos) = (INSTRUMENT, UNDEF_PRICE);
        self.queue.borrow_mut().push_back(bytes_of(&record).to_vec());
    }

    pub fn bust(&self, match_id: u64) {
        let mut record = ExchangeControl::new();
        (record.action, record.value) = (ExchangeAction::Bust.code(), match_id);
        self.queue.borrow_mut().push_back(bytes_of(&record).to_vec());
    }

    pub fn correct(&self, match_id: u64, price_nanos: i64, lots: i64) {
        let mut record = ExchangeCorrection::new();
        (record.match_id, record.price_nanos, record.lots) = (match_id, price_nanos, lots);
        self.queue.borrow_mut().push_back(bytes_of(&record).to_vec());
    }
}

impl CommandSource for Desk {
    fn next(&mut self, _now_ns: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize> {
        let bytes = self.queue.borrow_mut().pop_front()?;
        out[..bytes.len()].copy_from_slice(&bytes);
        Some(bytes.len())
    }
}

/// A storm that a test can hold.
pub struct Held {
    pub source: Box<dyn CommandSource>,
    pub holds: Rc<Cell<bool>>,
}

impl CommandSource for Held {
    fn next(&mut self, now_ns: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize> {
        if self.holds.get() { None } else { self.source.next(now_ns, out) }
    }
}
