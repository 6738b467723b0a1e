//! Prints the pipeline's row: `cargo run --release -p exchange --example bench_pipeline [COMMANDS [TIMES]]`.

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let (commands, times) = (arguments.next().unwrap_or(200_000), arguments.next().unwrap_or(5));
    let directory = std::env::temp_dir().join(format!("bench-pipeline-{}", std::process::id()));
    for _ in 0..times {
        let report = exchange::bench::run_pipeline(&directory, commands, 42).expect("the journal opens");
        std::fs::remove_dir_all(&directory).expect("our own folder");
        println!("{:.2} M/s {report:?}", 1e6 / report.median_ps as f64);
    }
}
