//! MassQuote: each entry is a bid and an offer, which take the place of those that the entry had before. QuoteCancel: those of
//! some symbols, or all, are pulled.
//!
//! Invariant: the sides of an entry never meet each other on their way to new prices; what of a message is not in the journal
//! when the process dies is taken when the message comes again, since only its last record carries its number.

use records::{
    ExchangeEnter, ExchangeReplace, ExchangeRequest, Header, OrderType, Reason, Side, TimeInForce, bytes_of,
};
use sessions::fix::{Answer, Fault, Inbound};
use wire::fix::{decimal_nanos, reject};

use super::entries::NONE_REF;
use super::request;
use crate::sequencer::Sequencer;

/// Entries of one message at most.
pub(crate) const ENTRIES_MAX: usize = 200;
/// Symbols of a QuoteCancel at most.
const SYMBOLS_MAX: usize = 200;
const LOT_NANOS: i64 = 1_000_000_000;

/// One side as an entry asks for it.
#[derive(Clone, Copy, Default)]
struct Wanted<'a> {
    price: Option<&'a [u8]>,
    size: Option<&'a [u8]>,
}

/// One entry.
#[derive(Clone, Copy, Default)]
struct Entry<'a> {
    set: &'a [u8],
    name: &'a [u8],
    symbol: &'a [u8],
    bid: Wanted<'a>,
    offer: Wanted<'a>,
}

/// What is to be done for one side.
#[derive(Clone, Copy)]
struct Target {
    side: Side,
    tag: [u8; 16],
    price_nanos: i64,
    lots: i64,
    refused: u8,
}

/// Where quotes come from.
pub(crate) struct Quoter<'a> {
    pub venue: u16,
    pub session: u32,
    pub now_ns: u64,
    pub sequencer: &'a mut Sequencer,
}

/// How many commands a request may become: two sides an entry of a MassQuote, or each of the open orders that a QuoteCancel may
/// pull, with what begins and ends them; else one.
pub(crate) fn commands(inbound: &Inbound<'_>, open: usize) -> usize {
    match inbound.message.kind() {
        b"i" => {}
        b"Z" => return 2 + open,
        _ => return 1,
    }
    let entries = inbound.message.fields().iter().filter(|field| field.tag == 299).count();
    // Each side may be pulled and given anew.
    2 + 4 * entries.min(ENTRIES_MAX)
}

/// The name of a message about quotes, and what of it is answered (301). Absent: everything.
fn head(inbound: &Inbound<'_>) -> Result<([u8; 16], u8), Answer> {
    let name = request::name(inbound.message.get(117), 117)?;
    match inbound.message.get(301) {
        None | Some(b"2") => Ok((name, b'2')),
        Some(b"1") => Ok((name, b'1')),
        Some(b"0") => Ok((name, b'0')),
        _ => Err(fault(reject::VALUE_OUT_OF_RANGE, 301)),
    }
}

/// Takes a QuoteCancel.
pub(crate) fn cancel(inbound: &Inbound<'_>, quoter: &mut Quoter<'_>) -> Answer {
    let message = inbound.message;
    let (name, level) = match head(inbound) {
        Ok(head) => head,
        Err(answer) => return answer,
    };
    let scope = match message.get(298) {
        Some(b"1") => b'1',
        Some(b"4") => b'4',
        _ => return fault(reject::VALUE_OUT_OF_RANGE, 298),
    };
    let listings = &quoter.sequencer.outputs.listings;
    let (mut instruments, mut count) = ([0_u32; SYMBOLS_MAX], 0);
    for field in message.fields().iter().filter(|field| field.tag == 55 && scope == b'1') {
        if count == SYMBOLS_MAX {
            return Answer::Refused { reason: 4, tag: 0 };
        }
        instruments[count] = listings.named(message.value(*field));
        count += 1;
    }
    let instruments = &instruments[..count];
    let known = scope == b'4' || !instruments.is_empty() && !instruments.contains(&0);
    let mut begin = quoter.request(b'i');
    (begin.tag, begin.scope) = (name, level);
    quoter.sequencer.submit(quoter.now_ns, bytes_of(&begin));
    if known {
        quoter.pull_all(|listed| scope == b'4' || instruments.contains(&listed));
    }
    let mut end = quoter.request(b'b');
    (end.header.sequence, end.scope) = (inbound.sequence, scope);
    end.refused = if known { 0 } else { Reason::InvalidInstrument.code() };
    quoter.sequencer.submit(quoter.now_ns, bytes_of(&end));
    Answer::Taken
}

