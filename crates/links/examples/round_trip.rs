//! Round trip of a record over two links between two spinning threads: rings and, with feature `aeron`, Aeron's shared memory.
//!
//! `cargo run --release -p links --features aeron --example round_trip`. Needs a core for each of two threads, three with Aeron.

use std::time::Instant;

use links::{Counters, Offer, Publication, Ring, RingConfig, Subscription};

const ROUNDS: u32 = 200_000;
const RECORD_BYTES: usize = 64;

type Out = Box<dyn Publication + Send>;
type In = Box<dyn Subscription + Send>;

/// Sends a record there and back, again and again, and prints how long it took.
fn measure(what: &str, (mut there_out, mut there_in): (Out, In), (mut back_out, mut back_in): (Out, In)) {
    let echo = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < ROUNDS {
            there_in.poll(1, &mut |record| {
                while back_out.offer(record) != Offer::Sent {}
                seen += 1;
            });
        }
        back_out
    });
    let histogram = Counters::local().histogram("round_trip_ns");
    let mut record = [7; RECORD_BYTES];
    let whole = Instant::now();
    for round in 0..ROUNDS {
        record[..4].copy_from_slice(&round.to_le_bytes());
        let start = Instant::now();
        while there_out.offer(&record) != Offer::Sent {}
        // What comes back is this round's record, not one that an earlier round left behind.
        while back_in.poll(1, &mut |back| assert_eq!(back, record)) == 0 {
            std::hint::spin_loop();
        }
        histogram.record(start.elapsed().as_nanos() as u64);
    }
    let mean_ns = whole.elapsed().as_nanos() / u128::from(ROUNDS);
    let _kept_until_here = echo.join().expect("the echo ends");
    let seen = histogram.snapshot();
    let times: Vec<String> = [0.5, 0.99, 0.999, 0.9999]
        .iter()
        .map(|share| format!("p{} {} ns", share * 100.0, seen.percentile_ns(*share)))
        .collect();
    println!("{what}, {RECORD_BYTES} B, {ROUNDS} round trips: mean {mean_ns} ns, {}", times.join(", "));
}

fn ring() -> (Out, In) {
    let config = RingConfig { depth_records: 1024, record_bytes_max: RECORD_BYTES, reliable: vec![true] };
    let ring = Ring::heap(&config).expect("a ring");
    let input = ring.consumer(0).expect("one consumer");
    (Box::new(ring.producer()), input)
}

#[cfg(feature = "aeron")]
fn over_aeron() {
    use links::aeron::{Client, DriverConfig, channel_parameters, run_driver};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let directory = std::path::PathBuf::from(format!("/dev/shm/meridian-round-trip-{}", std::process::id()));
    let config = DriverConfig { directory: directory.clone(), logs_bytes: 4 << 20, spin: false };
    let (stop, started) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (asked, ready) = (Arc::clone(&stop), Arc::clone(&started));
    let driver = std::thread::spawn(move || {
        run_driver(&config, || asked.load(Ordering::Acquire), || ready.store(true, Ordering::Release))
    });
    while !started.load(Ordering::Acquire) && !driver.is_finished() {
        std::thread::yield_now();
    }
    let client = Client::connect(&directory).expect("the driver answers");
    let channel = format!("aeron:ipc?{}", channel_parameters(1024, RECORD_BYTES));
    let link = |stream| -> (Out, In) {
        let out = client.publication(&channel, stream, RECORD_BYTES).expect("a publication");
        let input = client.subscription(&channel, stream).expect("a subscription");
        (Box::new(out), Box::new(input))
    };
    measure("Aeron IPC", link(1), link(2));
    drop(client);
    stop.store(true, Ordering::Release);
    driver.join().expect("the driver ends").expect("the driver runs");
}

fn main() {
    measure("ring", ring(), ring());
    #[cfg(feature = "aeron")]
    over_aeron();
}
