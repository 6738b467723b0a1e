//! Prints the books benchmark: `bench_books [MESSAGES] [SYMBOLS] [SEED]`.

use book::Capacity;
use book::itch_flow::generate;
use book::measure::{measure_books, scattered};

fn main() {
    let argument =
        |at: usize, default: usize| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let symbols = argument(2, 500);
    let flow = generate(argument(1, 2_000_000), symbols as u16, argument(3, 42) as u64);
    println!("{:?} live orders at most {} bytes {}", flow.mix, flow.live_orders_max, flow.bytes.len());
    let capacity =
        Capacity { instruments: symbols, orders: flow.live_orders_max.next_power_of_two(), levels_per_side: 1_024 };
    for (name, bytes) in [("dense", flow.bytes.clone()), ("any", scattered(&flow.bytes))] {
        measure_books(&bytes, capacity, 1);
        for _ in 0..3 {
            let measured = measure_books(&bytes, capacity, 1);
            let each = |time_ns: u64| time_ns as f64 / measured.messages as f64;
            let (elapsed, processor) = (each(measured.elapsed_ns), each(measured.processor_ns));
            println!("{name}: {elapsed:.1} ns a message, {processor:.1} ns of processor time; {measured:?}");
        }
    }
}
