//! Dense random flow for a stand-in venue: adds, cancels and takers around a price, every hundred microseconds or so.
//!
//! Invariant: the seed decides what is ordered; each life of an exchange has a session of its own for it.

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
