//! The row "matching" of the benchmarks: one thread, one book, about a thousand resting orders in some 750 price levels.
//!
//! Invariant: the mix is that of the peer's own test (9 % GTC, 3 % IOC, 6 % cancel, the rest moves), a twelfth of the
//! moves being reductions; commands are made before the clock starts, events are all written to memory inside it.

mod pipeline;

use std::time::Instant;

use records::{
    ExchangeCancel, ExchangeEnter, ExchangeEvent, ExchangeListing, ExchangeReplace, ExchangeSession, OrderType, Reason,
    Side, Stamp, TimeInForce,
};

use crate::matching::{Capacity, Matching, Sink};
pub use pipeline::{PipelineReport, run as run_pipeline};

const TICK_NANOS: i64 = 10_000_000;
const RESTING_GOAL: usize = 1000;
const BLOCK: usize = 1000;
/// Commands that fill the book.
const WARM: usize = 20_000;

/// What a run found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Commands timed.
    pub commands: u64,
    /// Wall time over them.
    pub elapsed_ns: u64,
    /// Median over blocks of a thousand commands, in picoseconds a command: neighbours on the machine disturb some blocks.
    pub median_ps: u64,
    /// Trades among the events.
    pub trades: u64,
    /// Events.
    pub events: u64,
    /// Refused commands (orders that had traded away before).
    pub refused: u64,
    /// Orders resting at the end.
    pub resting: u64,
    /// Hash over state and events: equal for equal commands and seed.
    pub state_hash: u64,
}

impl Report {
    /// The row's figure.
    pub fn ns_per_command(&self) -> f64 {
        self.median_ps as f64 / 1000.0
    }
}

/// A command as the bench keeps it.
#[derive(Clone, Copy)]
enum Command {
    Enter(ExchangeEnter),
    Cancel(ExchangeCancel),
    Replace(ExchangeReplace),
}

/// Writes every event to the same place, as a publisher would to its packet.
struct Written {
    last: ExchangeEvent,
    events: u64,
    trades: u64,
    refused: u64,
}

impl Sink for Written {
    #[inline]
    fn event(&mut self, event: &ExchangeEvent) {
        self.last = *event;
        std::hint::black_box(&self.last);
        self.events += 1;
        self.trades += u64::from(event.event == 4);
        self.refused += u64::from(matches!(event.event, 2 | 7 | 8));
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Roughly a bell, from 0 outward, in ticks.
    fn distance(&mut self) -> i64 {
        let sum: i64 = (0..4).map(|_| self.below(301) as i64 - 150).sum();
        sum.abs() + 1
    }
}

/// Makes commands, guessing what rests by a matching core of its own.
struct Maker {
    random: Random,
    next_ref: u64,
    live: Vec<u64>,
    middle: i64,
}

impl Maker {
    fn price(&mut self, side: Side) -> i64 {
        self.middle += self.random.below(3) as i64 - 1;
        // One in forty reaches over the middle and trades.
        let distance = if self.random.below(40) == 0 { -3 } else { self.random.distance() };
        (self.middle - side.sign() * distance) * TICK_NANOS
    }

    fn enter(&mut self, time_in_force: TimeInForce) -> Command {
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let mut command = ExchangeEnter::new();
        command.header.instrument = 1;
        command.header.source = 1;
        command.user_ref = self.next_ref;
        self.next_ref += 1;
        command.side = side.code();
        command.order_type = OrderType::Limit.code();
        command.time_in_force = time_in_force.code();
        command.lots = 1 + self.random.below(200) as i64;
        command.price_nanos = if time_in_force == TimeInForce::GoodTillCancel {
            self.price(side)
        } else {
            (self.middle + side.sign() * 60) * TICK_NANOS
        };
        Command::Enter(command)
    }

    fn pick(&mut self) -> u64 {
        let at = self.random.below(self.live.len().max(1) as u64) as usize;
        self.live.get(at).copied().unwrap_or(0)
    }

    fn cancel(&mut self, relative: i64) -> Command {
        let mut command = ExchangeCancel::new();
        command.header.instrument = 1;
        command.header.source = 1;
        command.user_ref = self.pick();
        command.reason = Reason::UserRequested.code();
        command.lots = relative;
        command.relative = u8::from(relative > 0);
        Command::Cancel(command)
    }

    fn replace(&mut self, core: &Matching) -> Command {
        let original = self.pick();
        let order = core.resting_order(1, original);
        let side = order.map_or(Side::Buy, |order| order.side);
        let mut command = ExchangeReplace::new();
        command.header.instrument = 1;
        command.header.source = 1;
        command.original_ref = original;
        command.user_ref = self.next_ref;
        self.next_ref += 1;
        command.price_nanos = self.price(side);
        command.lots = order.map_or(1, |order| order.executed_lots + order.front_lots);
        Command::Replace(command)
    }

