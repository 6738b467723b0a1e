//! How a record describes itself: the macro that declares one, and the layout that numpy and numba are given.
//!
//! Invariant: a declared record has no padding (its fields' sizes add up to its own), so its bytes can be hashed,
//! journaled and compared.

use crate::header::{Header, Kind};

/// Types for which every bit pattern is a value and which hold no padding.
///
/// # Safety
/// Implementors are `Copy`, `repr(C)`, padding-free, and valid for any bytes.
pub unsafe trait Plain: Copy + 'static {
    /// How the type is described to Python.
    const ELEMENT: Element;
}

/// What a field is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// A numpy scalar code without byte order: `i8`, `u4`, `f8`, …
    Scalar(&'static str),
    /// A fixed array of elements.
    Array(&'static Element, usize),
    /// Another record, by name and fields.
    Struct(&'static str, &'static [Field]),
}

/// One field: where it lies and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's name; its last word is its unit where it has one.
    pub name: &'static str,
    /// Bytes from the record's start.
    pub offset: usize,
    /// What lies there.
    pub element: Element,
}

/// A named layout, exported to Python.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The type's name.
    pub name: &'static str,
    /// Its size in bytes.
    pub size: usize,
    /// The record kind, or 0 for a part of records.
    pub kind: u16,
    /// Its fields in order.
    pub fields: &'static [Field],
}

/// A whole record: starts with a [`Header`] whose kind names its type.
pub trait Record: Plain {
    /// The kind its header carries.
    const KIND: Kind;
    /// The version its header carries.
    const VERSION: u8;
    /// The header.
    fn header(&self) -> &Header;
    /// The header, to stamp it.
    fn header_mut(&mut self) -> &mut Header;
}

macro_rules! plain_scalar {
    ($($rust:ty => $code:literal),* $(,)?) => {$(
        // SAFETY: primitive numbers have no padding and any bits are a value.
        unsafe impl Plain for $rust { const ELEMENT: Element = Element::Scalar($code); }
    )*};
}
// tidy: allow(float): strategies may keep floats in their own state; the schema has to name them.
plain_scalar!(u8 => "u1", i8 => "i1", u16 => "u2", i16 => "i2", u32 => "u4", i32 => "i4", u64 => "u8", i64 => "i8", f64 => "f8");

// SAFETY: an array of padding-free elements is padding-free.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {
    const ELEMENT: Element = Element::Array(&T::ELEMENT, N);
}

/// The bytes of a value.
pub fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: Plain types have no padding, so every byte is initialised.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }
}

/// The bytes of a slice of values.
pub fn bytes_of_slice<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: as for `bytes_of`; arrays add no padding.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) }
}

/// Reads a value from the start of `bytes`, at any alignment; `None` when there are too few.
pub fn read_from<T: Plain>(bytes: &[u8]) -> Option<T> {
    if bytes.len() < size_of::<T>() {
        return None;
    }
    // SAFETY: the length was checked and any bits are a T.
    Some(unsafe { std::ptr::read_unaligned(bytes.as_ptr().cast::<T>()) })
}

/// A value that lies at the start of `bytes`, where it lies; `None` when there are too few or they are not aligned for it.
#[inline(always)]
pub fn view_of<T: Plain>(bytes: &[u8]) -> Option<&T> {
    let start = bytes.as_ptr().cast::<T>();
    if bytes.len() < size_of::<T>() || !start.is_aligned() {
        return None;
    }
    // SAFETY: length and alignment were checked, any bits are a T, and the bytes live as long as the view.
    Some(unsafe { &*start })
}

