//! `meridian._native.links`: rings in files and their ends, counters of other processes, the media driver.
//!
//! Invariant: a Python process is an end like a tile: what it publishes is whole records in order, and what it reads it
//! copies out, so that nothing it does later reaches the ring.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use links::{
    CountersReader, HistogramSnapshot, Merged, Offer, Publication, Reading, Ring, RingConfig, RingProducer, Subscription,
};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Between two looks of a waiting subscriber: what a cold process adds to a record's way, against what it costs a core.
const LOOK: Duration = Duration::from_micros(200);

fn os_error(error: std::io::Error) -> PyErr {
    PyOSError::new_err(error.to_string())
}

/// A latency histogram as it was at one time. Times in ns, right to two significant digits.
#[pyclass(frozen, module = "meridian._native.links")]
pub struct Histogram(HistogramSnapshot);

#[pymethods]
impl Histogram {
    /// Values recorded.
    #[getter]
    fn count(&self) -> u64 {
        self.0.count()
    }

    /// Their sum, ns.
    #[getter]
    fn sum_ns(&self) -> u128 {
        self.0.sum_ns()
    }

    /// The largest, ns; 0 when empty.
    #[getter]
    fn max_ns(&self) -> u64 {
        self.0.max_ns()
    }

    /// The value that this share (0 to 1) of all do not exceed, ns; 0 when empty.
    fn percentile_ns(&self, share: f64) -> u64 {
        self.0.percentile_ns(share)
    }

    /// How many lie at or below this value.
    fn count_up_to_ns(&self, value_ns: u64) -> u64 {
        self.0.count_up_to_ns(value_ns)
    }

    /// What came since an earlier reading of the same histogram.
    fn since(&self, earlier: &Self) -> Self {
        Self(self.0.since(&earlier.0))
    }
}

/// Reads the counters file of a process, running or ended.
#[pyclass(frozen, module = "meridian._native.links")]
pub struct Counters(CountersReader);

#[pymethods]
impl Counters {
    /// Maps the file; OSError when it is absent or something else.
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        CountersReader::open(&path).map(Self).map_err(os_error)
    }

    /// The process that writes it.
    #[getter]
    fn pid(&self) -> u64 {
        self.0.pid()
    }

    /// When it began, ns UTC.
    #[getter]
    fn start_ns(&self) -> u64 {
        self.0.start_ns()
    }

    /// One counter's value, without a look at the others; None where there is none of this name.
    fn value(&self, name: &str) -> Option<u64> {
        self.0.counter(name)
    }

    /// All (name, value): an int for a counter, a Histogram for a histogram.
    fn read(&self, py: Python<'_>) -> PyResult<Vec<(String, Py<PyAny>)>> {
        let mut rows = Vec::new();
        for (name, reading) in self.0.readings() {
            let value = match reading {
                // By convention a name that ends so holds a signed number.
                Reading::Counter(value) if name.ends_with("_signed") => {
                    value.cast_signed().into_pyobject(py)?.into_any().unbind()
                }
                Reading::Counter(value) => value.into_pyobject(py)?.into_any().unbind(),
                Reading::Histogram(snapshot) => Py::new(py, Histogram(snapshot))?.into_any(),
            };
            rows.push((name, value));
        }
        Ok(rows)
    }
}

/// Makes the file of a link of kind `shm`; `reliable` has one entry a consumer.
#[pyfunction]
fn create_ring(path: PathBuf, depth_records: usize, record_bytes_max: usize, reliable: Vec<bool>) -> PyResult<()> {
    Ring::create(&path, &RingConfig { depth_records, record_bytes_max, reliable }).map(drop).map_err(os_error)
}

/// The producer's end of a link of kind `shm`. There may be one at a time; it goes on where an earlier one ended.
#[pyclass(frozen, module = "meridian._native.links")]
pub struct Publisher {
    end: Mutex<RingProducer>,
    record_bytes_max: usize,
}

#[pymethods]
impl Publisher {
    /// OSError when the file is absent or no ring.
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        let ring = Ring::open(&path).map_err(os_error)?;
        Ok(Self { end: Mutex::new(ring.producer()), record_bytes_max: ring.record_bytes_max() })
    }

    /// Offers one record; `sent`, `full` (a reliable consumer is behind) or `not connected` (no consumer is there).
    ///
    /// Raises ValueError for a record larger than the link allows.
    fn offer(&self, record: &[u8]) -> PyResult<&'static str> {
        if record.len() > self.record_bytes_max {
            let text = format!("a record of {} bytes; this link takes {}", record.len(), self.record_bytes_max);
            return Err(PyValueError::new_err(text));
        }
        let offer = self.end.lock().map_err(|error| PyOSError::new_err(error.to_string()))?.offer(record);
        Ok(match offer {
            Offer::Sent => "sent",
            Offer::Full => "full",
            Offer::NotConnected => "not connected",
        })
    }
}

/// A consumer's end of a link of kind `shm`, by its place among the consumers (from 0).
#[pyclass(frozen, module = "meridian._native.links")]
pub struct Subscriber(Mutex<Box<dyn Subscription + Send>>);

fn consumer_of(path: &Path, consumer: usize) -> std::io::Result<Box<dyn Subscription + Send>> {
    Ring::open(path).and_then(|ring| ring.consumer(consumer))
}

impl Subscriber {
    fn take(&self, limit: usize) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        if let Ok(mut end) = self.0.lock() {
            end.poll(limit, &mut |record| records.push(record.to_vec()));
        }
        records
    }
}

