//! Nasdaq OUCH 5.0. Made by tools/gen.py from venues/nasdaq/wire/ouch50.toml: change the table, then run `make
//! gen`.
//!
//! Order entry. Messages travel in SoupBinTCP: the client's unsequenced, the server's sequenced. Optional fields
//! stand in an appendage: two length bytes, then elements of one length byte (tag and value), one tag byte, and
//! the value.

use crate::check;
use crate::check::Elements;
use crate::error::WireError;
use crate::load;

/// A new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnterOrder<'a> {
    fixed: &'a [u8; 45],
    bytes: &'a [u8],
}
impl<'a> EnterOrder<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'O';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 45;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 45, false, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// The client's number of the order, rising through the day.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 1)
    }
    /// Side.
    #[inline]
    pub fn side(self) -> u8 {
        load::u8(self.fixed, 5)
    }
    /// Shares.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 6)
    }
    /// Symbol.
    #[inline]
    pub fn symbol(self) -> [u8; 8] {
        load::text(self.fixed, 10)
    }
    /// Limit; 2147483647 (214,748.3647) is a market order.
    #[inline]
    pub fn price(self) -> u64 {
        load::u64(self.fixed, 18)
    }
    /// How long it stays.
    #[inline]
    pub fn time_in_force(self) -> u8 {
        load::u8(self.fixed, 26)
    }
    /// How it is shown.
    #[inline]
    pub fn display(self) -> u8 {
        load::u8(self.fixed, 27)
    }
    /// Capacity of the firm.
    #[inline]
    pub fn capacity(self) -> u8 {
        load::u8(self.fixed, 28)
    }
    /// Whether it is a sweep.
    #[inline]
    pub fn inter_market_sweep_eligibility(self) -> u8 {
        load::u8(self.fixed, 29)
    }
    /// Continuous market or auction.
    #[inline]
    pub fn cross_type(self) -> u8 {
        load::u8(self.fixed, 30)
    }
    /// The client's own text of the order.
    #[inline]
    pub fn cl_ord_id(self) -> [u8; 14] {
        load::text(self.fixed, 31)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(47..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> EnterOrderFields<'a> {
        EnterOrderFields {
            user_ref_num: self.user_ref_num(),
            side: self.side(),
            quantity: self.quantity(),
            symbol: self.symbol(),
            price: self.price(),
            time_in_force: self.time_in_force(),
            display: self.display(),
            capacity: self.capacity(),
            inter_market_sweep_eligibility: self.inter_market_sweep_eligibility(),
            cross_type: self.cross_type(),
            cl_ord_id: self.cl_ord_id(),
            appendage: self.bytes.get(47..).unwrap_or(&[]),
        }
    }
}

/// What a [`EnterOrder`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnterOrderFields<'a> {
    /// The client's number of the order, rising through the day.
    pub user_ref_num: u32,
    /// Side.
    pub side: u8,
    /// Shares.
    pub quantity: u32,
    /// Symbol.
    pub symbol: [u8; 8],
    /// Limit; 2147483647 (214,748.3647) is a market order.
    pub price: u64,
    /// How long it stays.
    pub time_in_force: u8,
    /// How it is shown.
    pub display: u8,
    /// Capacity of the firm.
    pub capacity: u8,
    /// Whether it is a sweep.
    pub inter_market_sweep_eligibility: u8,
    /// Continuous market or auction.
    pub cross_type: u8,
    /// The client's own text of the order.
    pub cl_ord_id: [u8; 14],
    /// The elements of its appendage; see [`AppendageBuffer`].
    pub appendage: &'a [u8],
}
impl Default for EnterOrderFields<'_> {
    fn default() -> Self {
        Self {
            user_ref_num: 0,
            side: b' ',
            quantity: 0,
            symbol: [b' '; 8],
            price: 0,
            time_in_force: b' ',
            display: b' ',
            capacity: b' ',
            inter_market_sweep_eligibility: b' ',
            cross_type: b' ',
            cl_ord_id: [b' '; 14],
            appendage: &[],
        }
    }
}
impl EnterOrderFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 45;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<45>(out);
        fixed[0] = b'O';
        load::put_u32(fixed, 1, self.user_ref_num);
        load::put_u8(fixed, 5, self.side);
        load::put_u32(fixed, 6, self.quantity);
        load::put_text(fixed, 10, self.symbol);
        load::put_u64(fixed, 18, self.price);
        load::put_u8(fixed, 26, self.time_in_force);
        load::put_u8(fixed, 27, self.display);
        load::put_u8(fixed, 28, self.capacity);
        load::put_u8(fixed, 29, self.inter_market_sweep_eligibility);
        load::put_u8(fixed, 30, self.cross_type);
        load::put_text(fixed, 31, self.cl_ord_id);
        check::append_appendage(out, 45, Some(self.appendage))
    }
}

/// Gives up one order for a new one of the same side and symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplaceOrder<'a> {
    fixed: &'a [u8; 38],
    bytes: &'a [u8],
}
impl<'a> ReplaceOrder<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'U';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 38;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 38, false, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// The order to give up.
    #[inline]
    pub fn orig_user_ref_num(self) -> u32 {
        load::u32(self.fixed, 1)
    }
    /// Number of the new one.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 5)
    }
    /// Shares, those executed included.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Limit.
    #[inline]
    pub fn price(self) -> u64 {
        load::u64(self.fixed, 13)
    }
    /// How long it stays.
    #[inline]
    pub fn time_in_force(self) -> u8 {
        load::u8(self.fixed, 21)
    }
    /// How it is shown.
    #[inline]
    pub fn display(self) -> u8 {
        load::u8(self.fixed, 22)
    }
    /// Whether it is a sweep.
    #[inline]
    pub fn inter_market_sweep_eligibility(self) -> u8 {
        load::u8(self.fixed, 23)
    }
    /// The client's own text of the order.
    #[inline]
    pub fn cl_ord_id(self) -> [u8; 14] {
        load::text(self.fixed, 24)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(40..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> ReplaceOrderFields<'a> {
        ReplaceOrderFields {
            orig_user_ref_num: self.orig_user_ref_num(),
            user_ref_num: self.user_ref_num(),
            quantity: self.quantity(),
            price: self.price(),
            time_in_force: self.time_in_force(),
            display: self.display(),
            inter_market_sweep_eligibility: self.inter_market_sweep_eligibility(),
            cl_ord_id: self.cl_ord_id(),
            appendage: self.bytes.get(40..).unwrap_or(&[]),
        }
    }
}

/// What a [`ReplaceOrder`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplaceOrderFields<'a> {
    /// The order to give up.
    pub orig_user_ref_num: u32,
    /// Number of the new one.
    pub user_ref_num: u32,
    /// Shares, those executed included.
    pub quantity: u32,
    /// Limit.
    pub price: u64,
    /// How long it stays.
    pub time_in_force: u8,
    /// How it is shown.
    pub display: u8,
    /// Whether it is a sweep.
    pub inter_market_sweep_eligibility: u8,
    /// The client's own text of the order.
    pub cl_ord_id: [u8; 14],
    /// The elements of its appendage; see [`AppendageBuffer`].
    pub appendage: &'a [u8],
}
impl Default for ReplaceOrderFields<'_> {
    fn default() -> Self {
        Self {
            orig_user_ref_num: 0,
            user_ref_num: 0,
            quantity: 0,
            price: 0,
            time_in_force: b' ',
            display: b' ',
            inter_market_sweep_eligibility: b' ',
            cl_ord_id: [b' '; 14],
            appendage: &[],
        }
    }
}
impl ReplaceOrderFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 38;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<38>(out);
        fixed[0] = b'U';
        load::put_u32(fixed, 1, self.orig_user_ref_num);
        load::put_u32(fixed, 5, self.user_ref_num);
        load::put_u32(fixed, 9, self.quantity);
        load::put_u64(fixed, 13, self.price);
        load::put_u8(fixed, 21, self.time_in_force);
        load::put_u8(fixed, 22, self.display);
        load::put_u8(fixed, 23, self.inter_market_sweep_eligibility);
        load::put_text(fixed, 24, self.cl_ord_id);
        check::append_appendage(out, 38, Some(self.appendage))
    }
}

/// Reduces an order to a size; 0 cancels all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelOrder<'a> {
    fixed: &'a [u8; 9],
    bytes: &'a [u8],
}
impl<'a> CancelOrder<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'X';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 9;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 9, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// The order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 1)
    }
    /// Shares it is to have, those executed included.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 5)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(11..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> CancelOrderFields<'a> {
        CancelOrderFields {
            user_ref_num: self.user_ref_num(),
            quantity: self.quantity(),
            appendage: self.bytes.get(11..),
        }
    }
}

/// What a [`CancelOrder`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CancelOrderFields<'a> {
    /// The order.
    pub user_ref_num: u32,
    /// Shares it is to have, those executed included.
    pub quantity: u32,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}

impl CancelOrderFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 9;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<9>(out);
        fixed[0] = b'X';
        load::put_u32(fixed, 1, self.user_ref_num);
        load::put_u32(fixed, 5, self.quantity);
        check::append_appendage(out, 9, self.appendage)
    }
}

/// Changes the kind of sale or reduces the size, keeping priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModifyOrder<'a> {
    fixed: &'a [u8; 10],
    bytes: &'a [u8],
}
impl<'a> ModifyOrder<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'M';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 10;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 10, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// The order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 1)
    }
    /// Side it is to have.
    #[inline]
    pub fn side(self) -> u8 {
        load::u8(self.fixed, 5)
    }
    /// Shares it is to have, those executed included.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 6)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(12..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> ModifyOrderFields<'a> {
        ModifyOrderFields {
            user_ref_num: self.user_ref_num(),
            side: self.side(),
            quantity: self.quantity(),
            appendage: self.bytes.get(12..),
        }
    }
}

/// What a [`ModifyOrder`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModifyOrderFields<'a> {
    /// The order.
    pub user_ref_num: u32,
    /// Side it is to have.
    pub side: u8,
    /// Shares it is to have, those executed included.
    pub quantity: u32,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for ModifyOrderFields<'_> {
    fn default() -> Self {
        Self { user_ref_num: 0, side: b' ', quantity: 0, appendage: None }
    }
}
impl ModifyOrderFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 10;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<10>(out);
        fixed[0] = b'M';
        load::put_u32(fixed, 1, self.user_ref_num);
        load::put_u8(fixed, 5, self.side);
        load::put_u32(fixed, 6, self.quantity);
        check::append_appendage(out, 10, self.appendage)
    }
}

/// Cancels all orders of a firm, of a symbol where one is named (later revision).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassCancel<'a> {
    fixed: &'a [u8; 17],
    bytes: &'a [u8],
}
impl<'a> MassCancel<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'C';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 17;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 17, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Number of the request.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 1)
    }
    /// Firm.
    #[inline]
    pub fn firm(self) -> [u8; 4] {
        load::text(self.fixed, 5)
    }
    /// Symbol; blank for all.
    #[inline]
    pub fn symbol(self) -> [u8; 8] {
        load::text(self.fixed, 9)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(19..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> MassCancelFields<'a> {
        MassCancelFields {
            user_ref_num: self.user_ref_num(),
            firm: self.firm(),
            symbol: self.symbol(),
            appendage: self.bytes.get(19..),
        }
    }
}

/// What a [`MassCancel`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassCancelFields<'a> {
    /// Number of the request.
    pub user_ref_num: u32,
    /// Firm.
    pub firm: [u8; 4],
    /// Symbol; blank for all.
    pub symbol: [u8; 8],
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for MassCancelFields<'_> {
    fn default() -> Self {
        Self { user_ref_num: 0, firm: [b' '; 4], symbol: [b' '; 8], appendage: None }
    }
}
impl MassCancelFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 17;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<17>(out);
        fixed[0] = b'C';
        load::put_u32(fixed, 1, self.user_ref_num);
        load::put_text(fixed, 5, self.firm);
        load::put_text(fixed, 9, self.symbol);
        check::append_appendage(out, 17, self.appendage)
    }
}

