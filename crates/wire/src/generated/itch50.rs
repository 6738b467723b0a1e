//! Nasdaq TotalView-ITCH 5.0. Made by tools/gen.py from venues/nasdaq/wire/itch50.toml: change the table, then
//! run `make gen`.
//!
//! Order-by-order market data. A message starts with its type; its length comes from the framing around it
//! (MoldUDP64, SoupBinTCP, or two length bytes in files).

use crate::check;
use crate::error::WireError;
use crate::load;

/// The market or the feed reached a point of its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemEvent<'a> {
    fixed: &'a [u8; 12],
}
impl<'a> SystemEvent<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'S';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 12;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Which point.
    #[inline]
    pub fn event_code(self) -> u8 {
        load::u8(self.fixed, 11)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> SystemEventFields {
        SystemEventFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            event_code: self.event_code(),
        }
    }
}

/// What a [`SystemEvent`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemEventFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Which point.
    pub event_code: u8,
}
impl Default for SystemEventFields {
    fn default() -> Self {
        Self { stock_locate: 0, tracking_number: 0, timestamp: 0, event_code: b' ' }
    }
}
impl SystemEventFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 12;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<12>(out);
        fixed[0] = b'S';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u8(fixed, 11, self.event_code);
        12
    }
}

/// A security and its locate number for the day; sent before the open for every security.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockDirectory<'a> {
    fixed: &'a [u8; 39],
}
impl<'a> StockDirectory<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'R';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 39;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 11)
    }
    /// Listing market.
    #[inline]
    pub fn market_category(self) -> u8 {
        load::u8(self.fixed, 19)
    }
    /// Standing of the issuer.
    #[inline]
    pub fn financial_status_indicator(self) -> u8 {
        load::u8(self.fixed, 20)
    }
    /// Shares of a round lot.
    #[inline]
    pub fn round_lot_size(self) -> u32 {
        load::u32(self.fixed, 21)
    }
    /// Whether only round lots are taken.
    #[inline]
    pub fn round_lots_only(self) -> u8 {
        load::u8(self.fixed, 25)
    }
    /// Class of the security.
    #[inline]
    pub fn issue_classification(self) -> u8 {
        load::u8(self.fixed, 26)
    }
    /// Sub-type of the class.
    #[inline]
    pub fn issue_sub_type(self) -> [u8; 2] {
        load::text(self.fixed, 27)
    }
    /// Production or test.
    #[inline]
    pub fn authenticity(self) -> u8 {
        load::u8(self.fixed, 29)
    }
    /// Whether it is on the threshold list of short sales.
    #[inline]
    pub fn short_sale_threshold_indicator(self) -> u8 {
        load::u8(self.fixed, 30)
    }
    /// Whether an offering is set up.
    #[inline]
    pub fn ipo_flag(self) -> u8 {
        load::u8(self.fixed, 31)
    }
    /// Tier of the price bands.
    #[inline]
    pub fn luld_reference_price_tier(self) -> u8 {
        load::u8(self.fixed, 32)
    }
    /// Whether it is an exchange-traded product.
    #[inline]
    pub fn etp_flag(self) -> u8 {
        load::u8(self.fixed, 33)
    }
    /// Leverage of the product, whole.
    #[inline]
    pub fn etp_leverage_factor(self) -> u32 {
        load::u32(self.fixed, 34)
    }
    /// Whether the product is inverse.
    #[inline]
    pub fn inverse_indicator(self) -> u8 {
        load::u8(self.fixed, 38)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> StockDirectoryFields {
        StockDirectoryFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            stock: self.stock(),
            market_category: self.market_category(),
            financial_status_indicator: self.financial_status_indicator(),
            round_lot_size: self.round_lot_size(),
            round_lots_only: self.round_lots_only(),
            issue_classification: self.issue_classification(),
            issue_sub_type: self.issue_sub_type(),
            authenticity: self.authenticity(),
            short_sale_threshold_indicator: self.short_sale_threshold_indicator(),
            ipo_flag: self.ipo_flag(),
            luld_reference_price_tier: self.luld_reference_price_tier(),
            etp_flag: self.etp_flag(),
            etp_leverage_factor: self.etp_leverage_factor(),
            inverse_indicator: self.inverse_indicator(),
        }
    }
}

/// What a [`StockDirectory`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockDirectoryFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Symbol.
    pub stock: [u8; 8],
    /// Listing market.
    pub market_category: u8,
    /// Standing of the issuer.
    pub financial_status_indicator: u8,
    /// Shares of a round lot.
    pub round_lot_size: u32,
    /// Whether only round lots are taken.
    pub round_lots_only: u8,
    /// Class of the security.
    pub issue_classification: u8,
    /// Sub-type of the class.
    pub issue_sub_type: [u8; 2],
    /// Production or test.
    pub authenticity: u8,
    /// Whether it is on the threshold list of short sales.
    pub short_sale_threshold_indicator: u8,
    /// Whether an offering is set up.
    pub ipo_flag: u8,
    /// Tier of the price bands.
    pub luld_reference_price_tier: u8,
    /// Whether it is an exchange-traded product.
    pub etp_flag: u8,
    /// Leverage of the product, whole.
    pub etp_leverage_factor: u32,
    /// Whether the product is inverse.
    pub inverse_indicator: u8,
}
impl Default for StockDirectoryFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            stock: [b' '; 8],
            market_category: b' ',
            financial_status_indicator: b' ',
            round_lot_size: 0,
            round_lots_only: b' ',
            issue_classification: b' ',
            issue_sub_type: [b' '; 2],
            authenticity: b' ',
            short_sale_threshold_indicator: b' ',
            ipo_flag: b' ',
            luld_reference_price_tier: b' ',
            etp_flag: b' ',
            etp_leverage_factor: 0,
            inverse_indicator: b' ',
        }
    }
}
impl StockDirectoryFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 39;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<39>(out);
        fixed[0] = b'R';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_text(fixed, 11, self.stock);
        load::put_u8(fixed, 19, self.market_category);
        load::put_u8(fixed, 20, self.financial_status_indicator);
        load::put_u32(fixed, 21, self.round_lot_size);
        load::put_u8(fixed, 25, self.round_lots_only);
        load::put_u8(fixed, 26, self.issue_classification);
        load::put_text(fixed, 27, self.issue_sub_type);
        load::put_u8(fixed, 29, self.authenticity);
        load::put_u8(fixed, 30, self.short_sale_threshold_indicator);
        load::put_u8(fixed, 31, self.ipo_flag);
        load::put_u8(fixed, 32, self.luld_reference_price_tier);
        load::put_u8(fixed, 33, self.etp_flag);
        load::put_u32(fixed, 34, self.etp_leverage_factor);
        load::put_u8(fixed, 38, self.inverse_indicator);
        39
    }
}

/// The trading state of a security.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockTradingAction<'a> {
    fixed: &'a [u8; 25],
}
impl<'a> StockTradingAction<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'H';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 25;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 11)
    }
    /// State from now on.
    #[inline]
    pub fn trading_state(self) -> u8 {
        load::u8(self.fixed, 19)
    }
    /// Reserved.
    #[inline]
    pub fn reserved(self) -> u8 {
        load::u8(self.fixed, 20)
    }
    /// Reason code of the state.
    #[inline]
    pub fn reason(self) -> [u8; 4] {
        load::text(self.fixed, 21)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> StockTradingActionFields {
        StockTradingActionFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            stock: self.stock(),
            trading_state: self.trading_state(),
            reserved: self.reserved(),
            reason: self.reason(),
        }
    }
}

/// What a [`StockTradingAction`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockTradingActionFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Symbol.
    pub stock: [u8; 8],
    /// State from now on.
    pub trading_state: u8,
    /// Reserved.
    pub reserved: u8,
    /// Reason code of the state.
    pub reason: [u8; 4],
}
impl Default for StockTradingActionFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            stock: [b' '; 8],
            trading_state: b' ',
            reserved: b' ',
            reason: [b' '; 4],
        }
    }
}
impl StockTradingActionFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 25;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<25>(out);
        fixed[0] = b'H';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_text(fixed, 11, self.stock);
        load::put_u8(fixed, 19, self.trading_state);
        load::put_u8(fixed, 20, self.reserved);
        load::put_text(fixed, 21, self.reason);
        25
    }
}

/// Whether short sales of a security are under the price test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegShoRestriction<'a> {
    fixed: &'a [u8; 20],
}
impl<'a> RegShoRestriction<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'Y';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 20;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 11)
    }
    /// State of the price test.
    #[inline]
    pub fn reg_sho_action(self) -> u8 {
        load::u8(self.fixed, 19)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> RegShoRestrictionFields {
        RegShoRestrictionFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            stock: self.stock(),
            reg_sho_action: self.reg_sho_action(),
        }
    }
}

/// What a [`RegShoRestriction`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegShoRestrictionFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Symbol.
    pub stock: [u8; 8],
    /// State of the price test.
    pub reg_sho_action: u8,
}
impl Default for RegShoRestrictionFields {
    fn default() -> Self {
        Self { stock_locate: 0, tracking_number: 0, timestamp: 0, stock: [b' '; 8], reg_sho_action: b' ' }
    }
}
impl RegShoRestrictionFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 20;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<20>(out);
        fixed[0] = b'Y';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_text(fixed, 11, self.stock);
        load::put_u8(fixed, 19, self.reg_sho_action);
        20
    }
}