/// Takes a MassQuote.
pub(crate) fn take(inbound: &Inbound<'_>, quoter: &mut Quoter<'_>) -> Answer {
    let message = inbound.message;
    let (name, level) = match head(inbound) {
        Ok(head) => head,
        Err(answer) => return answer,
    };
    let entries = message.fields().iter().filter(|field| field.tag == 299).count();
    let desk = quoter.sequencer.outputs.desks.desk(quoter.session);
    if !desk.entries.has_room(2 * entries) {
        return Answer::Refused { reason: 4, tag: 0 };
    }
    let mut begin = quoter.request(b'i');
    (begin.tag, begin.scope) = (name, level);
    quoter.sequencer.submit(quoter.now_ns, bytes_of(&begin));
    let mut end = quoter.request(b'b');
    end.header.sequence = inbound.sequence;
    if entries > ENTRIES_MAX {
        end.refused = Reason::InvalidField.code();
    } else {
        quoter.take_entries(&message);
    }
    quoter.sequencer.submit(quoter.now_ns, bytes_of(&end));
    Answer::Taken
}

impl Quoter<'_> {
    fn mark(&self, header: &mut Header) {
        header.venue = self.venue;
        header.source = self.session;
        header.receive_time_ns = self.now_ns;
    }

    fn request(&self, what: u8) -> ExchangeRequest {
        let mut request = ExchangeRequest::new();
        self.mark(&mut request.header);
        request.what = what;
        request
    }

    /// Pulls every quote of the instruments that are meant.
    fn pull_all(&mut self, meant: impl Fn(u32) -> bool) {
        let mut at = NONE_REF;
        while let Some((number, entry)) = self.sequencer.outputs.desks.desk(self.session).entries.open_after(at) {
            // An order that has ended still knows which one came after it.
            at = number;
            if entry.quote && meant(entry.instrument) {
                self.pull(u64::from(number), entry.tag);
            }
        }
    }

    fn pull(&mut self, number: u64, tag: [u8; 16]) {
        let mut pull = self.request(b'P');
        (pull.original_ref, pull.tag) = (number, tag);
        self.sequencer.submit(self.now_ns, bytes_of(&pull));
    }

    fn take_entries(&mut self, message: &wire::fix::Message<'_>) {
        let (mut entry, mut set) = (Entry::default(), &b""[..]);
        for field in message.fields() {
            let value = message.value(*field);
            match field.tag {
                302 => set = value,
                299 => {
                    self.take_entry(&entry);
                    entry = Entry { set, name: value, ..Entry::default() };
                }
                55 => entry.symbol = value,
                132 => entry.bid.price = Some(value),
                133 => entry.offer.price = Some(value),
                134 => entry.bid.size = Some(value),
                135 => entry.offer.size = Some(value),
                _ => {}
            }
        }
        self.take_entry(&entry);
    }

    fn take_entry(&mut self, entry: &Entry<'_>) {
        if entry.name.is_empty() {
            return; // Before the first.
        }
        let instrument = self.sequencer.outputs.listings.named(entry.symbol);
        let (bid, offer) = (side_of(entry, Side::Buy), side_of(entry, Side::Sell));
        let crossed = bid.lots > 0 && offer.lots > 0 && bid.price_nanos >= offer.price_nanos;
        let refused = match () {
            () if instrument == 0 => Reason::InvalidInstrument.code(),
            () if crossed => Reason::InvalidPrice.code(),
            () => 0,
        };
        let wanted = [bid, offer].map(|side| Target { refused: side.refused.max(refused), ..side });
        // Going up, the offer moves out of the bid's way first.
        let entries = &self.sequencer.outputs.desks.desk(self.session).entries;
        let standing = entries.find(&offer.tag).and_then(|number| entries.get(u64::from(number)));
        let up = standing.is_some_and(|offer| offer.open && bid.lots > 0 && bid.price_nanos >= offer.price_nanos);
        let order = if up { [wanted[1], wanted[0]] } else { wanted };
        for side in order {
            self.take_side(instrument, &side);
        }
    }

    /// Brings one side of an entry to where it is wanted.
    fn take_side(&mut self, instrument: u32, wanted: &Target) {
        let entries = &self.sequencer.outputs.desks.desk(self.session).entries;
        let number = entries.find(&wanted.tag).map_or(0, u64::from);
        let standing = entries.get(number).filter(|entry| entry.open && entry.quote).copied();
        let user_ref = entries.next_ref();
        let same = |entry: &super::entries::Entry| {
            entry.price_nanos == wanted.price_nanos
                && entry.leaves_lots == wanted.lots
                && entry.instrument == instrument
        };
        match standing {
            Some(entry) if wanted.refused == 0 && same(&entry) => {}
            Some(entry)
                if wanted.refused == 0
                    && wanted.lots > 0
                    && entry.executed_lots == 0
                    && entry.instrument == instrument =>
            {
                let mut replace = ExchangeReplace::new();
                self.mark(&mut replace.header);
                (replace.original_ref, replace.user_ref, replace.quote) = (number, user_ref, 1);
                (replace.price_nanos, replace.lots, replace.tag) = (wanted.price_nanos, wanted.lots, wanted.tag);
                self.sequencer.submit(self.now_ns, bytes_of(&replace));
            }
            standing => {
                // What traded in part begins anew, so that its size is what is quoted and not a sum over the day.
                if standing.is_some() && wanted.refused == 0 {
                    self.pull(number, wanted.tag);
                }
                if wanted.lots > 0 || wanted.refused != 0 {
                    self.enter(instrument, user_ref, wanted, number != 0 && !self.is_quote(number));
                }
            }
        }
    }

    fn is_quote(&self, number: u64) -> bool {
        self.sequencer.outputs.desks.desk(self.session).entries.get(number).is_some_and(|entry| entry.quote)
    }

    fn enter(&mut self, instrument: u32, user_ref: u64, wanted: &Target, taken: bool) {
        let mut order = ExchangeEnter::new();
        self.mark(&mut order.header);
        order.header.instrument = instrument;
        (order.user_ref, order.tag, order.quote) = (user_ref, wanted.tag, 1);
        (order.price_nanos, order.lots) = (wanted.price_nanos, wanted.lots);
        (order.side, order.order_type) = (wanted.side.code(), OrderType::Limit.code());
        order.time_in_force = TimeInForce::Day.code();
        order.refused = if taken { Reason::DuplicateId.code() } else { wanted.refused };
        self.sequencer.submit(self.now_ns, bytes_of(&order));
    }
}

