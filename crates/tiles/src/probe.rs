//! Two tiles that try a link: the source sends numbered, time-stamped records at a constant rate, the sink counts them,
//! what is missing, and how long they took. For tests, and to measure links on a machine before trusting it.
//!
//! Invariant: the source never sends a number twice; what a full link refuses it counts and goes on with.

use std::rc::Rc;

use crate::{Clock, Context, Ends, Factory, StartError, Tile, TileKind, TileSpec, settings};
use links::{Counter, Histogram, Offer, Publication, Subscription};

const BATCH_MAX: usize = 64;

/// Adds the kinds `probe-source` and `probe-sink`.
pub fn register(factory: Factory) -> Factory {
    factory
        .with("probe-source", TileKind { check: check_source, disk_bytes: |_| 0, make: source })
        .with("probe-sink", TileKind { check: check_sink, disk_bytes: |_| 0, make: sink })
}

settings! {
    /// Settings of a source.
    struct SourceSettings {
        /// The link to send on.
        link: String, "the name of a link";
        /// Records a second.
        rate_per_second: u64, "a whole number from 1 to 1000000000", |rate| (1..=1_000_000_000).contains(rate);
        /// How many in all; 0 is without end.
        records: u64 = 0, "a whole number, 0 for no end";
    }
}

settings! {
    /// Settings of a sink.
    struct SinkSettings {
        /// The link to read.
        link: String, "the name of a link";
    }
}

struct Source {
    name: String,
    out: Box<dyn Publication>,
    clock: Rc<dyn Clock>,
    interval_ns: u64,
    records: u64,
    next: u64,
    due_ns: u64,
    sent: Counter,
    refused: Counter,
}

struct Sink {
    name: String,
    input: Box<dyn Subscription>,
    clock: Rc<dyn Clock>,
    next: u64,
    received: Counter,
    missing: Counter,
    lost: Counter,
    latency_ns: Histogram,
}

fn check_source(spec: &TileSpec, ends: &Ends) -> Vec<String> {
    spec.errors::<SourceSettings>(|settings, errors| {
        ends.produces(&format!("{}.link", spec.key()), &settings.link, errors);
    })
}

fn check_sink(spec: &TileSpec, ends: &Ends) -> Vec<String> {
    spec.errors::<SinkSettings>(|settings, errors| {
        ends.consumes(&format!("{}.link", spec.key()), &settings.link, errors);
    })
}

fn source(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: SourceSettings = spec.settings()?;
    Ok(Box::new(Source {
        name: spec.name.clone(),
        out: context.take_publication(&spec.name, &settings.link)?,
        clock: context.clock,
        interval_ns: 1_000_000_000 / settings.rate_per_second,
        records: settings.records,
        next: 0,
        due_ns: 0,
        sent: context.counters.counter("sent"),
        refused: context.counters.counter("refused"),
    }))
}

fn sink(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: SinkSettings = spec.settings()?;
    Ok(Box::new(Sink {
        name: spec.name.clone(),
        input: context.take_subscription(&spec.name, &settings.link)?,
        clock: context.clock,
        next: 0,
        received: context.counters.counter("received"),
        missing: context.counters.counter("missing"),
        lost: context.counters.counter("lost"),
        latency_ns: context.counters.histogram("latency_ns"),
    }))
}

impl Tile for Source {
    fn name(&self) -> &str {
        &self.name
    }

    fn on_start(&mut self, now_ns: u64) -> Result<(), StartError> {
        self.due_ns = now_ns;
        Ok(())
    }

    fn do_work(&mut self, now_ns: u64) -> usize {
        let mut work = 0;
        while self.due_ns <= now_ns && work < BATCH_MAX && (self.records == 0 || self.next < self.records) {
            let mut record = [0; 16];
            record[..8].copy_from_slice(&self.next.to_le_bytes());
            record[8..].copy_from_slice(&self.clock.now_ns().to_le_bytes());
            match self.out.offer(&record) {
                Offer::Sent => self.sent.add(1),
                Offer::Full => self.refused.add(1),
                // Nobody is there yet: the numbers begin with the first consumer.
                Offer::NotConnected => {
                    self.due_ns = now_ns + self.interval_ns;
                    return 0;
                }
            }
            self.next += 1;
            self.due_ns += self.interval_ns;
            work += 1;
        }
        work
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

impl Tile for Sink {
    fn name(&self) -> &str {
        &self.name
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        let Self { input, clock, next, received, missing, latency_ns, .. } = self;
        let work = input.poll(BATCH_MAX, &mut |record| {
            let (words, _) = record.as_chunks::<8>();
            let (number, sent_ns) = (u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]));
            if *next != 0 && number > *next {
                missing.add(number - *next);
            }
            *next = number + 1;
            received.add(1);
            latency_ns.record(clock.now_ns().saturating_sub(sent_ns));
        });
        self.lost.set(self.input.lost());
        work
    }

    fn on_close(&mut self, _now_ns: u64) {}
}