/// A market maker's registration in a security.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketParticipantPosition<'a> {
    fixed: &'a [u8; 26],
}
impl<'a> MarketParticipantPosition<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'L';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 26;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Market participant.
    #[inline]
    pub fn mpid(self) -> [u8; 4] {
        load::text(self.fixed, 11)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 15)
    }
    /// Whether it is a primary market maker.
    #[inline]
    pub fn primary_market_maker(self) -> u8 {
        load::u8(self.fixed, 23)
    }
    /// Mode of quoting.
    #[inline]
    pub fn market_maker_mode(self) -> u8 {
        load::u8(self.fixed, 24)
    }
    /// State of the registration.
    #[inline]
    pub fn market_participant_state(self) -> u8 {
        load::u8(self.fixed, 25)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> MarketParticipantPositionFields {
        MarketParticipantPositionFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            mpid: self.mpid(),
            stock: self.stock(),
            primary_market_maker: self.primary_market_maker(),
            market_maker_mode: self.market_maker_mode(),
            market_participant_state: self.market_participant_state(),
        }
    }
}

/// What a [`MarketParticipantPosition`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketParticipantPositionFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Market participant.
    pub mpid: [u8; 4],
    /// Symbol.
    pub stock: [u8; 8],
    /// Whether it is a primary market maker.
    pub primary_market_maker: u8,
    /// Mode of quoting.
    pub market_maker_mode: u8,
    /// State of the registration.
    pub market_participant_state: u8,
}
impl Default for MarketParticipantPositionFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            mpid: [b' '; 4],
            stock: [b' '; 8],
            primary_market_maker: b' ',
            market_maker_mode: b' ',
            market_participant_state: b' ',
        }
    }
}
impl MarketParticipantPositionFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 26;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<26>(out);
        fixed[0] = b'L';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_text(fixed, 11, self.mpid);
        load::put_text(fixed, 15, self.stock);
        load::put_u8(fixed, 23, self.primary_market_maker);
        load::put_u8(fixed, 24, self.market_maker_mode);
        load::put_u8(fixed, 25, self.market_participant_state);
        26
    }
}

/// Index levels of the market-wide circuit breaker for the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MwcbDeclineLevel<'a> {
    fixed: &'a [u8; 35],
}
impl<'a> MwcbDeclineLevel<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'V';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 35;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// First level.
    #[inline]
    pub fn level_1(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// Second level.
    #[inline]
    pub fn level_2(self) -> u64 {
        load::u64(self.fixed, 19)
    }
    /// Third level.
    #[inline]
    pub fn level_3(self) -> u64 {
        load::u64(self.fixed, 27)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> MwcbDeclineLevelFields {
        MwcbDeclineLevelFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            level_1: self.level_1(),
            level_2: self.level_2(),
            level_3: self.level_3(),
        }
    }
}

/// What a [`MwcbDeclineLevel`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MwcbDeclineLevelFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// First level.
    pub level_1: u64,
    /// Second level.
    pub level_2: u64,
    /// Third level.
    pub level_3: u64,
}

impl MwcbDeclineLevelFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 35;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<35>(out);
        fixed[0] = b'V';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.level_1);
        load::put_u64(fixed, 19, self.level_2);
        load::put_u64(fixed, 27, self.level_3);
        35
    }
}

/// A level of the market-wide circuit breaker was breached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MwcbStatus<'a> {
    fixed: &'a [u8; 12],
}
impl<'a> MwcbStatus<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'W';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 12;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Which level.
    #[inline]
    pub fn breached_level(self) -> u8 {
        load::u8(self.fixed, 11)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> MwcbStatusFields {
        MwcbStatusFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            breached_level: self.breached_level(),
        }
    }
}

/// What a [`MwcbStatus`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MwcbStatusFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Which level.
    pub breached_level: u8,
}
impl Default for MwcbStatusFields {
    fn default() -> Self {
        Self { stock_locate: 0, tracking_number: 0, timestamp: 0, breached_level: b' ' }
    }
}
impl MwcbStatusFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 12;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<12>(out);
        fixed[0] = b'W';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u8(fixed, 11, self.breached_level);
        12
    }
}

/// When quoting of an offering is expected to be released, and its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpoQuotingPeriod<'a> {
    fixed: &'a [u8; 28],
}
impl<'a> IpoQuotingPeriod<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'K';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 28;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 11)
    }
    /// Seconds since midnight.
    #[inline]
    pub fn ipo_quotation_release_time(self) -> u32 {
        load::u32(self.fixed, 19)
    }
    /// Expected or cancelled.
    #[inline]
    pub fn ipo_quotation_release_qualifier(self) -> u8 {
        load::u8(self.fixed, 23)
    }
    /// Price of the offering.
    #[inline]
    pub fn ipo_price(self) -> u32 {
        load::u32(self.fixed, 24)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> IpoQuotingPeriodFields {
        IpoQuotingPeriodFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            stock: self.stock(),
            ipo_quotation_release_time: self.ipo_quotation_release_time(),
            ipo_quotation_release_qualifier: self.ipo_quotation_release_qualifier(),
            ipo_price: self.ipo_price(),
        }
    }
}

/// What a [`IpoQuotingPeriod`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpoQuotingPeriodFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Symbol.
    pub stock: [u8; 8],
    /// Seconds since midnight.
    pub ipo_quotation_release_time: u32,
    /// Expected or cancelled.
    pub ipo_quotation_release_qualifier: u8,
    /// Price of the offering.
    pub ipo_price: u32,
}
impl Default for IpoQuotingPeriodFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            stock: [b' '; 8],
            ipo_quotation_release_time: 0,
            ipo_quotation_release_qualifier: b' ',
            ipo_price: 0,
        }
    }
}
impl IpoQuotingPeriodFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 28;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<28>(out);
        fixed[0] = b'K';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_text(fixed, 11, self.stock);
        load::put_u32(fixed, 19, self.ipo_quotation_release_time);
        load::put_u8(fixed, 23, self.ipo_quotation_release_qualifier);
        load::put_u32(fixed, 24, self.ipo_price);
        28
    }
}

/// Price collars of the auction that ends a volatility pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LuldAuctionCollar<'a> {
    fixed: &'a [u8; 35],
}
impl<'a> LuldAuctionCollar<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'J';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 35;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 11)
    }
    /// Reference price.
    #[inline]
    pub fn auction_collar_reference_price(self) -> u32 {
        load::u32(self.fixed, 19)
    }
    /// Upper collar.
    #[inline]
    pub fn upper_auction_collar_price(self) -> u32 {
        load::u32(self.fixed, 23)
    }
    /// Lower collar.
    #[inline]
    pub fn lower_auction_collar_price(self) -> u32 {
        load::u32(self.fixed, 27)
    }
    /// How often the auction was extended.
    #[inline]
    pub fn auction_collar_extension(self) -> u32 {
        load::u32(self.fixed, 31)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> LuldAuctionCollarFields {
        LuldAuctionCollarFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            stock: self.stock(),
            auction_collar_reference_price: self.auction_collar_reference_price(),
            upper_auction_collar_price: self.upper_auction_collar_price(),
            lower_auction_collar_price: self.lower_auction_collar_price(),
            auction_collar_extension: self.auction_collar_extension(),
        }
    }
}

/// What a [`LuldAuctionCollar`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LuldAuctionCollarFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Symbol.
    pub stock: [u8; 8],
    /// Reference price.
    pub auction_collar_reference_price: u32,
    /// Upper collar.
    pub upper_auction_collar_price: u32,
    /// Lower collar.
    pub lower_auction_collar_price: u32,
    /// How often the auction was extended.
    pub auction_collar_extension: u32,
}
impl Default for LuldAuctionCollarFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            stock: [b' '; 8],
            auction_collar_reference_price: 0,
            upper_auction_collar_price: 0,
            lower_auction_collar_price: 0,
            auction_collar_extension: 0,
        }
    }
}
impl LuldAuctionCollarFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 35;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<35>(out);
        fixed[0] = b'J';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_text(fixed, 11, self.stock);
        load::put_u32(fixed, 19, self.auction_collar_reference_price);
        load::put_u32(fixed, 23, self.upper_auction_collar_price);
        load::put_u32(fixed, 27, self.lower_auction_collar_price);
        load::put_u32(fixed, 31, self.auction_collar_extension);
        35
    }
}

/// An interruption of one market alone; others go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationalHalt<'a> {
    fixed: &'a [u8; 21],
}
impl<'a> OperationalHalt<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'h';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 21;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 11)
    }
    /// Which market.
    #[inline]
    pub fn market_code(self) -> u8 {
        load::u8(self.fixed, 19)
    }
    /// Halted or trading again.
    #[inline]
    pub fn operational_halt_action(self) -> u8 {
        load::u8(self.fixed, 20)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> OperationalHaltFields {
        OperationalHaltFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            stock: self.stock(),
            market_code: self.market_code(),
            operational_halt_action: self.operational_halt_action(),
        }
    }
}

