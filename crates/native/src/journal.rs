//! `meridian._native.journal`: reading and checking journals.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use engine::{Recorded, ReplayError};
use journal::{
    Fault, JournalError, PackError, Rest, Retained, Run, Snapshot, SnapshotError, Stored, Summary, Survey,
    snapshot_name,
};
use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Reader>()?;
    module.add_class::<Batches>()?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(segments, module)?)?;
    module.add_function(wrap_pyfunction!(pack, module)?)?;
    module.add_function(wrap_pyfunction!(unpack, module)?)?;
    module.add_function(wrap_pyfunction!(segment_of_snapshot, module)?)?;
    module.add_function(wrap_pyfunction!(join, module)?)?;
    module.add("PACK_BLOCK_BYTES", journal::PACK_BLOCK_BYTES)
}

/// The journal's trouble as an exception: absent, unreadable, or damaged.
pub(crate) fn raised(error: &JournalError) -> PyErr {
    match error {
        JournalError::Empty => PyFileNotFoundError::new_err(error.to_string()),
        JournalError::Io(inner) if inner.kind() == std::io::ErrorKind::NotFound => {
            PyFileNotFoundError::new_err(error.to_string())
        }
        JournalError::Io(_) => PyOSError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

pub(crate) fn summary_entry<'py>(py: Python<'py>, summary: &Summary) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("segments", summary.segments)?;
    entry.set_item("records", summary.records)?;
    entry.set_item("bytes", summary.bytes)?;
    entry.set_item("first_sequence", summary.first.sequence)?;
    entry.set_item("last_sequence", summary.last.sequence)?;
    entry.set_item("first_time_ns", summary.first.time_ns)?;
    entry.set_item("last_time_ns", summary.last.time_ns)?;
    entry.set_item("closed", summary.closed)?;
    entry.set_item("torn_bytes", summary.torn_bytes)?;
    entry.set_item("torn_records", summary.torn_records)?;
    Ok(entry)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is gone from a journal whose remaining records are whole: its beginning, or an end that the engine's state file knows.
fn lost(
    recorded: Result<Option<Recorded>, ReplayError>,
    summary: &Summary,
    retained: Option<&Retained>,
) -> Option<String> {
    let (first, last) = (summary.first.sequence, summary.last.sequence);
    let taken_away = retained.is_some_and(|retained| retained.sequence == first);
    if summary.records > 0 && first != 1 && !taken_away {
        return Some(format!("journal: it begins at record {first}; 1 to {} are missing", first - 1));
    }
    match recorded {
        Ok(Some(recorded)) if recorded.input > last => Some(format!(
            "journal: it ends at record {last}, but the engine had taken {} (state.json): the last {} are missing",
            recorded.input,
            recorded.input - last
        )),
        Err(error) => Some(error.to_string()),
        Ok(_) => None,
    }
}

fn run_entry<'py>(py: Python<'py>, run: &Run) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("records", run.records)?;
    entry.set_item("bytes", run.bytes)?;
    entry.set_item("first_sequence", run.first.sequence)?;
    entry.set_item("last_sequence", run.last.sequence)?;
    entry.set_item("last_time_ns", run.last.time_ns)?;
    Ok(entry)
}

fn rest_entry<'py>(py: Python<'py>, rest: &Rest) -> PyResult<Bound<'py, PyDict>> {
    let entry = run_entry(py, &rest.records)?;
    entry.set_item("segment", rest.segment)?;
    entry.set_item("whole", rest.whole)?;
    Ok(entry)
}

fn fault_entry<'py>(py: Python<'py>, fault: &Fault) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("segment", fault.segment)?;
    entry.set_item("offset", fault.offset)?;
    entry.set_item("what", &fault.what)?;
    Ok(entry)
}

fn survey_entry<'py>(py: Python<'py>, survey: &Survey, lost: Option<String>) -> PyResult<Bound<'py, PyDict>> {
    let entry = summary_entry(py, &survey.summary)?;
    let identity = survey.identity.as_ref();
    entry.set_item("firm", identity.map(|identity| identity.firm))?;
    entry.set_item("shard", identity.map(|identity| identity.shard))?;
    entry.set_item("epoch", identity.map(|identity| identity.epoch))?;
    entry.set_item("reference_hash", identity.map(|identity| hex(&identity.reference_hash)))?;
    entry.set_item("release_hash", identity.map(|identity| hex(&identity.release_hash)))?;
    // What ended the reading matters more than what lies beside the records.
    let first = survey.stopped.as_ref().or(survey.faults.first()).map(|fault| fault.what.clone());
    entry.set_item("damage", first.or(lost))?;
    let faults = survey.faults.iter().map(|fault| fault_entry(py, fault)).collect::<PyResult<Vec<_>>>()?;
    entry.set_item("faults", PyList::new(py, faults)?)?;
    entry.set_item("before", run_entry(py, &survey.before)?)?;
    let after = survey.after.iter().map(|rest| rest_entry(py, rest)).collect::<PyResult<Vec<_>>>()?;
    entry.set_item("after", PyList::new(py, after)?)?;
    entry.set_item("torn_segment", survey.torn_at.map(|(segment, _)| segment))?;
    entry.set_item("torn_offset", survey.torn_at.map(|(_, offset)| offset))?;
    Ok(entry)
}

