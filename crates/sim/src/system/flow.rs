//! What everybody else does at a venue: orders, cancels and takers around a price that wanders, at a steady rate.
//!
//! Invariant: the seed decides what is ordered; never more orders rest than a bound. It outlives the exchange that it orders at.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use exchange::CommandSource;
use records::{
    ExchangeAction, ExchangeCancel, ExchangeControl, ExchangeCorrection, ExchangeEnter, NANOS, OrderType,
    RECORD_BYTES_MAX, Reason, Side, TimeInForce, bytes_of,
};

use super::configs::{FLOW_SESSION, INSTRUMENT, TICK};
use crate::random::Random;

/// The price that it begins at.
pub const MIDDLE: i64 = 585 * NANOS;
/// Orders of it that rest at most.
const RESTING_MAX: usize = 60;

/// The flow of one venue.
pub struct Flow {
    random: Random,
    next_ref: u64,
    due_ns: u64,
    stop_ns: u64,
    gap_ns: u64,
    middle: i64,
    resting: VecDeque<u64>,
    /// What the venue's own desk does next.
    desk: VecDeque<Vec<u8>>,
    /// Commands made so far.
    pub made: u64,
    /// Has its exchange called at a time.
    wake: Waker,
}

/// Has somebody called then, ns UTC.
pub type Waker = Box<dyn Fn(u64)>;

/// The flow as an exchange takes it; clones are the same flow.
#[derive(Clone)]
pub struct SharedFlow(pub Rc<RefCell<Flow>>);

impl Flow {
    /// A command each `gap_ns` on average, from `start_ns` until `stop_ns`.
    pub fn new(seed: u64, start_ns: u64, stop_ns: u64, gap_ns: u64, wake: Waker) -> Self {
        Self {
            random: Random::new(seed),
            next_ref: 0,
            due_ns: start_ns,
            stop_ns,
            gap_ns,
            middle: MIDDLE,
            resting: VecDeque::new(),
            desk: VecDeque::new(),
            made: 0,
            wake,
        }
    }

    /// The venue breaks a trade.
    pub fn bust(&mut self, match_id: u64) {
        let mut record = ExchangeControl::new();
        (record.action, record.value) = (ExchangeAction::Bust.code(), match_id);
        self.desk.push_back(bytes_of(&record).to_vec());
    }

    /// The venue gives a trade other terms; no price or no lots: as they were.
    pub fn correct(&mut self, match_id: u64, price_nanos: i64, lots: i64) {
        let mut record = ExchangeCorrection::new();
        (record.match_id, record.price_nanos, record.lots) = (match_id, price_nanos, lots);
        self.desk.push_back(bytes_of(&record).to_vec());
    }

    fn enter(&mut self, side: Side, price_nanos: i64, time_in_force: TimeInForce) -> ExchangeEnter {
        let mut record = ExchangeEnter::new();
        (record.header.source, record.header.instrument) = (FLOW_SESSION, INSTRUMENT);
        self.next_ref += 1;
        (record.user_ref, record.price_nanos) = (self.next_ref, price_nanos);
        record.lots = self.random.between(1, 60) as i64;
        (record.side, record.order_type) = (side.code(), OrderType::Limit.code());
        record.time_in_force = time_in_force.code();
        record
    }
}

impl CommandSource for SharedFlow {
    fn next(&mut self, now_ns: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize> {
        let flow = &mut *self.0.borrow_mut();
        if let Some(bytes) = flow.desk.pop_front() {
            out[..bytes.len()].copy_from_slice(&bytes);
            return Some(bytes.len());
        }
        if now_ns < flow.due_ns || now_ns >= flow.stop_ns {
            return None;
        }
        // An exchange that was away for long is not flooded with what was due meanwhile.
        flow.due_ns =
            flow.due_ns.max(now_ns.saturating_sub(64 * flow.gap_ns)) + flow.random.between(1, 2 * flow.gap_ns);
        (flow.wake)(flow.due_ns);
        flow.made += 1;
        let mut put = |bytes: &[u8]| {
            out[..bytes.len()].copy_from_slice(bytes);
            Some(bytes.len())
        };
        let side = if flow.random.between(0, 1) == 0 { Side::Buy } else { Side::Sell };
        let away = flow.random.between(1, 12) as i64 * TICK;
        let kind = flow.random.between(0, 9);
        if flow.resting.len() >= RESTING_MAX || (kind >= 6 && flow.resting.len() > 20) {
            let at = flow.random.between(0, flow.resting.len() as u64 - 1) as usize;
            let mut record = ExchangeCancel::new();
            (record.header.source, record.header.instrument) = (FLOW_SESSION, INSTRUMENT);
            record.user_ref = flow.resting.remove(at)?;
            record.reason = Reason::UserRequested.code();
            return put(bytes_of(&record));
        }
        if kind == 5 {
            let step = [-TICK, 0, 0, TICK][flow.random.between(0, 3) as usize];
            flow.middle = (flow.middle + step).clamp(MIDDLE - 500 * TICK, MIDDLE + 500 * TICK);
            let price = flow.middle + side.sign() * away;
            return put(bytes_of(&flow.enter(side, price, TimeInForce::ImmediateOrCancel)));
        }
        let record = flow.enter(side, flow.middle - side.sign() * away, TimeInForce::Day);
        flow.resting.push_back(record.user_ref);
        put(bytes_of(&record))
    }
}
