//! What is exported beside layouts: every enumeration of codes and every constant, by name.
//!
//! Invariant: an enumeration that is stored in records is in [`CODES`] (a test reads the sources to see that none is left out).

/// An enumeration as Python is given it.
#[derive(Clone, Copy, Debug)]
pub struct CodeTable {
    /// The enumeration's name.
    pub name: &'static str,
    /// Bytes of a stored code.
    pub size: usize,
    /// What it is for, a line each.
    pub about: &'static [&'static str],
    /// Name, code and meaning of every variant.
    pub variants: &'static [(&'static str, u64, &'static [&'static str])],
}

/// Every enumeration that is stored in records.
pub const CODES: &[CodeTable] = &[
    crate::header::Kind::TABLE,
    crate::codes::Side::TABLE,
    crate::codes::BookAction::TABLE,
    crate::codes::OrderType::TABLE,
    crate::codes::TimeInForce::TABLE,
    crate::codes::SelfTrade::TABLE,
    crate::codes::OrderEventKind::TABLE,
    crate::codes::Reason::TABLE,
    crate::codes::TradingState::TABLE,
    crate::codes::AuctionKind::TABLE,
    crate::codes::FeedState::TABLE,
    crate::codes::ConsolidatedState::TABLE,
    crate::codes::RegionQuoteState::TABLE,
    crate::codes::NodeLevel::TABLE,
    crate::codes::Metric::TABLE,
    crate::codes::Enforcement::TABLE,
    crate::codes::SelectorKind::TABLE,
    crate::codes::RejectCode::TABLE,
    crate::codes::KillNew::TABLE,
    crate::codes::KillResting::TABLE,
    crate::codes::SlotRun::TABLE,
    crate::control::QuarantineCause::TABLE,
    crate::codes::CallStatus::TABLE,
    crate::codes::BreakKind::TABLE,
    crate::codes::CancelOnDisconnect::TABLE,
    crate::codes::IntentKind::TABLE,
    crate::codes::MultiLegState::TABLE,
    crate::codes::LegState::TABLE,
    crate::codes::MultiLegCause::TABLE,
    crate::codes::LegAsk::TABLE,
    crate::codes::Callback::TABLE,
    crate::codes::SessionState::TABLE,
    crate::codes::BreakerState::TABLE,
    crate::codes::BreakerCause::TABLE,
    crate::codes::OrderState::TABLE,
    crate::codes::InstrumentClass::TABLE,
    crate::exchange::ExchangeAction::TABLE,
    crate::exchange::AuctionAction::TABLE,
    crate::exchange::ExchangeEventKind::TABLE,
    crate::exchange::BookEffect::TABLE,
];

macro_rules! constants {
    ($($name:ident),* $(,)?) => {
        /// Every constant that readers and writers of records need.
        pub const CONSTANTS: &[(&str, i128)] = &[$((stringify!($name), crate::$name as i128)),*];
    };
}

constants! {
    FLAG_LAST, FLAG_SNAPSHOT, FLAG_SYNTHETIC, UNDEF_PRICE, NONE, RECORD_BYTES_MAX, LOTS_MAX, DAY_NS, NANOS, UNITS_E8, ORDER_DAY_ZERO_NS,
    EPOCH_MAX, LISTINGS_MAX, VIEW_LEVELS, WORKING_MAX, INTENTS_MAX, INTENT_QUOTE, TICK_ROWS, BOOK_TWO_SIDED, BOOK_STALE, BOOK_CROSSED,
    BOOK_TRADABLE, REGIONS_MAX, SIGNALS_MAX, SIGNAL_STALE, TILE_CHANNELS_MAX, LEGS_MAX, RISK_NEW_ORDERS, RISK_SIDE, RISK_LIMIT, RISK_VENUE,
    CONSOLIDATED_VENUES_MAX, OUT_STALE, OUT_SILENT, OUT_NOT_TRADING,
    ANSWER_BUSY, ANSWER_UNKNOWN, ANSWER_UNWINDING, ANSWER_CLOSED, ANSWER_DISABLED, ANSWER_LOST,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SOURCES: [&str; 9] = [
        include_str!("codes.rs"),
        include_str!("header.rs"),
        include_str!("market.rs"),
        include_str!("orders.rs"),
        include_str!("control.rs"),
        include_str!("exchange.rs"),
        include_str!("outputs.rs"),
        include_str!("peers.rs"),
        include_str!("strategy.rs"),
    ];

    fn declared(before: &str, after: char) -> BTreeSet<&'static str> {
        let lines = SOURCES.iter().flat_map(|source| source.lines());
        lines.filter_map(|line| line.trim().strip_prefix(before)?.split(after).next()).collect()
    }

    #[test]
    fn every_enumeration_is_exported() {
        let mut wanted = declared("pub enum ", ':');
        wanted.retain(|name| name.chars().all(char::is_alphanumeric));
        assert_eq!(CODES.iter().map(|table| table.name).collect::<BTreeSet<_>>(), wanted);
    }

    #[test]
    fn every_constant_of_the_records_is_exported() {
        let exported: BTreeSet<_> = CONSTANTS.iter().map(|(name, _)| *name).collect();
        for name in declared("pub const ", ':')
            .into_iter()
            .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        {
            assert!(matches!(name, "ALL" | "TABLE" | "FIELDS") || exported.contains(name), "{name} is not exported");
        }
    }
}
