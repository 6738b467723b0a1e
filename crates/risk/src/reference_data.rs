//! Instruments, listings and tick tables, as far as checks need them.
//!
//! Invariant: a listing refers to an instrument and a tick table that are here, and a tick table's rows rise from zero.

use records::{Definition, IdMap, Listing, Side, TICK_ROWS, TickBand, TickRow, UNDEF_PRICE};

use crate::types::{Capacity, Outcome, Refused};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Instrument {
    pub known: bool,
    pub active: bool,
    pub currency: [u8; 4],
    pub units_per_lot_e8: i64,
    pub prior_close_nanos: i64,
    /// Largest numbers where there is no band.
    pub bands_nanos: (i64, i64),
    pub underlying: u32,
    pub sector: u32,
}

records::state_value!(Instrument {
    known,
    active,
    currency,
    units_per_lot_e8,
    prior_close_nanos,
    bands_nanos,
    underlying,
    sector,
});

#[derive(Clone, Copy, Debug)]
pub(crate) struct ListingRow {
    pub tick_table: u32,
    pub increment_lots: i64,
    pub price_min_nanos: i64,
    pub price_max_nanos: i64,
    pub active: bool,
    pub replace_remaining: bool,
}

records::state_value!(ListingRow {
    tick_table,
    increment_lots,
    price_min_nanos,
    price_max_nanos,
    active,
    replace_remaining,
});

/// Rows of one table; unused ones start at the largest price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TickTable {
    rows: [TickRow; TICK_ROWS],
    count: usize,
}

records::state_value!(TickTable { rows, count });

const UNUSED_ROW: TickRow = TickRow { from_nanos: i64::MAX, tick_nanos: 1 };

impl TickTable {
    const EMPTY: Self = Self { rows: [UNUSED_ROW; TICK_ROWS], count: 0 };

    /// Whether a price is a multiple of its band's tick.
    #[inline]
    pub fn holds(&self, price_nanos: i64) -> bool {
        let absolute = price_nanos.saturating_abs();
        let mut tick_nanos = self.rows[0].tick_nanos;
        for row in &self.rows[1..] {
            if absolute < row.from_nanos {
                break;
            }
            tick_nanos = row.tick_nanos;
        }
        absolute % tick_nanos == 0
    }

    /// The next price of the table that is no further than this one: down for a buy, up for a sale.
    pub fn inward(&self, price_nanos: i64, side: Side) -> i64 {
        let absolute = price_nanos.saturating_abs();
        let above = self.rows.iter().take_while(|row| absolute >= row.from_nanos).last();
        let tick_nanos = above.unwrap_or(&self.rows[0]).tick_nanos;
        let off_nanos = price_nanos.rem_euclid(tick_nanos);
        match side {
            Side::Sell if off_nanos != 0 => price_nanos.saturating_add(tick_nanos - off_nanos),
            _ => price_nanos.saturating_sub(off_nanos),
        }
    }
}

#[derive(Debug)]
pub(crate) struct ReferenceTables {
    instruments: Box<[Instrument]>,
    listings: Vec<ListingRow>,
    listing_by_key: IdMap<u32>,
    tick_tables: Box<[TickTable]>,
    /// The one currency of all money here; zeros until the first definition.
    currency: [u8; 4],
}

records::state!(ReferenceTables { instruments, listings, listing_by_key, tick_tables, currency });

/// A definition that was made without bands has zeros there.
fn bands(record: &Definition) -> (i64, i64) {
    let (low, high) = (record.band_low_nanos, record.band_high_nanos);
    if (low, high) == (0, 0) {
        return (i64::MIN, i64::MAX);
    }
    (if low == UNDEF_PRICE { i64::MIN } else { low }, high)
}

fn listing_key(venue: u16, instrument: u32) -> u64 {
    u64::from(venue) << 32 | u64::from(instrument)
}

impl ReferenceTables {
    pub fn new(capacity: &Capacity) -> Self {
        Self {
            instruments: vec![Instrument::default(); capacity.instruments_max + 1].into_boxed_slice(),
            listings: Vec::with_capacity(capacity.listings_max),
            listing_by_key: IdMap::with_capacity(capacity.listings_max),
            tick_tables: vec![TickTable::EMPTY; capacity.tick_tables_max + 1].into_boxed_slice(),
            currency: [0; 4],
        }
    }

