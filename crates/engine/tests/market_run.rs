//! A run of market records leaves the engine as the same records leave it one by one: seeds, every kind of word.

use book::flow::Random;
use book::{LevelTold, TradeTold};
use engine::{Engine, Wants};
use records::*;
use support::*;

mod support;

const SEEDS: u64 = 40;
const WORDS: usize = 600;

#[derive(Clone, Copy)]
enum Word {
    Level(MarketLevel),
    Trade(Trade),
    Order(MarketOrder),
    Status(Status),
}

impl Word {
    fn header(&mut self) -> &mut Header {
        match self {
            Self::Level(record) => &mut record.header,
            Self::Trade(record) => &mut record.header,
            Self::Order(record) => &mut record.header,
            Self::Status(record) => &mut record.header,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Level(record) => bytes_of(record),
            Self::Trade(record) => bytes_of(record),
            Self::Order(record) => bytes_of(record),
            Self::Status(record) => bytes_of(record),
        }
    }
}

/// An engine whose slots are called on their timers alone; its last stamp.
struct Twin {
    engine: Engine,
    out: Recorder,
    stamp: Stamp,
    taken: u64,
}

impl Twin {
    fn new() -> Self {
        let script = Script::default();
        script.0.borrow_mut().wants = Wants::new(0, |_| false);
        script.0.borrow_mut().always = Some((Callback::Timer, new_intent(Side::Buy, 1)));
        let engine = Engine::new(config(), Box::new(script));
        let mut twin =
            Self { engine, out: Recorder::default(), stamp: Stamp { sequence: 0, time_ns: START_NS }, taken: 0 };
        for mut record in records_of(&bootstrap(2)) {
            if let Some(Kind::Slot) = read_from::<Header>(&record).and_then(|header| header.kind()) {
                let mut slot: Slot = read_from(&record).unwrap();
                slot.timer_ns = 700_000;
                record = bytes_of(&slot).to_vec();
            }
            twin.apply(START_NS, &record);
        }
        let mut session = Session::new();
        (session.header.venue, session.state) = (VENUE, SessionState::Up.code());
        twin.apply(START_NS, bytes_of(&session));
        twin
    }

    fn apply(&mut self, time_ns: u64, record: &[u8]) {
        self.stamp = Stamp { sequence: self.stamp.sequence + 1, time_ns: time_ns.max(self.stamp.time_ns) };
        self.engine.apply(self.stamp, record, &mut self.out);
    }

    /// The words in a run as far as it takes them, the others one by one.
    fn run(&mut self, words: &[Word], until_ns: u64) {
        let mut rest = words;
        while !rest.is_empty() {
            let taken = &mut self.taken;
            let ended = self.engine.market_run(VENUE, FUTURE, until_ns, |run| {
                while let Some((word, after)) = rest.split_first() {
                    let mut word = *word;
                    let header = *word.header();
                    let times_ns = (header.venue_time_ns, header.receive_time_ns);
                    let is_taken = header.instrument == FUTURE
                        && match word {
                            Word::Level(record) => {
                                LevelTold::of(&record).is_some_and(|level| run.level(times_ns, &level))
                            }
                            Word::Trade(record) => {
                                TradeTold::of(&record).is_some_and(|trade| run.trade(times_ns, &trade))
                            }
                            Word::Order(_) | Word::Status(_) => false,
                        };
                    if !is_taken {
                        break;
                    }
                    (rest, *taken) = (after, *taken + 1);
                }
            });
            self.stamp = ended.unwrap_or(self.stamp);
            let Some((word, after)) = rest.split_first() else { break };
            let mut word = *word;
            self.apply(word.header().receive_time_ns, word.bytes());
            rest = after;
        }
    }
}

