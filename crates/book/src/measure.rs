//! The benchmark of ITCH decoding and order-by-order books together.
//!
//! Invariant: the timed part is what a feed does: every message decoded into a record, every record applied; the state
//! hash afterwards shows that nothing was left out.

use std::time::Instant;

use records::{Hash64, Imbalance, MarketOrder, Status, Trade};
use wire::files::Messages;
use wire::normalise::{ItchNormaliser, MarketSink};

use crate::{Batch, Capacity, VenueBooks};

/// What was measured and what came out.
#[derive(Clone, Debug, PartialEq)]
pub struct BooksMeasured {
    /// Messages decoded.
    pub messages: u64,
    /// Bad messages; none is expected.
    pub bad: u64,
    /// Time of decoding and applying, all passes together.
    pub elapsed_ns: u64,
    /// Processor time of the same: less than the elapsed time where other work shares the core.
    pub processor_ns: u64,
    /// Passes over the bytes.
    pub passes: u32,
    /// Records that moved a best price, its lots or its count, one pass.
    pub touch_changes: u64,
    /// Anomalies; none is expected.
    pub anomalies: u64,
    /// Orders resting at the end.
    pub live_orders: u64,
    /// Hash over all books at the end.
    pub hash: u64,
}

/// A 64-bit bijection: dense order numbers become any numbers.
pub const fn scatter(order_ref: u64) -> u64 {
    let mixed = (order_ref ^ (order_ref >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

/// The same messages with every order number passed through [`scatter`].
pub fn scattered(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut rewrite = |at: usize| {
        if let Some(place) = out.get_mut(at..at + 8) {
            let order_ref = u64::from_be_bytes((&*place).try_into().expect("eight bytes"));
            place.copy_from_slice(&scatter(order_ref).to_be_bytes());
        }
    };
    let mut messages = Messages::new(bytes);
    while let Some(message) = messages.next() {
        let Ok(message) = message else { break };
        let start = bytes.len() - messages.rest().len() - message.len();
        if message.first().is_some_and(|code| b"AFECXDU".contains(code)) {
            rewrite(start + 11);
        }
        if message.first() == Some(&b'U') {
            rewrite(start + 19);
        }
    }
    out
}

/// Books and the packet under way.
struct Grouped {
    books: VenueBooks,
    batch: Batch,
    touch_changes: u64,
}

impl Grouped {
    #[inline(always)]
    fn flush(&mut self) {
        let mut touched = 0;
        self.batch.apply(&mut self.books, |_, change| touched += u64::from(change.touch_changed));
        self.touch_changes += touched;
    }
}

impl MarketSink for Grouped {
    #[inline(always)]
    fn market_order(&mut self, record: &MarketOrder) {
        self.batch.push(&self.books, record);
        if self.batch.is_full() {
            self.flush();
        }
    }

    fn trade(&mut self, _record: &Trade) {}

    fn status(&mut self, _record: &Status) {}

    fn imbalance(&mut self, _record: &Imbalance) {}
}

/// Processor time of this thread.
fn processor_time_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the struct that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// Decodes the messages of an ITCH file and keeps the books of all its locates; `passes` times, each from empty books.
pub fn measure_books(bytes: &[u8], capacity: Capacity, passes: u32) -> BooksMeasured {
    let mut normaliser = ItchNormaliser::new(1);
    normaliser.map_all();
    let mut sink = Grouped { books: VenueBooks::new(capacity), batch: Batch::default(), touch_changes: 0 };
    sink.books.touch_memory();
    let mut measured = BooksMeasured {
        messages: 0,
        bad: 0,
        elapsed_ns: 0,
        processor_ns: 0,
        passes,
        touch_changes: 0,
        anomalies: 0,
        live_orders: 0,
        hash: 0,
    };
    for _ in 0..passes {
        sink.books.clear_all();
        sink.touch_changes = 0;
        let (mut messages, mut bad) = (0_u64, 0_u64);
        let (start, processor_start_ns) = (Instant::now(), processor_time_ns());
        for message in Messages::new(bytes) {
            messages += 1;
            bad += u64::from(
                message.and_then(|message| normaliser.normalise(message, messages, messages, 0, &mut sink)).is_err(),
            );
        }
        sink.flush();
        measured.elapsed_ns += u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        measured.processor_ns += processor_time_ns() - processor_start_ns;
        measured.messages += messages;
        measured.bad += bad;
    }
    let mut hash = Hash64::default();
    (0..=capacity.instruments as u32).for_each(|instrument| sink.books.hash(instrument, &mut hash));
    measured.hash = hash.value();
    measured.touch_changes = sink.touch_changes;
    measured.anomalies = sink.books.anomalies().total();
    measured.live_orders = sink.books.live_orders() as u64;
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::itch_flow::generate;

    #[test]
    fn the_stream_is_sound_and_its_numbers_may_be_any() {
        let flow = generate(30_000, 20, 42);
        let capacity = Capacity { instruments: 20, orders: 1 << 16, levels_per_side: 4_096 };
        let dense = measure_books(&flow.bytes, capacity, 1);
        let any = measure_books(&scattered(&flow.bytes), capacity, 2);
        for measured in [&dense, &any] {
            assert_eq!((measured.bad, measured.anomalies), (0, 0));
        }
        assert_eq!(dense.messages, 30_000);
        assert_eq!((dense.live_orders, dense.touch_changes), (any.live_orders, any.touch_changes));
        assert_eq!(generate(30_000, 20, 42).bytes, flow.bytes);
        assert!(flow.mix.len() == 5 && flow.live_orders_max > 1_000, "{:?}", flow.mix);
    }
}