/// What a [`OperationalHalt`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationalHaltFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Symbol.
    pub stock: [u8; 8],
    /// Which market.
    pub market_code: u8,
    /// Halted or trading again.
    pub operational_halt_action: u8,
}
impl Default for OperationalHaltFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            stock: [b' '; 8],
            market_code: b' ',
            operational_halt_action: b' ',
        }
    }
}
impl OperationalHaltFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 21;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<21>(out);
        fixed[0] = b'h';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_text(fixed, 11, self.stock);
        load::put_u8(fixed, 19, self.market_code);
        load::put_u8(fixed, 20, self.operational_halt_action);
        21
    }
}

/// A displayed order without attribution rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddOrder<'a> {
    fixed: &'a [u8; 36],
}
impl<'a> AddOrder<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'A';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 36;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// The exchange's number of the order, unique for the day.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// Side.
    #[inline]
    pub fn buy_sell_indicator(self) -> u8 {
        load::u8(self.fixed, 19)
    }
    /// Displayed shares.
    #[inline]
    pub fn shares(self) -> u32 {
        load::u32(self.fixed, 20)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 24)
    }
    /// Limit.
    #[inline]
    pub fn price(self) -> u32 {
        load::u32(self.fixed, 32)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> AddOrderFields {
        AddOrderFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            order_reference_number: self.order_reference_number(),
            buy_sell_indicator: self.buy_sell_indicator(),
            shares: self.shares(),
            stock: self.stock(),
            price: self.price(),
        }
    }
}

/// What a [`AddOrder`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddOrderFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The exchange's number of the order, unique for the day.
    pub order_reference_number: u64,
    /// Side.
    pub buy_sell_indicator: u8,
    /// Displayed shares.
    pub shares: u32,
    /// Symbol.
    pub stock: [u8; 8],
    /// Limit.
    pub price: u32,
}
impl Default for AddOrderFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            order_reference_number: 0,
            buy_sell_indicator: b' ',
            shares: 0,
            stock: [b' '; 8],
            price: 0,
        }
    }
}
impl AddOrderFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 36;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<36>(out);
        fixed[0] = b'A';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.order_reference_number);
        load::put_u8(fixed, 19, self.buy_sell_indicator);
        load::put_u32(fixed, 20, self.shares);
        load::put_text(fixed, 24, self.stock);
        load::put_u32(fixed, 32, self.price);
        36
    }
}

/// A displayed order with the participant's name rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddOrderMpid<'a> {
    fixed: &'a [u8; 40],
}
impl<'a> AddOrderMpid<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'F';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 40;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// The exchange's number of the order, unique for the day.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// Side.
    #[inline]
    pub fn buy_sell_indicator(self) -> u8 {
        load::u8(self.fixed, 19)
    }
    /// Displayed shares.
    #[inline]
    pub fn shares(self) -> u32 {
        load::u32(self.fixed, 20)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 24)
    }
    /// Limit.
    #[inline]
    pub fn price(self) -> u32 {
        load::u32(self.fixed, 32)
    }
    /// Market participant.
    #[inline]
    pub fn attribution(self) -> [u8; 4] {
        load::text(self.fixed, 36)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> AddOrderMpidFields {
        AddOrderMpidFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            order_reference_number: self.order_reference_number(),
            buy_sell_indicator: self.buy_sell_indicator(),
            shares: self.shares(),
            stock: self.stock(),
            price: self.price(),
            attribution: self.attribution(),
        }
    }
}

/// What a [`AddOrderMpid`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddOrderMpidFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The exchange's number of the order, unique for the day.
    pub order_reference_number: u64,
    /// Side.
    pub buy_sell_indicator: u8,
    /// Displayed shares.
    pub shares: u32,
    /// Symbol.
    pub stock: [u8; 8],
    /// Limit.
    pub price: u32,
    /// Market participant.
    pub attribution: [u8; 4],
}
impl Default for AddOrderMpidFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            order_reference_number: 0,
            buy_sell_indicator: b' ',
            shares: 0,
            stock: [b' '; 8],
            price: 0,
            attribution: [b' '; 4],
        }
    }
}
impl AddOrderMpidFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 40;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<40>(out);
        fixed[0] = b'F';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.order_reference_number);
        load::put_u8(fixed, 19, self.buy_sell_indicator);
        load::put_u32(fixed, 20, self.shares);
        load::put_text(fixed, 24, self.stock);
        load::put_u32(fixed, 32, self.price);
        load::put_text(fixed, 36, self.attribution);
        40
    }
}

/// A resting order traded at its displayed price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderExecuted<'a> {
    fixed: &'a [u8; 31],
}
impl<'a> OrderExecuted<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'E';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 31;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// The order.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// Shares traded.
    #[inline]
    pub fn executed_shares(self) -> u32 {
        load::u32(self.fixed, 19)
    }
    /// The trade's number, unique for the day.
    #[inline]
    pub fn match_number(self) -> u64 {
        load::u64(self.fixed, 23)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> OrderExecutedFields {
        OrderExecutedFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            order_reference_number: self.order_reference_number(),
            executed_shares: self.executed_shares(),
            match_number: self.match_number(),
        }
    }
}

/// What a [`OrderExecuted`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderExecutedFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The order.
    pub order_reference_number: u64,
    /// Shares traded.
    pub executed_shares: u32,
    /// The trade's number, unique for the day.
    pub match_number: u64,
}

impl OrderExecutedFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 31;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<31>(out);
        fixed[0] = b'E';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.order_reference_number);
        load::put_u32(fixed, 19, self.executed_shares);
        load::put_u64(fixed, 23, self.match_number);
        31
    }
}

/// A resting order traded at a price other than its displayed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderExecutedWithPrice<'a> {
    fixed: &'a [u8; 36],
}
impl<'a> OrderExecutedWithPrice<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'C';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 36;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// The order.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// Shares traded.
    #[inline]
    pub fn executed_shares(self) -> u32 {
        load::u32(self.fixed, 19)
    }
    /// The trade's number, unique for the day.
    #[inline]
    pub fn match_number(self) -> u64 {
        load::u64(self.fixed, 23)
    }
    /// Whether it counts in volume.
    #[inline]
    pub fn printable(self) -> u8 {
        load::u8(self.fixed, 31)
    }
    /// Price of the trade.
    #[inline]
    pub fn execution_price(self) -> u32 {
        load::u32(self.fixed, 32)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> OrderExecutedWithPriceFields {
        OrderExecutedWithPriceFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            order_reference_number: self.order_reference_number(),
            executed_shares: self.executed_shares(),
            match_number: self.match_number(),
            printable: self.printable(),
            execution_price: self.execution_price(),
        }
    }
}

/// What a [`OrderExecutedWithPrice`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderExecutedWithPriceFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The order.
    pub order_reference_number: u64,
    /// Shares traded.
    pub executed_shares: u32,
    /// The trade's number, unique for the day.
    pub match_number: u64,
    /// Whether it counts in volume.
    pub printable: u8,
    /// Price of the trade.
    pub execution_price: u32,
}
impl Default for OrderExecutedWithPriceFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            order_reference_number: 0,
            executed_shares: 0,
            match_number: 0,
            printable: b' ',
            execution_price: 0,
        }
    }
}
impl OrderExecutedWithPriceFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 36;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<36>(out);
        fixed[0] = b'C';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.order_reference_number);
        load::put_u32(fixed, 19, self.executed_shares);
        load::put_u64(fixed, 23, self.match_number);
        load::put_u8(fixed, 31, self.printable);
        load::put_u32(fixed, 32, self.execution_price);
        36
    }
}

/// Part of a resting order was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCancel<'a> {
    fixed: &'a [u8; 23],
}
impl<'a> OrderCancel<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'X';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 23;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// The order.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// Shares taken off.
    #[inline]
    pub fn canceled_shares(self) -> u32 {
        load::u32(self.fixed, 19)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> OrderCancelFields {
        OrderCancelFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            order_reference_number: self.order_reference_number(),
            canceled_shares: self.canceled_shares(),
        }
    }
}

/// What a [`OrderCancel`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCancelFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The order.
    pub order_reference_number: u64,
    /// Shares taken off.
    pub canceled_shares: u32,
}

impl OrderCancelFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 23;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<23>(out);
        fixed[0] = b'X';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.order_reference_number);
        load::put_u32(fixed, 19, self.canceled_shares);
        23
    }
}

/// A resting order is gone, unfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderDelete<'a> {
    fixed: &'a [u8; 19],
}
impl<'a> OrderDelete<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'D';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 19;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// The order.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> OrderDeleteFields {
        OrderDeleteFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            order_reference_number: self.order_reference_number(),
        }
    }
}

/// What a [`OrderDelete`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderDeleteFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The order.
    pub order_reference_number: u64,
}

impl OrderDeleteFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 19;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<19>(out);
        fixed[0] = b'D';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.order_reference_number);
        19
    }
}

/// A resting order gave way to another of the same side, symbol and attribution, with its own priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderReplace<'a> {
    fixed: &'a [u8; 35],
}
impl<'a> OrderReplace<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'U';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 35;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// The order that is gone.
    #[inline]
    pub fn original_order_reference_number(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// The order that rests.
    #[inline]
    pub fn new_order_reference_number(self) -> u64 {
        load::u64(self.fixed, 19)
    }
    /// Displayed shares now.
    #[inline]
    pub fn shares(self) -> u32 {
        load::u32(self.fixed, 27)
    }
    /// Limit now.
    #[inline]
    pub fn price(self) -> u32 {
        load::u32(self.fixed, 31)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> OrderReplaceFields {
        OrderReplaceFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            original_order_reference_number: self.original_order_reference_number(),
            new_order_reference_number: self.new_order_reference_number(),
            shares: self.shares(),
            price: self.price(),
        }
    }
}