/// A side with its name: set, stroke, entry, letter.
fn side_of(entry: &Entry<'_>, side: Side) -> Target {
    let (wanted, letter) = if side == Side::Buy { (entry.bid, b'B') } else { (entry.offer, b'S') };
    let mut tag = [0; 16];
    let mut refused = 0;
    let parts = [entry.set, b"/", entry.name, &[letter]];
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let plain =
        |part: &[u8]| !part.is_empty() && part.iter().all(|letter| letter.is_ascii_graphic() && *letter != b'/');
    if length > tag.len() || !plain(entry.set) || !plain(entry.name) {
        refused = Reason::InvalidField.code();
        tag[..4].copy_from_slice(&[b'?', b'/', b'?', letter]);
    } else {
        let mut at = 0;
        for part in parts {
            tag[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }
    let number = |text: Option<&[u8]>| text.map_or(Some(0), decimal_nanos);
    let (price, size) = (number(wanted.price), number(wanted.size));
    let whole = size.filter(|size| *size >= 0 && size % LOT_NANOS == 0);
    if price.is_none() || whole.is_none() {
        refused = if price.is_none() { Reason::InvalidPrice } else { Reason::InvalidQuantity }.code();
    }
    let (price_nanos, lots) = (price.unwrap_or(0), whole.unwrap_or(0) / LOT_NANOS);
    // A side without a price is not quoted.
    Target { side, tag, price_nanos, lots: if price_nanos == 0 { 0 } else { lots }, refused }
}

const fn fault(reason: u16, tag: u32) -> Answer {
    Answer::Fault(Fault { reason, tag })
}