/// No new orders of the firm until enabled again (later revision).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisableOrderEntry<'a> {
    fixed: &'a [u8; 9],
    bytes: &'a [u8],
}
impl<'a> DisableOrderEntry<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'D';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 9;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 9, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Number of the request.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 1)
    }
    /// Firm.
    #[inline]
    pub fn firm(self) -> [u8; 4] {
        load::text(self.fixed, 5)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(11..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> DisableOrderEntryFields<'a> {
        DisableOrderEntryFields {
            user_ref_num: self.user_ref_num(),
            firm: self.firm(),
            appendage: self.bytes.get(11..),
        }
    }
}

/// What a [`DisableOrderEntry`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisableOrderEntryFields<'a> {
    /// Number of the request.
    pub user_ref_num: u32,
    /// Firm.
    pub firm: [u8; 4],
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for DisableOrderEntryFields<'_> {
    fn default() -> Self {
        Self { user_ref_num: 0, firm: [b' '; 4], appendage: None }
    }
}
impl DisableOrderEntryFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 9;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<9>(out);
        fixed[0] = b'D';
        load::put_u32(fixed, 1, self.user_ref_num);
        load::put_text(fixed, 5, self.firm);
        check::append_appendage(out, 9, self.appendage)
    }
}

/// New orders of the firm are taken again (later revision).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnableOrderEntry<'a> {
    fixed: &'a [u8; 9],
    bytes: &'a [u8],
}
impl<'a> EnableOrderEntry<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'E';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 9;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 9, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Number of the request.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 1)
    }
    /// Firm.
    #[inline]
    pub fn firm(self) -> [u8; 4] {
        load::text(self.fixed, 5)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(11..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> EnableOrderEntryFields<'a> {
        EnableOrderEntryFields { user_ref_num: self.user_ref_num(), firm: self.firm(), appendage: self.bytes.get(11..) }
    }
}

/// What a [`EnableOrderEntry`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnableOrderEntryFields<'a> {
    /// Number of the request.
    pub user_ref_num: u32,
    /// Firm.
    pub firm: [u8; 4],
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for EnableOrderEntryFields<'_> {
    fn default() -> Self {
        Self { user_ref_num: 0, firm: [b' '; 4], appendage: None }
    }
}
impl EnableOrderEntryFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 9;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<9>(out);
        fixed[0] = b'E';
        load::put_u32(fixed, 1, self.user_ref_num);
        load::put_text(fixed, 5, self.firm);
        check::append_appendage(out, 9, self.appendage)
    }
}

/// Asks for the next number that the venue would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountQuery<'a> {
    fixed: &'a [u8; 1],
    bytes: &'a [u8],
}
impl<'a> AccountQuery<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'Q';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 1;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 1, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(3..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> AccountQueryFields<'a> {
        AccountQueryFields { appendage: self.bytes.get(3..) }
    }
}

/// What a [`AccountQuery`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountQueryFields<'a> {
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}

impl AccountQueryFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 1;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<1>(out);
        fixed[0] = b'Q';
        check::append_appendage(out, 1, self.appendage)
    }
}

/// The day starts or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemEvent<'a> {
    fixed: &'a [u8; 10],
    bytes: &'a [u8],
}
impl<'a> SystemEvent<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'S';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 10;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 10, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// Which.
    #[inline]
    pub fn event_code(self) -> u8 {
        load::u8(self.fixed, 9)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(12..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> SystemEventFields<'a> {
        SystemEventFields {
            timestamp: self.timestamp(),
            event_code: self.event_code(),
            appendage: self.bytes.get(12..),
        }
    }
}

/// What a [`SystemEvent`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemEventFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// Which.
    pub event_code: u8,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for SystemEventFields<'_> {
    fn default() -> Self {
        Self { timestamp: 0, event_code: b' ', appendage: None }
    }
}
impl SystemEventFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 10;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<10>(out);
        fixed[0] = b'S';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u8(fixed, 9, self.event_code);
        check::append_appendage(out, 10, self.appendage)
    }
}

/// A new order was taken, as it stands at the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    fixed: &'a [u8; 62],
    bytes: &'a [u8],
}
impl<'a> Accepted<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'A';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 62;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 62, false, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Side.
    #[inline]
    pub fn side(self) -> u8 {
        load::u8(self.fixed, 13)
    }
    /// Shares.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 14)
    }
    /// Symbol.
    #[inline]
    pub fn symbol(self) -> [u8; 8] {
        load::text(self.fixed, 18)
    }
    /// Limit.
    #[inline]
    pub fn price(self) -> u64 {
        load::u64(self.fixed, 26)
    }
    /// How long it stays.
    #[inline]
    pub fn time_in_force(self) -> u8 {
        load::u8(self.fixed, 34)
    }
    /// How it is shown.
    #[inline]
    pub fn display(self) -> u8 {
        load::u8(self.fixed, 35)
    }
    /// The venue's number, as on ITCH.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 36)
    }
    /// Capacity of the firm.
    #[inline]
    pub fn capacity(self) -> u8 {
        load::u8(self.fixed, 44)
    }
    /// Whether it is a sweep.
    #[inline]
    pub fn inter_market_sweep_eligibility(self) -> u8 {
        load::u8(self.fixed, 45)
    }
    /// Continuous market or auction.
    #[inline]
    pub fn cross_type(self) -> u8 {
        load::u8(self.fixed, 46)
    }
    /// Live, or dead at once.
    #[inline]
    pub fn order_state(self) -> u8 {
        load::u8(self.fixed, 47)
    }
    /// The client's own text of the order.
    #[inline]
    pub fn cl_ord_id(self) -> [u8; 14] {
        load::text(self.fixed, 48)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(64..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> AcceptedFields<'a> {
        AcceptedFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            side: self.side(),
            quantity: self.quantity(),
            symbol: self.symbol(),
            price: self.price(),
            time_in_force: self.time_in_force(),
            display: self.display(),
            order_reference_number: self.order_reference_number(),
            capacity: self.capacity(),
            inter_market_sweep_eligibility: self.inter_market_sweep_eligibility(),
            cross_type: self.cross_type(),
            order_state: self.order_state(),
            cl_ord_id: self.cl_ord_id(),
            appendage: self.bytes.get(64..).unwrap_or(&[]),
        }
    }
}

/// What a [`Accepted`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Side.
    pub side: u8,
    /// Shares.
    pub quantity: u32,
    /// Symbol.
    pub symbol: [u8; 8],
    /// Limit.
    pub price: u64,
    /// How long it stays.
    pub time_in_force: u8,
    /// How it is shown.
    pub display: u8,
    /// The venue's number, as on ITCH.
    pub order_reference_number: u64,
    /// Capacity of the firm.
    pub capacity: u8,
    /// Whether it is a sweep.
    pub inter_market_sweep_eligibility: u8,
    /// Continuous market or auction.
    pub cross_type: u8,
    /// Live, or dead at once.
    pub order_state: u8,
    /// The client's own text of the order.
    pub cl_ord_id: [u8; 14],
    /// The elements of its appendage; see [`AppendageBuffer`].
    pub appendage: &'a [u8],
}
impl Default for AcceptedFields<'_> {
    fn default() -> Self {
        Self {
            timestamp: 0,
            user_ref_num: 0,
            side: b' ',
            quantity: 0,
            symbol: [b' '; 8],
            price: 0,
            time_in_force: b' ',
            display: b' ',
            order_reference_number: 0,
            capacity: b' ',
            inter_market_sweep_eligibility: b' ',
            cross_type: b' ',
            order_state: b' ',
            cl_ord_id: [b' '; 14],
            appendage: &[],
        }
    }
}
impl AcceptedFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 62;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<62>(out);
        fixed[0] = b'A';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u8(fixed, 13, self.side);
        load::put_u32(fixed, 14, self.quantity);
        load::put_text(fixed, 18, self.symbol);
        load::put_u64(fixed, 26, self.price);
        load::put_u8(fixed, 34, self.time_in_force);
        load::put_u8(fixed, 35, self.display);
        load::put_u64(fixed, 36, self.order_reference_number);
        load::put_u8(fixed, 44, self.capacity);
        load::put_u8(fixed, 45, self.inter_market_sweep_eligibility);
        load::put_u8(fixed, 46, self.cross_type);
        load::put_u8(fixed, 47, self.order_state);
        load::put_text(fixed, 48, self.cl_ord_id);
        check::append_appendage(out, 62, Some(self.appendage))
    }
}

/// A replace was taken; the old order is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced<'a> {
    fixed: &'a [u8; 66],
    bytes: &'a [u8],
}
impl<'a> Replaced<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'U';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 66;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 66, false, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The order given up.
    #[inline]
    pub fn orig_user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// The new one.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 13)
    }
    /// Side.
    #[inline]
    pub fn side(self) -> u8 {
        load::u8(self.fixed, 17)
    }
    /// Shares.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 18)
    }
    /// Symbol.
    #[inline]
    pub fn symbol(self) -> [u8; 8] {
        load::text(self.fixed, 22)
    }
    /// Limit.
    #[inline]
    pub fn price(self) -> u64 {
        load::u64(self.fixed, 30)
    }
    /// How long it stays.
    #[inline]
    pub fn time_in_force(self) -> u8 {
        load::u8(self.fixed, 38)
    }
    /// How it is shown.
    #[inline]
    pub fn display(self) -> u8 {
        load::u8(self.fixed, 39)
    }
    /// The venue's number, as on ITCH.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 40)
    }
    /// Capacity of the firm.
    #[inline]
    pub fn capacity(self) -> u8 {
        load::u8(self.fixed, 48)
    }
    /// Whether it is a sweep.
    #[inline]
    pub fn inter_market_sweep_eligibility(self) -> u8 {
        load::u8(self.fixed, 49)
    }
    /// Continuous market or auction.
    #[inline]
    pub fn cross_type(self) -> u8 {
        load::u8(self.fixed, 50)
    }
    /// Live, or dead at once.
    #[inline]
    pub fn order_state(self) -> u8 {
        load::u8(self.fixed, 51)
    }
    /// The client's own text of the order.
    #[inline]
    pub fn cl_ord_id(self) -> [u8; 14] {
        load::text(self.fixed, 52)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(68..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> ReplacedFields<'a> {
        ReplacedFields {
            timestamp: self.timestamp(),
            orig_user_ref_num: self.orig_user_ref_num(),
            user_ref_num: self.user_ref_num(),
            side: self.side(),
            quantity: self.quantity(),
            symbol: self.symbol(),
            price: self.price(),
            time_in_force: self.time_in_force(),
            display: self.display(),
            order_reference_number: self.order_reference_number(),
            capacity: self.capacity(),
            inter_market_sweep_eligibility: self.inter_market_sweep_eligibility(),
            cross_type: self.cross_type(),
            order_state: self.order_state(),
            cl_ord_id: self.cl_ord_id(),
            appendage: self.bytes.get(68..).unwrap_or(&[]),
        }
    }
}

