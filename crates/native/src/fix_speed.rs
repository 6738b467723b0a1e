//! Measuring the FIX codec: `meridian._native.wire.bench_fix_parse` and `bench_fix_build`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::hint::black_box;
use std::time::Instant;
use wire::fix::Version;
use wire::fix::measure::{Parser, Sample, Writer};

fn sample(name: &str) -> PyResult<Sample> {
    match name {
        "order" => Ok(Sample::Order),
        "report" => Ok(Sample::Report),
        other => Err(PyValueError::new_err(format!("sample {other:?} is unknown; allowed: order, report"))),
    }
}

/// One of the project's own messages.
#[pyfunction]
fn bench_fix_sample<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, Writer::new(sample(name)?).build(48_213)))
}

/// A reader kept over blocks.
#[pyclass(unsendable, module = "meridian._native.wire")]
pub struct FixParser {
    inner: Parser,
}

#[pymethods]
impl FixParser {
    #[new]
    fn new(version: &str, validated: bool) -> PyResult<Self> {
        let version =
            Version::from_name(version).ok_or_else(|| PyValueError::new_err(format!("version {version:?}")))?;
        Ok(Self { inner: Parser::new(version.dictionary(), validated) })
    }

    /// Reads the message so many times: nanoseconds and the hash of all.
    fn run(&mut self, message: &[u8], rounds: u64) -> PyResult<(u64, u64)> {
        let begun = Instant::now();
        let mut hash = 0;
        for _ in 0..rounds {
            hash = self
                .inner
                .fold(hash, black_box(message))
                .ok_or_else(|| PyValueError::new_err("the message is not sound"))?;
        }
        Ok((begun.elapsed().as_nanos() as u64, hash))
    }
}

/// Builds a sample so many times, each with the next number and time: nanoseconds and bytes written.
#[pyfunction]
fn bench_fix_build(name: &str, rounds: u64) -> PyResult<(u64, u64)> {
    let mut writer = Writer::new(sample(name)?);
    let begun = Instant::now();
    let mut bytes = 0;
    for round in 0..rounds {
        bytes += black_box(writer.build(10_000 + round % 80_000)).len() as u64;
    }
    Ok((begun.elapsed().as_nanos() as u64, bytes))
}

/// Adds the benchmark to the room of wire.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FixParser>()?;
    module.add_function(wrap_pyfunction!(bench_fix_sample, module)?)?;
    module.add_function(wrap_pyfunction!(bench_fix_build, module)?)
}
