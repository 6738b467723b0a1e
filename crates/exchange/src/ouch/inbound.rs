//! OUCH 5.0 requests as commands (Nasdaq, "OUCH 5.0").
//!
//! Invariant: every request that decodes becomes a command of the sequenced input, refused ones too, so that a replay
//! answers them again. Fill-or-kill is immediate-or-cancel with the minimum quantity equal to the quantity; the market
//! price is the specification's.

use records::{
    DAY_NS, ExchangeAction, ExchangeCancel, ExchangeControl, ExchangeEnter, ExchangeMassCancel, ExchangeReplace,
    Header, OrderType, Reason, TimeInForce, UNDEF_PRICE, bytes_of,
};
use wire::WireError;
use wire::ouch50::{Appendage, EnterOrder, Inbound, ModifyOrder, ReplaceOrder, decode_inbound};

use crate::listings::Listings;

/// Price that means "market": 214,748.3647.
const MARKET_PRICE: u64 = 0x7fff_ffff;
/// Nanos of one unit of a wire price (four decimals).
const UNIT_NANOS: i64 = 100_000;
const SECOND_NS: u64 = 1_000_000_000;

/// Where requests come from and when.
pub(crate) struct Origin<'a> {
    pub venue: u16,
    pub session: u32,
    pub now_ns: u64,
    pub midnight_ns: u64,
    /// Shown for attributable orders; zeros: none.
    pub participant: [u8; 4],
    pub listings: &'a Listings,
}

/// Hands the command of one request over.
///
/// # Errors
/// The codec's, for bytes that are no request.
pub(crate) fn command(bytes: &[u8], origin: &Origin<'_>, take: impl FnOnce(&[u8])) -> Result<(), WireError> {
    match decode_inbound(bytes)? {
        Inbound::EnterOrder(view) => take(bytes_of(&enter(&view, origin))),
        Inbound::ReplaceOrder(view) => take(bytes_of(&replace(&view, origin))),
        Inbound::CancelOrder(view) => {
            let mut command = ExchangeCancel::new();
            origin.mark(&mut command.header);
            command.user_ref = u64::from(view.user_ref_num());
            command.lots = i64::from(view.quantity());
            command.reason = Reason::UserRequested.code();
            take(bytes_of(&command));
        }
        Inbound::ModifyOrder(view) => take(bytes_of(&modify(&view, origin))),
        Inbound::MassCancel(view) => {
            let mut command = ExchangeMassCancel::new();
            origin.mark(&mut command.header);
            command.header.instrument = origin.listings.instrument(view.symbol());
            command.user_ref = u64::from(view.user_ref_num());
            command.side = match view.appendage().side() {
                Some(b'B') => 1,
                Some(b'S' | b'T' | b'E') => 2,
                _ => 0,
            };
            command.reason = Reason::UserRequested.code();
            take(bytes_of(&command));
        }
        Inbound::DisableOrderEntry(view) => {
            take(bytes_of(&control(ExchangeAction::DisableEntry, view.user_ref_num(), origin)));
        }
        Inbound::EnableOrderEntry(view) => {
            take(bytes_of(&control(ExchangeAction::EnableEntry, view.user_ref_num(), origin)));
        }
        Inbound::AccountQuery(_) => take(bytes_of(&control(ExchangeAction::Query, 0, origin))),
    }
    Ok(())
}

impl Origin<'_> {
    fn mark(&self, header: &mut Header) {
        header.venue = self.venue;
        header.source = self.session;
        header.receive_time_ns = self.now_ns;
    }

    /// When an order ends whose message says so many seconds since midnight.
    fn expiry_ns(&self, seconds: u32) -> u64 {
        let since_midnight = self.now_ns.wrapping_sub(self.midnight_ns) % DAY_NS;
        self.now_ns - since_midnight.min(self.now_ns) + u64::from(seconds) * SECOND_NS
    }
}

fn control(action: ExchangeAction, request: u32, origin: &Origin<'_>) -> ExchangeControl {
    let mut command = ExchangeControl::new();
    origin.mark(&mut command.header);
    command.action = action.code();
    command.value = u64::from(request);
    command
}

fn modify(view: &ModifyOrder<'_>, origin: &Origin<'_>) -> ExchangeCancel {
    let mut command = ExchangeCancel::new();
    origin.mark(&mut command.header);
    command.user_ref = u64::from(view.user_ref_num());
    command.lots = i64::from(view.quantity());
    command.reason = Reason::UserRequested.code();
    command.modify = 1;
    command.short_sale = short_sale(view.side());
    command
}

