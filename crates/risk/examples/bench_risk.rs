//! Prints the risk benchmark: `bench_risk [ORDERS] [SEED] [RUNS]`.

fn main() {
    let argument =
        |at: usize, default: usize| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    for _ in 0..argument(3, 3) {
        println!("{:?}", risk::bench::run(argument(1, 1_000_000), argument(2, 42) as u64));
    }
}