/// Declares a part of records: `repr(C)`, size pinned, no padding, layout exported.
macro_rules! part {
    ($(#[$doc:meta])* pub struct $name:ident [$size:literal] { $($(#[$field_doc:meta])* pub $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $ty,)* }

        const _: () = {
            assert!(size_of::<$name>() == $size, concat!(stringify!($name), ": the pinned size is off"));
            assert!($size % 8 == 0, "records are multiples of 8 bytes");
            assert!(0 $(+ size_of::<$ty>())* == $size, concat!(stringify!($name), ": padding between fields"));
        };

        // SAFETY: repr(C), all fields Plain (checked by naming their ELEMENT), and no padding (asserted above).
        unsafe impl $crate::layout::Plain for $name {
            const ELEMENT: $crate::layout::Element = $crate::layout::Element::Struct(stringify!($name), Self::FIELDS);
        }

        impl $name {
            /// Where each field lies.
            pub const FIELDS: &'static [$crate::layout::Field] = &[$($crate::layout::Field {
                name: stringify!($field),
                offset: std::mem::offset_of!($name, $field),
                element: <$ty as $crate::layout::Plain>::ELEMENT,
            }),*];

            /// All bytes zero: every absent id, no flag, no price.
            pub const fn zeroed() -> Self {
                // SAFETY: Plain types are valid for any bytes.
                unsafe { std::mem::zeroed() }
            }
        }

        impl Default for $name {
            fn default() -> Self { Self::zeroed() }
        }

        impl $crate::StateValue for $name {
            fn put(&self, out: &mut $crate::StateWriter) {
                out.bytes($crate::bytes_of(self));
            }

            fn take(from: &mut $crate::StateReader<'_>) -> Result<Self, $crate::StateError> {
                let bytes = from.bytes($size)?;
                Ok($crate::read_from(bytes).expect("as many as were asked for"))
            }
        }
    };
}

