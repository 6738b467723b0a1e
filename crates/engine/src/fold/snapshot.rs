//! The whole state of an engine as bytes, and an engine from them.
//!
//! Invariant: an engine that was read back goes on as the one that was written: the same outputs, commands and hashes at every
//! later input. Every field of the engine stands in `save` and in `load` by its name, so that none can be forgotten. It is called
//! between two inputs, by shadows, at the end of a run and at a start; never in a pass.

use journal::SETTINGS;
use records::{Hash64, State, StateError, StateReader, StateValue, StateWriter};

use super::cells::SlotCell;
use super::{Engine, NO_LISTING};
use crate::config::EngineConfig;
use crate::host::Host;

/// Which layout the bytes have. A new number with every change of what is written: bytes of another one are not read.
pub const STATE_VERSION: u32 = 2;

/// Why bytes give no engine, with the host as it was before.
pub struct Unrestored {
    /// What is wrong.
    pub error: StateError,
    /// The host: its slots are let go.
    pub host: Box<dyn Host>,
}

impl Engine {
    /// The hash over the whole state as [`Engine::save`] writes it: slow, for the end of a run, standbys and shadows.
    pub fn full_hash(&self) -> u64 {
        Self::hash_of(&self.save())
    }

    /// The full hash of a state that was written.
    pub fn hash_of(state: &[u8]) -> u64 {
        let mut hash = Hash64::default();
        hash.bytes(state);
        hash.value()
    }

    /// All that the fold's future depends on, as bytes: equal states give equal ones.
    pub fn save(&self) -> Vec<u8> {
        let mut writer = StateWriter::default();
        let out = &mut writer;
        self.config.words().save(out);
        self.save_parts(out);
        for cell in &self.venues {
            cell.save(out);
            cell.books.is_some().put(out);
            if let Some(books) = &cell.books {
                books.save(out);
            }
        }
        for cell in &self.slots {
            cell.is_some().put(out);
            if let Some(cell) = cell {
                cell.put(out);
                if cell.loaded {
                    self.host.save_state(cell.record.slot, out);
                }
            }
        }
        self.marked.save(out);
        writer.into_bytes()
    }

    /// An engine that goes on from bytes of [`Engine::save`]. `host` must know the slots' code.
    ///
    /// # Errors
    /// [`Unrestored`] when the bytes are no state of an engine of this build and configuration, or the host lacks the code.
    ///
    /// # Panics
    /// When the configuration has problems ([`EngineConfig::problems`]).
    pub fn restore(config: EngineConfig, host: Box<dyn Host>, state: &[u8]) -> Result<Self, Box<Unrestored>> {
        let mut engine = Self::new(config, host);
        let mut from = StateReader::new(state);
        let read = engine.load(&mut from).and_then(|()| from.end());
        match read {
            Ok(()) => Ok(engine),
            Err(error) => Err(Box::new(Unrestored { error, host: engine.into_host() })),
        }
    }

    /// Its host alone, which lets go of all slots.
    pub fn into_host(self) -> Box<dyn Host> {
        let Self { mut host, .. } = self;
        (0..=u8::MAX).for_each(|slot| host.forget(slot));
        host
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        if self.config.words() != <[u64; SETTINGS]>::take(from.of("Engine.config"))? {
            return Err(from.wrong("the settings of another engine; allowed are this one's".to_owned()));
        }
        self.load_parts(from)?;
        self.list_listings(from)?;
        let capacity = self.config.books();
        for cell in &mut self.venues {
            cell.load(from)?;
            cell.books = if bool::take(from.of("VenueCell.books"))? {
                let mut books = book::VenueBooks::new(capacity);
                books.load(from)?;
                Some(books)
            } else {
                None
            };
        }
        self.load_slots(from)?;
        self.marked.load(from)
    }

    /// Where each listing stands follows from the listings.
    fn list_listings(&mut self, from: &StateReader<'_>) -> Result<(), StateError> {
        self.listing_of.fill(NO_LISTING);
        for (place, listing) in (0_u16..).zip(&self.listings) {
            let (venue, instrument) = (usize::from(listing.venue), listing.instrument as usize);
            if venue > self.config.venues_max || instrument > self.config.instruments_max {
                return Err(
                    from.wrong(format!("instrument {instrument} at venue {venue}; allowed are those configured"))
                );
            }
            self.listing_of[venue * (self.config.instruments_max + 1) + instrument] = place;
        }
        Ok(())
    }

    fn load_slots(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for number in 0..self.slots.len() {
            self.slots[number] = None;
            if !bool::take(from.of("Engine.slots"))? {
                continue;
            }
            let cell = SlotCell::take(from)?;
            if usize::from(cell.record.slot) != number || !cell.fits(self.listings.len()) {
                return Err(
                    from.wrong(format!("slot {number} with lists beyond their room; allowed is what a slot holds"))
                );
            }
            if cell.loaded {
                let loaded = self.host.load(&cell.record);
                loaded.map_err(|_| from.wrong(format!("slot {number}: its strategy's code is not there")))?;
                self.host.load_state(cell.record.slot, from.of("Host.state"))?;
            }
            self.slots[number] = Some(cell);
        }
        Ok(())
    }
}

/// The fields of an engine that are written one after the other; the others by name, so that each is accounted for.
macro_rules! parts {
    ({ $($field:ident),* $(,)? } without { $($other:ident),* $(,)? }) => {
        impl Engine {
            fn save_parts(&self, out: &mut StateWriter) {
                let Self { $($field,)* $($other: _),* } = self;
                $($field.save(out);)*
            }

            fn load_parts(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
                let Self { $($field,)* $($other: _),* } = self;
                $($field.load(from.of(concat!("Engine.", stringify!($field))))?;)*
                Ok(())
            }
        }
    };
}

parts!({
    identity,
    standing,
    started,
    order_counter,
    last_ids,
    input,
    time_ns,
    received_ns,
    limits,
    orders,
    executions,
    positions,
    listings,
    instrument_units_e8,
    marks,
    consolidations,
    ticks,
    queue,
    multi_legs,
    multi_leg_views,
    peers,
    settled,
    rolls_day,
    exposures,
    next_due_ns,
    positions_due_ns,
    usages,
    guards_due_ns,
    risk_slots,
    risk_seen,
    venue_changes,
    signals,
    heard,
    quotes,
    hash,
    statistics,
} without {
    config,
    host,
    venues,
    listing_of,
    slots,
    marked,
    inside,
});
