//! What a run leaves: every order, every fill with its markouts, and the equity over time.
//!
//! Invariant: rows are appended in engine time and only their outcome changes later; a run's rows are a function of its
//! inputs. Memory grows with the strategy's own orders and with the time covered, not with the data.

use std::collections::BTreeMap;

use engine::{Engine, Outbox};
use records::{
    Applied, CancelOrder, Header, Kind, NewOrder, OrderEvent, OrderEventKind, Record, ReplaceOrder, RiskReject,
    SlotState, UNDEF_PRICE, read_from,
};

use crate::venue::{COMMAND_BYTES, Command};

/// After a fill: 1 ms, 10 ms, 50 ms, 100 ms, 1 s, 5 s, 15 s, 1 min, 5 min.
pub const HORIZONS_NS: [u64; 9] = [
    1_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
    1_000_000_000,
    5_000_000_000,
    15_000_000_000,
    60_000_000_000,
    300_000_000_000,
];

/// Orders and fills before their rows are moved to a larger place; memory that no row has reached yet is only asked for.
const ROWS: usize = 1 << 16;

/// An order: sent by the engine, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderRow {
    /// Our id.
    pub order_id: u64,
    /// The order that it replaces, 0: none.
    pub original_id: u64,
    /// Engine time of the command.
    pub sent_ns: u64,
    /// Engine time of the first answer, 0: none.
    pub answered_ns: u64,
    /// Engine time of the last report, 0: none.
    pub last_ns: u64,
    /// Limit price, or undefined.
    pub price_nanos: i64,
    /// Lots asked for.
    pub lots: i64,
    /// Lots filled under this id.
    pub filled_lots: i64,
    /// Instrument.
    pub instrument: u32,
    /// Venue.
    pub venue: u16,
    /// Slot.
    pub slot: u8,
    /// A [`records::Side`] code.
    pub side: u8,
    /// A [`records::TimeInForce`] code.
    pub time_in_force: u8,
    /// The last report, an [`OrderEventKind`] code, 0: none.
    pub last_event: u8,
    /// Its [`records::Reason`] code.
    pub reason: u8,
}

/// A fill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FillRow {
    /// Engine time.
    pub time_ns: u64,
    /// Venue's time.
    pub venue_time_ns: u64,
    /// Our id.
    pub order_id: u64,
    /// Match number.
    pub execution_id: u64,
    /// Price.
    pub price_nanos: i64,
    /// Lots.
    pub lots: i64,
    /// Fee, below zero a rebate.
    pub fee_nanos: i64,
    /// Middle of the book when the report arrived, or undefined.
    pub middle_nanos: i64,
    /// Instrument.
    pub instrument: u32,
    /// Venue.
    pub venue: u16,
    /// Slot.
    pub slot: u8,
    /// A [`records::Side`] code.
    pub side: u8,
    /// 1 rested, 2 came in.
    pub liquidity: u8,
}

/// How everything stood at one time. Money in nanos, saturated at 64 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EquityRow {
    /// Engine time.
    pub time_ns: u64,
    /// Profit with fees, positions marked to the middle.
    pub equity_nanos: i64,
    /// Fees so far.
    pub fees_nanos: i64,
    /// Value of all positions, sales negative.
    pub net_nanos: i64,
    /// Sum of their absolute values.
    pub gross_nanos: i64,
}

/// A position at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PositionRow {
    /// Engine time.
    pub time_ns: u64,
    /// Account.
    pub account: u32,
    /// Instrument.
    pub instrument: u32,
    /// Signed lots.
    pub lots: i64,
    /// Mark.
    pub mark_nanos: i64,
}

/// A slot that stopped running, or a control that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRow {
    /// Engine time.
    pub time_ns: u64,
    /// Slot.
    pub slot: u8,
    /// A [`records::SlotRun`] code.
    pub run: u8,
    /// A [`records::CallStatus`] code.
    pub status: u8,
    /// A [`records::Callback`] code.
    pub callback: u8,
    /// The source line, 0: not told.
    pub line: u32,
}