/// What a [`Replaced`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplacedFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The order given up.
    pub orig_user_ref_num: u32,
    /// The new one.
    pub user_ref_num: u32,
    /// Side.
    pub side: u8,
    /// Shares.
    pub quantity: u32,
    /// Symbol.
    pub symbol: [u8; 8],
    /// Limit.
    pub price: u64,
    /// How long it stays.
    pub time_in_force: u8,
    /// How it is shown.
    pub display: u8,
    /// The venue's number, as on ITCH.
    pub order_reference_number: u64,
    /// Capacity of the firm.
    pub capacity: u8,
    /// Whether it is a sweep.
    pub inter_market_sweep_eligibility: u8,
    /// Continuous market or auction.
    pub cross_type: u8,
    /// Live, or dead at once.
    pub order_state: u8,
    /// The client's own text of the order.
    pub cl_ord_id: [u8; 14],
    /// The elements of its appendage; see [`AppendageBuffer`].
    pub appendage: &'a [u8],
}
impl Default for ReplacedFields<'_> {
    fn default() -> Self {
        Self {
            timestamp: 0,
            orig_user_ref_num: 0,
            user_ref_num: 0,
            side: b' ',
            quantity: 0,
            symbol: [b' '; 8],
            price: 0,
            time_in_force: b' ',
            display: b' ',
            order_reference_number: 0,
            capacity: b' ',
            inter_market_sweep_eligibility: b' ',
            cross_type: b' ',
            order_state: b' ',
            cl_ord_id: [b' '; 14],
            appendage: &[],
        }
    }
}
impl ReplacedFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 66;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<66>(out);
        fixed[0] = b'U';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.orig_user_ref_num);
        load::put_u32(fixed, 13, self.user_ref_num);
        load::put_u8(fixed, 17, self.side);
        load::put_u32(fixed, 18, self.quantity);
        load::put_text(fixed, 22, self.symbol);
        load::put_u64(fixed, 30, self.price);
        load::put_u8(fixed, 38, self.time_in_force);
        load::put_u8(fixed, 39, self.display);
        load::put_u64(fixed, 40, self.order_reference_number);
        load::put_u8(fixed, 48, self.capacity);
        load::put_u8(fixed, 49, self.inter_market_sweep_eligibility);
        load::put_u8(fixed, 50, self.cross_type);
        load::put_u8(fixed, 51, self.order_state);
        load::put_text(fixed, 52, self.cl_ord_id);
        check::append_appendage(out, 66, Some(self.appendage))
    }
}

/// An order was reduced or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canceled<'a> {
    fixed: &'a [u8; 18],
    bytes: &'a [u8],
}
impl<'a> Canceled<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'C';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 18;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 18, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Shares just taken off.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 13)
    }
    /// Why.
    #[inline]
    pub fn cancel_order_reason(self) -> u8 {
        load::u8(self.fixed, 17)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(20..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> CanceledFields<'a> {
        CanceledFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            quantity: self.quantity(),
            cancel_order_reason: self.cancel_order_reason(),
            appendage: self.bytes.get(20..),
        }
    }
}

/// What a [`Canceled`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanceledFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Shares just taken off.
    pub quantity: u32,
    /// Why.
    pub cancel_order_reason: u8,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for CanceledFields<'_> {
    fn default() -> Self {
        Self { timestamp: 0, user_ref_num: 0, quantity: 0, cancel_order_reason: b' ', appendage: None }
    }
}
impl CanceledFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 18;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<18>(out);
        fixed[0] = b'C';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u32(fixed, 13, self.quantity);
        load::put_u8(fixed, 17, self.cancel_order_reason);
        check::append_appendage(out, 18, self.appendage)
    }
}

/// An order was reduced or is gone because it would have met an order of its own firm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AiqCanceled<'a> {
    fixed: &'a [u8; 31],
    bytes: &'a [u8],
}
impl<'a> AiqCanceled<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'D';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 31;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 31, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Shares just taken off.
    #[inline]
    pub fn decrement_shares(self) -> u32 {
        load::u32(self.fixed, 13)
    }
    /// Why.
    #[inline]
    pub fn cancel_order_reason(self) -> u8 {
        load::u8(self.fixed, 17)
    }
    /// Shares that would have traded.
    #[inline]
    pub fn quantity_prevented_from_trading(self) -> u32 {
        load::u32(self.fixed, 18)
    }
    /// Price they would have traded at.
    #[inline]
    pub fn execution_price(self) -> u64 {
        load::u64(self.fixed, 22)
    }
    /// Role they would have had.
    #[inline]
    pub fn liquidity_flag(self) -> u8 {
        load::u8(self.fixed, 30)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(33..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> AiqCanceledFields<'a> {
        AiqCanceledFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            decrement_shares: self.decrement_shares(),
            cancel_order_reason: self.cancel_order_reason(),
            quantity_prevented_from_trading: self.quantity_prevented_from_trading(),
            execution_price: self.execution_price(),
            liquidity_flag: self.liquidity_flag(),
            appendage: self.bytes.get(33..),
        }
    }
}

/// What a [`AiqCanceled`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AiqCanceledFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Shares just taken off.
    pub decrement_shares: u32,
    /// Why.
    pub cancel_order_reason: u8,
    /// Shares that would have traded.
    pub quantity_prevented_from_trading: u32,
    /// Price they would have traded at.
    pub execution_price: u64,
    /// Role they would have had.
    pub liquidity_flag: u8,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for AiqCanceledFields<'_> {
    fn default() -> Self {
        Self {
            timestamp: 0,
            user_ref_num: 0,
            decrement_shares: 0,
            cancel_order_reason: b' ',
            quantity_prevented_from_trading: 0,
            execution_price: 0,
            liquidity_flag: b' ',
            appendage: None,
        }
    }
}
impl AiqCanceledFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 31;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<31>(out);
        fixed[0] = b'D';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u32(fixed, 13, self.decrement_shares);
        load::put_u8(fixed, 17, self.cancel_order_reason);
        load::put_u32(fixed, 18, self.quantity_prevented_from_trading);
        load::put_u64(fixed, 22, self.execution_price);
        load::put_u8(fixed, 30, self.liquidity_flag);
        check::append_appendage(out, 31, self.appendage)
    }
}

/// Part or all of an order traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Executed<'a> {
    fixed: &'a [u8; 34],
    bytes: &'a [u8],
}
impl<'a> Executed<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'E';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 34;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 34, false, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Shares traded.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 13)
    }
    /// Price of the trade.
    #[inline]
    pub fn price(self) -> u64 {
        load::u64(self.fixed, 17)
    }
    /// Role in the trade.
    #[inline]
    pub fn liquidity_flag(self) -> u8 {
        load::u8(self.fixed, 25)
    }
    /// The trade's number, the same for both sides.
    #[inline]
    pub fn match_number(self) -> u64 {
        load::u64(self.fixed, 26)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(36..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> ExecutedFields<'a> {
        ExecutedFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            quantity: self.quantity(),
            price: self.price(),
            liquidity_flag: self.liquidity_flag(),
            match_number: self.match_number(),
            appendage: self.bytes.get(36..).unwrap_or(&[]),
        }
    }
}

/// What a [`Executed`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutedFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Shares traded.
    pub quantity: u32,
    /// Price of the trade.
    pub price: u64,
    /// Role in the trade.
    pub liquidity_flag: u8,
    /// The trade's number, the same for both sides.
    pub match_number: u64,
    /// The elements of its appendage; see [`AppendageBuffer`].
    pub appendage: &'a [u8],
}
impl Default for ExecutedFields<'_> {
    fn default() -> Self {
        Self {
            timestamp: 0,
            user_ref_num: 0,
            quantity: 0,
            price: 0,
            liquidity_flag: b' ',
            match_number: 0,
            appendage: &[],
        }
    }
}
impl ExecutedFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 34;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<34>(out);
        fixed[0] = b'E';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u32(fixed, 13, self.quantity);
        load::put_u64(fixed, 17, self.price);
        load::put_u8(fixed, 25, self.liquidity_flag);
        load::put_u64(fixed, 26, self.match_number);
        check::append_appendage(out, 34, Some(self.appendage))
    }
}

/// An earlier trade was broken; the order does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenTrade<'a> {
    fixed: &'a [u8; 36],
    bytes: &'a [u8],
}
impl<'a> BrokenTrade<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'B';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 36;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 36, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// The trade's number.
    #[inline]
    pub fn match_number(self) -> u64 {
        load::u64(self.fixed, 13)
    }
    /// Why.
    #[inline]
    pub fn broken_trade_reason(self) -> u8 {
        load::u8(self.fixed, 21)
    }
    /// The client's own text of the order.
    #[inline]
    pub fn cl_ord_id(self) -> [u8; 14] {
        load::text(self.fixed, 22)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(38..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> BrokenTradeFields<'a> {
        BrokenTradeFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            match_number: self.match_number(),
            broken_trade_reason: self.broken_trade_reason(),
            cl_ord_id: self.cl_ord_id(),
            appendage: self.bytes.get(38..),
        }
    }
}

/// What a [`BrokenTrade`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenTradeFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// The trade's number.
    pub match_number: u64,
    /// Why.
    pub broken_trade_reason: u8,
    /// The client's own text of the order.
    pub cl_ord_id: [u8; 14],
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for BrokenTradeFields<'_> {
    fn default() -> Self {
        Self {
            timestamp: 0,
            user_ref_num: 0,
            match_number: 0,
            broken_trade_reason: b' ',
            cl_ord_id: [b' '; 14],
            appendage: None,
        }
    }
}
impl BrokenTradeFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 36;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<36>(out);
        fixed[0] = b'B';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u64(fixed, 13, self.match_number);
        load::put_u8(fixed, 21, self.broken_trade_reason);
        load::put_text(fixed, 22, self.cl_ord_id);
        check::append_appendage(out, 36, self.appendage)
    }
}

/// The price of an earlier trade was corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeCorrection<'a> {
    fixed: &'a [u8; 49],
    bytes: &'a [u8],
}
impl<'a> TradeCorrection<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'F';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 49;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 49, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Shares traded.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 13)
    }
    /// Price from now on.
    #[inline]
    pub fn price(self) -> u64 {
        load::u64(self.fixed, 17)
    }
    /// Role in the trade.
    #[inline]
    pub fn liquidity_flag(self) -> u8 {
        load::u8(self.fixed, 25)
    }
    /// The trade's number.
    #[inline]
    pub fn match_number(self) -> u64 {
        load::u64(self.fixed, 26)
    }
    /// Why.
    #[inline]
    pub fn trade_correction_reason(self) -> u8 {
        load::u8(self.fixed, 34)
    }
    /// The client's own text of the order.
    #[inline]
    pub fn cl_ord_id(self) -> [u8; 14] {
        load::text(self.fixed, 35)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(51..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> TradeCorrectionFields<'a> {
        TradeCorrectionFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            quantity: self.quantity(),
            price: self.price(),
            liquidity_flag: self.liquidity_flag(),
            match_number: self.match_number(),
            trade_correction_reason: self.trade_correction_reason(),
            cl_ord_id: self.cl_ord_id(),
            appendage: self.bytes.get(51..),
        }
    }
}

/// What a [`TradeCorrection`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeCorrectionFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Shares traded.
    pub quantity: u32,
    /// Price from now on.
    pub price: u64,
    /// Role in the trade.
    pub liquidity_flag: u8,
    /// The trade's number.
    pub match_number: u64,
    /// Why.
    pub trade_correction_reason: u8,
    /// The client's own text of the order.
    pub cl_ord_id: [u8; 14],
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for TradeCorrectionFields<'_> {
    fn default() -> Self {
        Self {
            timestamp: 0,
            user_ref_num: 0,
            quantity: 0,
            price: 0,
            liquidity_flag: b' ',
            match_number: 0,
            trade_correction_reason: b' ',
            cl_ord_id: [b' '; 14],
            appendage: None,
        }
    }
}
impl TradeCorrectionFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 49;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<49>(out);
        fixed[0] = b'F';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u32(fixed, 13, self.quantity);
        load::put_u64(fixed, 17, self.price);
        load::put_u8(fixed, 25, self.liquidity_flag);
        load::put_u64(fixed, 26, self.match_number);
        load::put_u8(fixed, 34, self.trade_correction_reason);
        load::put_text(fixed, 35, self.cl_ord_id);
        check::append_appendage(out, 49, self.appendage)
    }
}

/// An order or a replace was refused; its number is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected<'a> {
    fixed: &'a [u8; 29],
    bytes: &'a [u8],
}
impl<'a> Rejected<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'J';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 29;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 29, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Why.
    #[inline]
    pub fn reason(self) -> u16 {
        load::u16(self.fixed, 13)
    }
    /// The client's own text of the order.
    #[inline]
    pub fn cl_ord_id(self) -> [u8; 14] {
        load::text(self.fixed, 15)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(31..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> RejectedFields<'a> {
        RejectedFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            reason: self.reason(),
            cl_ord_id: self.cl_ord_id(),
            appendage: self.bytes.get(31..),
        }
    }
}