#[pymethods]
impl Subscriber {
    /// OSError when the file is absent, no ring, or without such a consumer.
    #[new]
    fn new(path: PathBuf, consumer: usize) -> PyResult<Self> {
        consumer_of(&path, consumer).map(|end| Self(Mutex::new(end))).map_err(os_error)
    }

    /// One end over two rings: an engine's and its standby's. What stands in the one that was read last comes first.
    #[staticmethod]
    fn over_both(first: PathBuf, second: PathBuf, consumer: usize) -> PyResult<Self> {
        let ends = consumer_of(&first, consumer).and_then(|end| Ok(Merged::new(end, consumer_of(&second, consumer)?)));
        ends.map(|both| Self(Mutex::new(Box::new(both)))).map_err(os_error)
    }

    /// At most `limit` records that are there, oldest first; waits up to `timeout` seconds for the first. The interpreter's
    /// lock is free meanwhile.
    #[pyo3(signature = (limit = 256, timeout = 0.0))]
    fn poll<'py>(&self, py: Python<'py>, limit: usize, timeout: f64) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let timeout = Duration::try_from_secs_f64(timeout)
            .map_err(|error| PyValueError::new_err(format!("timeout = {timeout}: {error}")))?;
        let records = py.detach(|| {
            let end = Instant::now() + timeout;
            loop {
                let records = self.take(limit);
                if !records.is_empty() || Instant::now() >= end {
                    return records;
                }
                std::thread::sleep(LOOK);
            }
        });
        Ok(records.iter().map(|record| PyBytes::new(py, record)).collect())
    }

    /// Records lost to overrun so far (lossy consumers only).
    #[getter]
    fn lost(&self) -> u64 {
        self.0.lock().map_or(0, |end| end.lost())
    }

    /// Whether the producer is there.
    #[getter]
    fn connected(&self) -> bool {
        self.0.lock().is_ok_and(|end| end.connected())
    }
}

/// Takes away the ends of a ring whose processes are gone; returns how many.
#[pyfunction]
fn detach_dead(path: PathBuf) -> PyResult<usize> {
    Ring::open(&path).map(|ring| ring.detach_dead()).map_err(os_error)
}

/// Makes one consumer of a ring reliable, or lossy. Of two that can take each other's place, first the one that leads is made reliable,
/// then the other one lossy, whose process must be gone.
///
/// Raises OSError when the file is no ring, has no such consumer, or was made without a lossy one.
#[pyfunction]
fn set_reliable(path: PathBuf, consumer: usize, reliable: bool) -> PyResult<()> {
    Ring::open(&path).and_then(|ring| ring.set_reliable(consumer, reliable)).map_err(os_error)
}

#[cfg(feature = "aeron")]
mod aeron {
    use super::{PathBuf, PyResult, Python, os_error};
    use crate::tiles::{Stop, signals};
    use links::aeron::{DriverConfig, check_space, run_driver};
    use pyo3::{PyErr, pyfunction};

    /// The channel's parameters that follow from a link's depth and its largest record.
    #[pyfunction]
    pub fn aeron_channel_parameters(depth_records: usize, record_bytes_max: usize) -> String {
        links::aeron::channel_parameters(depth_records, record_bytes_max)
    }

    /// Bytes that the log of a link takes in the driver's directory.
    #[pyfunction]
    pub fn aeron_log_bytes(depth_records: usize, record_bytes_max: usize) -> u64 {
        3 * links::aeron::term_bytes(depth_records, record_bytes_max) as u64 + 4096
    }

    /// OSError when the directory's file system has no room for links with logs of so many bytes.
    #[pyfunction]
    pub fn aeron_check_space(directory: PathBuf, logs_bytes: u64) -> PyResult<()> {
        check_space(&directory, logs_bytes).map_err(os_error)
    }

    /// Runs the media driver until `stop` is asked. OSError when it cannot start.
    #[pyfunction]
    pub fn run_media_driver(
        py: Python<'_>,
        directory: PathBuf,
        logs_bytes: u64,
        spin: bool,
        stop: &Stop,
    ) -> PyResult<()> {
        let stop = stop.0.clone();
        let config = DriverConfig { directory, logs_bytes, spin };
        let mut raised: Option<PyErr> = None;
        let ended = py.detach(|| {
            let asked = stop.clone();
            let driver = std::thread::Builder::new()
                .name("media-driver".into())
                .spawn(move || run_driver(&config, || asked.asked(), || ()))?;
            while !driver.is_finished() {
                signals(&stop, &mut raised);
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            driver.join().unwrap_or_else(|_| Err(std::io::Error::other("the media driver died")))
        });
        match raised {
            Some(error) => Err(error),
            None => ended.map_err(os_error),
        }
    }
}

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Counters>()?;
    module.add_class::<Histogram>()?;
    module.add_class::<Publisher>()?;
    module.add_class::<Subscriber>()?;
    module.add_function(wrap_pyfunction!(create_ring, module)?)?;
    module.add_function(wrap_pyfunction!(detach_dead, module)?)?;
    module.add_function(wrap_pyfunction!(set_reliable, module)?)?;
    module.add("AERON", cfg!(feature = "aeron"))?;
    #[cfg(feature = "aeron")]
    {
        module.add_function(wrap_pyfunction!(aeron::aeron_channel_parameters, module)?)?;
        module.add_function(wrap_pyfunction!(aeron::aeron_log_bytes, module)?)?;
        module.add_function(wrap_pyfunction!(aeron::aeron_check_space, module)?)?;
        module.add_function(wrap_pyfunction!(aeron::run_media_driver, module)?)?;
    }
    Ok(())
}