fn some_word(random: &mut Random, time_ns: u64, own: &mut u64) -> Word {
    let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
    let away = if random.below(40) == 0 { -2 } else { 1 + random.below(12) as i64 };
    let (price_nanos, lots) = (PRICE - side.sign() * away * TICK, random.below(400) as i64);
    let mut word = match random.below(20) {
        0 | 1 => {
            let mut trade = Trade::new();
            (trade.side, trade.price_nanos, trade.lots) = (side.code(), price_nanos, lots);
            trade.busted = u8::from(random.below(5) == 0);
            Word::Trade(trade)
        }
        2 => {
            let mut order = MarketOrder::new();
            let begins = *own == 0 || random.below(2) == 0;
            let action = if begins { BookAction::Add } else { BookAction::Delete };
            *own += u64::from(begins);
            (order.order_ref, order.action, order.side) = (*own, action.code(), side.code());
            (order.price_nanos, order.lots) = (price_nanos, 1 + lots);
            Word::Order(order)
        }
        3 if random.below(8) == 0 => {
            let mut status = Status::new();
            (status.trading, status.feed) = (TradingState::Trading.code(), FeedState::Live.code());
            Word::Status(status)
        }
        _ => {
            let mut level = MarketLevel::new();
            (level.side, level.price_nanos, level.lots) = (side.code(), price_nanos, lots);
            level.action = match random.below(30) {
                0 => BookAction::Clear.code(),
                1 => BookAction::Execute.code(),
                2..6 => BookAction::Delete.code(),
                6 => BookAction::Add.code(),
                _ => BookAction::Modify.code(),
            };
            match random.below(60) {
                0 => level.lots = -1,
                1 => level.side = 0,
                2 => level.price_nanos = UNDEF_PRICE,
                3 => level.lots = i64::MAX,
                _ => {}
            }
            Word::Level(level)
        }
    };
    let header = word.header();
    (header.venue, header.instrument) = (VENUE, if random.below(9) == 0 { SHARE } else { FUTURE });
    header.flags = if random.below(6) == 0 { 0 } else { FLAG_LAST };
    (header.venue_time_ns, header.receive_time_ns) = (time_ns - 10, time_ns);
    word
}

#[test]
fn a_run_leaves_what_its_records_leave_one_by_one() {
    let (mut taken, mut commands) = (0, 0);
    for seed in 1..=SEEDS {
        let (mut one_by_one, mut in_runs, mut random) = (Twin::new(), Twin::new(), Random::new(seed));
        let (mut time_ns, mut own) = (START_NS, 0);
        let mut words = Vec::new();
        for _ in 0..WORDS {
            time_ns += random.below(30_000);
            words.push(some_word(&mut random, time_ns, &mut own));
        }
        let mut rest = &words[..];
        while !rest.is_empty() {
            let (now, after) = rest.split_at((1 + random.below(40) as usize).min(rest.len()));
            for word in now {
                let mut word = *word;
                one_by_one.apply(word.header().receive_time_ns, word.bytes());
            }
            in_runs.run(now, if random.below(3) == 0 { time_ns } else { u64::MAX });
            rest = after;
            let (one, two) = (&one_by_one.engine, &in_runs.engine);
            assert_eq!((one.input(), one.time_ns()), (two.input(), two.time_ns()), "seed {seed}");
            assert_eq!(one.state_hash(), two.state_hash(), "seed {seed}, input {}", one.input());
            assert_eq!(one.full_hash(), two.full_hash(), "seed {seed}, input {}", one.input());
            assert_eq!(one.book_view(VENUE, FUTURE), two.book_view(VENUE, FUTURE), "seed {seed}");
            assert_eq!(one.mark_nanos(FUTURE), two.mark_nanos(FUTURE), "seed {seed}");
            assert_eq!(one.statistics(), two.statistics(), "seed {seed}");
        }
        let said = |twin: &Twin| format!("{:?} {:?}", twin.out.commands, twin.out.outputs);
        assert!(said(&one_by_one) == said(&in_runs), "seed {seed}");
        (taken, commands) = (taken + in_runs.taken, commands + in_runs.out.commands.len());
    }
    assert!(taken > SEEDS * WORDS as u64 / 8 && commands > 100, "runs took {taken} records; {commands} commands");
}

#[test]
fn a_book_that_is_shown_has_no_runs() {
    let mut world = World::new();
    let mut level = MarketLevel::new();
    (level.header.venue, level.header.instrument, level.header.flags) = (VENUE, FUTURE, FLAG_LAST);
    (level.side, level.price_nanos, level.lots) = (Side::Buy.code(), PRICE - TICK, 7);
    level.action = BookAction::Modify.code();
    world.give(&level);
    assert!(world.engine.market_run(VENUE, FUTURE, u64::MAX, |_| ()).is_none(), "its slot is called for books");
    assert!(world.engine.market_run(VENUE, 4, u64::MAX, |_| ()).is_none(), "nobody listed it");
}