fn enter(view: &EnterOrder<'_>, origin: &Origin<'_>) -> ExchangeEnter {
    let mut command = ExchangeEnter::new();
    let extra = view.appendage();
    origin.mark(&mut command.header);
    command.header.instrument = origin.listings.instrument(view.symbol());
    command.user_ref = u64::from(view.user_ref_num());
    command.side = match view.side() {
        b'B' => 1,
        b'S' | b'T' | b'E' => 2,
        _ => 0,
    };
    command.short_sale = short_sale(view.side());
    command.lots = i64::from(view.quantity());
    let market = view.price() == MARKET_PRICE;
    command.order_type = if market { OrderType::Market } else { OrderType::Limit }.code();
    command.price_nanos = if market { UNDEF_PRICE } else { price_nanos(view.price()) };
    command.time_in_force = match view.cross_type() {
        // The auction is named, not how long the order lives: it ends there.
        b'O' | b'H' => TimeInForce::AtOpen.code(),
        b'C' => TimeInForce::AtClose.code(),
        _ => time_in_force(view.time_in_force()),
    };
    if command.time_in_force == TimeInForce::GoodTillTime.code() {
        command.expire_time_ns = extra.expire_time().map_or(0, |seconds| origin.expiry_ns(seconds));
    }
    command.minimum_lots = extra.min_qty().map_or(0, i64::from);
    command.display_lots = extra.max_floor().map_or(0, i64::from);
    let display = Display::of(view.display());
    command.post_only = u8::from(display.post_only || extra.post_only() == Some(b'P'));
    command.hidden = u8::from(display.hidden);
    if display.attributed {
        command.participant = origin.participant;
    }
    command.letters = [view.capacity(), view.inter_market_sweep_eligibility(), view.cross_type(), view.display()];
    command.tag[..14].copy_from_slice(&view.cl_ord_id());
    if !display.known || !matches!(view.cross_type(), b'N' | b'O' | b'H' | b'C') || asks_too_much(extra) {
        command.refused = Reason::InvalidField.code();
    }
    command
}

fn replace(view: &ReplaceOrder<'_>, origin: &Origin<'_>) -> ExchangeReplace {
    let mut command = ExchangeReplace::new();
    let extra = view.appendage();
    origin.mark(&mut command.header);
    command.original_ref = u64::from(view.orig_user_ref_num());
    command.user_ref = u64::from(view.user_ref_num());
    command.lots = i64::from(view.quantity());
    command.price_nanos = price_nanos(view.price());
    command.time_in_force = time_in_force(view.time_in_force());
    if command.time_in_force == TimeInForce::GoodTillTime.code() {
        command.expire_time_ns = extra.expire_time().map_or(0, |seconds| origin.expiry_ns(seconds));
    }
    command.minimum_lots = extra.min_qty().map_or(0, i64::from);
    command.display_lots = extra.max_floor().map_or(0, i64::from);
    let display = Display::of(view.display());
    command.post_only = u8::from(display.post_only || extra.post_only() == Some(b'P'));
    command.hidden = u8::from(display.hidden);
    command.letters = [view.inter_market_sweep_eligibility(), view.display()];
    command.tag[..14].copy_from_slice(&view.cl_ord_id());
    if !display.known || asks_too_much(extra) {
        command.refused = Reason::InvalidField.code();
    }
    command
}

/// How an order wants to be seen.
struct Display {
    known: bool,
    post_only: bool,
    hidden: bool,
    attributed: bool,
}

impl Display {
    fn of(letter: u8) -> Self {
        Self {
            known: matches!(letter, b'Y' | b'A' | b'N' | b'P' | b'L'),
            post_only: matches!(letter, b'P' | b'L'),
            hidden: letter == b'N',
            attributed: matches!(letter, b'A' | b'L'),
        }
    }
}

/// Pegs, discretion and random reserves are not done here, and not silently ignored.
fn asks_too_much(extra: Appendage<'_>) -> bool {
    extra.price_type().is_some_and(|letter| letter != b'L')
        || extra.peg_offset().is_some()
        || extra.discretion_price().is_some()
        || extra.discretion_price_type().is_some()
        || extra.discretion_peg_offset().is_some()
        || extra.random_reserves().is_some()
}

fn time_in_force(letter: u8) -> u8 {
    match letter {
        b'0' | b'5' => TimeInForce::Day.code(),
        b'3' => TimeInForce::ImmediateOrCancel.code(),
        b'6' => TimeInForce::GoodTillTime.code(),
        // No such code: the core refuses it.
        _ => u8::MAX,
    }
}

fn short_sale(side: u8) -> u8 {
    match side {
        b'T' => 1,
        b'E' => 2,
        _ => 0,
    }
}

/// A price too large for nanos is outside every listing's bounds.
fn price_nanos(price: u64) -> i64 {
    i64::try_from(price).ok().and_then(|price| price.checked_mul(UNIT_NANOS)).unwrap_or(UNDEF_PRICE)
}
