//! Prints the matching row: `cargo run --release -p exchange --example bench_matching [COMMANDS [TIMES]]`.

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let (commands, times) = (arguments.next().unwrap_or(500_000), arguments.next().unwrap_or(5));
    for seed in 42..44 {
        let reports = exchange::bench::repeat(commands, seed, times);
        for report in &reports {
            println!("{:.1} ns a command {report:?}", report.ns_per_command());
        }
    }
}