    pub fn apply_tick_band(&mut self, record: &TickBand) -> Outcome {
        let Some(table) = self.tick_tables.get_mut(record.table as usize) else {
            return Outcome::Refused(Refused::Capacity);
        };
        let row = TickRow { from_nanos: record.from_nanos, tick_nanos: record.tick_nanos };
        let at = record.row as usize;
        if at >= TICK_ROWS {
            return Outcome::Refused(Refused::Capacity);
        }
        if at < table.count {
            return if table.rows[at] == row { Outcome::Applied } else { Outcome::Refused(Refused::Bound) };
        }
        let rises = if at == 0 { row.from_nanos == 0 } else { row.from_nanos > table.rows[at - 1].from_nanos };
        if at != table.count || !rises || row.tick_nanos <= 0 || row.from_nanos == i64::MAX {
            return Outcome::Refused(Refused::TickTable);
        }
        table.rows[at] = row;
        table.count += 1;
        Outcome::Applied
    }

    /// `bound`: orders may exist, so that what their exposure was computed with is fixed.
    pub fn apply_definition(&mut self, record: &Definition, bound: bool) -> Outcome {
        let id = record.header.instrument as usize;
        if id == 0 || record.units_per_lot_e8 <= 0 {
            return Outcome::Refused(Refused::Value);
        }
        if self.currency != [0; 4] && self.currency != record.currency {
            return Outcome::Refused(Refused::Currency);
        }
        let Some(instrument) = self.instruments.get_mut(id) else {
            return Outcome::Refused(Refused::Capacity);
        };
        let next = Instrument {
            known: true,
            active: record.active == 1,
            currency: record.currency,
            units_per_lot_e8: record.units_per_lot_e8,
            prior_close_nanos: record.prior_close_nanos,
            bands_nanos: bands(record),
            underlying: record.underlying,
            sector: record.sector,
        };
        let fixed = |one: &Instrument| (one.units_per_lot_e8, one.underlying, one.sector);
        if bound && fixed(instrument) != fixed(&next) {
            return Outcome::Refused(Refused::Bound);
        }
        *instrument = next;
        self.currency = record.currency;
        Outcome::Applied
    }

    pub fn apply_listing(&mut self, record: &Listing) -> Outcome {
        let (venue, instrument) = (record.header.venue, record.header.instrument);
        if venue == 0 || self.instrument(instrument).is_none() {
            return Outcome::Refused(Refused::Instrument);
        }
        if self.tick_table(record.tick_table).is_none_or(|table| table.count == 0) {
            return Outcome::Refused(Refused::TickTable);
        }
        if record.increment_lots <= 0 || !matches!(record.replace_quantity, 1 | 2) {
            return Outcome::Refused(Refused::Value);
        }
        let price_max = if record.price_max_nanos == UNDEF_PRICE { i64::MAX - 1 } else { record.price_max_nanos };
        let price_min = if record.price_min_nanos == UNDEF_PRICE { i64::MIN + 1 } else { record.price_min_nanos };
        let row = ListingRow {
            tick_table: record.tick_table,
            increment_lots: record.increment_lots,
            price_min_nanos: price_min,
            price_max_nanos: price_max,
            active: record.active == 1,
            replace_remaining: record.replace_quantity == 2,
        };
        let key = listing_key(venue, instrument);
        if let Some(at) = self.listing_by_key.get(key) {
            self.listings[at as usize] = row;
            return Outcome::Applied;
        }
        if self.listings.len() == self.listings.capacity()
            || !self.listing_by_key.insert(key, self.listings.len() as u32)
        {
            return Outcome::Refused(Refused::Capacity);
        }
        self.listings.push(row);
        Outcome::Applied
    }

    pub fn instrument(&self, id: u32) -> Option<&Instrument> {
        self.instruments.get(id as usize).filter(|instrument| instrument.known)
    }

    /// The listing with its index.
    pub fn listing(&self, venue: u16, instrument: u32) -> Option<(u32, &ListingRow)> {
        self.listing_by_key.get(listing_key(venue, instrument)).map(|at| (at, &self.listings[at as usize]))
    }

    #[inline]
    pub fn tick_table(&self, table: u32) -> Option<&TickTable> {
        self.tick_tables.get(table as usize)
    }
}
