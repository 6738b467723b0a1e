//! Messages of an ITCH file, and the decoding benchmark over one.
//!
//! Two framings are met: two length bytes before each message (a length of 0 ends the file), and the same bytes left
//! zero throughout, where the length follows from the type.
//!
//! Invariant: iteration ends; every byte of the file is in a message, in its length bytes, or counted as left over.

use crate::error::WireError;
use crate::itch50;
use crate::normalise::{ItchNormaliser, MarketSink};
use records::{Imbalance, MarketOrder, Plain, Status, Trade, bytes_of};

/// The messages of a file, in order.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    sized_by_type: bool,
}

impl<'a> Messages<'a> {
    /// Over a whole file; its framing is found from the first bytes.
    pub fn new(file: &'a [u8]) -> Self {
        let sized_by_type = file.len() > 2 && file[..2] == [0, 0] && size_of_type(file[2]).is_some();
        Self { rest: file, sized_by_type }
    }

    /// Over other bytes of the same file, in the framing that was found: for readers that see a file piece by piece.
    pub const fn with<'b>(&self, bytes: &'b [u8]) -> Messages<'b> {
        Messages { rest: bytes, sized_by_type: self.sized_by_type }
    }

    /// What was not read (yet).
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn length(&self) -> Option<Result<usize, WireError>> {
        let prefix = self.rest.first_chunk::<2>()?;
        if !self.sized_by_type {
            let length = usize::from(u16::from_be_bytes(*prefix));
            return (length > 0).then_some(Ok(length));
        }
        let code = *self.rest.get(2)?;
        Some(size_of_type(code).ok_or(WireError::UnknownType { code, skip: self.rest.len() }))
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<&'a [u8], WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let length = match self.length()? {
            Ok(length) => length,
            Err(error) => {
                self.rest = &[];
                return Some(Err(error));
            }
        };
        let Some(message) = self.rest.get(2..2 + length) else {
            let found = self.rest.len() - 2;
            self.rest = &[];
            return Some(Err(WireError::Truncated { needed: length, found }));
        };
        self.rest = &self.rest[2 + length..];
        Some(Ok(message))
    }
}

fn size_of_type(code: u8) -> Option<usize> {
    itch50::PROTOCOL.by_code(None, code).map(|message| message.size)
}

/// What the benchmark did: enough to see that nothing was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Good messages.
    pub messages: u64,
    /// Records they gave.
    pub records: u64,
    /// Bad messages.
    pub bad: u64,
    /// Hash over every word of every record, in order.
    pub hash: u64,
}

/// Decodes a whole file into normalised records, every field of which enters an order-dependent hash.
pub fn decode_all(file: &[u8]) -> Decoded {
    let mut normaliser = ItchNormaliser::new(1);
    normaliser.map_all();
    let mut sink = HashSink { hash: 0x9e37_79b9_7f4a_7c15, records: 0 };
    let mut done = Decoded::default();
    for message in Messages::new(file) {
        let sequence = done.messages + 1;
        match message.and_then(|message| normaliser.normalise(message, sequence, sequence, 0, &mut sink)) {
            Ok(_) => done.messages += 1,
            Err(_) => done.bad += 1,
        }
    }
    Decoded { records: sink.records, hash: sink.hash, ..done }
}

/// Hashes records as they come: the words of a record are mixed pairwise (so that the multiplications overlap), the
/// result is chained, so that the order of records counts. Not for keys chosen by an adversary.
struct HashSink {
    hash: u64,
    records: u64,
}

/// Odd, without structure; one for each word of the longest market record.
const MIX: [u64; 12] = [
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
    0x8ebc_6af0_9c88_c6e3,
    0x5899_65cc_7537_4cc3,
    0x1d8e_4e27_c47d_124f,
    0xeb44_acca_b455_d165,
    0x9e37_79b9_7f4a_7c15,
    0xd6e8_feb8_6659_fd93,
    0xc2b2_ae3d_27d4_eb4f,
    0x1656_67b1_9e37_79f9,
    0x85eb_ca77_c2b2_ae63,
    0x27d4_eb2f_1656_67c5,
];

impl HashSink {
    #[inline(always)]
    fn add<T: Plain>(&mut self, record: &T) {
        let mut mixed = 0_u64;
        for (at, pair) in bytes_of(record).as_chunks::<16>().0.iter().enumerate() {
            let (first, second) = pair.split_at(8);
            let first = u64::from_le_bytes(first.try_into().expect("8 of 16")) ^ MIX[2 * at % 12];
            let second = u64::from_le_bytes(second.try_into().expect("8 of 16")) ^ MIX[(2 * at + 1) % 12];
            let product = u128::from(first) * u128::from(second);
            mixed = mixed.wrapping_add(product as u64 ^ (product >> 64) as u64);
        }
        self.hash = (self.hash ^ mixed).wrapping_mul(MIX[0]).rotate_left(29);
        self.records += 1;
    }
}

impl MarketSink for HashSink {
    #[inline(always)]
    fn market_order(&mut self, record: &MarketOrder) {
        self.add(record);
    }

    fn trade(&mut self, record: &Trade) {
        self.add(record);
    }

    fn status(&mut self, record: &Status) {
        self.add(record);
    }

    fn imbalance(&mut self, record: &Imbalance) {
        self.add(record);
    }
}