/// All rows.
#[derive(Default)]
pub struct Blotter {
    /// Orders by time sent.
    pub orders: Vec<OrderRow>,
    /// Fills by engine time.
    pub fills: Vec<FillRow>,
    /// Middle after each of [`HORIZONS_NS`], fill by fill; shorter where the data ended before.
    pub later_nanos: [Vec<i64>; HORIZONS_NS.len()],
    /// Samples by time.
    pub equity: Vec<EquityRow>,
    /// Positions, where they changed since the last sample.
    pub positions: Vec<PositionRow>,
    /// Slots' changes of state.
    pub slots: Vec<SlotRow>,
    /// Intents that risk refused, by [`records::RejectCode`] code.
    pub refused: BTreeMap<u8, u64>,
    /// Controls of the beginning that were refused: kind and subject.
    pub controls_refused: Vec<(u16, u32)>,
    /// Sum of price × lots over all fills, nanos.
    pub traded_nanos: i128,
    /// Time and instrument of each fill: what its marks ask, close together.
    filled: Vec<(u64, u32)>,
    /// By horizon: when the first fill that waits for its mark is due.
    due_ns: [u64; HORIZONS_NS.len()],
    next_mark_ns: u64,
    /// By instrument: the middle that stands; 0: none.
    middles_nanos: Vec<i64>,
    shown: BTreeMap<(u32, u32), i64>,
    /// Commands of the pass under way.
    pub(crate) commands: Vec<(u16, Command)>,
    now_ns: u64,
}

impl Blotter {
    pub(crate) fn new() -> Self {
        let due_ns = [u64::MAX; HORIZONS_NS.len()];
        Self {
            next_mark_ns: u64::MAX,
            due_ns,
            commands: Vec::with_capacity(64),
            orders: Vec::with_capacity(ROWS),
            fills: Vec::with_capacity(ROWS),
            filled: Vec::with_capacity(ROWS),
            later_nanos: [(); HORIZONS_NS.len()].map(|()| Vec::with_capacity(ROWS)),
            ..Self::default()
        }
    }

