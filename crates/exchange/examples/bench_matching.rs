//! Prints the matching row: `cargo run --release -p exchange --example bench_matching`.

fn main() {
    for seed in 1..=5 {
        let report = exchange::bench::run(1_000_000, seed);
        println!("{:.1} ns a command {report:?}", report.ns_per_command());
    }
}
