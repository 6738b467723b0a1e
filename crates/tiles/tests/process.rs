//! Processes made from a specification: toy tiles of one process over rings, of two over a ring file.

use std::path::{Path, PathBuf};

use links::{CountersReader, Offer, Publication, Reading, Ring, RingConfig, Subscription};
use tiles::{Context, Factory, ProcessSpec, StartError, Stop, Tile, TileKind, TileSpec, run_process};

tiles::settings! {
    /// Settings of the source.
    struct SourceSettings {
        records: u64, "how many to send";
    }
}

/// Sends numbers 0, 1, 2 … as fast as the link takes them.
struct Source {
    name: String,
    out: Box<dyn Publication>,
    next: u64,
    records: u64,
}

/// Counts numbers and checks that none is missing.
struct Sink {
    name: String,
    input: Box<dyn Subscription>,
    next: u64,
    received: links::Counter,
}

fn source(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: SourceSettings = spec.settings()?;
    let out = context.publications.remove("source_sink").ok_or(StartError("no link source_sink".into()))?;
    Ok(Box::new(Source { name: spec.name.clone(), out, next: 0, records: settings.records }))
}

fn sink(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let input = context.subscriptions.remove("source_sink").ok_or(StartError("no link source_sink".into()))?;
    Ok(Box::new(Sink { name: spec.name.clone(), input, next: 0, received: context.counters.counter("received") }))
}

impl Tile for Source {
    fn name(&self) -> &str {
        &self.name
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        assert!(self.records != u64::MAX, "a source that breaks");
        let mut work = 0;
        while self.next < self.records && work < 64 && self.out.offer(&self.next.to_le_bytes()) == Offer::Sent {
            self.next += 1;
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
        let next = &mut self.next;
        let work = self.input.poll(64, &mut |record| {
            assert_eq!(record, next.to_le_bytes());
            *next += 1;
        });
        self.received.add(work as u64);
        work
    }

    fn on_close(&mut self, _now_ns: u64) {}
}

/// Counts how often each number came, and checks that none came a third time.
struct Both {
    input: Box<dyn Subscription>,
    seen: Vec<u8>,
    received: links::Counter,
}

impl Tile for Both {
    fn name(&self) -> &str {
        "both"
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        let seen = &mut self.seen;
        let work = self.input.poll(64, &mut |record| {
            let number = usize::from_le_bytes(record.try_into().unwrap());
            seen[number] += 1;
            assert!(seen[number] <= 2, "{number} came again");
        });
        self.received.add(work as u64);
        work
    }

    fn on_close(&mut self, _now_ns: u64) {
        assert!(self.seen.iter().all(|count| *count == 2));
    }
}

fn both(_spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let input = context.take_subscription("both", "source_sink")?;
    let leftover: Vec<_> = context.subscriptions.keys().collect();
    assert!(leftover.is_empty(), "{leftover:?}");
    Ok(Box::new(Both { input, seen: vec![0; 10_000], received: context.counters.counter("received") }))
}

fn factory() -> Factory {
    Factory::new()
        .with(
            "source",
            TileKind { check: |spec, _| spec.errors::<SourceSettings>(|_, _| {}), disk_bytes: |_| 0, make: source },
        )
        .with("sink", TileKind { check: |_, _| Vec::new(), disk_bytes: |_| 0, make: sink })
        .with("both", TileKind { check: |_, _| Vec::new(), disk_bytes: |_| 0, make: both })
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("meridian-process-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn spec(directory: &Path, process: &str, link: &str, threads: &str) -> ProcessSpec {
    let json = format!(
        r#"{{"version": 1, "topology": "toy", "process": "{process}", "counters_path": "{0}/{process}.counters",
            "data_directory": "{0}/data", "threads": [{threads}],
            "links": [{{"name": "source_sink", "depth_records": 256, "record_bytes_max": 8, {link}, "producer": "source",
                        "consumers": [{{"tile": "sink", "reliable": true}}]}}]}}"#,
        directory.display()
    );
    ProcessSpec::parse(&json).unwrap()
}