    /// A pass begins.
    #[inline]
    pub(crate) fn at(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    /// After an input about an instrument: where its middle moved, marks that were due before are of the one that stood until now.
    #[inline]
    pub(crate) fn look(&mut self, now_ns: u64, instrument: u32, engine: &Engine) {
        let (middle_nanos, place) = (engine.mark_nanos(instrument), instrument as usize);
        if self.middles_nanos.get(place).copied().unwrap_or(0) != middle_nanos {
            self.mark(now_ns);
            self.middles_nanos.resize(self.middles_nanos.len().max(place + 1), 0);
            self.middles_nanos[place] = middle_nanos;
        }
    }

    /// Marks that were due before this time.
    #[inline]
    pub(crate) fn mark(&mut self, now_ns: u64) {
        if now_ns > self.next_mark_ns {
            self.mark_fills(now_ns);
        }
    }

    #[cold]
    fn mark_fills(&mut self, now_ns: u64) {
        let mut next_ns = u64::MAX;
        for ((due_ns, horizon_ns), later_nanos) in self.due_ns.iter_mut().zip(HORIZONS_NS).zip(&mut self.later_nanos) {
            while *due_ns < now_ns {
                let (_, instrument) = self.filled[later_nanos.len()];
                let middle_nanos = self.middles_nanos.get(instrument as usize).copied().unwrap_or(0);
                later_nanos.push(if middle_nanos == 0 { UNDEF_PRICE } else { middle_nanos });
                *due_ns = self.filled.get(later_nanos.len()).map_or(u64::MAX, |(time_ns, _)| time_ns + horizon_ns);
            }
            next_ns = next_ns.min(*due_ns);
        }
        self.next_mark_ns = next_ns;
    }

    /// Row of an order. Ids rise, one after the other but where the engine's day or epoch changed.
    fn place_of(&self, order_id: u64) -> Option<usize> {
        let guess = order_id.wrapping_sub(self.orders.first()?.order_id) as usize;
        if self.orders.get(guess).is_some_and(|row| row.order_id == order_id) {
            return Some(guess);
        }
        self.orders.binary_search_by_key(&order_id, |row| row.order_id).ok()
    }

    /// After the engine took a report.
    pub(crate) fn reported(&mut self, event: &OrderEvent, engine: &Engine) {
        let now_ns = engine.time_ns();
        let Some(at) = self.place_of(event.owner.order_id) else { return };
        let row = &mut self.orders[at];
        row.last_ns = now_ns;
        if row.answered_ns == 0 {
            row.answered_ns = now_ns;
        }
        (row.last_event, row.reason) = (event.event, event.reason);
        if event.event != OrderEventKind::Filled.code() {
            return;
        }
        row.filled_lots += event.lots;
        self.traded_nanos += i128::from(event.lots) * i128::from(event.price_nanos).abs();
        self.fills.push(FillRow {
            time_ns: now_ns,
            venue_time_ns: event.header.venue_time_ns,
            order_id: event.owner.order_id,
            execution_id: event.execution_id,
            price_nanos: event.price_nanos,
            lots: event.lots,
            fee_nanos: event.fee_nanos,
            middle_nanos: middle(engine, event.header.instrument),
            instrument: event.header.instrument,
            venue: event.header.venue,
            slot: event.slot,
            side: event.side,
            liquidity: event.liquidity,
        });
        self.filled.push((now_ns, event.header.instrument));
        for (due_ns, horizon_ns) in self.due_ns.iter_mut().zip(HORIZONS_NS) {
            *due_ns = (*due_ns).min(now_ns + horizon_ns);
        }
        self.next_mark_ns = self.next_mark_ns.min(now_ns + HORIZONS_NS[0]);
    }

    /// One point of the curve.
    pub(crate) fn sample(&mut self, now_ns: u64, engine: &Engine) {
        let mut sums = [0_i128; 4];
        for cell in engine.positions() {
            let mut cell = *cell;
            let mark_nanos = engine.mark_nanos(cell.instrument);
            if mark_nanos != 0 {
                cell.mark_nanos = mark_nanos;
            }
            let value = records::down_e8(cell.value_e8());
            let equity = cell.realised_nanos().saturating_add(cell.unrealised_nanos());
            for (sum, part) in sums.iter_mut().zip([equity, cell.fees_nanos, value, value.saturating_abs()]) {
                *sum = sum.saturating_add(part);
            }
            if self.shown.insert((cell.account, cell.instrument), cell.lots) != Some(cell.lots) {
                self.positions.push(PositionRow {
                    time_ns: now_ns,
                    account: cell.account,
                    instrument: cell.instrument,
                    lots: cell.lots,
                    mark_nanos: cell.mark_nanos,
                });
            }
        }
        let [equity_nanos, fees_nanos, net_nanos, gross_nanos] = sums.map(narrow);
        self.equity.push(EquityRow { time_ns: now_ns, equity_nanos, fees_nanos, net_nanos, gross_nanos });
    }

    fn row(&mut self, row: OrderRow) {
        assert!(self.orders.last().is_none_or(|last| last.order_id < row.order_id), "an engine's order ids rise");
        self.orders.push(row);
    }

    fn sent(&mut self, record: &[u8]) {
        match read_from::<Header>(record).and_then(|header| header.kind()) {
            Some(Kind::NewOrder) => {
                let Some(command) = read_from::<NewOrder>(record) else { return };
                self.row(OrderRow {
                    order_id: command.owner.order_id,
                    original_id: 0,
                    sent_ns: self.now_ns,
                    answered_ns: 0,
                    last_ns: 0,
                    price_nanos: command.price_nanos,
                    lots: command.lots,
                    filled_lots: 0,
                    instrument: command.header.instrument,
                    venue: command.header.venue,
                    slot: command.slot,
                    side: command.side,
                    time_in_force: command.time_in_force,
                    last_event: 0,
                    reason: 0,
                });
            }
            Some(Kind::ReplaceOrder) => {
                let Some(command) = read_from::<ReplaceOrder>(record) else { return };
                self.row(OrderRow {
                    order_id: command.owner.order_id,
                    original_id: command.original_id,
                    sent_ns: self.now_ns,
                    answered_ns: 0,
                    last_ns: 0,
                    price_nanos: command.price_nanos,
                    lots: command.lots,
                    filled_lots: 0,
                    instrument: command.header.instrument,
                    venue: command.header.venue,
                    slot: command.slot,
                    side: command.side,
                    time_in_force: command.time_in_force,
                    last_event: 0,
                    reason: 0,
                });
            }
            _ => {}
        }
    }
}

impl Outbox for Blotter {
    fn command(&mut self, venue: u16, record: &[u8]) {
        const { assert!(size_of::<NewOrder>() <= COMMAND_BYTES && size_of::<ReplaceOrder>() <= COMMAND_BYTES) };
        const { assert!(size_of::<CancelOrder>() <= COMMAND_BYTES) };
        if record.len() <= COMMAND_BYTES {
            self.sent(record);
            self.commands.push((venue, Command::new(record)));
        }
    }

    fn output(&mut self, record: &[u8]) {
        let Some(header) = read_from::<Header>(record) else { return };
        if header.kind == RiskReject::KIND as u16 {
            if let Some(refused) = read_from::<RiskReject>(record) {
                *self.refused.entry(refused.code).or_default() += 1;
            }
        } else if header.kind == SlotState::KIND as u16 {
            if let Some(state) = read_from::<SlotState>(record) {
                self.slots.push(SlotRow {
                    time_ns: self.now_ns,
                    slot: state.slot,
                    run: state.run,
                    status: state.status,
                    callback: state.callback,
                    line: state.line,
                });
            }
        } else if header.kind == Applied::KIND as u16
            && let Some(applied) = read_from::<Applied>(record)
            && applied.outcome != 1
        {
            self.controls_refused.push((applied.control, applied.subject));
        }
    }
}

fn middle(engine: &Engine, instrument: u32) -> i64 {
    match engine.mark_nanos(instrument) {
        0 => UNDEF_PRICE,
        mark_nanos => mark_nanos,
    }
}

fn narrow(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount > 0 { i64::MAX } else { i64::MIN })
}