/// What a [`OrderReplace`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderReplaceFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The order that is gone.
    pub original_order_reference_number: u64,
    /// The order that rests.
    pub new_order_reference_number: u64,
    /// Displayed shares now.
    pub shares: u32,
    /// Limit now.
    pub price: u32,
}

impl OrderReplaceFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 35;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<35>(out);
        fixed[0] = b'U';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.original_order_reference_number);
        load::put_u64(fixed, 19, self.new_order_reference_number);
        load::put_u32(fixed, 27, self.shares);
        load::put_u32(fixed, 31, self.price);
        35
    }
}

/// A trade against an order that was not displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade<'a> {
    fixed: &'a [u8; 44],
}
impl<'a> Trade<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'P';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 44;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Zero on the present feed.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// Side of the resting order; always B on the present feed.
    #[inline]
    pub fn buy_sell_indicator(self) -> u8 {
        load::u8(self.fixed, 19)
    }
    /// Shares traded.
    #[inline]
    pub fn shares(self) -> u32 {
        load::u32(self.fixed, 20)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 24)
    }
    /// Price of the trade.
    #[inline]
    pub fn price(self) -> u32 {
        load::u32(self.fixed, 32)
    }
    /// The trade's number, unique for the day.
    #[inline]
    pub fn match_number(self) -> u64 {
        load::u64(self.fixed, 36)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> TradeFields {
        TradeFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            order_reference_number: self.order_reference_number(),
            buy_sell_indicator: self.buy_sell_indicator(),
            shares: self.shares(),
            stock: self.stock(),
            price: self.price(),
            match_number: self.match_number(),
        }
    }
}

/// What a [`Trade`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Zero on the present feed.
    pub order_reference_number: u64,
    /// Side of the resting order; always B on the present feed.
    pub buy_sell_indicator: u8,
    /// Shares traded.
    pub shares: u32,
    /// Symbol.
    pub stock: [u8; 8],
    /// Price of the trade.
    pub price: u32,
    /// The trade's number, unique for the day.
    pub match_number: u64,
}
impl Default for TradeFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            order_reference_number: 0,
            buy_sell_indicator: b' ',
            shares: 0,
            stock: [b' '; 8],
            price: 0,
            match_number: 0,
        }
    }
}
impl TradeFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 44;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<44>(out);
        fixed[0] = b'P';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.order_reference_number);
        load::put_u8(fixed, 19, self.buy_sell_indicator);
        load::put_u32(fixed, 20, self.shares);
        load::put_text(fixed, 24, self.stock);
        load::put_u32(fixed, 32, self.price);
        load::put_u64(fixed, 36, self.match_number);
        44
    }
}

/// The print of an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossTrade<'a> {
    fixed: &'a [u8; 40],
}
impl<'a> CrossTrade<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'Q';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 40;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Shares crossed; may be zero.
    #[inline]
    pub fn shares(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 19)
    }
    /// Price of the auction.
    #[inline]
    pub fn cross_price(self) -> u32 {
        load::u32(self.fixed, 27)
    }
    /// The trade's number, unique for the day.
    #[inline]
    pub fn match_number(self) -> u64 {
        load::u64(self.fixed, 31)
    }
    /// Which auction.
    #[inline]
    pub fn cross_type(self) -> u8 {
        load::u8(self.fixed, 39)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> CrossTradeFields {
        CrossTradeFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            shares: self.shares(),
            stock: self.stock(),
            cross_price: self.cross_price(),
            match_number: self.match_number(),
            cross_type: self.cross_type(),
        }
    }
}

/// What a [`CrossTrade`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossTradeFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Shares crossed; may be zero.
    pub shares: u64,
    /// Symbol.
    pub stock: [u8; 8],
    /// Price of the auction.
    pub cross_price: u32,
    /// The trade's number, unique for the day.
    pub match_number: u64,
    /// Which auction.
    pub cross_type: u8,
}
impl Default for CrossTradeFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            shares: 0,
            stock: [b' '; 8],
            cross_price: 0,
            match_number: 0,
            cross_type: b' ',
        }
    }
}
impl CrossTradeFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 40;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<40>(out);
        fixed[0] = b'Q';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.shares);
        load::put_text(fixed, 19, self.stock);
        load::put_u32(fixed, 27, self.cross_price);
        load::put_u64(fixed, 31, self.match_number);
        load::put_u8(fixed, 39, self.cross_type);
        40
    }
}

/// An earlier trade was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenTrade<'a> {
    fixed: &'a [u8; 19],
}
impl<'a> BrokenTrade<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'B';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 19;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// The broken trade's number.
    #[inline]
    pub fn match_number(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> BrokenTradeFields {
        BrokenTradeFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            match_number: self.match_number(),
        }
    }
}

/// What a [`BrokenTrade`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokenTradeFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The broken trade's number.
    pub match_number: u64,
}

impl BrokenTradeFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 19;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<19>(out);
        fixed[0] = b'B';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.match_number);
        19
    }
}

/// Where an auction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetOrderImbalance<'a> {
    fixed: &'a [u8; 50],
}
impl<'a> NetOrderImbalance<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'I';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 50;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Shares that match at the reference price.
    #[inline]
    pub fn paired_shares(self) -> u64 {
        load::u64(self.fixed, 11)
    }
    /// Shares that do not.
    #[inline]
    pub fn imbalance_shares(self) -> u64 {
        load::u64(self.fixed, 19)
    }
    /// Side of the imbalance.
    #[inline]
    pub fn imbalance_direction(self) -> u8 {
        load::u8(self.fixed, 27)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 28)
    }
    /// Clearing price of the auction's own orders.
    #[inline]
    pub fn far_price(self) -> u32 {
        load::u32(self.fixed, 36)
    }
    /// Clearing price of all orders.
    #[inline]
    pub fn near_price(self) -> u32 {
        load::u32(self.fixed, 40)
    }
    /// Reference price.
    #[inline]
    pub fn current_reference_price(self) -> u32 {
        load::u32(self.fixed, 44)
    }
    /// Which auction.
    #[inline]
    pub fn cross_type(self) -> u8 {
        load::u8(self.fixed, 48)
    }
    /// Distance of the near price from the reference price.
    #[inline]
    pub fn price_variation_indicator(self) -> u8 {
        load::u8(self.fixed, 49)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> NetOrderImbalanceFields {
        NetOrderImbalanceFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            paired_shares: self.paired_shares(),
            imbalance_shares: self.imbalance_shares(),
            imbalance_direction: self.imbalance_direction(),
            stock: self.stock(),
            far_price: self.far_price(),
            near_price: self.near_price(),
            current_reference_price: self.current_reference_price(),
            cross_type: self.cross_type(),
            price_variation_indicator: self.price_variation_indicator(),
        }
    }
}

/// What a [`NetOrderImbalance`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetOrderImbalanceFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Shares that match at the reference price.
    pub paired_shares: u64,
    /// Shares that do not.
    pub imbalance_shares: u64,
    /// Side of the imbalance.
    pub imbalance_direction: u8,
    /// Symbol.
    pub stock: [u8; 8],
    /// Clearing price of the auction's own orders.
    pub far_price: u32,
    /// Clearing price of all orders.
    pub near_price: u32,
    /// Reference price.
    pub current_reference_price: u32,
    /// Which auction.
    pub cross_type: u8,
    /// Distance of the near price from the reference price.
    pub price_variation_indicator: u8,
}
impl Default for NetOrderImbalanceFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            paired_shares: 0,
            imbalance_shares: 0,
            imbalance_direction: b' ',
            stock: [b' '; 8],
            far_price: 0,
            near_price: 0,
            current_reference_price: 0,
            cross_type: b' ',
            price_variation_indicator: b' ',
        }
    }
}
impl NetOrderImbalanceFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 50;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<50>(out);
        fixed[0] = b'I';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_u64(fixed, 11, self.paired_shares);
        load::put_u64(fixed, 19, self.imbalance_shares);
        load::put_u8(fixed, 27, self.imbalance_direction);
        load::put_text(fixed, 28, self.stock);
        load::put_u32(fixed, 36, self.far_price);
        load::put_u32(fixed, 40, self.near_price);
        load::put_u32(fixed, 44, self.current_reference_price);
        load::put_u8(fixed, 48, self.cross_type);
        load::put_u8(fixed, 49, self.price_variation_indicator);
        50
    }
}

/// Whether retail price improvement is on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetailInterest<'a> {
    fixed: &'a [u8; 20],
}
impl<'a> RetailInterest<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'N';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 20;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 11)
    }
    /// On which side.
    #[inline]
    pub fn interest_flag(self) -> u8 {
        load::u8(self.fixed, 19)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> RetailInterestFields {
        RetailInterestFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            stock: self.stock(),
            interest_flag: self.interest_flag(),
        }
    }
}

