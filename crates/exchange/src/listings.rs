//! Symbols and feed numbers of what is listed, by instrument and by symbol.
//!
//! Invariant: filled by the listings of the sequenced input, before the first order.

use records::ExchangeListing;

/// One listed instrument as the protocols name it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listed {
    pub symbol: [u8; 8],
    pub locate: u16,
    pub round_lot: u32,
    pub known: bool,
}

/// All of them.
pub(crate) struct Listings {
    by_instrument: Vec<Listed>,
    by_symbol: Vec<([u8; 8], u32)>,
}

impl Listings {
    pub fn with_capacity(instruments: usize) -> Self {
        Self { by_instrument: vec![Listed::default(); instruments + 1], by_symbol: Vec::with_capacity(instruments) }
    }

    /// Takes a listing in.
    pub fn list(&mut self, record: &ExchangeListing) {
        let instrument = record.header.instrument;
        let Some(place) = self.by_instrument.get_mut(instrument as usize) else { return };
        let mut symbol = [b' '; 8];
        for (to, from) in symbol.iter_mut().zip(record.symbol) {
            *to = if from == 0 { b' ' } else { from };
        }
        *place = Listed { symbol, locate: record.locate as u16, round_lot: record.round_lot, known: true };
        self.by_symbol.retain(|(_, listed)| *listed != instrument);
        self.by_symbol.push((symbol, instrument));
        self.by_symbol.sort_unstable();
    }

    /// What the protocols call an instrument.
    #[inline]
    pub fn get(&self, instrument: u32) -> Listed {
        self.by_instrument.get(instrument as usize).copied().unwrap_or_default()
    }

    /// The instrument of a symbol; 0 when there is none.
    #[inline]
    pub fn instrument(&self, symbol: [u8; 8]) -> u32 {
        match self.by_symbol.binary_search_by_key(&symbol, |(symbol, _)| *symbol) {
            Ok(at) => self.by_symbol[at].1,
            Err(_) => 0,
        }
    }

    /// The instrument of a symbol without the spaces behind it; 0 when there is none.
    pub fn named(&self, symbol: &[u8]) -> u32 {
        let mut padded = [b' '; 8];
        let Some(place) = padded.get_mut(..symbol.len()) else { return 0 };
        place.copy_from_slice(symbol);
        self.instrument(padded)
    }

    /// Every listed instrument, by id.
    pub fn all(&self) -> impl Iterator<Item = (u32, Listed)> + '_ {
        self.by_instrument
            .iter()
            .enumerate()
            .filter(|(_, listed)| listed.known)
            .map(|(at, listed)| (at as u32, *listed))
    }
}
