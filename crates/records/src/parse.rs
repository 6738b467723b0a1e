//! From bytes of a link or journal to a record.
//!
//! Invariant: bytes of any origin give a record or an error, never undefined behaviour.

use crate::header::{Header, Kind};
use crate::layout::{Record, read_from};
use crate::{control, exchange, market, orders, outputs, peers, standby};

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Fewer bytes than a header or than the header's length.
    Short,
    /// A kind this build does not know.
    UnknownKind(u16),
    /// A version this build does not know.
    UnknownVersion(u16, u8),
    /// The header's length is not the kind's.
    Length(u16, u16),
}

macro_rules! parser {
    ($($module:ident :: $name:ident),* $(,)?) => {
        /// A record by kind (copied out of the bytes: links do not promise alignment).
        #[derive(Clone, Copy, Debug)]
        #[allow(clippy::large_enum_variant, missing_docs)]
        pub enum RecordRef { $($name($module::$name),)* }

        impl RecordRef {
            /// The record's bytes.
            pub fn as_bytes(&self) -> &[u8] {
                match self { $(Self::$name(record) => crate::bytes_of(record),)* }
            }
        }

        /// Reads the record at the start of `bytes`.
        ///
        /// # Errors
        /// [`ParseError`] when the bytes are no record of this build.
        #[inline]
        pub fn parse(bytes: &[u8]) -> Result<RecordRef, ParseError> {
            let header: Header = read_from(bytes).ok_or(ParseError::Short)?;
            match header.kind() {
                $(Some(Kind::$name) => {
                    type Type = $module::$name;
                    if header.version != Type::VERSION { return Err(ParseError::UnknownVersion(header.kind, header.version)); }
                    if usize::from(header.length) != size_of::<Type>() { return Err(ParseError::Length(header.kind, header.length)); }
                    read_from::<Type>(bytes).map(RecordRef::$name).ok_or(ParseError::Short)
                })*
                None => Err(ParseError::UnknownKind(header.kind)),
            }
        }

        /// How far the schema has come: the versions of all kinds added up. It grows with every kind and every version that is added,
        /// so that who keeps records can say which build may read them.
        pub const SCHEMA: u32 = 0 $(+ <$module::$name as Record>::VERSION as u32)*;

        /// The version that this build writes and reads of a kind.
        pub const fn version_of(kind: Kind) -> u8 {
            match kind { $(Kind::$name => <$module::$name as Record>::VERSION,)* }
        }
    };
}

parser! {
    market::MarketOrder, market::MarketLevel, market::Trade, market::Status, market::Imbalance, market::Definition,
    market::Listing, market::TickBand,
    orders::NewOrder, orders::ReplaceOrder, orders::CancelOrder, orders::MassCancel, orders::QuoteSet, orders::OrderEvent,
    control::Node, control::LimitSet, control::Allocation, control::Kill, control::Slot, control::SlotBind,
    control::StrategyControl, control::Parameter, control::Timer, control::Session, control::DayRoll,
    control::SnapshotMark, control::Intent, control::Signal, control::EngineStart, control::Resync,
    control::StateRequest, control::Permission, control::Restricted, control::VenueSession, control::SessionGuard, control::SessionReset,
    control::EpochSet, control::ReferenceSet, control::RegionPosition, control::RegionQuote, control::KeptState,
    control::Quarantine,
    peers::Peer, peers::ExecutorRequest, peers::ExecutorAnswer,
    standby::InputFrame, standby::LeaderMark, standby::StandbyWord, standby::Lead, standby::Cede,
    outputs::RiskReject, outputs::SlotState, outputs::Position, outputs::Break, outputs::Applied, outputs::Heartbeat,
    outputs::LimitWarning, outputs::LimitUsage, outputs::SessionHealth, outputs::MultiLeg,
    exchange::ExchangeEnter, exchange::ExchangeReplace, exchange::ExchangeCancel, exchange::ExchangeMassCancel, exchange::ExchangeControl,
    exchange::ExchangeListing, exchange::ExchangeSession, exchange::ExchangeRequest, exchange::ExchangeCorrection,
    exchange::ExchangeAuction, exchange::ExchangeEvent, exchange::ExchangeIndication,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LAYOUTS, MarketOrder, bytes_of};

    #[test]
    fn a_record_is_read_back_at_any_alignment() {
        let mut order = MarketOrder::new();
        order.lots = 7;
        let mut bytes = vec![0];
        bytes.extend_from_slice(bytes_of(&order));
        assert!(matches!(parse(&bytes[1..]), Ok(RecordRef::MarketOrder(read)) if read == order));
    }

    #[test]
    fn foreign_bytes_are_errors() {
        let order = MarketOrder::new();
        let bytes = bytes_of(&order);
        assert!(matches!(parse(&bytes[..39]), Err(ParseError::Short)));
        assert!(matches!(parse(&bytes[..95]), Err(ParseError::Short)));
        let mut other = bytes.to_vec();
        other[0] = 0xff;
        assert!(matches!(parse(&other), Err(ParseError::UnknownKind(0xff))));
        let mut other = bytes.to_vec();
        other[2] = 9;
        assert!(matches!(parse(&other), Err(ParseError::UnknownVersion(1, 9))));
        let mut other = bytes.to_vec();
        other[6] = 8;
        assert!(matches!(parse(&other), Err(ParseError::Length(1, 8))));
    }

    #[test]
    fn every_kind_has_one_layout() {
        for (kind, name, code) in Kind::ALL {
            let found: Vec<_> = LAYOUTS.iter().filter(|layout| u64::from(layout.kind) == *code).collect();
            assert_eq!(found.len(), 1, "{kind:?}");
            assert_eq!(found[0].name, *name);
        }
    }
}