/// Declares a whole record: a part whose first field is the header, with its kind and version.
macro_rules! record {
    ($(#[$doc:meta])* pub struct $name:ident [$size:literal] v $version:literal { $($body:tt)* }) => {
        $crate::layout::part! {
            $(#[$doc])*
            pub struct $name [$size] {
                /// Kind, version, venue, instrument, sequence, times.
                pub header: $crate::header::Header,
                $($body)*
            }
        }

        const _: () = assert!($size <= $crate::RECORD_BYTES_MAX);

        impl $crate::layout::Record for $name {
            const KIND: $crate::header::Kind = $crate::header::Kind::$name;
            const VERSION: u8 = $version;
            fn header(&self) -> &$crate::header::Header { &self.header }
            fn header_mut(&mut self) -> &mut $crate::header::Header { &mut self.header }
        }

        impl $name {
            /// An empty record with its kind, version and length set.
            pub const fn new() -> Self {
                let mut record = Self::zeroed();
                record.header.kind = $crate::header::Kind::$name as u16;
                record.header.version = $version;
                record.header.length = $size;
                record
            }
        }
    };
}

pub(crate) use {part, record};

macro_rules! layouts {
    ($($module:ident :: $name:ident = $kind:expr),* $(,)?) => {
        /// Every layout, for export.
        pub const LAYOUTS: &[Layout] = &[$(Layout {
            name: stringify!($name),
            size: size_of::<crate::$module::$name>(),
            kind: $kind,
            fields: crate::$module::$name::FIELDS,
        }),*];
    };
}

layouts! {
    header::Header = 0, header::Stamp = 0, money::MoneyNanos = 0, orders::Owner = 0, strategy::Level = 0,
    fix::FixStoreEntry = 0, fix::FixStoreNumbers = 0, fix::FixStoreSaid = 0,
    fix::FixSessionEnding = 0,
    market::MarketOrder = Kind::MarketOrder as u16, market::MarketLevel = Kind::MarketLevel as u16,
    market::Trade = Kind::Trade as u16, market::Status = Kind::Status as u16, market::Imbalance = Kind::Imbalance as u16,
    market::Definition = Kind::Definition as u16, market::Listing = Kind::Listing as u16,
    market::TickBand = Kind::TickBand as u16,
    orders::NewOrder = Kind::NewOrder as u16, orders::ReplaceOrder = Kind::ReplaceOrder as u16,
    orders::CancelOrder = Kind::CancelOrder as u16, orders::MassCancel = Kind::MassCancel as u16, orders::QuoteSet = Kind::QuoteSet as u16,
    orders::OrderEvent = Kind::OrderEvent as u16,
    control::Node = Kind::Node as u16, control::LimitSet = Kind::LimitSet as u16,
    control::Allocation = Kind::Allocation as u16, control::Kill = Kind::Kill as u16,
    control::Slot = Kind::Slot as u16, control::SlotBind = Kind::SlotBind as u16,
    control::StrategyControl = Kind::StrategyControl as u16, control::Parameter = Kind::Parameter as u16,
    control::Timer = Kind::Timer as u16, control::Session = Kind::Session as u16, control::DayRoll = Kind::DayRoll as u16,
    control::SnapshotMark = Kind::SnapshotMark as u16, control::Intent = Kind::Intent as u16,
    control::Signal = Kind::Signal as u16, control::EngineStart = Kind::EngineStart as u16,
    control::StateRequest = Kind::StateRequest as u16, control::Permission = Kind::Permission as u16,
    control::EpochSet = Kind::EpochSet as u16, control::ReferenceSet = Kind::ReferenceSet as u16,
    control::VenueSession = Kind::VenueSession as u16, control::RegionPosition = Kind::RegionPosition as u16,
    control::RegionQuote = Kind::RegionQuote as u16, control::KeptState = Kind::KeptState as u16,
    peers::Peer = Kind::Peer as u16, peers::ExecutorRequest = Kind::ExecutorRequest as u16,
    peers::ExecutorAnswer = Kind::ExecutorAnswer as u16,
    standby::InputFrame = Kind::InputFrame as u16, standby::LeaderMark = Kind::LeaderMark as u16,
    standby::StandbyWord = Kind::StandbyWord as u16, standby::Lead = Kind::Lead as u16,
    standby::Cede = Kind::Cede as u16,
    control::Quarantine = Kind::Quarantine as u16,
    control::Restricted = Kind::Restricted as u16, control::SessionGuard = Kind::SessionGuard as u16,
    control::SessionReset = Kind::SessionReset as u16,
    outputs::RiskReject = Kind::RiskReject as u16, outputs::SlotState = Kind::SlotState as u16,
    outputs::Position = Kind::Position as u16, outputs::Break = Kind::Break as u16,
    outputs::Applied = Kind::Applied as u16, outputs::Heartbeat = Kind::Heartbeat as u16,
    outputs::LimitWarning = Kind::LimitWarning as u16, control::Resync = Kind::Resync as u16,
    outputs::LimitUsage = Kind::LimitUsage as u16, outputs::SessionHealth = Kind::SessionHealth as u16,
    outputs::MultiLeg = Kind::MultiLeg as u16,
    exchange::ExchangeEnter = Kind::ExchangeEnter as u16,
    exchange::ExchangeReplace = Kind::ExchangeReplace as u16,
    exchange::ExchangeCancel = Kind::ExchangeCancel as u16,
    exchange::ExchangeMassCancel = Kind::ExchangeMassCancel as u16,
    exchange::ExchangeControl = Kind::ExchangeControl as u16,
    exchange::ExchangeListing = Kind::ExchangeListing as u16,
    exchange::ExchangeSession = Kind::ExchangeSession as u16,
    exchange::ExchangeRequest = Kind::ExchangeRequest as u16,
    exchange::ExchangeCorrection = Kind::ExchangeCorrection as u16,
    exchange::ExchangeAuction = Kind::ExchangeAuction as u16,
    exchange::ExchangeEvent = Kind::ExchangeEvent as u16,
    exchange::ExchangeIndication = Kind::ExchangeIndication as u16,
    strategy::BookView = 0, strategy::TradeView = 0, strategy::StatusView = 0, strategy::OrderView = 0,
    strategy::FillView = 0, strategy::TimerView = 0,
    strategy::TickRow = 0, strategy::ListingView = 0, strategy::WorkingOrder = 0, strategy::OrderIntent = 0,
    strategy::VenueTop = 0, strategy::ConsolidatedView = 0, strategy::ConsolidatedTop = 0,
    strategy::QueuePlace = 0, strategy::ListingState = 0, strategy::RegionView = 0, strategy::ListingRegions = 0,
    strategy::RiskView = 0, strategy::AuctionView = 0, strategy::SignalView = 0, strategy::LegView = 0,
    strategy::MultiLegView = 0, strategy::OrdersView = 0,
}