/// What a [`RetailInterest`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetailInterestFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Symbol.
    pub stock: [u8; 8],
    /// On which side.
    pub interest_flag: u8,
}
impl Default for RetailInterestFields {
    fn default() -> Self {
        Self { stock_locate: 0, tracking_number: 0, timestamp: 0, stock: [b' '; 8], interest_flag: b' ' }
    }
}
impl RetailInterestFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 20;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<20>(out);
        fixed[0] = b'N';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_text(fixed, 11, self.stock);
        load::put_u8(fixed, 19, self.interest_flag);
        20
    }
}

/// Price discovery of a direct listing with a capital raise (since 2021).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectListing<'a> {
    fixed: &'a [u8; 48],
}
impl<'a> DirectListing<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'O';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 48;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// The feed's number of the security, 0 for messages about the whole market.
    #[inline]
    pub fn stock_locate(self) -> u16 {
        load::u16(self.fixed, 1)
    }
    /// Internal number of the exchange.
    #[inline]
    pub fn tracking_number(self) -> u16 {
        load::u16(self.fixed, 3)
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u48(self.fixed, 5)
    }
    /// Symbol.
    #[inline]
    pub fn stock(self) -> [u8; 8] {
        load::text(self.fixed, 11)
    }
    /// Whether it may be released.
    #[inline]
    pub fn open_eligibility_status(self) -> u8 {
        load::u8(self.fixed, 19)
    }
    /// Lowest price allowed.
    #[inline]
    pub fn minimum_allowable_price(self) -> u32 {
        load::u32(self.fixed, 20)
    }
    /// Highest price allowed.
    #[inline]
    pub fn maximum_allowable_price(self) -> u32 {
        load::u32(self.fixed, 24)
    }
    /// Price it would open at.
    #[inline]
    pub fn near_execution_price(self) -> u32 {
        load::u32(self.fixed, 28)
    }
    /// When that price was set, nanoseconds since midnight.
    #[inline]
    pub fn near_execution_time(self) -> u64 {
        load::u64(self.fixed, 32)
    }
    /// Lower collar.
    #[inline]
    pub fn lower_price_range_collar(self) -> u32 {
        load::u32(self.fixed, 40)
    }
    /// Upper collar.
    #[inline]
    pub fn upper_price_range_collar(self) -> u32 {
        load::u32(self.fixed, 44)
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> DirectListingFields {
        DirectListingFields {
            stock_locate: self.stock_locate(),
            tracking_number: self.tracking_number(),
            timestamp: self.timestamp(),
            stock: self.stock(),
            open_eligibility_status: self.open_eligibility_status(),
            minimum_allowable_price: self.minimum_allowable_price(),
            maximum_allowable_price: self.maximum_allowable_price(),
            near_execution_price: self.near_execution_price(),
            near_execution_time: self.near_execution_time(),
            lower_price_range_collar: self.lower_price_range_collar(),
            upper_price_range_collar: self.upper_price_range_collar(),
        }
    }
}

/// What a [`DirectListing`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectListingFields {
    /// The feed's number of the security, 0 for messages about the whole market.
    pub stock_locate: u16,
    /// Internal number of the exchange.
    pub tracking_number: u16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Symbol.
    pub stock: [u8; 8],
    /// Whether it may be released.
    pub open_eligibility_status: u8,
    /// Lowest price allowed.
    pub minimum_allowable_price: u32,
    /// Highest price allowed.
    pub maximum_allowable_price: u32,
    /// Price it would open at.
    pub near_execution_price: u32,
    /// When that price was set, nanoseconds since midnight.
    pub near_execution_time: u64,
    /// Lower collar.
    pub lower_price_range_collar: u32,
    /// Upper collar.
    pub upper_price_range_collar: u32,
}
impl Default for DirectListingFields {
    fn default() -> Self {
        Self {
            stock_locate: 0,
            tracking_number: 0,
            timestamp: 0,
            stock: [b' '; 8],
            open_eligibility_status: b' ',
            minimum_allowable_price: 0,
            maximum_allowable_price: 0,
            near_execution_price: 0,
            near_execution_time: 0,
            lower_price_range_collar: 0,
            upper_price_range_collar: 0,
        }
    }
}
impl DirectListingFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 48;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<48>(out);
        fixed[0] = b'O';
        load::put_u16(fixed, 1, self.stock_locate);
        load::put_u16(fixed, 3, self.tracking_number);
        load::put_u48(fixed, 5, self.timestamp);
        load::put_text(fixed, 11, self.stock);
        load::put_u8(fixed, 19, self.open_eligibility_status);
        load::put_u32(fixed, 20, self.minimum_allowable_price);
        load::put_u32(fixed, 24, self.maximum_allowable_price);
        load::put_u32(fixed, 28, self.near_execution_price);
        load::put_u64(fixed, 32, self.near_execution_time);
        load::put_u32(fixed, 40, self.lower_price_range_collar);
        load::put_u32(fixed, 44, self.upper_price_range_collar);
        48
    }
}

/// Ends a GLIMPSE snapshot; never on the feed itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOfSnapshot<'a> {
    fixed: &'a [u8; 21],
}
impl<'a> EndOfSnapshot<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'G';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 21;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        Ok(Self { fixed: check::exact(bytes, Self::TYPE)? })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.fixed
    }
    /// First message of the feed that the snapshot does not hold, ASCII, padded with spaces.
    #[inline]
    pub fn sequence_number(self) -> [u8; 20] {
        load::text(self.fixed, 1)
    }
    /// `sequence_number` as a number; `None` where it is none.
    pub fn sequence_number_value(self) -> Option<u64> {
        load::digits(&self.sequence_number())
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> EndOfSnapshotFields {
        EndOfSnapshotFields { sequence_number: self.sequence_number() }
    }
}

/// What a [`EndOfSnapshot`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOfSnapshotFields {
    /// First message of the feed that the snapshot does not hold, ASCII, padded with spaces.
    pub sequence_number: [u8; 20],
}
impl Default for EndOfSnapshotFields {
    fn default() -> Self {
        Self { sequence_number: [b' '; 20] }
    }
}
impl EndOfSnapshotFields {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 21;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<21>(out);
        fixed[0] = b'G';
        load::put_text(fixed, 1, self.sequence_number);
        21
    }
}