/// Reads a journal to its end and checks every byte of it.
///
/// `damage` names what ended the reading, with its place, or else the first thing that does not fit; None when there is none.
#[pyfunction]
fn verify(py: Python<'_>, directory: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let checked = py.detach(|| -> Result<_, JournalError> {
        // Before the journal: what a live engine adds meanwhile is no loss.
        let recorded = engine::recorded(&directory);
        let survey = journal::survey(&directory)?;
        let retained = Retained::of(&directory);
        let lost = if survey.stopped.is_none() { lost(recorded, &survey.summary, retained.as_ref()) } else { None };
        Ok((survey, retained, lost))
    });
    let (survey, retained, lost) = checked.map_err(|error| raised(&error))?;
    let entry = survey_entry(py, &survey, lost)?;
    let first = retained.filter(|retained| retained.sequence == survey.summary.first.sequence);
    entry.set_item("begins_at", first.as_ref().map(|retained| retained.sequence))?;
    entry.set_item("shipped_to", first.and_then(|retained| retained.shipped_to))?;
    Ok(entry)
}

fn stored_entry<'py>(py: Python<'py>, stored: &Stored) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    let head = stored.head.as_ref();
    entry.set_item("segment", stored.segment)?;
    entry.set_item("first_sequence", head.map(|head| head.first_sequence))?;
    entry.set_item("closed", head.is_some_and(|head| head.end != 0))?;
    entry.set_item("settled", stored.settled)?;
    entry.set_item("plain_bytes", stored.plain_bytes)?;
    entry.set_item("packed_bytes", stored.packed_bytes)?;
    entry.set_item("firm", head.map(|head| head.identity.firm))?;
    entry.set_item("shard", head.map(|head| head.identity.shard))?;
    entry.set_item("reference_hash", head.map(|head| hex(&head.identity.reference_hash)))?;
    Ok(entry)
}

/// The segments of a journal, in order, by their heads: number, first sequence (None: nothing was written), whether it is closed and
/// whether a restart leaves it alone, the bytes of its plain and its compressed file (None: not there), whose it is.
///
/// Raises OSError when the directory cannot be read.
#[pyfunction]
fn segments<'py>(py: Python<'py>, directory: PathBuf) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let found = py.detach(|| journal::stored(&directory)).map_err(|error| raised(&error))?;
    found.iter().map(|stored| stored_entry(py, stored)).collect()
}

/// A closed segment and its blocks of `PACK_BLOCK_BYTES`, each compressed by zstd, as the bytes of its compressed file; every frame is
/// walked, and what the blocks give is compared.
///
/// Raises ValueError when the segment is not closed and whole, or a block is not its part.
#[pyfunction]
fn pack<'py>(py: Python<'py>, segment: &[u8], blocks: Vec<Vec<u8>>) -> PyResult<Bound<'py, PyBytes>> {
    let packed = py.detach(|| journal::pack(segment, &blocks)).map_err(|error| not_packed(&error))?;
    Ok(PyBytes::new(py, &packed))
}

/// The segment of a compressed file's bytes.
///
/// Raises ValueError when they are damaged.
#[pyfunction]
fn unpack<'py>(py: Python<'py>, packed: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let segment = py.detach(|| journal::unpack(packed)).map_err(|error| not_packed(&error))?;
    Ok(PyBytes::new(py, &segment))
}

/// Of the snapshot of this last input beside a journal: the segment in which its place lies, that segment's first sequence, and its bytes,
/// closed behind that place. The journal's engine may run meanwhile.
///
/// Raises OSError when a file cannot be read, ValueError when the snapshot or the journal is damaged, or the journal has no such place.
#[pyfunction]
fn segment_of_snapshot<'py>(
    py: Python<'py>,
    directory: PathBuf,
    sequence: u64,
) -> PyResult<(u64, u64, Bound<'py, PyBytes>)> {
    let load = || -> PyResult<_> {
        let storage = tiles::RealStorage::new(&directory)?;
        let snapshot = Snapshot::load(&storage, sequence).map_err(|error| match error {
            SnapshotError::Io(error) => PyErr::from(error),
            error => PyValueError::new_err(format!("{}: {error}", snapshot_name(sequence))),
        })?;
        let found = snapshot.head.mark.segment_in(&directory).map_err(|error| raised(&error))?;
        found
            .ok_or_else(|| PyValueError::new_err(format!("{}: the journal has no such place", snapshot_name(sequence))))
    };
    let (head, bytes) = py.detach(load)?;
    Ok((head.segment, head.first_sequence, PyBytes::new(py, &bytes)))
}

/// Writes journals that are parts of one history, the oldest first, each up to a sequence, into an empty directory as one; the last
/// sequence.
///
/// Raises OSError when a file cannot be read or written, ValueError when a part is damaged, is of another history, or records between two
/// are missing.
#[pyfunction]
fn join(py: Python<'_>, parts: Vec<(PathBuf, u64)>, directory: PathBuf) -> PyResult<u64> {
    let joined = py.detach(|| -> Result<_, JournalError> {
        let storage: Rc<dyn tiles::Storage> = Rc::new(tiles::RealStorage::new(&directory)?);
        journal::join(&parts, &storage)
    });
    Ok(joined.map_err(|error| raised(&error))?.sequence)
}

