//! Counters and histograms as their writers and their readers see them.

use links::{Counters, CountersReader, CountersSize, Reading};

fn reading<'a>(readings: &'a [(String, Reading)], name: &str) -> &'a Reading {
    &readings.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn a_reader_of_the_file_sees_names_and_values() {
    let path = std::env::temp_dir().join(format!("meridian-counters-{}", std::process::id()));
    let counters = Counters::create(&path, CountersSize { entries_max: 64, histograms_max: 4 }).unwrap();
    let reader = CountersReader::open(&path).unwrap();
    assert!(reader.readings().is_empty());
    let feed = counters.scope("feed");
    let packets = feed.counter("packets");
    let latency = feed.scope("venue1").histogram("decode_ns");
    packets.add(3);
    packets.add(4);
    for value in 1..=100_000_u64 {
        latency.record(value);
    }
    let readings = reader.readings();
    assert_eq!(reading(&readings, "feed.packets"), &Reading::Counter(7));
    let Reading::Histogram(snapshot) = reading(&readings, "feed.venue1.decode_ns") else { panic!("a histogram") };
    assert_eq!(snapshot.count(), 100_000);
    assert_eq!(snapshot.sum_ns(), 5_000_050_000);
    for share in [0.5, 0.9, 0.99, 0.999, 0.9999] {
        let (found, exact) = (snapshot.percentile_ns(share) as f64, share * 100_000.0);
        assert!(found >= exact && found <= exact * 1.01, "{share}: {found}, {exact}");
    }
    assert_eq!(reader.pid(), u64::from(std::process::id()));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn the_same_name_is_the_same_counter_and_scopes_do_not_meet() {
    let counters = Counters::local();
    counters.counter("orders").add(1);
    counters.counter("orders").add(1);
    assert_eq!(counters.counter("orders").get(), 2);
    assert_eq!(counters.scope("a").counter("orders").get(), 0);
    for index in 0..40 {
        counters.scope("a").counter(&format!("c{index}")).set(index);
    }
    for index in 0..40 {
        assert_eq!(counters.scope("a").counter(&format!("c{index}")).get(), index);
    }
}

#[test]
fn a_difference_of_snapshots_is_what_came_between() {
    let histogram = Counters::local().histogram("x_ns");
    histogram.record(1000);
    let before = histogram.snapshot();
    histogram.record(5000);
    histogram.record(5000);
    let between = histogram.snapshot().since(&before);
    assert_eq!((between.count(), between.sum_ns()), (2, 10_000));
    assert!((5000..5050).contains(&between.percentile_ns(0.5)));
}

#[test]
fn a_foreign_file_is_refused() {
    let path = std::env::temp_dir().join(format!("meridian-not-counters-{}", std::process::id()));
    std::fs::write(&path, vec![1; 10_000]).unwrap();
    assert!(CountersReader::open(&path).is_err());
    std::fs::remove_file(&path).unwrap();
}