    fn command(&mut self, core: &Matching) -> Command {
        if core.resting() < RESTING_GOAL * 9 / 10 {
            return self.enter(TimeInForce::GoodTillCancel);
        }
        match self.random.below(100) {
            0..9 => self.enter(TimeInForce::GoodTillCancel),
            9..12 => self.enter(TimeInForce::ImmediateOrCancel),
            12..18 => self.cancel(0),
            18..25 => self.cancel(1),
            _ => self.replace(core),
        }
    }
}

fn fresh() -> Matching {
    let capacity = Capacity { instruments: 1, sessions: 1, orders: 1 << 14, levels_per_side: 4096, trades: 1 << 14 };
    let mut core = Matching::new(capacity);
    let mut listing = ExchangeListing::new();
    listing.header.instrument = 1;
    listing.tick_nanos = TICK_NANOS;
    listing.increment_lots = 1;
    core.list(Stamp::default(), &listing, &mut crate::matching::NoSink);
    let mut session = ExchangeSession::new();
    session.header.source = 1;
    core.session(Stamp::default(), &session, &mut crate::matching::NoSink);
    core
}

#[inline]
fn apply<S: Sink>(core: &mut Matching, stamp: Stamp, command: &Command, sink: &mut S) {
    match command {
        Command::Enter(command) => core.enter(stamp, command, sink),
        Command::Cancel(command) => core.cancel(stamp, command, sink),
        Command::Replace(command) => core.replace(stamp, command, sink),
    }
}

/// Place and time of the command at `at`.
fn stamp(at: usize) -> Stamp {
    Stamp { sequence: at as u64 + 1, time_ns: at as u64 }
}

fn made(commands: usize, seed: u64) -> Vec<Command> {
    let mut core = fresh();
    let mut maker = Maker { random: Random(seed), next_ref: 1, live: Vec::new(), middle: 100_000 };
    let mut all = Vec::with_capacity(commands);
    for at in 0..commands {
        let command = maker.command(&core);
        apply(&mut core, stamp(at), &command, &mut crate::matching::NoSink);
        let number = match &command {
            Command::Enter(command) => command.user_ref,
            Command::Replace(command) => command.user_ref,
            Command::Cancel(_) => 0,
        };
        if core.resting_order(1, number).is_some() {
            maker.live.push(number);
        }
        if at % 64 == 0 {
            maker.live.retain(|number| core.resting_order(1, *number).is_some());
        }
        all.push(command);
    }
    all
}

/// Runs `commands` commands of this seed through a fresh core, after as many thousand as fill the book.
pub fn run(commands: usize, seed: u64) -> Report {
    timed(&made(commands + WARM, seed))
}

/// The same commands so many times, each time from an empty book: for profilers, which would else see them made.
pub fn repeat(commands: usize, seed: u64, times: usize) -> Vec<Report> {
    let all = made(commands + WARM, seed);
    (0..times).map(|_| timed(&all)).collect()
}

/// Applies the commands; those that fill the book are not timed.
#[inline(never)]
fn timed(all: &[Command]) -> Report {
    let (warm, commands) = (WARM, all.len() - WARM);
    let mut core = fresh();
    let mut sink = Written { last: ExchangeEvent::new(), events: 0, trades: 0, refused: 0 };
    for (at, command) in all[..warm].iter().enumerate() {
        apply(&mut core, stamp(at), command, &mut sink);
    }
    let before = (sink.events, sink.trades, sink.refused);
    let mut blocks = Vec::with_capacity(commands / BLOCK + 1);
    let (mut at, start) = (warm, Instant::now());
    for block in all[warm..].chunks(BLOCK) {
        let block_start = Instant::now();
        for command in block {
            apply(&mut core, stamp(at), command, &mut sink);
            at += 1;
        }
        blocks.push(block_start.elapsed().as_nanos() as u64 * 1000 / block.len() as u64);
    }
    let elapsed_ns = start.elapsed().as_nanos() as u64;
    blocks.sort_unstable();
    Report {
        commands: commands as u64,
        elapsed_ns,
        median_ps: blocks.get(blocks.len() / 2).copied().unwrap_or(0),
        events: sink.events - before.0,
        trades: sink.trades - before.1,
        refused: sink.refused - before.2,
        resting: core.resting() as u64,
        state_hash: core.state_hash(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bench_runs_the_mix_it_names() {
        let report = run(20_000, 42);
        assert_eq!(report.commands, 20_000);
        assert!((800..1200).contains(&report.resting), "{report:?}");
        assert!(report.refused < 1_500 && report.trades > 400, "{report:?}");
        assert_eq!(report.state_hash, run(20_000, 42).state_hash);
    }
}