fn not_packed(error: &PackError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Iterates over a journal: (sequence, engine time in ns, record bytes), from the record after sequence `after`.
#[pyclass(unsendable)]
struct Reader {
    reader: journal::Reader,
    after: u64,
}

#[pymethods]
impl Reader {
    #[new]
    #[pyo3(signature = (directory, after = 0))]
    fn new(directory: PathBuf, after: u64) -> PyResult<Self> {
        let reader = journal::Reader::open_after(Path::new(&directory), after).map_err(|error| raised(&error))?;
        Ok(Self { reader, after })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<(u64, u64, Bound<'py, PyBytes>)>> {
        let after = self.after;
        while let Some((stamp, record)) = self.reader.next().map_err(|error| raised(&error))? {
            if stamp.sequence > after {
                return Ok(Some((stamp.sequence, stamp.time_ns, PyBytes::new(py, record))));
            }
        }
        Ok(None)
    }
}

/// Records of one kind out of a batch.
#[derive(Default)]
struct OfKind {
    sequences: Vec<u8>,
    times_ns: Vec<u8>,
    records: Vec<u8>,
}

/// Iterates over a journal by batches: what was read so far (sequence, records, those that are no record of this build), and by kind
/// sequences, engine times (each u64, little-endian) and records, one after the other. Kinds that are not asked for, and what lies
/// outside the ranges of sequences and times (both ends included), are passed over. A journal's beginning may be gone.
#[pyclass(unsendable)]
struct Batches {
    reader: journal::Reader,
    kinds: Vec<u16>,
    sequences: (u64, u64),
    times_ns: (u64, u64),
    records_max: usize,
    read: u64,
    unreadable: u64,
    ended: bool,
}

type Batch<'py> = (u64, u64, u64, Bound<'py, PyDict>);

impl Batches {
    /// Up to so many records that are asked for, or a good part of a second's reading; `None` at the end.
    fn fill(&mut self) -> Result<Option<BTreeMap<u16, OfKind>>, JournalError> {
        let mut batch: BTreeMap<u16, OfKind> = BTreeMap::new();
        let (mut taken, mut looked) = (0, 0);
        while taken < self.records_max && looked < self.records_max * 16 {
            let Some((stamp, record)) = self.reader.next()? else {
                self.ended = true;
                break;
            };
            looked += 1;
            let within = |range: (u64, u64), at: u64| (range.0..=range.1).contains(&at);
            if stamp.sequence > self.sequences.1 || stamp.time_ns > self.times_ns.1 {
                self.ended = true; // Neither goes back.
                break;
            }
            if !within(self.sequences, stamp.sequence) || !within(self.times_ns, stamp.time_ns) {
                continue;
            }
            self.read += 1;
            let Some(kind) = whole_kind(record) else {
                self.unreadable += 1;
                continue;
            };
            if !self.kinds.is_empty() && !self.kinds.contains(&kind) {
                continue;
            }
            let of_kind = batch.entry(kind).or_default();
            of_kind.sequences.extend_from_slice(&stamp.sequence.to_le_bytes());
            of_kind.times_ns.extend_from_slice(&stamp.time_ns.to_le_bytes());
            of_kind.records.extend_from_slice(record);
            taken += 1;
        }
        Ok((looked > 0 && !(self.ended && batch.is_empty())).then_some(batch))
    }
}

/// The kind of a record of this build, of which all bytes are there and no more.
fn whole_kind(record: &[u8]) -> Option<u16> {
    let header: records::Header = records::read_from(record)?;
    let whole = usize::from(header.length) == record.len() && records::parse(record).is_ok();
    whole.then_some(header.kind)
}

#[pymethods]
impl Batches {
    #[new]
    fn new(
        directory: PathBuf,
        kinds: Vec<u16>,
        sequences: (u64, u64),
        times_ns: (u64, u64),
        records_max: usize,
    ) -> PyResult<Self> {
        let after = sequences.0.saturating_sub(1);
        let reader = journal::Reader::open_after(&directory, after).map_err(|error| raised(&error))?;
        let (read, unreadable, ended) = (0, 0, false);
        Ok(Self { reader, kinds, sequences, times_ns, records_max: records_max.max(1), read, unreadable, ended })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Batch<'py>>> {
        if self.ended {
            return Ok(None);
        }
        let Some(batch) = self.fill().map_err(|error| raised(&error))? else { return Ok(None) };
        let kinds = PyDict::new(py);
        for (kind, of_kind) in &batch {
            let parts = [&of_kind.sequences, &of_kind.times_ns, &of_kind.records].map(|part| PyBytes::new(py, part));
            kinds.set_item(kind, parts)?;
        }
        Ok(Some((self.reader.summary().last.sequence, self.read, self.unreadable, kinds)))
    }
}
