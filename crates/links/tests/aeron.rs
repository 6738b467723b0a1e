//! Links over Aeron's shared memory and loopback UDP, against an embedded driver of this process.
#![cfg(feature = "aeron")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use links::aeron::{Client, DriverConfig, channel_parameters, check_space, run_driver};
use links::{Offer, Publication, Subscription};

/// A driver that ends with the test.
struct Driver {
    directory: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Driver {
    fn start(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("meridian-aeron-{name}-{}", std::process::id()));
        let config = DriverConfig { directory: directory.clone(), logs_bytes: 16 << 20, spin: false };
        let (stop, started) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (asked, ready) = (Arc::clone(&stop), Arc::clone(&started));
        let thread = std::thread::spawn(move || {
            run_driver(&config, || asked.load(Ordering::Acquire), || ready.store(true, Ordering::Release)).unwrap();
        });
        soon(|| (started.load(Ordering::Acquire) || thread.is_finished()).then_some(()));
        Self { directory, stop, thread: Some(thread) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.thread.take().unwrap().join().unwrap();
        assert!(!self.directory.exists(), "the driver leaves nothing behind");
    }
}

fn soon<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "nothing came in ten seconds");
        std::thread::yield_now();
    }
}

fn carries_records(driver: &Driver, channel: &str) {
    let (producer, consumer) =
        (Client::connect(&driver.directory).unwrap(), Client::connect(&driver.directory).unwrap());
    let mut publication = producer.publication(channel, 1001, 64).unwrap();
    assert_eq!(publication.offer(&[1; 64]), Offer::NotConnected);
    let mut subscription = consumer.subscription(channel, 1001).unwrap();
    soon(|| publication.has_room(32).then_some(()));
    soon(|| subscription.connected().then_some(()));
    let (mut sent, mut received) = (0_u64, 0_u64);
    soon(|| {
        while sent < 50_000 && publication.offer(&[sent.to_le_bytes(); 8].concat()) == Offer::Sent {
            sent += 1;
        }
        subscription.poll(256, &mut |record| {
            assert_eq!(record, [received.to_le_bytes(); 8].concat());
            received += 1;
        });
        (received == 50_000).then_some(())
    });
    assert_eq!((producer.errors(), consumer.errors()), (0, 0));
}

#[test]
fn records_cross_shared_memory_in_order() {
    let driver = Driver::start("ipc");
    carries_records(&driver, &format!("aeron:ipc?{}", channel_parameters(64, 64)));
}

#[test]
fn records_cross_udp_on_loopback_in_order() {
    let driver = Driver::start("udp");
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    carries_records(&driver, &format!("aeron:udp?endpoint=127.0.0.1:{port}|{}", channel_parameters(64, 64)));
}

#[test]
fn a_consumer_that_stands_still_holds_the_producer_back_and_loses_nothing() {
    let driver = Driver::start("full");
    let client = Client::connect(&driver.directory).unwrap();
    let channel = format!("aeron:ipc?{}", channel_parameters(64, 64));
    let mut publication = client.publication(&channel, 1, 64).unwrap();
    let mut subscription = client.subscription(&channel, 1).unwrap();
    soon(|| publication.has_room(64).then_some(()));
    let mut sent = 0;
    soon(|| match publication.offer(&[7; 64]) {
        Offer::Sent => {
            sent += 1;
            None
        }
        Offer::Full => Some(()),
        Offer::NotConnected => panic!("not connected"),
    });
    assert!(sent >= 64, "{sent}");
    assert!(!publication.has_room(1));
    let mut received = 0;
    soon(|| {
        received += subscription.poll(64, &mut |_| {});
        (received == sent).then_some(())
    });
    soon(|| publication.has_room(64).then_some(()));
}

#[test]
fn space_that_is_not_there_is_refused_with_a_sentence() {
    let error = check_space(&std::env::temp_dir().join("meridian-none"), u64::MAX / 2).unwrap_err().to_string();
    assert!(error.contains("aeron_directory = ") && error.contains("MiB are free"), "{error}");
}

#[test]
fn a_client_without_a_driver_is_told_so() {
    let error = Client::connect(&std::env::temp_dir().join("meridian-no-driver")).err().unwrap().to_string();
    assert!(error.contains("media driver"), "{error}");
}

/// Of the process that stands still in the test below: the driver's directory.
const STANDS_STILL: &str = "MERIDIAN_TEST_STANDS_STILL";

/// Takes records until it was given up; says each, and what it finds after it stood still.
fn stand_still_and_go_on(directory: &str) {
    let client = Client::connect(&PathBuf::from(directory)).unwrap();
    let channel = format!("aeron:ipc?{}", channel_parameters(64, 64));
    let mut subscription = client.subscription(&channel, 1003).unwrap();
    let mut before = Instant::now();
    loop {
        if before.elapsed() > Duration::from_secs(1) {
            let kept = client.is_kept();
            println!("kept {kept}");
            if !kept {
                return;
            }
        }
        before = Instant::now();
        subscription.poll(1, &mut |record| println!("took {}", record[0]));
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The driver goes on from the place that it saw last of a process that it gave up: what the process takes after that, the next
/// one is given again.
#[test]
fn a_process_that_stood_still_knows_whether_it_was_given_up_before_it_takes_anything() {
    if let Ok(directory) = std::env::var(STANDS_STILL) {
        return stand_still_and_go_on(&directory);
    }
    let driver = Driver::start("still");
    let client = Client::connect(&driver.directory).unwrap();
    let channel = format!("aeron:ipc?{}", channel_parameters(64, 64));
    let mut publication = client.publication(&channel, 1003, 64).unwrap();
    let own = "a_process_that_stood_still_knows_whether_it_was_given_up_before_it_takes_anything";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", own, "--nocapture"])
        .env(STANDS_STILL, &driver.directory)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: plain signals to a child that was not waited for.
    let signal = |number: i32| assert_eq!(unsafe { libc::kill(pid, number) }, 0);
    soon(|| (publication.offer(&[1; 64]) == Offer::Sent).then_some(()));
    let stand_still = |seconds: u64, publication: &mut dyn Publication, record: u8| {
        signal(libc::SIGSTOP);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(publication.offer(&[record; 64]), Offer::Sent);
        std::thread::sleep(Duration::from_secs(seconds));
        signal(libc::SIGCONT);
    };
    std::thread::sleep(Duration::from_millis(500));
    stand_still(3, &mut publication, 2);
    std::thread::sleep(Duration::from_millis(500));
    stand_still(12, &mut publication, 3);
    let said = child.wait_with_output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("kept") || line.starts_with("took")).collect();
    assert_eq!(lines, ["took 1", "kept true", "took 2", "kept false"], "{text}");
    let mut next = client.subscription(&channel, 1003).unwrap();
    let mut taken = 0;
    soon(|| (next.poll(1, &mut |record| taken = record[0]) == 1).then_some(()));
    assert_eq!(taken, 3, "it is the next one's");
}