/// What a [`Rejected`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Why.
    pub reason: u16,
    /// The client's own text of the order.
    pub cl_ord_id: [u8; 14],
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for RejectedFields<'_> {
    fn default() -> Self {
        Self { timestamp: 0, user_ref_num: 0, reason: 0, cl_ord_id: [b' '; 14], appendage: None }
    }
}
impl RejectedFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 29;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<29>(out);
        fixed[0] = b'J';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u16(fixed, 13, self.reason);
        load::put_text(fixed, 15, self.cl_ord_id);
        check::append_appendage(out, 29, self.appendage)
    }
}

/// The order is in an auction; its cancel waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelPending<'a> {
    fixed: &'a [u8; 13],
    bytes: &'a [u8],
}
impl<'a> CancelPending<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'P';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 13;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 13, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(15..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> CancelPendingFields<'a> {
        CancelPendingFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            appendage: self.bytes.get(15..),
        }
    }
}

/// What a [`CancelPending`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CancelPendingFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}

impl CancelPendingFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 13;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<13>(out);
        fixed[0] = b'P';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        check::append_appendage(out, 13, self.appendage)
    }
}

/// The order is in an auction and cannot be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelReject<'a> {
    fixed: &'a [u8; 13],
    bytes: &'a [u8],
}
impl<'a> CancelReject<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'I';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 13;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 13, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(15..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> CancelRejectFields<'a> {
        CancelRejectFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            appendage: self.bytes.get(15..),
        }
    }
}

/// What a [`CancelReject`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CancelRejectFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}

impl CancelRejectFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 13;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<13>(out);
        fixed[0] = b'I';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        check::append_appendage(out, 13, self.appendage)
    }
}

/// The order has another priority and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorityUpdate<'a> {
    fixed: &'a [u8; 30],
    bytes: &'a [u8],
}
impl<'a> PriorityUpdate<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'T';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 30;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 30, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Price now.
    #[inline]
    pub fn price(self) -> u64 {
        load::u64(self.fixed, 13)
    }
    /// How it is shown.
    #[inline]
    pub fn display(self) -> u8 {
        load::u8(self.fixed, 21)
    }
    /// The venue's number from now on.
    #[inline]
    pub fn order_reference_number(self) -> u64 {
        load::u64(self.fixed, 22)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(32..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> PriorityUpdateFields<'a> {
        PriorityUpdateFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            price: self.price(),
            display: self.display(),
            order_reference_number: self.order_reference_number(),
            appendage: self.bytes.get(32..),
        }
    }
}

/// What a [`PriorityUpdate`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorityUpdateFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Price now.
    pub price: u64,
    /// How it is shown.
    pub display: u8,
    /// The venue's number from now on.
    pub order_reference_number: u64,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for PriorityUpdateFields<'_> {
    fn default() -> Self {
        Self { timestamp: 0, user_ref_num: 0, price: 0, display: b' ', order_reference_number: 0, appendage: None }
    }
}
impl PriorityUpdateFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 30;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<30>(out);
        fixed[0] = b'T';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u64(fixed, 13, self.price);
        load::put_u8(fixed, 21, self.display);
        load::put_u64(fixed, 22, self.order_reference_number);
        check::append_appendage(out, 30, self.appendage)
    }
}

/// A modify was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modified<'a> {
    fixed: &'a [u8; 18],
    bytes: &'a [u8],
}
impl<'a> Modified<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'M';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 18;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 18, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Side now.
    #[inline]
    pub fn side(self) -> u8 {
        load::u8(self.fixed, 13)
    }
    /// Shares now.
    #[inline]
    pub fn quantity(self) -> u32 {
        load::u32(self.fixed, 14)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(20..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> ModifiedFields<'a> {
        ModifiedFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            side: self.side(),
            quantity: self.quantity(),
            appendage: self.bytes.get(20..),
        }
    }
}

/// What a [`Modified`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModifiedFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Side now.
    pub side: u8,
    /// Shares now.
    pub quantity: u32,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for ModifiedFields<'_> {
    fn default() -> Self {
        Self { timestamp: 0, user_ref_num: 0, side: b' ', quantity: 0, appendage: None }
    }
}
impl ModifiedFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 18;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<18>(out);
        fixed[0] = b'M';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u8(fixed, 13, self.side);
        load::put_u32(fixed, 14, self.quantity);
        check::append_appendage(out, 18, self.appendage)
    }
}

/// The venue changed an order on its own; the appendage says what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restated<'a> {
    fixed: &'a [u8; 14],
    bytes: &'a [u8],
}
impl<'a> Restated<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'R';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 14;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 14, false, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Why.
    #[inline]
    pub fn restated_reason(self) -> u8 {
        load::u8(self.fixed, 13)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(16..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> RestatedFields<'a> {
        RestatedFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            restated_reason: self.restated_reason(),
            appendage: self.bytes.get(16..).unwrap_or(&[]),
        }
    }
}

/// What a [`Restated`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestatedFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Why.
    pub restated_reason: u8,
    /// The elements of its appendage; see [`AppendageBuffer`].
    pub appendage: &'a [u8],
}
impl Default for RestatedFields<'_> {
    fn default() -> Self {
        Self { timestamp: 0, user_ref_num: 0, restated_reason: b' ', appendage: &[] }
    }
}
impl RestatedFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 14;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<14>(out);
        fixed[0] = b'R';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_u8(fixed, 13, self.restated_reason);
        check::append_appendage(out, 14, Some(self.appendage))
    }
}

/// A mass cancel was taken (later revision).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassCancelResponse<'a> {
    fixed: &'a [u8; 25],
    bytes: &'a [u8],
}
impl<'a> MassCancelResponse<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'X';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 25;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 25, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Firm.
    #[inline]
    pub fn firm(self) -> [u8; 4] {
        load::text(self.fixed, 13)
    }
    /// Symbol; blank for all.
    #[inline]
    pub fn symbol(self) -> [u8; 8] {
        load::text(self.fixed, 17)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(27..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> MassCancelResponseFields<'a> {
        MassCancelResponseFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            firm: self.firm(),
            symbol: self.symbol(),
            appendage: self.bytes.get(27..),
        }
    }
}

/// What a [`MassCancelResponse`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassCancelResponseFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Firm.
    pub firm: [u8; 4],
    /// Symbol; blank for all.
    pub symbol: [u8; 8],
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for MassCancelResponseFields<'_> {
    fn default() -> Self {
        Self { timestamp: 0, user_ref_num: 0, firm: [b' '; 4], symbol: [b' '; 8], appendage: None }
    }
}
impl MassCancelResponseFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 25;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<25>(out);
        fixed[0] = b'X';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_text(fixed, 13, self.firm);
        load::put_text(fixed, 17, self.symbol);
        check::append_appendage(out, 25, self.appendage)
    }
}

/// Order entry of the firm is off (later revision).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisableOrderEntryResponse<'a> {
    fixed: &'a [u8; 17],
    bytes: &'a [u8],
}
impl<'a> DisableOrderEntryResponse<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'G';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 17;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 17, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Firm.
    #[inline]
    pub fn firm(self) -> [u8; 4] {
        load::text(self.fixed, 13)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(19..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> DisableOrderEntryResponseFields<'a> {
        DisableOrderEntryResponseFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            firm: self.firm(),
            appendage: self.bytes.get(19..),
        }
    }
}

/// What a [`DisableOrderEntryResponse`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisableOrderEntryResponseFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Firm.
    pub firm: [u8; 4],
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for DisableOrderEntryResponseFields<'_> {
    fn default() -> Self {
        Self { timestamp: 0, user_ref_num: 0, firm: [b' '; 4], appendage: None }
    }
}
impl DisableOrderEntryResponseFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 17;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<17>(out);
        fixed[0] = b'G';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_text(fixed, 13, self.firm);
        check::append_appendage(out, 17, self.appendage)
    }
}

/// Order entry of the firm is on again (later revision).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnableOrderEntryResponse<'a> {
    fixed: &'a [u8; 17],
    bytes: &'a [u8],
}
impl<'a> EnableOrderEntryResponse<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'K';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 17;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 17, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The client's number of the order.
    #[inline]
    pub fn user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Firm.
    #[inline]
    pub fn firm(self) -> [u8; 4] {
        load::text(self.fixed, 13)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(19..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> EnableOrderEntryResponseFields<'a> {
        EnableOrderEntryResponseFields {
            timestamp: self.timestamp(),
            user_ref_num: self.user_ref_num(),
            firm: self.firm(),
            appendage: self.bytes.get(19..),
        }
    }
}

/// What a [`EnableOrderEntryResponse`] says, to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnableOrderEntryResponseFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The client's number of the order.
    pub user_ref_num: u32,
    /// Firm.
    pub firm: [u8; 4],
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}
impl Default for EnableOrderEntryResponseFields<'_> {
    fn default() -> Self {
        Self { timestamp: 0, user_ref_num: 0, firm: [b' '; 4], appendage: None }
    }
}
impl EnableOrderEntryResponseFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 17;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<17>(out);
        fixed[0] = b'K';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.user_ref_num);
        load::put_text(fixed, 13, self.firm);
        check::append_appendage(out, 17, self.appendage)
    }
}

/// The next number that the venue would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountQueryResponse<'a> {
    fixed: &'a [u8; 13],
    bytes: &'a [u8],
}
impl<'a> AccountQueryResponse<'a> {
    /// Its type letter.
    pub const TYPE: u8 = b'Q';
    /// Bytes up to its variable part.
    pub const SIZE: usize = 13;
    /// Reads one that fills `bytes`.
    ///
    /// # Errors
    /// [`WireError`] when the type or the length is another's.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        check::code(bytes, 0, Self::TYPE)?;
        let fixed = check::at_least(bytes, Self::TYPE)?;
        check::appendage(bytes, 13, true, Self::TYPE)?;
        Ok(Self { fixed, bytes })
    }
    /// The bytes it was read from.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Nanoseconds since midnight, New York time.
    #[inline]
    pub fn timestamp(self) -> u64 {
        load::u64(self.fixed, 1)
    }
    /// The number.
    #[inline]
    pub fn next_user_ref_num(self) -> u32 {
        load::u32(self.fixed, 9)
    }
    /// Its optional fields; none where it ends before them.
    #[inline]
    pub fn appendage(self) -> Appendage<'a> {
        Appendage(Elements::new(self.bytes.get(15..).unwrap_or(&[])))
    }
    /// All fields by value.
    #[inline]
    pub fn fields(self) -> AccountQueryResponseFields<'a> {
        AccountQueryResponseFields {
            timestamp: self.timestamp(),
            next_user_ref_num: self.next_user_ref_num(),
            appendage: self.bytes.get(15..),
        }
    }
}

/// What a [`AccountQueryResponse`] says, to be encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountQueryResponseFields<'a> {
    /// Nanoseconds since midnight, New York time.
    pub timestamp: u64,
    /// The number.
    pub next_user_ref_num: u32,
    /// The elements of its appendage; `None` ends the message before the appendage's length.
    pub appendage: Option<&'a [u8]>,
}

impl AccountQueryResponseFields<'_> {
    /// Bytes up to its variable part.
    pub const SIZE: usize = 13;
    /// Writes the message to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let fixed = check::room::<13>(out);
        fixed[0] = b'Q';
        load::put_u64(fixed, 1, self.timestamp);
        load::put_u32(fixed, 9, self.next_user_ref_num);
        check::append_appendage(out, 13, self.appendage)
    }
}

