//! Books as bytes: what rests, in the order in which it would trade.
//!
//! Invariant: books with the same orders and priorities give the same bytes, however they came to be; they are read back by
//! entering each order as a feed would.

use records::{Side, State, StateError, StateReader, StateValue, StateWriter};

use crate::anomaly::{Anomalies, Anomaly};
use crate::books::VenueBooks;
use crate::orders::SUM;

impl VenueBooks {
    fn save_side(&self, side: u32, out: &mut StateWriter) {
        out.count(self.sides.length(side));
        self.sides.walk(side, |level| {
            let (head, sum) = (self.node(level), self.sum_of(level));
            head.price_nanos().put(out);
            sum.map(|place| self.node(place).lots).put(out);
            (head.extra - u32::from(sum.is_some())).put(out);
            let mut place = head.next;
            while place != level {
                let order = self.node(place);
                if order.extra & SUM == 0 {
                    (order.key, order.lots, order.extra as u8).put(out);
                }
                place = order.next;
            }
            true
        });
    }

    fn load_side(&mut self, side: u32, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let refused = |from: &StateReader<'_>, anomaly: Anomaly| {
            from.wrong(format!("{}; allowed is what a book takes", anomaly.name()))
        };
        for _ in 0..from.of("VenueBooks.sides").count(u32::MAX as usize)? {
            let (price_nanos, sum, orders) = <(i64, Option<i64>, u32)>::take(from)?;
            if let Some(lots) = sum {
                if lots <= 0 || price_nanos == records::UNDEF_PRICE || self.find_level(side, price_nanos).is_some() {
                    return Err(refused(from, Anomaly::BadLots));
                }
                self.set_level_at(side, price_nanos, lots).map_err(|anomaly| refused(from, anomaly))?;
            }
            for _ in 0..orders {
                let (order_ref, lots, flags) = <(u64, i64, u8)>::take(from)?;
                let entered = self.enter(side, order_ref, price_nanos, lots, flags);
                entered.map_err(|anomaly| refused(from, anomaly))?;
            }
        }
        Ok(())
    }
}

impl State for VenueBooks {
    fn save(&self, out: &mut StateWriter) {
        let Self { map: _, prices: _, nodes: _, sides, hints: _, suspect, anomalies, live_orders: _ } = self;
        out.runs(suspect);
        anomalies.put(out);
        let instruments = (0..sides.count() as u32 / 2).filter(|instrument| self.rests(*instrument));
        out.count(instruments.clone().count());
        for instrument in instruments {
            instrument.put(out);
            self.save_side(instrument * 2, out);
            self.save_side(instrument * 2 + 1, out);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.clear_all();
        let instruments = self.sides.count() / 2;
        let mut suspect = vec![false; instruments];
        from.of("VenueBooks.suspect").runs(&mut suspect)?;
        let anomalies = Anomalies::take(from.of("VenueBooks.anomalies"))?;
        for _ in 0..from.of("VenueBooks.sides").count(instruments)? {
            let instrument = from.below::<u32>(instruments)?;
            self.load_side(instrument * 2, from)?;
            self.load_side(instrument * 2 + 1, from)?;
        }
        (self.suspect, self.anomalies) = (suspect, anomalies);
        Ok(())
    }
}

impl VenueBooks {
    fn rests(&self, instrument: u32) -> bool {
        [Side::Buy, Side::Sell].iter().any(|side| self.sides.length(instrument * 2 + side.index() as u32) > 0)
    }
}

#[cfg(test)]
mod tests {
    use records::{BookAction, Hash64, MarketLevel, MarketOrder};

    use super::*;
    use crate::books::Capacity;
    use crate::flow::Random;

    fn books() -> VenueBooks {
        VenueBooks::new(Capacity { instruments: 3, orders: 600, levels_per_side: 90 })
    }

    fn saved(books: &VenueBooks) -> Vec<u8> {
        let mut out = StateWriter::default();
        books.save(&mut out);
        out.into_bytes()
    }

    /// A word of a feed that mixes orders and sums, now and then one that makes no sense.
    fn step(books: &mut VenueBooks, random: &mut Random) {
        let instrument = 1 + random.below(3) as u32;
        let side = 1 + random.below(2) as u8;
        let price_nanos = 100 + random.below(120) as i64;
        if random.below(4) == 0 {
            let mut record = MarketLevel::new();
            (record.header.instrument, record.side, record.price_nanos) = (instrument, side, price_nanos);
            (record.action, record.lots) = (BookAction::Modify as u8, random.below(3) as i64 * 7);
            books.apply_level(&record);
            return;
        }
        let mut record = MarketOrder::new();
        (record.header.instrument, record.header.flags) = (instrument, random.below(4) as u8);
        (record.side, record.price_nanos, record.lots) = (side, price_nanos, 1 + random.below(9) as i64);
        (record.order_ref, record.new_order_ref) = (1 + random.below(700), 1 + random.below(700));
        record.action = match random.below(40) {
            0..=24 => BookAction::Add,
            25..=28 => BookAction::Execute,
            29..=32 => BookAction::Delete,
            33..=35 => BookAction::Replace,
            36..=38 => BookAction::Modify,
            _ => BookAction::Reduce,
        } as u8;
        books.apply(&record);
    }

    #[test]
    fn books_that_are_read_back_go_on_as_those_that_were_written() {
        for seed in 1..40 {
            let (mut random, mut one) = (Random::new(seed), books());
            (0..900).for_each(|_| step(&mut one, &mut random));
            let bytes = saved(&one);
            let mut other = books();
            (0..50).for_each(|_| step(&mut other, &mut Random::new(seed + 1)));
            let mut reader = StateReader::new(&bytes);
            other.load(&mut reader).and_then(|()| reader.end()).unwrap();
            assert_eq!(saved(&other), bytes, "seed {seed}");
            let mut twin = random.clone();
            for at in 0..900 {
                step(&mut one, &mut random);
                step(&mut other, &mut twin);
                let hashes = [&one, &other].map(|books| {
                    let mut hash = Hash64::default();
                    (1..=3).for_each(|instrument| books.hash(instrument, &mut hash));
                    hash.value()
                });
                assert_eq!(hashes[0], hashes[1], "seed {seed}, {at} further on");
            }
            assert_eq!(saved(&other), saved(&one), "seed {seed}");
        }
    }

    #[test]
    fn no_changed_byte_makes_books_panic() {
        let (mut random, mut one) = (Random::new(7), books());
        (0..120).for_each(|_| step(&mut one, &mut random));
        let bytes = saved(&one);
        let (mut other, mut refused) = (books(), 0);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let mut reader = StateReader::new(&changed);
            match other.load(&mut reader).and_then(|()| reader.end()) {
                Ok(()) => assert_ne!(saved(&other), bytes, "byte {at}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > bytes.len() / 8, "{refused} of {} refused", bytes.len());
    }
}