fn tile(kind: &str, settings: &str) -> String {
    format!(r#"{{"name": "{kind}", "tiles": [{{"name": "{kind}", "kind": "{kind}", "settings": {{{settings}}}}}]}}"#)
}

fn counter(path: &Path, name: &str) -> u64 {
    let readings = CountersReader::open(path).map(|reader| reader.readings()).unwrap_or_default();
    match readings.iter().find(|(known, _)| known == name) {
        Some((_, Reading::Counter(value))) => *value,
        _ => 0,
    }
}

/// Asks to stop once the sink has all; panics after ten seconds.
fn until_received(records: u64, path: PathBuf, stop: Stop) -> impl FnMut() {
    let start = std::time::Instant::now();
    move || {
        assert!(start.elapsed().as_secs() < 10, "the sink has only {}", counter(&path, "sink.received"));
        if counter(&path, "sink.received") == records {
            assert_eq!(counter(&path, "process.ready"), 1);
            stop.ask();
        }
    }
}

#[test]
fn two_threads_meet_over_a_ring() {
    let (directory, stop) = (directory("ring"), Stop::new());
    let threads = [tile("source", r#""records": 20000"#), tile("sink", "")].join(", ");
    let spec = spec(&directory, "one", r#""kind": "ring""#, &threads);
    let watch = until_received(20_000, directory.join("one.counters"), stop.clone());
    run_process(spec, &factory(), &stop, watch).unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn two_processes_meet_over_a_ring_file() {
    let (directory, stop) = (directory("shm"), Stop::new());
    let path = directory.join("source_sink.ring");
    Ring::create(&path, &RingConfig { depth_records: 256, record_bytes_max: 8, reliable: vec![true] }).unwrap();
    let link = format!(r#""kind": "shm", "path": "{}""#, path.display());
    let first = spec(&directory, "first", &link, &tile("source", r#""records": 20000"#));
    let second = spec(&directory, "second", &link, &tile("sink", ""));
    let other = stop.clone();
    let thread = std::thread::spawn(move || run_process(first, &factory(), &other, || ()));
    let watch = until_received(20_000, directory.join("second.counters"), stop.clone());
    run_process(second, &factory(), &stop, watch).unwrap();
    thread.join().unwrap().unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_tile_sees_the_links_of_an_engine_and_its_standby_as_one() {
    let (directory, stop) = (directory("twins"), Stop::new());
    let ring = |name: &str| {
        let path = directory.join(name);
        Ring::create(&path, &RingConfig { depth_records: 256, record_bytes_max: 8, reliable: vec![true] }).unwrap();
        path.display().to_string()
    };
    let (own, twin) = (ring("own"), ring("twin"));
    let process = |name: &str, thread: &str| {
        let json = format!(
            r#"{{"version": 1, "topology": "toy", "process": "{name}", "counters_path": "{0}/{name}.counters",
                "data_directory": "{0}/data", "threads": [{thread}], "links": [
                {{"name": "source_sink", "kind": "shm", "path": "{own}", "depth_records": 256, "record_bytes_max": 8,
                  "producer": "source", "consumers": [{{"tile": "both", "reliable": true}}]}},
                {{"name": "source_sink-standby", "known_as": "source_sink", "kind": "shm", "path": "{twin}",
                  "depth_records": 256, "record_bytes_max": 8, "producer": "twin",
                  "consumers": [{{"tile": "both", "reliable": true}}]}}]}}"#,
            directory.display()
        );
        ProcessSpec::parse(&json).unwrap()
    };
    let source = tile("source", r#""records": 10000"#);
    let standby = source.replace(r#""name": "source""#, r#""name": "twin""#);
    let (first, second) = (process("first", &source), process("second", &standby));
    let others = [first, second].map(|spec| {
        let stop = stop.clone();
        std::thread::spawn(move || run_process(spec, &factory(), &stop, || ()))
    });
    let path = directory.join("third.counters");
    let (asked, start) = (stop.clone(), std::time::Instant::now());
    let watch = move || {
        assert!(start.elapsed().as_secs() < 10, "only {} came", counter(&path, "both.received"));
        if counter(&path, "both.received") == 20_000 {
            asked.ask();
        }
    };
    run_process(process("third", &tile("both", "")), &factory(), &stop, watch).unwrap();
    others.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn whatever_keeps_a_process_from_starting_is_said_with_key_and_value() {
    let directory = directory("refused");
    for (threads, sentence) in [
        (tile("sauce", ""), "tiles.sauce.kind = \"sauce\": allowed are both, sink, source"),
        (tile("source", r#""record": 1"#), "tiles.source.settings.record = 1: is not a key here; allowed are records"),
        (
            tile("source", r#""records": 1"#).replace(r#""tiles""#, r#""core": 9999, "tiles""#),
            "threads.source.core = 9999: allowed are 0 to 1023",
        ),
    ] {
        let spec = spec(&directory, "one", r#""kind": "ring""#, &threads);
        let error = run_process(spec, &factory(), &Stop::new(), || ()).unwrap_err();
        assert!(error.0.contains(sentence), "{error}");
    }
    assert!(ProcessSpec::parse(r#"{"version": 1, "nonsense": 2}"#).unwrap_err().0.contains("unknown field"));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_tile_that_breaks_an_invariant_ends_the_process() {
    let (directory, stop) = (directory("broken"), Stop::new());
    let threads = [tile("source", &format!(r#""records": {}"#, u64::MAX)), tile("sink", "")].join(", ");
    let error =
        run_process(spec(&directory, "one", r#""kind": "ring""#, &threads), &factory(), &stop, || ()).unwrap_err();
    assert!(error.0.contains("thread source"), "{error}");
    assert!(stop.asked());
    std::fs::remove_dir_all(directory).unwrap();
}