/// What a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound<'a> {
    /// A new order.
    EnterOrder(EnterOrder<'a>),
    /// Gives up one order for a new one of the same side and symbol.
    ReplaceOrder(ReplaceOrder<'a>),
    /// Reduces an order to a size; 0 cancels all of it.
    CancelOrder(CancelOrder<'a>),
    /// Changes the kind of sale or reduces the size, keeping priority.
    ModifyOrder(ModifyOrder<'a>),
    /// Cancels all orders of a firm, of a symbol where one is named (later revision).
    MassCancel(MassCancel<'a>),
    /// No new orders of the firm until enabled again (later revision).
    DisableOrderEntry(DisableOrderEntry<'a>),
    /// New orders of the firm are taken again (later revision).
    EnableOrderEntry(EnableOrderEntry<'a>),
    /// Asks for the next number that the venue would take.
    AccountQuery(AccountQuery<'a>),
}
/// Reads the message that fills `bytes`.
///
/// # Errors
/// [`WireError`] when its type is unknown or its length is wrong; it says how many bytes to skip.
#[inline]
pub fn decode_inbound(bytes: &[u8]) -> Result<Inbound<'_>, WireError> {
    match bytes.first() {
        Some(b'O') => EnterOrder::new(bytes).map(Inbound::EnterOrder),
        Some(b'U') => ReplaceOrder::new(bytes).map(Inbound::ReplaceOrder),
        Some(b'X') => CancelOrder::new(bytes).map(Inbound::CancelOrder),
        Some(b'M') => ModifyOrder::new(bytes).map(Inbound::ModifyOrder),
        Some(b'C') => MassCancel::new(bytes).map(Inbound::MassCancel),
        Some(b'D') => DisableOrderEntry::new(bytes).map(Inbound::DisableOrderEntry),
        Some(b'E') => EnableOrderEntry::new(bytes).map(Inbound::EnableOrderEntry),
        Some(b'Q') => AccountQuery::new(bytes).map(Inbound::AccountQuery),
        Some(&code) => Err(WireError::UnknownType { code, skip: bytes.len() }),
        None => Err(WireError::Empty),
    }
}
impl<'a> Inbound<'a> {
    /// The message's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::EnterOrder(_) => "EnterOrder",
            Self::ReplaceOrder(_) => "ReplaceOrder",
            Self::CancelOrder(_) => "CancelOrder",
            Self::ModifyOrder(_) => "ModifyOrder",
            Self::MassCancel(_) => "MassCancel",
            Self::DisableOrderEntry(_) => "DisableOrderEntry",
            Self::EnableOrderEntry(_) => "EnableOrderEntry",
            Self::AccountQuery(_) => "AccountQuery",
        }
    }
    /// The bytes it was read from.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::EnterOrder(view) => view.bytes(),
            Self::ReplaceOrder(view) => view.bytes(),
            Self::CancelOrder(view) => view.bytes(),
            Self::ModifyOrder(view) => view.bytes(),
            Self::MassCancel(view) => view.bytes(),
            Self::DisableOrderEntry(view) => view.bytes(),
            Self::EnableOrderEntry(view) => view.bytes(),
            Self::AccountQuery(view) => view.bytes(),
        }
    }
    /// Writes it anew, field by field, and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    pub fn encode(self, out: &mut [u8]) -> usize {
        match self {
            Self::EnterOrder(view) => view.fields().encode(out),
            Self::ReplaceOrder(view) => view.fields().encode(out),
            Self::CancelOrder(view) => view.fields().encode(out),
            Self::ModifyOrder(view) => view.fields().encode(out),
            Self::MassCancel(view) => view.fields().encode(out),
            Self::DisableOrderEntry(view) => view.fields().encode(out),
            Self::EnableOrderEntry(view) => view.fields().encode(out),
            Self::AccountQuery(view) => view.fields().encode(out),
        }
    }
}

/// What the venue sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outbound<'a> {
    /// The day starts or ends.
    SystemEvent(SystemEvent<'a>),
    /// A new order was taken, as it stands at the venue.
    Accepted(Accepted<'a>),
    /// A replace was taken; the old order is gone.
    Replaced(Replaced<'a>),
    /// An order was reduced or is gone.
    Canceled(Canceled<'a>),
    /// An order was reduced or is gone because it would have met an order of its own firm.
    AiqCanceled(AiqCanceled<'a>),
    /// Part or all of an order traded.
    Executed(Executed<'a>),
    /// An earlier trade was broken; the order does not come back.
    BrokenTrade(BrokenTrade<'a>),
    /// The price of an earlier trade was corrected.
    TradeCorrection(TradeCorrection<'a>),
    /// An order or a replace was refused; its number is used up.
    Rejected(Rejected<'a>),
    /// The order is in an auction; its cancel waits.
    CancelPending(CancelPending<'a>),
    /// The order is in an auction and cannot be cancelled.
    CancelReject(CancelReject<'a>),
    /// The order has another priority and number.
    PriorityUpdate(PriorityUpdate<'a>),
    /// A modify was taken.
    Modified(Modified<'a>),
    /// The venue changed an order on its own; the appendage says what.
    Restated(Restated<'a>),
    /// A mass cancel was taken (later revision).
    MassCancelResponse(MassCancelResponse<'a>),
    /// Order entry of the firm is off (later revision).
    DisableOrderEntryResponse(DisableOrderEntryResponse<'a>),
    /// Order entry of the firm is on again (later revision).
    EnableOrderEntryResponse(EnableOrderEntryResponse<'a>),
    /// The next number that the venue would take.
    AccountQueryResponse(AccountQueryResponse<'a>),
}
/// Reads the message that fills `bytes`.
///
/// # Errors
/// [`WireError`] when its type is unknown or its length is wrong; it says how many bytes to skip.
#[inline]
pub fn decode_outbound(bytes: &[u8]) -> Result<Outbound<'_>, WireError> {
    match bytes.first() {
        Some(b'S') => SystemEvent::new(bytes).map(Outbound::SystemEvent),
        Some(b'A') => Accepted::new(bytes).map(Outbound::Accepted),
        Some(b'U') => Replaced::new(bytes).map(Outbound::Replaced),
        Some(b'C') => Canceled::new(bytes).map(Outbound::Canceled),
        Some(b'D') => AiqCanceled::new(bytes).map(Outbound::AiqCanceled),
        Some(b'E') => Executed::new(bytes).map(Outbound::Executed),
        Some(b'B') => BrokenTrade::new(bytes).map(Outbound::BrokenTrade),
        Some(b'F') => TradeCorrection::new(bytes).map(Outbound::TradeCorrection),
        Some(b'J') => Rejected::new(bytes).map(Outbound::Rejected),
        Some(b'P') => CancelPending::new(bytes).map(Outbound::CancelPending),
        Some(b'I') => CancelReject::new(bytes).map(Outbound::CancelReject),
        Some(b'T') => PriorityUpdate::new(bytes).map(Outbound::PriorityUpdate),
        Some(b'M') => Modified::new(bytes).map(Outbound::Modified),
        Some(b'R') => Restated::new(bytes).map(Outbound::Restated),
        Some(b'X') => MassCancelResponse::new(bytes).map(Outbound::MassCancelResponse),
        Some(b'G') => DisableOrderEntryResponse::new(bytes).map(Outbound::DisableOrderEntryResponse),
        Some(b'K') => EnableOrderEntryResponse::new(bytes).map(Outbound::EnableOrderEntryResponse),
        Some(b'Q') => AccountQueryResponse::new(bytes).map(Outbound::AccountQueryResponse),
        Some(&code) => Err(WireError::UnknownType { code, skip: bytes.len() }),
        None => Err(WireError::Empty),
    }
}
impl<'a> Outbound<'a> {
    /// The message's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SystemEvent(_) => "SystemEvent",
            Self::Accepted(_) => "Accepted",
            Self::Replaced(_) => "Replaced",
            Self::Canceled(_) => "Canceled",
            Self::AiqCanceled(_) => "AiqCanceled",
            Self::Executed(_) => "Executed",
            Self::BrokenTrade(_) => "BrokenTrade",
            Self::TradeCorrection(_) => "TradeCorrection",
            Self::Rejected(_) => "Rejected",
            Self::CancelPending(_) => "CancelPending",
            Self::CancelReject(_) => "CancelReject",
            Self::PriorityUpdate(_) => "PriorityUpdate",
            Self::Modified(_) => "Modified",
            Self::Restated(_) => "Restated",
            Self::MassCancelResponse(_) => "MassCancelResponse",
            Self::DisableOrderEntryResponse(_) => "DisableOrderEntryResponse",
            Self::EnableOrderEntryResponse(_) => "EnableOrderEntryResponse",
            Self::AccountQueryResponse(_) => "AccountQueryResponse",
        }
    }
    /// The bytes it was read from.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::SystemEvent(view) => view.bytes(),
            Self::Accepted(view) => view.bytes(),
            Self::Replaced(view) => view.bytes(),
            Self::Canceled(view) => view.bytes(),
            Self::AiqCanceled(view) => view.bytes(),
            Self::Executed(view) => view.bytes(),
            Self::BrokenTrade(view) => view.bytes(),
            Self::TradeCorrection(view) => view.bytes(),
            Self::Rejected(view) => view.bytes(),
            Self::CancelPending(view) => view.bytes(),
            Self::CancelReject(view) => view.bytes(),
            Self::PriorityUpdate(view) => view.bytes(),
            Self::Modified(view) => view.bytes(),
            Self::Restated(view) => view.bytes(),
            Self::MassCancelResponse(view) => view.bytes(),
            Self::DisableOrderEntryResponse(view) => view.bytes(),
            Self::EnableOrderEntryResponse(view) => view.bytes(),
            Self::AccountQueryResponse(view) => view.bytes(),
        }
    }
    /// Writes it anew, field by field, and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the message.
    pub fn encode(self, out: &mut [u8]) -> usize {
        match self {
            Self::SystemEvent(view) => view.fields().encode(out),
            Self::Accepted(view) => view.fields().encode(out),
            Self::Replaced(view) => view.fields().encode(out),
            Self::Canceled(view) => view.fields().encode(out),
            Self::AiqCanceled(view) => view.fields().encode(out),
            Self::Executed(view) => view.fields().encode(out),
            Self::BrokenTrade(view) => view.fields().encode(out),
            Self::TradeCorrection(view) => view.fields().encode(out),
            Self::Rejected(view) => view.fields().encode(out),
            Self::CancelPending(view) => view.fields().encode(out),
            Self::CancelReject(view) => view.fields().encode(out),
            Self::PriorityUpdate(view) => view.fields().encode(out),
            Self::Modified(view) => view.fields().encode(out),
            Self::Restated(view) => view.fields().encode(out),
            Self::MassCancelResponse(view) => view.fields().encode(out),
            Self::DisableOrderEntryResponse(view) => view.fields().encode(out),
            Self::EnableOrderEntryResponse(view) => view.fields().encode(out),
            Self::AccountQueryResponse(view) => view.fields().encode(out),
        }
    }
}

/// The optional fields of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appendage<'a>(Elements<'a>);
impl<'a> Appendage<'a> {
    /// Tag and value of each, in the message's order.
    pub fn elements(self) -> Elements<'a> {
        self.0
    }

    /// Order reference of the displayed part.
    pub fn secondary_ord_ref_num(self) -> Option<u64> {
        let value: &[u8; 8] = self.0.find(1)?.try_into().ok()?;
        Some(load::u64(value, 0))
    }
    /// Firm the order is for.
    pub fn firm(self) -> Option<[u8; 4]> {
        let value: &[u8; 4] = self.0.find(2)?.try_into().ok()?;
        Some(load::text(value, 0))
    }
    /// Least quantity to execute.
    pub fn min_qty(self) -> Option<u32> {
        let value: &[u8; 4] = self.0.find(3)?.try_into().ok()?;
        Some(load::u32(value, 0))
    }
    /// Retail or not.
    pub fn customer_type(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(4)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// Displayed part of a reserve order.
    pub fn max_floor(self) -> Option<u32> {
        let value: &[u8; 4] = self.0.find(5)?.try_into().ok()?;
        Some(load::u32(value, 0))
    }
    /// What the price means.
    pub fn price_type(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(6)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// Offset from the pegged price.
    pub fn peg_offset(self) -> Option<i32> {
        let value: &[u8; 4] = self.0.find(7)?.try_into().ok()?;
        Some(load::i32(value, 0))
    }
    /// Hidden limit.
    pub fn discretion_price(self) -> Option<u64> {
        let value: &[u8; 8] = self.0.find(9)?.try_into().ok()?;
        Some(load::u64(value, 0))
    }
    /// What the hidden limit means.
    pub fn discretion_price_type(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(10)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// Offset of the hidden limit.
    pub fn discretion_peg_offset(self) -> Option<i32> {
        let value: &[u8; 4] = self.0.find(11)?.try_into().ok()?;
        Some(load::i32(value, 0))
    }
    /// Post only.
    pub fn post_only(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(12)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// Shares around which a refill varies.
    pub fn random_reserves(self) -> Option<u32> {
        let value: &[u8; 4] = self.0.find(13)?.try_into().ok()?;
        Some(load::u32(value, 0))
    }
    /// Routing strategy.
    pub fn route(self) -> Option<[u8; 4]> {
        let value: &[u8; 4] = self.0.find(14)?.try_into().ok()?;
        Some(load::text(value, 0))
    }
    /// Good till time: seconds since midnight, New York time.
    pub fn expire_time(self) -> Option<u32> {
        let value: &[u8; 4] = self.0.find(15)?.try_into().ok()?;
        Some(load::u32(value, 0))
    }
    /// Midpoint trade now.
    pub fn trade_now(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(16)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// Handling instruction.
    pub fn handle_inst(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(17)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// How the order stood to the best prices.
    pub fn bbo_weight_indicator(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(18)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// Reference price of an execution.
    pub fn reference_price(self) -> Option<u64> {
        let value: &[u8; 8] = self.0.find(19)?.try_into().ok()?;
        Some(load::u64(value, 0))
    }
    /// What the reference price is.
    pub fn reference_price_type(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(20)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// Displayed quantity.
    pub fn display_quantity(self) -> Option<u32> {
        let value: &[u8; 4] = self.0.find(22)?.try_into().ok()?;
        Some(load::u32(value, 0))
    }
    /// Displayed price.
    pub fn display_price(self) -> Option<u64> {
        let value: &[u8; 8] = self.0.find(23)?.try_into().ok()?;
        Some(load::u64(value, 0))
    }
    /// Group of orders, for mass cancel and self-match prevention.
    pub fn group_id(self) -> Option<u16> {
        let value: &[u8; 2] = self.0.find(24)?.try_into().ok()?;
        Some(load::u16(value, 0))
    }
    /// Whether shares for a short sale were located.
    pub fn shares_located(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(25)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// Where they were located.
    pub fn locate_broker(self) -> Option<[u8; 4]> {
        let value: &[u8; 4] = self.0.find(26)?.try_into().ok()?;
        Some(load::text(value, 0))
    }
    /// Side a mass cancel is limited to.
    pub fn side(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(27)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
    /// Which numbering of the client the reference belongs to.
    pub fn user_ref_idx(self) -> Option<u8> {
        let value: &[u8; 1] = self.0.find(28)?.try_into().ok()?;
        Some(load::u8(value, 0))
    }
}
/// Builds an appendage without allocation; each field is put at most once.
#[derive(Clone, Copy)]
pub struct AppendageBuffer {
    bytes: [u8; 137],
    length: usize,
}
impl Default for AppendageBuffer {
    fn default() -> Self {
        Self { bytes: [0; 137], length: 0 }
    }
}
impl AppendageBuffer {
    /// The elements so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
    /// # Panics
    /// When the same field is put again and again.
    fn put(&mut self, tag: u8, value: &[u8]) -> &mut Self {
        self.length = check::append_element(&mut self.bytes, self.length, tag, value);
        self
    }

    /// Order reference of the displayed part.
    pub fn secondary_ord_ref_num(&mut self, value: u64) -> &mut Self {
        self.put(1, &value.to_be_bytes())
    }
    /// Firm the order is for.
    pub fn firm(&mut self, value: [u8; 4]) -> &mut Self {
        self.put(2, &value)
    }
    /// Least quantity to execute.
    pub fn min_qty(&mut self, value: u32) -> &mut Self {
        self.put(3, &value.to_be_bytes())
    }
    /// Retail or not.
    pub fn customer_type(&mut self, value: u8) -> &mut Self {
        self.put(4, &[value])
    }
    /// Displayed part of a reserve order.
    pub fn max_floor(&mut self, value: u32) -> &mut Self {
        self.put(5, &value.to_be_bytes())
    }
    /// What the price means.
    pub fn price_type(&mut self, value: u8) -> &mut Self {
        self.put(6, &[value])
    }
    /// Offset from the pegged price.
    pub fn peg_offset(&mut self, value: i32) -> &mut Self {
        self.put(7, &value.to_be_bytes())
    }
    /// Hidden limit.
    pub fn discretion_price(&mut self, value: u64) -> &mut Self {
        self.put(9, &value.to_be_bytes())
    }
    /// What the hidden limit means.
    pub fn discretion_price_type(&mut self, value: u8) -> &mut Self {
        self.put(10, &[value])
    }
    /// Offset of the hidden limit.
    pub fn discretion_peg_offset(&mut self, value: i32) -> &mut Self {
        self.put(11, &value.to_be_bytes())
    }
    /// Post only.
    pub fn post_only(&mut self, value: u8) -> &mut Self {
        self.put(12, &[value])
    }
    /// Shares around which a refill varies.
    pub fn random_reserves(&mut self, value: u32) -> &mut Self {
        self.put(13, &value.to_be_bytes())
    }
    /// Routing strategy.
    pub fn route(&mut self, value: [u8; 4]) -> &mut Self {
        self.put(14, &value)
    }
    /// Good till time: seconds since midnight, New York time.
    pub fn expire_time(&mut self, value: u32) -> &mut Self {
        self.put(15, &value.to_be_bytes())
    }
    /// Midpoint trade now.
    pub fn trade_now(&mut self, value: u8) -> &mut Self {
        self.put(16, &[value])
    }
    /// Handling instruction.
    pub fn handle_inst(&mut self, value: u8) -> &mut Self {
        self.put(17, &[value])
    }
    /// How the order stood to the best prices.
    pub fn bbo_weight_indicator(&mut self, value: u8) -> &mut Self {
        self.put(18, &[value])
    }
    /// Reference price of an execution.
    pub fn reference_price(&mut self, value: u64) -> &mut Self {
        self.put(19, &value.to_be_bytes())
    }
    /// What the reference price is.
    pub fn reference_price_type(&mut self, value: u8) -> &mut Self {
        self.put(20, &[value])
    }
    /// Displayed quantity.
    pub fn display_quantity(&mut self, value: u32) -> &mut Self {
        self.put(22, &value.to_be_bytes())
    }
    /// Displayed price.
    pub fn display_price(&mut self, value: u64) -> &mut Self {
        self.put(23, &value.to_be_bytes())
    }
    /// Group of orders, for mass cancel and self-match prevention.
    pub fn group_id(&mut self, value: u16) -> &mut Self {
        self.put(24, &value.to_be_bytes())
    }
    /// Whether shares for a short sale were located.
    pub fn shares_located(&mut self, value: u8) -> &mut Self {
        self.put(25, &[value])
    }
    /// Where they were located.
    pub fn locate_broker(&mut self, value: [u8; 4]) -> &mut Self {
        self.put(26, &value)
    }
    /// Side a mass cancel is limited to.
    pub fn side(&mut self, value: u8) -> &mut Self {
        self.put(27, &[value])
    }
    /// Which numbering of the client the reference belongs to.
    pub fn user_ref_idx(&mut self, value: u8) -> &mut Self {
        self.put(28, &[value])
    }
}
pub use description::PROTOCOL;
mod description {
    use crate::describe::{Field, Kind, Message, Protocol, Tail};

    const SIDE_VALUES: &[(&str, &str)] =
        &[("B", "buy"), ("S", "sell"), ("T", "sell short"), ("E", "sell short exempt")];
    const TIME_IN_FORCE_VALUES: &[(&str, &str)] = &[
        ("0", "day"),
        ("3", "immediate or cancel"),
        ("5", "good till extended hours"),
        ("6", "good till time"),
        ("E", "after hours"),
    ];
    const DISPLAY_VALUES: &[(&str, &str)] = &[
        ("A", "attributable"),
        ("Y", "visible"),
        ("N", "hidden"),
        ("P", "post only"),
        ("I", "imbalance only"),
        ("M", "midpoint peg"),
        ("W", "midpoint peg, post only"),
        ("L", "post only, attributable"),
        ("O", "retail order type 1"),
        ("T", "retail order type 2"),
        ("Q", "retail price improvement"),
        ("Z", "conformant"),
        ("m", "midpoint peg, midpoint trade now"),
        ("n", "hidden, midpoint trade now"),
    ];
    const CAPACITY_VALUES: &[(&str, &str)] =
        &[("O", "other"), ("A", "agency"), ("P", "principal"), ("R", "riskless principal")];
    const YES_NO_VALUES: &[(&str, &str)] = &[("Y", "yes"), ("N", "no")];
    const CROSS_TYPE_VALUES: &[(&str, &str)] = &[
        ("N", "continuous market"),
        ("O", "opening"),
        ("C", "closing"),
        ("H", "halt or offering"),
        ("S", "supplemental"),
        ("R", "retail"),
        ("E", "extended life"),
        ("A", "after hours close"),
    ];
    const ORDER_STATE_VALUES: &[(&str, &str)] = &[("L", "live"), ("D", "dead")];
    const EVENT_CODE_VALUES: &[(&str, &str)] = &[("S", "start of day"), ("E", "end of day")];
    const CANCEL_REASON_VALUES: &[(&str, &str)] = &[
        ("U", "asked by the user"),
        ("I", "immediate or cancel"),
        ("T", "timed out"),
        ("S", "supervisory"),
        ("D", "regulatory restriction"),
        ("Q", "self-match prevention"),
        ("Z", "system"),
        ("C", "cross cancelled"),
        ("K", "cannot be executed"),
        ("H", "halted"),
        ("X", "open protection"),
        ("E", "closed"),
        ("F", "post only"),
        ("G", "post only, displayed other side"),
    ];
    const LIQUIDITY_VALUES: &[(&str, &str)] = &[
        ("A", "added"),
        ("R", "removed"),
        ("e", "retail designated"),
        ("H", "halt or offering"),
        ("i", "after hours closing"),
        ("J", "hidden, added"),
        ("j", "retail price improvement, added"),
        ("k", "added by midpoint"),
        ("K", "halt cross"),
        ("L", "closing cross"),
        ("M", "opening cross"),
        ("m", "removed at midpoint"),
        ("N", "passive midpoint"),
        ("n", "midpoint extended life"),
        ("O", "opening"),
        ("p", "removed hidden price improvement"),
        ("q", "retail removed midpoint"),
        ("r", "retail removed retail price improvement"),
        ("t", "retail removed other price improvement"),
        ("0", "supplemental"),
        ("7", "displayed, improved the national best"),
        ("8", "displayed, set the venue's best and joined the national best"),
    ];
    const BROKEN_REASON_VALUES: &[(&str, &str)] =
        &[("E", "erroneous"), ("C", "consent"), ("S", "supervisory"), ("X", "external")];
    const CORRECTION_REASON_VALUES: &[(&str, &str)] = &[("N", "adjusted to net asset value")];
    const RESTATED_REASON_VALUES: &[(&str, &str)] = &[("R", "refresh of the display"), ("P", "new displayed price")];
    const CUSTOMER_TYPE_VALUES: &[(&str, &str)] = &[("R", "retail"), ("N", "not retail")];
    const REJECT_REASON_VALUES: &[(&str, &str)] = &[
        ("1", "quote unavailable"),
        ("2", "destination closed"),
        ("3", "invalid display"),
        ("4", "invalid max floor"),
        ("5", "invalid peg type"),
        ("6", "fat finger"),
        ("7", "halted"),
        ("8", "sweep not allowed"),
        ("9", "invalid side"),
        ("10", "processing error"),
        ("11", "cancel pending"),
        ("12", "firm not authorised"),
        ("13", "invalid minimum quantity"),
        ("14", "no closing reference price"),
        ("15", "other"),
        ("16", "cancel not allowed"),
        ("17", "pegging not allowed"),
        ("18", "crossed market"),
        ("19", "invalid quantity"),
        ("20", "invalid cross order"),
        ("21", "replace not allowed"),
        ("22", "routing not allowed"),
        ("23", "invalid symbol"),
        ("24", "test"),
        ("25", "late closing order too aggressive"),
        ("26", "retail not allowed"),
        ("27", "invalid midpoint post only price"),
        ("28", "invalid destination"),
        ("29", "invalid price"),
        ("30", "shares exceed threshold"),
        ("31", "notional exceeds maximum"),
    ];
    const PRICE_TYPE_VALUES: &[(&str, &str)] = &[
        ("L", "limit"),
        ("P", "market peg"),
        ("R", "primary peg"),
        ("Q", "market maker peg"),
        ("M", "midpoint"),
        ("m", "midpoint peg"),
    ];

    /// Every message and field, for people and for tests.
    pub static PROTOCOL: Protocol = Protocol {
        name: "ouch50",
        title: "Nasdaq OUCH 5.0",
        about: "Order entry. Messages travel in SoupBinTCP: the client's unsequenced, the server's sequenced. Optional fields stand in an appendage: two length bytes, then elements of one length byte (tag and value), one tag byte, and the value.",
        prefixed: false,
        typed: true,
        messages: &[
            Message {
                name: "EnterOrder",
                group: "Inbound",
                code: Some(b'O'),
                size: 45,
                tail: Tail::Appendage,
                about: "A new order.",
                fields: &[
                    Field {
                        name: "user_ref_num",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order, rising through the day",
                        values: &[],
                    },
                    Field { name: "side", offset: 5, tag: 0, kind: Kind::Char, about: "Side", values: SIDE_VALUES },
                    Field {
                        name: "quantity",
                        offset: 6,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares",
                        values: &[],
                    },
                    Field { name: "symbol", offset: 10, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "price",
                        offset: 18,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                        about: "Limit; 2147483647 (214,748.3647) is a market order",
                        values: &[],
                    },
                    Field {
                        name: "time_in_force",
                        offset: 26,
                        tag: 0,
                        kind: Kind::Char,
                        about: "How long it stays",
                        values: TIME_IN_FORCE_VALUES,
                    },
                    Field {
                        name: "display",
                        offset: 27,
                        tag: 0,
                        kind: Kind::Char,
                        about: "How it is shown",
                        values: DISPLAY_VALUES,
                    },
                    Field {
                        name: "capacity",
                        offset: 28,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Capacity of the firm",
                        values: CAPACITY_VALUES,
                    },
                    Field {
                        name: "inter_market_sweep_eligibility",
                        offset: 29,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether it is a sweep",
                        values: YES_NO_VALUES,
                    },
                    Field {
                        name: "cross_type",
                        offset: 30,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Continuous market or auction",
                        values: CROSS_TYPE_VALUES,
                    },
                    Field {
                        name: "cl_ord_id",
                        offset: 31,
                        tag: 0,
                        kind: Kind::Alpha(14),
                        about: "The client's own text of the order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "ReplaceOrder",
                group: "Inbound",
                code: Some(b'U'),
                size: 38,
                tail: Tail::Appendage,
                about: "Gives up one order for a new one of the same side and symbol.",
                fields: &[
                    Field {
                        name: "orig_user_ref_num",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The order to give up",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Number of the new one",
                        values: &[],
                    },
                    Field {
                        name: "quantity",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares, those executed included",
                        values: &[],
                    },
                    Field {
                        name: "price",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                        about: "Limit",
                        values: &[],
                    },
                    Field {
                        name: "time_in_force",
                        offset: 21,
                        tag: 0,
                        kind: Kind::Char,
                        about: "How long it stays",
                        values: TIME_IN_FORCE_VALUES,
                    },
                    Field {
                        name: "display",
                        offset: 22,
                        tag: 0,
                        kind: Kind::Char,
                        about: "How it is shown",
                        values: DISPLAY_VALUES,
                    },
                    Field {
                        name: "inter_market_sweep_eligibility",
                        offset: 23,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether it is a sweep",
                        values: YES_NO_VALUES,
                    },
                    Field {
                        name: "cl_ord_id",
                        offset: 24,
                        tag: 0,
                        kind: Kind::Alpha(14),
                        about: "The client's own text of the order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "CancelOrder",
                group: "Inbound",
                code: Some(b'X'),
                size: 9,
                tail: Tail::OptionalAppendage,
                about: "Reduces an order to a size; 0 cancels all of it.",
                fields: &[
                    Field {
                        name: "user_ref_num",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The order",
                        values: &[],
                    },
                    Field {
                        name: "quantity",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares it is to have, those executed included",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "ModifyOrder",
                group: "Inbound",
                code: Some(b'M'),
                size: 10,
                tail: Tail::OptionalAppendage,
                about: "Changes the kind of sale or reduces the size, keeping priority.",
                fields: &[
                    Field {
                        name: "user_ref_num",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The order",
                        values: &[],
                    },
                    Field {
                        name: "side",
                        offset: 5,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Side it is to have",
                        values: SIDE_VALUES,
                    },
                    Field {
                        name: "quantity",
                        offset: 6,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares it is to have, those executed included",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "MassCancel",
                group: "Inbound",
                code: Some(b'C'),
                size: 17,
                tail: Tail::OptionalAppendage,
                about: "Cancels all orders of a firm, of a symbol where one is named (later revision).",
                fields: &[
                    Field {
                        name: "user_ref_num",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Number of the request",
                        values: &[],
                    },
                    Field { name: "firm", offset: 5, tag: 0, kind: Kind::Alpha(4), about: "Firm", values: &[] },
                    Field {
                        name: "symbol",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Alpha(8),
                        about: "Symbol; blank for all",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "DisableOrderEntry",
                group: "Inbound",
                code: Some(b'D'),
                size: 9,
                tail: Tail::OptionalAppendage,
                about: "No new orders of the firm until enabled again (later revision).",
                fields: &[
                    Field {
                        name: "user_ref_num",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Number of the request",
                        values: &[],
                    },
                    Field { name: "firm", offset: 5, tag: 0, kind: Kind::Alpha(4), about: "Firm", values: &[] },
                ],
            },
            Message {
                name: "EnableOrderEntry",
                group: "Inbound",
                code: Some(b'E'),
                size: 9,
                tail: Tail::OptionalAppendage,
                about: "New orders of the firm are taken again (later revision).",
                fields: &[
                    Field {
                        name: "user_ref_num",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Number of the request",
                        values: &[],
                    },
                    Field { name: "firm", offset: 5, tag: 0, kind: Kind::Alpha(4), about: "Firm", values: &[] },
                ],
            },
            Message {
                name: "AccountQuery",
                group: "Inbound",
                code: Some(b'Q'),
                size: 1,
                tail: Tail::OptionalAppendage,
                about: "Asks for the next number that the venue would take.",
                fields: &[],
            },
            Message {
                name: "SystemEvent",
                group: "Outbound",
                code: Some(b'S'),
                size: 10,
                tail: Tail::OptionalAppendage,
                about: "The day starts or ends.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "event_code",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Which",
                        values: EVENT_CODE_VALUES,
                    },
                ],
            },
            Message {
                name: "Accepted",
                group: "Outbound",
                code: Some(b'A'),
                size: 62,
                tail: Tail::Appendage,
                about: "A new order was taken, as it stands at the venue.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field { name: "side", offset: 13, tag: 0, kind: Kind::Char, about: "Side", values: SIDE_VALUES },
                    Field {
                        name: "quantity",
                        offset: 14,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares",
                        values: &[],
                    },
                    Field { name: "symbol", offset: 18, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "price",
                        offset: 26,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                        about: "Limit",
                        values: &[],
                    },
                    Field {
                        name: "time_in_force",
                        offset: 34,
                        tag: 0,
                        kind: Kind::Char,
                        about: "How long it stays",
                        values: TIME_IN_FORCE_VALUES,
                    },
                    Field {
                        name: "display",
                        offset: 35,
                        tag: 0,
                        kind: Kind::Char,
                        about: "How it is shown",
                        values: DISPLAY_VALUES,
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 36,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The venue's number, as on ITCH",
                        values: &[],
                    },
                    Field {
                        name: "capacity",
                        offset: 44,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Capacity of the firm",
                        values: CAPACITY_VALUES,
                    },
                    Field {
                        name: "inter_market_sweep_eligibility",
                        offset: 45,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether it is a sweep",
                        values: YES_NO_VALUES,
                    },
                    Field {
                        name: "cross_type",
                        offset: 46,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Continuous market or auction",
                        values: CROSS_TYPE_VALUES,
                    },
                    Field {
                        name: "order_state",
                        offset: 47,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Live, or dead at once",
                        values: ORDER_STATE_VALUES,
                    },
                    Field {
                        name: "cl_ord_id",
                        offset: 48,
                        tag: 0,
                        kind: Kind::Alpha(14),
                        about: "The client's own text of the order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "Replaced",
                group: "Outbound",
                code: Some(b'U'),
                size: 66,
                tail: Tail::Appendage,
                about: "A replace was taken; the old order is gone.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "orig_user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The order given up",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The new one",
                        values: &[],
                    },
                    Field { name: "side", offset: 17, tag: 0, kind: Kind::Char, about: "Side", values: SIDE_VALUES },
                    Field {
                        name: "quantity",
                        offset: 18,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares",
                        values: &[],
                    },
                    Field { name: "symbol", offset: 22, tag: 0, kind: Kind::Alpha(8), about: "Symbol", values: &[] },
                    Field {
                        name: "price",
                        offset: 30,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                        about: "Limit",
                        values: &[],
                    },
                    Field {
                        name: "time_in_force",
                        offset: 38,
                        tag: 0,
                        kind: Kind::Char,
                        about: "How long it stays",
                        values: TIME_IN_FORCE_VALUES,
                    },
                    Field {
                        name: "display",
                        offset: 39,
                        tag: 0,
                        kind: Kind::Char,
                        about: "How it is shown",
                        values: DISPLAY_VALUES,
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 40,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The venue's number, as on ITCH",
                        values: &[],
                    },
                    Field {
                        name: "capacity",
                        offset: 48,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Capacity of the firm",
                        values: CAPACITY_VALUES,
                    },
                    Field {
                        name: "inter_market_sweep_eligibility",
                        offset: 49,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Whether it is a sweep",
                        values: YES_NO_VALUES,
                    },
                    Field {
                        name: "cross_type",
                        offset: 50,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Continuous market or auction",
                        values: CROSS_TYPE_VALUES,
                    },
                    Field {
                        name: "order_state",
                        offset: 51,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Live, or dead at once",
                        values: ORDER_STATE_VALUES,
                    },
                    Field {
                        name: "cl_ord_id",
                        offset: 52,
                        tag: 0,
                        kind: Kind::Alpha(14),
                        about: "The client's own text of the order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "Canceled",
                group: "Outbound",
                code: Some(b'C'),
                size: 18,
                tail: Tail::OptionalAppendage,
                about: "An order was reduced or is gone.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field {
                        name: "quantity",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares just taken off",
                        values: &[],
                    },
                    Field {
                        name: "cancel_order_reason",
                        offset: 17,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Why",
                        values: CANCEL_REASON_VALUES,
                    },
                ],
            },
            Message {
                name: "AiqCanceled",
                group: "Outbound",
                code: Some(b'D'),
                size: 31,
                tail: Tail::OptionalAppendage,
                about: "An order was reduced or is gone because it would have met an order of its own firm.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field {
                        name: "decrement_shares",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares just taken off",
                        values: &[],
                    },
                    Field {
                        name: "cancel_order_reason",
                        offset: 17,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Why",
                        values: CANCEL_REASON_VALUES,
                    },
                    Field {
                        name: "quantity_prevented_from_trading",
                        offset: 18,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares that would have traded",
                        values: &[],
                    },
                    Field {
                        name: "execution_price",
                        offset: 22,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                        about: "Price they would have traded at",
                        values: &[],
                    },
                    Field {
                        name: "liquidity_flag",
                        offset: 30,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Role they would have had",
                        values: LIQUIDITY_VALUES,
                    },
                ],
            },
            Message {
                name: "Executed",
                group: "Outbound",
                code: Some(b'E'),
                size: 34,
                tail: Tail::Appendage,
                about: "Part or all of an order traded.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field {
                        name: "quantity",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares traded",
                        values: &[],
                    },
                    Field {
                        name: "price",
                        offset: 17,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                        about: "Price of the trade",
                        values: &[],
                    },
                    Field {
                        name: "liquidity_flag",
                        offset: 25,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Role in the trade",
                        values: LIQUIDITY_VALUES,
                    },
                    Field {
                        name: "match_number",
                        offset: 26,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The trade's number, the same for both sides",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "BrokenTrade",
                group: "Outbound",
                code: Some(b'B'),
                size: 36,
                tail: Tail::OptionalAppendage,
                about: "An earlier trade was broken; the order does not come back.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field {
                        name: "match_number",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The trade's number",
                        values: &[],
                    },
                    Field {
                        name: "broken_trade_reason",
                        offset: 21,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Why",
                        values: BROKEN_REASON_VALUES,
                    },
                    Field {
                        name: "cl_ord_id",
                        offset: 22,
                        tag: 0,
                        kind: Kind::Alpha(14),
                        about: "The client's own text of the order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "TradeCorrection",
                group: "Outbound",
                code: Some(b'F'),
                size: 49,
                tail: Tail::OptionalAppendage,
                about: "The price of an earlier trade was corrected.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field {
                        name: "quantity",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares traded",
                        values: &[],
                    },
                    Field {
                        name: "price",
                        offset: 17,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                        about: "Price from now on",
                        values: &[],
                    },
                    Field {
                        name: "liquidity_flag",
                        offset: 25,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Role in the trade",
                        values: LIQUIDITY_VALUES,
                    },
                    Field {
                        name: "match_number",
                        offset: 26,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The trade's number",
                        values: &[],
                    },
                    Field {
                        name: "trade_correction_reason",
                        offset: 34,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Why",
                        values: CORRECTION_REASON_VALUES,
                    },
                    Field {
                        name: "cl_ord_id",
                        offset: 35,
                        tag: 0,
                        kind: Kind::Alpha(14),
                        about: "The client's own text of the order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "Rejected",
                group: "Outbound",
                code: Some(b'J'),
                size: 29,
                tail: Tail::OptionalAppendage,
                about: "An order or a replace was refused; its number is used up.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field {
                        name: "reason",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                        about: "Why",
                        values: REJECT_REASON_VALUES,
                    },
                    Field {
                        name: "cl_ord_id",
                        offset: 15,
                        tag: 0,
                        kind: Kind::Alpha(14),
                        about: "The client's own text of the order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "CancelPending",
                group: "Outbound",
                code: Some(b'P'),
                size: 13,
                tail: Tail::OptionalAppendage,
                about: "The order is in an auction; its cancel waits.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "CancelReject",
                group: "Outbound",
                code: Some(b'I'),
                size: 13,
                tail: Tail::OptionalAppendage,
                about: "The order is in an auction and cannot be cancelled.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "PriorityUpdate",
                group: "Outbound",
                code: Some(b'T'),
                size: 30,
                tail: Tail::OptionalAppendage,
                about: "The order has another priority and number.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field {
                        name: "price",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                        about: "Price now",
                        values: &[],
                    },
                    Field {
                        name: "display",
                        offset: 21,
                        tag: 0,
                        kind: Kind::Char,
                        about: "How it is shown",
                        values: DISPLAY_VALUES,
                    },
                    Field {
                        name: "order_reference_number",
                        offset: 22,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "The venue's number from now on",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "Modified",
                group: "Outbound",
                code: Some(b'M'),
                size: 18,
                tail: Tail::OptionalAppendage,
                about: "A modify was taken.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field {
                        name: "side",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Side now",
                        values: SIDE_VALUES,
                    },
                    Field {
                        name: "quantity",
                        offset: 14,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "Shares now",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "Restated",
                group: "Outbound",
                code: Some(b'R'),
                size: 14,
                tail: Tail::Appendage,
                about: "The venue changed an order on its own; the appendage says what.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field {
                        name: "restated_reason",
                        offset: 13,
                        tag: 0,
                        kind: Kind::Char,
                        about: "Why",
                        values: RESTATED_REASON_VALUES,
                    },
                ],
            },
            Message {
                name: "MassCancelResponse",
                group: "Outbound",
                code: Some(b'X'),
                size: 25,
                tail: Tail::OptionalAppendage,
                about: "A mass cancel was taken (later revision).",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field { name: "firm", offset: 13, tag: 0, kind: Kind::Alpha(4), about: "Firm", values: &[] },
                    Field {
                        name: "symbol",
                        offset: 17,
                        tag: 0,
                        kind: Kind::Alpha(8),
                        about: "Symbol; blank for all",
                        values: &[],
                    },
                ],
            },
            Message {
                name: "DisableOrderEntryResponse",
                group: "Outbound",
                code: Some(b'G'),
                size: 17,
                tail: Tail::OptionalAppendage,
                about: "Order entry of the firm is off (later revision).",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field { name: "firm", offset: 13, tag: 0, kind: Kind::Alpha(4), about: "Firm", values: &[] },
                ],
            },
            Message {
                name: "EnableOrderEntryResponse",
                group: "Outbound",
                code: Some(b'K'),
                size: 17,
                tail: Tail::OptionalAppendage,
                about: "Order entry of the firm is on again (later revision).",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The client's number of the order",
                        values: &[],
                    },
                    Field { name: "firm", offset: 13, tag: 0, kind: Kind::Alpha(4), about: "Firm", values: &[] },
                ],
            },
            Message {
                name: "AccountQueryResponse",
                group: "Outbound",
                code: Some(b'Q'),
                size: 13,
                tail: Tail::OptionalAppendage,
                about: "The next number that the venue would take.",
                fields: &[
                    Field {
                        name: "timestamp",
                        offset: 1,
                        tag: 0,
                        kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                        about: "Nanoseconds since midnight, New York time",
                        values: &[],
                    },
                    Field {
                        name: "next_user_ref_num",
                        offset: 9,
                        tag: 0,
                        kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                        about: "The number",
                        values: &[],
                    },
                ],
            },
        ],
        elements: &[
            Field {
                name: "secondary_ord_ref_num",
                offset: 0,
                tag: 1,
                kind: Kind::Number { bytes: 8, signed: false, decimals: 0 },
                about: "Order reference of the displayed part",
                values: &[],
            },
            Field {
                name: "firm",
                offset: 0,
                tag: 2,
                kind: Kind::Alpha(4),
                about: "Firm the order is for",
                values: &[],
            },
            Field {
                name: "min_qty",
                offset: 0,
                tag: 3,
                kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                about: "Least quantity to execute",
                values: &[],
            },
            Field {
                name: "customer_type",
                offset: 0,
                tag: 4,
                kind: Kind::Char,
                about: "Retail or not",
                values: CUSTOMER_TYPE_VALUES,
            },
            Field {
                name: "max_floor",
                offset: 0,
                tag: 5,
                kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                about: "Displayed part of a reserve order",
                values: &[],
            },
            Field {
                name: "price_type",
                offset: 0,
                tag: 6,
                kind: Kind::Char,
                about: "What the price means",
                values: PRICE_TYPE_VALUES,
            },
            Field {
                name: "peg_offset",
                offset: 0,
                tag: 7,
                kind: Kind::Number { bytes: 4, signed: true, decimals: 4 },
                about: "Offset from the pegged price",
                values: &[],
            },
            Field {
                name: "discretion_price",
                offset: 0,
                tag: 9,
                kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                about: "Hidden limit",
                values: &[],
            },
            Field {
                name: "discretion_price_type",
                offset: 0,
                tag: 10,
                kind: Kind::Char,
                about: "What the hidden limit means",
                values: PRICE_TYPE_VALUES,
            },
            Field {
                name: "discretion_peg_offset",
                offset: 0,
                tag: 11,
                kind: Kind::Number { bytes: 4, signed: true, decimals: 4 },
                about: "Offset of the hidden limit",
                values: &[],
            },
            Field {
                name: "post_only",
                offset: 0,
                tag: 12,
                kind: Kind::Char,
                about: "Post only",
                values: YES_NO_VALUES,
            },
            Field {
                name: "random_reserves",
                offset: 0,
                tag: 13,
                kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                about: "Shares around which a refill varies",
                values: &[],
            },
            Field { name: "route", offset: 0, tag: 14, kind: Kind::Alpha(4), about: "Routing strategy", values: &[] },
            Field {
                name: "expire_time",
                offset: 0,
                tag: 15,
                kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                about: "Good till time: seconds since midnight, New York time",
                values: &[],
            },
            Field {
                name: "trade_now",
                offset: 0,
                tag: 16,
                kind: Kind::Char,
                about: "Midpoint trade now",
                values: YES_NO_VALUES,
            },
            Field {
                name: "handle_inst",
                offset: 0,
                tag: 17,
                kind: Kind::Char,
                about: "Handling instruction",
                values: &[],
            },
            Field {
                name: "bbo_weight_indicator",
                offset: 0,
                tag: 18,
                kind: Kind::Char,
                about: "How the order stood to the best prices",
                values: &[],
            },
            Field {
                name: "reference_price",
                offset: 0,
                tag: 19,
                kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                about: "Reference price of an execution",
                values: &[],
            },
            Field {
                name: "reference_price_type",
                offset: 0,
                tag: 20,
                kind: Kind::Char,
                about: "What the reference price is",
                values: &[],
            },
            Field {
                name: "display_quantity",
                offset: 0,
                tag: 22,
                kind: Kind::Number { bytes: 4, signed: false, decimals: 0 },
                about: "Displayed quantity",
                values: &[],
            },
            Field {
                name: "display_price",
                offset: 0,
                tag: 23,
                kind: Kind::Number { bytes: 8, signed: false, decimals: 4 },
                about: "Displayed price",
                values: &[],
            },
            Field {
                name: "group_id",
                offset: 0,
                tag: 24,
                kind: Kind::Number { bytes: 2, signed: false, decimals: 0 },
                about: "Group of orders, for mass cancel and self-match prevention",
                values: &[],
            },
            Field {
                name: "shares_located",
                offset: 0,
                tag: 25,
                kind: Kind::Char,
                about: "Whether shares for a short sale were located",
                values: YES_NO_VALUES,
            },
            Field {
                name: "locate_broker",
                offset: 0,
                tag: 26,
                kind: Kind::Alpha(4),
                about: "Where they were located",
                values: &[],
            },
            Field {
                name: "side",
                offset: 0,
                tag: 27,
                kind: Kind::Char,
                about: "Side a mass cancel is limited to",
                values: SIDE_VALUES,
            },
            Field {
                name: "user_ref_idx",
                offset: 0,
                tag: 28,
                kind: Kind::Number { bytes: 1, signed: false, decimals: 0 },
                about: "Which numbering of the client the reference belongs to",
                values: &[],
            },
        ],
    };
}