/// Any message of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// The market or the feed reached a point of its day.
    SystemEvent(SystemEvent<'a>),
    /// A security and its locate number for the day; sent before the open for every security.
    StockDirectory(StockDirectory<'a>),
    /// The trading state of a security.
    StockTradingAction(StockTradingAction<'a>),
    /// Whether short sales of a security are under the price test.
    RegShoRestriction(RegShoRestriction<'a>),
    /// A market maker's registration in a security.
    MarketParticipantPosition(MarketParticipantPosition<'a>),
    /// Index levels of the market-wide circuit breaker for the day.
    MwcbDeclineLevel(MwcbDeclineLevel<'a>),
    /// A level of the market-wide circuit breaker was breached.
    MwcbStatus(MwcbStatus<'a>),
    /// When quoting of an offering is expected to be released, and its price.
    IpoQuotingPeriod(IpoQuotingPeriod<'a>),
    /// Price collars of the auction that ends a volatility pause.
    LuldAuctionCollar(LuldAuctionCollar<'a>),
    /// An interruption of one market alone; others go on.
    OperationalHalt(OperationalHalt<'a>),
    /// A displayed order without attribution rests.
    AddOrder(AddOrder<'a>),
    /// A displayed order with the participant's name rests.
    AddOrderMpid(AddOrderMpid<'a>),
    /// A resting order traded at its displayed price.
    OrderExecuted(OrderExecuted<'a>),
    /// A resting order traded at a price other than its displayed one.
    OrderExecutedWithPrice(OrderExecutedWithPrice<'a>),
    /// Part of a resting order was cancelled.
    OrderCancel(OrderCancel<'a>),
    /// A resting order is gone, unfilled.
    OrderDelete(OrderDelete<'a>),
    /// A resting order gave way to another of the same side, symbol and attribution, with its own priority.
    OrderReplace(OrderReplace<'a>),
    /// A trade against an order that was not displayed.
    Trade(Trade<'a>),
    /// The print of an auction.
    CrossTrade(CrossTrade<'a>),
    /// An earlier trade was broken.
    BrokenTrade(BrokenTrade<'a>),
    /// Where an auction stands.
    NetOrderImbalance(NetOrderImbalance<'a>),
    /// Whether retail price improvement is on offer.
    RetailInterest(RetailInterest<'a>),
    /// Price discovery of a direct listing with a capital raise (since 2021).
    DirectListing(DirectListing<'a>),
    /// Ends a GLIMPSE snapshot; never on the feed itself.
    EndOfSnapshot(EndOfSnapshot<'a>),
}
/// Reads the message that fills `bytes`.
///
/// # Errors
/// [`WireError`] when its type is unknown or its length is wrong; it says how many bytes to skip.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Message<'_>, WireError> {
    match bytes.first() {
        Some(b'S') => SystemEvent::new(bytes).map(Message::SystemEvent),
        Some(b'R') => StockDirectory::new(bytes).map(Message::StockDirectory),
        Some(b'H') => StockTradingAction::new(bytes).map(Message::StockTradingAction),
        Some(b'Y') => RegShoRestriction::new(bytes).map(Message::RegShoRestriction),
        Some(b'L') => MarketParticipantPosition::new(bytes).map(Message::MarketParticipantPosition),
        Some(b'V') => MwcbDeclineLevel::new(bytes).map(Message::MwcbDeclineLevel),
        Some(b'W') => MwcbStatus::new(bytes).map(Message::MwcbStatus),
        Some(b'K') => IpoQuotingPeriod::new(bytes).map(Message::IpoQuotingPeriod),
        Some(b'J') => LuldAuctionCollar::new(bytes).map(Message::LuldAuctionCollar),
        Some(b'h') => OperationalHalt::new(bytes).map(Message::OperationalHalt),
        Some(b'A') => AddOrder::new(bytes).map(Message::AddOrder),
        Some(b'F') => AddOrderMpid::new(bytes).map(Message::AddOrderMpid),
        Some(b'E') => OrderExecuted::new(bytes).map(Message::OrderExecuted),
        Some(b'C') => OrderExecutedWithPrice::new(bytes).map(Message::OrderExecutedWithPrice),
        Some(b'X') => OrderCancel::new(bytes).map(Message::OrderCancel),
        Some(b'D') => OrderDelete::new(bytes).map(Message::OrderDelete),
        Some(b'U') => OrderReplace::new(bytes).map(Message::OrderReplace),
        Some(b'P') => Trade::new(bytes).map(Message::Trade),
        Some(b'Q') => CrossTrade::new(bytes).map(Message::CrossTrade),
        Some(b'B') => BrokenTrade::new(bytes).map(Message::BrokenTrade),
        Some(b'I') => NetOrderImbalance::new(bytes).map(Message::NetOrderImbalance),
        Some(b'N') => RetailInterest::new(bytes).map(Message::RetailInterest),
        Some(b'O') => DirectListing::new(bytes).map(Message::DirectListing),
        Some(b'G') => EndOfSnapshot::new(bytes).map(Message::EndOfSnapshot),
        Some(&code) => Err(WireError::UnknownType { code, skip: bytes.len() }),
        None => Err(WireError::Empty),
    }
}
impl<'a> Message<'a> {
    /// The message's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SystemEvent(_) => "SystemEvent",
            Self::StockDirectory(_) => "StockDirectory",
            Self::StockTradingAction(_) => "StockTradingAction",
            Self::RegShoRestriction(_) => "RegShoRestriction",
            Self::MarketParticipantPosition(_) => "MarketParticipantPosition",
            Self::MwcbDeclineLevel(_) => "MwcbDeclineLevel",
            Self::MwcbStatus(_) => "MwcbStatus",
            Self::IpoQuotingPeriod(_) => "IpoQuotingPeriod",
            Self::LuldAuctionCollar(_) => "LuldAuctionCollar",
            Self::OperationalHalt(_) => "OperationalHalt",
            Self::AddOrder(_) => "AddOrder",
            Self::AddOrderMpid(_) => "AddOrderMpid",
            Self::OrderExecuted(_) => "OrderExecuted",
            Self::OrderExecutedWithPrice(_) => "OrderExecutedWithPrice",
            Self::OrderCancel(_) => "OrderCancel",
            Self::OrderDelete(_) => "OrderDelete",
            Self::OrderReplace(_) => "OrderReplace",
            Self::Trade(_) => "Trade",
            Self::CrossTrade(_) => "CrossTrade",
            Self::BrokenTrade(_) => "BrokenTrade",
            Self::NetOrderImbalance(_) => "NetOrderImbalance",
            Self::RetailInterest(_) => "RetailInterest",
            Self::DirectListing(_) => "DirectListing",
            Self::EndOfSnapshot(_) => "EndOfSnapshot",
        }
    }
    /// The bytes it was read from.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::SystemEvent(view) => view.bytes(),
            Self::StockDirectory(view) => view.bytes(),
            Self::StockTradingAction(view) => view.bytes(),
            Self::RegShoRestriction(view) => view.bytes(),
            Self::MarketParticipantPosition(view) => view.bytes(),
            Self::MwcbDeclineLevel(view) => view.bytes(),
            Self::MwcbStatus(view) => view.bytes(),
            Self::IpoQuotingPeriod(view) => view.bytes(),
            Self::LuldAuctionCollar(view) => view.bytes(),
            Self::OperationalHalt(view) => view.bytes(),
            Self::AddOrder(view) => view.bytes(),
            Self::AddOrderMpid(view) => view.bytes(),
            Self::OrderExecuted(view) => view.bytes(),
            Self::OrderExecutedWithPrice(view) => view.bytes(),
            Self::OrderCancel(view) => view.bytes(),
            Self::OrderDelete(view) => view.bytes(),
            Self::OrderReplace(view) => view.bytes(),
            Self::Trade(view) => view.bytes(),
            Self::CrossTrade(view) => view.bytes(),
            Self::BrokenTrade(view) => view.bytes(),
            Self::NetOrderImbalance(view) => view.bytes(),
            Self::RetailInterest(view) => view.bytes(),
            Self::DirectListing(view) => view.bytes(),
            Self::EndOfSnapshot(view) => view.bytes(),
        }
    }
    /// Writes it anew, field by field, and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    pub fn encode(self, out: &mut [u8]) -> usize {
        match self {
            Self::SystemEvent(view) => view.fields().encode(out),
            Self::StockDirectory(view) => view.fields().encode(out),
            Self::StockTradingAction(view) => view.fields().encode(out),
            Self::RegShoRestriction(view) => view.fields().encode(out),
            Self::MarketParticipantPosition(view) => view.fields().encode(out),
            Self::MwcbDeclineLevel(view) => view.fields().encode(out),
            Self::MwcbStatus(view) => view.fields().encode(out),
            Self::IpoQuotingPeriod(view) => view.fields().encode(out),
            Self::LuldAuctionCollar(view) => view.fields().encode(out),
            Self::OperationalHalt(view) => view.fields().encode(out),
            Self::AddOrder(view) => view.fields().encode(out),
            Self::AddOrderMpid(view) => view.fields().encode(out),
            Self::OrderExecuted(view) => view.fields().encode(out),
            Self::OrderExecutedWithPrice(view) => view.fields().encode(out),
            Self::OrderCancel(view) => view.fields().encode(out),
            Self::OrderDelete(view) => view.fields().encode(out),
            Self::OrderReplace(view) => view.fields().encode(out),
            Self::Trade(view) => view.fields().encode(out),
            Self::CrossTrade(view) => view.fields().encode(out),
            Self::BrokenTrade(view) => view.fields().encode(out),
            Self::NetOrderImbalance(view) => view.fields().encode(out),
            Self::RetailInterest(view) => view.fields().encode(out),
            Self::DirectListing(view) => view.fields().encode(out),
            Self::EndOfSnapshot(view) => view.fields().encode(out),
        }
    }
}
pub use description::PROTOCOL;
mod description {
    use crate::describe::{Field, Kind, Message, Protocol, Tail};

    const SYSTEM_EVENT_VALUES: &[(&str, &str)] = &[
        ("O", "start of messages"),
        ("S", "start of system hours"),
        ("Q", "start of market hours"),
        ("M", "end of market hours"),
        ("E", "end of system hours"),
        ("C", "end of messages"),
    ];
    const MARKET_CATEGORY_VALUES: &[(&str, &str)] = &[
        ("Q", "Nasdaq Global Select"),
        ("G", "Nasdaq Global Market"),
        ("S", "Nasdaq Capital Market"),
        ("N", "NYSE"),
        ("A", "NYSE American"),
        ("P", "NYSE Arca"),
        ("M", "NYSE Texas"),
        ("Z", "Cboe BZX"),
        ("V", "IEX"),
        (" ", "not available"),
    ];
    const FINANCIAL_STATUS_VALUES: &[(&str, &str)] = &[
        ("D", "deficient"),
        ("E", "delinquent"),
        ("Q", "bankrupt"),
        ("S", "suspended"),
        ("G", "deficient and bankrupt"),
        ("H", "deficient and delinquent"),
        ("J", "delinquent and bankrupt"),
        ("K", "deficient, delinquent and bankrupt"),
        ("C", "creations and redemptions suspended"),
        ("N", "normal"),
        (" ", "not available"),
    ];
    const YES_NO_VALUES: &[(&str, &str)] = &[("Y", "yes"), ("N", "no"), (" ", "not available")];
    const ISSUE_CLASSIFICATION_VALUES: &[(&str, &str)] = &[
        ("A", "American depositary share"),
        ("B", "bond"),
        ("C", "common stock"),
        ("F", "depositary receipt"),
        ("I", "144A"),
        ("L", "limited partnership"),
        ("N", "notes"),
        ("O", "ordinary share"),
        ("P", "preferred stock"),
        ("Q", "other securities"),
        ("R", "right"),
        ("S", "shares of beneficial interest"),
        ("T", "convertible debenture"),
        ("U", "unit"),
        ("V", "units of beneficial interest"),
        ("W", "warrant"),
    ];
    const AUTHENTICITY_VALUES: &[(&str, &str)] = &[("P", "production"), ("T", "test")];
    const IPO_FLAG_VALUES: &[(&str, &str)] = &[
        ("Y", "set up for release"),
        ("N", "not set up for release"),
        ("Z", "newly listed without an offering"),
        (" ", "not available"),
    ];
    const LULD_TIER_VALUES: &[(&str, &str)] = &[("1", "tier 1"), ("2", "tier 2"), (" ", "not available")];
    const TRADING_STATE_VALUES: &[(&str, &str)] =
        &[("H", "halted"), ("P", "paused"), ("Q", "quotation only"), ("T", "trading")];
    const REG_SHO_ACTION_VALUES: &[(&str, &str)] =
        &[("0", "no price test"), ("1", "price test in force"), ("2", "price test remains in force")];
    const MARKET_MAKER_MODE_VALUES: &[(&str, &str)] =
        &[("N", "normal"), ("P", "passive"), ("S", "syndicate"), ("R", "pre-syndicate"), ("L", "penalty")];
    const PARTICIPANT_STATE_VALUES: &[(&str, &str)] =
        &[("A", "active"), ("E", "excused"), ("W", "withdrawn"), ("S", "suspended"), ("D", "deleted")];
    const BREACHED_LEVEL_VALUES: &[(&str, &str)] = &[("1", "level 1"), ("2", "level 2"), ("3", "level 3")];
    const RELEASE_QUALIFIER_VALUES: &[(&str, &str)] =
        &[("A", "expected release time"), ("C", "cancelled or postponed")];
    const MARKET_CODE_VALUES: &[(&str, &str)] = &[("Q", "Nasdaq"), ("B", "Nasdaq Texas"), ("X", "PSX")];
    const OPERATIONAL_HALT_ACTION_VALUES: &[(&str, &str)] = &[("H", "halted"), ("T", "trading again")];
    const SIDE_VALUES: &[(&str, &str)] = &[("B", "buy"), ("S", "sell")];
    const CROSS_TYPE_VALUES: &[(&str, &str)] = &[
        ("O", "opening"),
        ("C", "closing"),
        ("H", "halted or paused security, or offering"),
        ("A", "extended close"),
        ("I", "intraday and post-close (2017)"),
    ];
    const IMBALANCE_DIRECTION_VALUES: &[(&str, &str)] =
        &[("B", "buy"), ("S", "sell"), ("N", "none"), ("O", "too few orders"), ("P", "paused")];
    const PRICE_VARIATION_VALUES: &[(&str, &str)] = &[
        ("L", "under 1 %"),
        ("1", "1 to 2 %"),
        ("2", "2 to 3 %"),
        ("3", "3 to 4 %"),
        ("4", "4 to 5 %"),
        ("5", "5 to 6 %"),
        ("6", "6 to 7 %"),
        ("7", "7 to 8 %"),
        ("8", "8 to 9 %"),
        ("9", "9 to 10 %"),
        ("A", "10 to 20 %"),
        ("B", "20 to 30 %"),
        ("C", "30 % or more"),
        (" ", "not available"),
    ];
    const INTEREST_FLAG_VALUES: &[(&str, &str)] =
        &[("B", "buy side"), ("S", "sell side"), ("A", "both sides"), ("N", "none")];
    const OPEN_ELIGIBILITY_VALUES: &[(&str, &str)] = &[("N", "not eligible"), ("Y", "eligible")];

    /// Every message and field, for people and for tests.
    pub static PROTOCOL: Protocol = Protocol {
        name: "itch50",
        title: "Nasdaq TotalView-ITCH 5.0",
        about: "Order-by-order market data. A message starts with its type; its length comes from the framing around it (MoldUDP64, SoupBinTCP, or two length bytes in files).",
        prefixed: false,
        typed: true,
        messages: &[
            Message {
                name: "SystemEvent",
                group: "Message",
                code: Some(b'S'),
                size: 12,
                tail: Tail::None,
                about: "The market or the feed reached a point of its day.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "event_code",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Which point",
                        values: SYSTEM_EVENT_VALUES,
                    },
                ],
            },
            Message {
                name: "StockDirectory",
                group: "Message",
                code: Some(b'R'),
                size: 39,
                tail: Tail::None,
                about: "A security and its locate number for the day; sent before the open for every security.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field { name: "stock", offset: 11, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "market_category",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Listing market",
                        values: MARKET_CATEGORY_VALUES,
                    },
                    Field {
                        name: "financial_status_indicator",
                        offset: 20,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Standing of the issuer",
                        values: FINANCIAL_STATUS_VALUES,
                    },
                    Field {
                        name: "round_lot_size",
                        offset: 21,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares of a round lot",
                        values: &[],
                    },
                    Field {
                        name: "round_lots_only",
                        offset: 25,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether only round lots are taken",
                        values: YES_NO_VALUES,
                    },
                    Field {
                        name: "issue_classification",
                        offset: 26,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Class of the security",
                        values: ISSUE_CLASSIFICATION_VALUES,
                    },
                    Field {
                        name: "issue_sub_type",
                        offset: 27,
                        tag: 0,
                        kind: Kind::Alpha(2),
                        about: "Sub-type of the class",
                        values: &[],
                    },
                    Field {
                        name: "authenticity",
                        offset: 29,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Production or test",
                        values: AUTHENTICITY_VALUES,
                    },
                    Field {
                        name: "short_sale_threshold_indicator",
                        offset: 30,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether it is on the threshold list of short sales",
                        values: YES_NO_VALUES,
                    },
                    Field {
                        name: "ipo_flag",
                        offset: 31,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether an offering is set up",
                        values: IPO_FLAG_VALUES,
                    },
                    Field {
                        name: "luld_reference_price_tier",
                        offset: 32,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Tier of the price bands",
                        values: LULD_TIER_VALUES,
                    },
                    Field {
                        name: "etp_flag",
                        offset: 33,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether it is an exchange-traded product",
                        values: YES_NO_VALUES,
                    },
                    Field {
                        name: "etp_leverage_factor",
                        offset: 34,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Leverage of the product, whole",
                        values: &[],
                    },
                    Field {
                        name: "inverse_indicator",
                        offset: 38,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether the product is inverse",
                        values: YES_NO_VALUES,
                    },
                ],
            },
            Message {
                name: "StockTradingAction",
                group: "Message",
                code: Some(b'H'),
                size: 25,
                tail: Tail::None,
                about: "The trading state of a security.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field { name: "stock", offset: 11, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "trading_state",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Char,
                        about: "State from now on",
                        values: TRADING_STATE_VALUES,
                    },
                    Field { name: "reserved", offset: 20, tag: 0, kind: Kind::Char, about: "Reserved", values: &[] },
                    Field {
                        name: "reason",
                        offset: 21,
                        tag: 0,
                        kind: Kind::Alpha(4),
                        about: "Reason code of the state",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "RegShoRestriction",
                group: "Message",
                code: Some(b'Y'),
                size: 20,
                tail: Tail::None,
                about: "Whether short sales of a security are under the price test.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field { name: "stock", offset: 11, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "reg_sho_action",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Char,
                        about: "State of the price test",
                        values: REG_SHO_ACTION_VALUES,
                    },
                ],
            },
            Message {
                name: "MarketParticipantPosition",
                group: "Message",
                code: Some(b'L'),
                size: 26,
                tail: Tail::None,
                about: "A market maker's registration in a security.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "mpid",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Alpha(4),
                        about: "Market participant",
                        values: &[],
                    },
                    Field { name: "stock", offset: 15, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "primary_market_maker",
                        offset: 23,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether it is a primary market maker",
                        values: YES_NO_VALUES,
                    },
                    Field {
                        name: "market_maker_mode",
                        offset: 24,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Mode of quoting",
                        values: MARKET_MAKER_MODE_VALUES,
                    },
                    Field {
                        name: "market_participant_state",
                        offset: 25,
                        tag: 0,
                        kind: Kind::Char,
                        about: "State of the registration",
                        values: PARTICIPANT_STATE_VALUES,
                    },
                ],
            },
            Message {
                name: "MwcbDeclineLevel",
                group: "Message",
                code: Some(b'V'),
                size: 35,
                tail: Tail::None,
                about: "Index levels of the market-wide circuit breaker for the day.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "level_1",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 8 },
                        about: "First level",
                        values: &[],
                    },
                    Field {
                        name: "level_2",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 8 },
                        about: "Second level",
                        values: &[],
                    },
                    Field {
                        name: "level_3",
                        offset: 27,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 8 },
                        about: "Third level",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "MwcbStatus",
                group: "Message",
                code: Some(b'W'),
                size: 12,
                tail: Tail::None,
                about: "A level of the market-wide circuit breaker was breached.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "breached_level",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Which level",
                        values: BREACHED_LEVEL_VALUES,
                    },
                ],
            },
            Message {
                name: "IpoQuotingPeriod",
                group: "Message",
                code: Some(b'K'),
                size: 28,
                tail: Tail::None,
                about: "When quoting of an offering is expected to be released, and its price.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field { name: "stock", offset: 11, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "ipo_quotation_release_time",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Seconds since midnight",
                        values: &[],
                    },
                    Field {
                        name: "ipo_quotation_release_qualifier",
                        offset: 23,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Expected or cancelled",
                        values: RELEASE_QUALIFIER_VALUES,
                    },
                    Field {
                        name: "ipo_price",
                        offset: 24,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Price of the offering",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "LuldAuctionCollar",
                group: "Message",
                code: Some(b'J'),
                size: 35,
                tail: Tail::None,
                about: "Price collars of the auction that ends a volatility pause.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field { name: "stock", offset: 11, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "auction_collar_reference_price",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Reference price",
                        values: &[],
                    },
                    Field {
                        name: "upper_auction_collar_price",
                        offset: 23,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Upper collar",
                        values: &[],
                    },
                    Field {
                        name: "lower_auction_collar_price",
                        offset: 27,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Lower collar",
                        values: &[],
                    },
                    Field {
                        name: "auction_collar_extension",
                        offset: 31,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "How often the auction was extended",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "OperationalHalt",
                group: "Message",
                code: Some(b'h'),
                size: 21,
                tail: Tail::None,
                about: "An interruption of one market alone; others go on.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field { name: "stock", offset: 11, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "market_code",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Which market",
                        values: MARKET_CODE_VALUES,
                    },
                    Field {
                        name: "operational_halt_action",
                        offset: 20,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Halted or trading again",
                        values: OPERATIONAL_HALT_ACTION_VALUES,
                    },
                ],
            },
            Message {
                name: "AddOrder",
                group: "Message",
                code: Some(b'A'),
                size: 36,
                tail: Tail::None,
                about: "A displayed order without attribution rests.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The exchange's number of the order, unique for the day",
                        values: &[],
                    },
                    Field {
                        name: "buy_sell_indicator",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Side",
                        values: SIDE_VALUES,
                    },
                    Field {
                        name: "shares",
                        offset: 20,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Displayed shares",
                        values: &[],
                    },
                    Field { name: "stock", offset: 24, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "price",
                        offset: 32,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Limit",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "AddOrderMpid",
                group: "Message",
                code: Some(b'F'),
                size: 40,
                tail: Tail::None,
                about: "A displayed order with the participant's name rests.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The exchange's number of the order, unique for the day",
                        values: &[],
                    },
                    Field {
                        name: "buy_sell_indicator",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Side",
                        values: SIDE_VALUES,
                    },
                    Field {
                        name: "shares",
                        offset: 20,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Displayed shares",
                        values: &[],
                    },
                    Field { name: "stock", offset: 24, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "price",
                        offset: 32,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Limit",
                        values: &[],
                    },
                    Field {
                        name: "attribution",
                        offset: 36,
                        tag: 0,
                        kind: Kind::Alpha(4),
                        about: "Market participant",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "OrderExecuted",
                group: "Message",
                code: Some(b'E'),
                size: 31,
                tail: Tail::None,
                about: "A resting order traded at its displayed price.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The order",
                        values: &[],
                    },
                    Field {
                        name: "executed_shares",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares traded",
                        values: &[],
                    },
                    Field {
                        name: "match_number",
                        offset: 23,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The trade's number, unique for the day",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "OrderExecutedWithPrice",
                group: "Message",
                code: Some(b'C'),
                size: 36,
                tail: Tail::None,
                about: "A resting order traded at a price other than its displayed one.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The order",
                        values: &[],
                    },
                    Field {
                        name: "executed_shares",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares traded",
                        values: &[],
                    },
                    Field {
                        name: "match_number",
                        offset: 23,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The trade's number, unique for the day",
                        values: &[],
                    },
                    Field {
                        name: "printable",
                        offset: 31,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether it counts in volume",
                        values: YES_NO_VALUES,
                    },
                    Field {
                        name: "execution_price",
                        offset: 32,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Price of the trade",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "OrderCancel",
                group: "Message",
                code: Some(b'X'),
                size: 23,
                tail: Tail::None,
                about: "Part of a resting order was cancelled.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The order",
                        values: &[],
                    },
                    Field {
                        name: "canceled_shares",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares taken off",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "OrderDelete",
                group: "Message",
                code: Some(b'D'),
                size: 19,
                tail: Tail::None,
                about: "A resting order is gone, unfilled.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "OrderReplace",
                group: "Message",
                code: Some(b'U'),
                size: 35,
                tail: Tail::None,
                about: "A resting order gave way to another of the same side, symbol and attribution, with its own priority.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "original_order_reference_number",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The order that is gone",
                        values: &[],
                    },
                    Field {
                        name: "new_order_reference_number",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The order that rests",
                        values: &[],
                    },
                    Field {
                        name: "shares",
                        offset: 27,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Displayed shares now",
                        values: &[],
                    },
                    Field {
                        name: "price",
                        offset: 31,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Limit now",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "Trade",
                group: "Message",
                code: Some(b'P'),
                size: 44,
                tail: Tail::None,
                about: "A trade against an order that was not displayed.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Zero on the present feed",
                        values: &[],
                    },
                    Field {
                        name: "buy_sell_indicator",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Side of the resting order; always B on the present feed",
                        values: SIDE_VALUES,
                    },
                    Field {
                        name: "shares",
                        offset: 20,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares traded",
                        values: &[],
                    },
                    Field { name: "stock", offset: 24, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "price",
                        offset: 32,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Price of the trade",
                        values: &[],
                    },
                    Field {
                        name: "match_number",
                        offset: 36,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The trade's number, unique for the day",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "CrossTrade",
                group: "Message",
                code: Some(b'Q'),
                size: 40,
                tail: Tail::None,
                about: "The print of an auction.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "shares",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Shares crossed; may be zero",
                        values: &[],
                    },
                    Field { name: "stock", offset: 19, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "cross_price",
                        offset: 27,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Price of the auction",
                        values: &[],
                    },
                    Field {
                        name: "match_number",
                        offset: 31,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The trade's number, unique for the day",
                        values: &[],
                    },
                    Field {
                        name: "cross_type",
                        offset: 39,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Which auction",
                        values: CROSS_TYPE_VALUES,
                    },
                ],
            },
            Message {
                name: "BrokenTrade",
                group: "Message",
                code: Some(b'B'),
                size: 19,
                tail: Tail::None,
                about: "An earlier trade was broken.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "match_number",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The broken trade's number",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "NetOrderImbalance",
                group: "Message",
                code: Some(b'I'),
                size: 50,
                tail: Tail::None,
                about: "Where an auction stands.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "paired_shares",
                        offset: 11,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Shares that match at the reference price",
                        values: &[],
                    },
                    Field {
                        name: "imbalance_shares",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Shares that do not",
                        values: &[],
                    },
                    Field {
                        name: "imbalance_direction",
                        offset: 27,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Side of the imbalance",
                        values: IMBALANCE_DIRECTION_VALUES,
                    },
                    Field { name: "stock", offset: 28, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "far_price",
                        offset: 36,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Clearing price of the auction's own orders",
                        values: &[],
                    },
                    Field {
                        name: "near_price",
                        offset: 40,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Clearing price of all orders",
                        values: &[],
                    },
                    Field {
                        name: "current_reference_price",
                        offset: 44,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Reference price",
                        values: &[],
                    },
                    Field {
                        name: "cross_type",
                        offset: 48,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Which auction",
                        values: CROSS_TYPE_VALUES,
                    },
                    Field {
                        name: "price_variation_indicator",
                        offset: 49,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Distance of the near price from the reference price",
                        values: PRICE_VARIATION_VALUES,
                    },
                ],
            },
            Message {
                name: "RetailInterest",
                group: "Message",
                code: Some(b'N'),
                size: 20,
                tail: Tail::None,
                about: "Whether retail price improvement is on offer.",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field { name: "stock", offset: 11, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "interest_flag",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Char,
                        about: "On which side",
                        values: INTEREST_FLAG_VALUES,
                    },
                ],
            },
            Message {
                name: "DirectListing",
                group: "Message",
                code: Some(b'O'),
                size: 48,
                tail: Tail::None,
                about: "Price discovery of a direct listing with a capital raise (since 2021).",
                fields: &[
                    Field {
                        name: "stock_locate",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "The feed's number of the security, 0 for messages about the whole market",
                        values: &[],
                    },
                    Field {
                        name: "tracking_number",
                        offset: 3,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Internal number of the exchange",
                        values: &[],
                    },
                    Field {
                        name: "timestamp",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 6, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field { name: "stock", offset: 11, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "open_eligibility_status",
                        offset: 19,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether it may be released",
                        values: OPEN_ELIGIBILITY_VALUES,
                    },
                    Field {
                        name: "minimum_allowable_price",
                        offset: 20,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Lowest price allowed",
                        values: &[],
                    },
                    Field {
                        name: "maximum_allowable_price",
                        offset: 24,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Highest price allowed",
                        values: &[],
                    },
                    Field {
                        name: "near_execution_price",
                        offset: 28,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Price it would open at",
                        values: &[],
                    },
                    Field {
                        name: "near_execution_time",
                        offset: 32,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "When that price was set, nanoseconds since midnight",
                        values: &[],
                    },
                    Field {
                        name: "lower_price_range_collar",
                        offset: 40,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Lower collar",
                        values: &[],
                    },
                    Field {
                        name: "upper_price_range_collar",
                        offset: 44,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 4 },
                        about: "Upper collar",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "EndOfSnapshot",
                group: "Message",
                code: Some(b'G'),
                size: 21,
                tail: Tail::None,
                about: "Ends a GLIMPSE snapshot; never on the feed itself.",
                fields: &[Field {
                    name: "sequence_number",
                    offset: 1,
                    tag: 0,
                    kind: Kind::Digits(20),
                    about: "First message of the feed that the snapshot does not hold, ASCII, padded with spaces",
                    values: &[],
                }],
            },
        ],
        elements: &[],
    };
}
