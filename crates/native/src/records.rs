//! `meridian._native.records`: the layouts, codes and constants of the one schema, and the check of foreign bytes.
//!
//! Invariant: nothing about a record is written down twice: what Python knows of it is read from here.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use records::{CODES, CONSTANTS, Element, Header, Kind, LAYOUTS, Layout, ParseError, read_from, version_of};

/// Adds this room's classes and functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let layouts = PyList::empty(py);
    for layout in LAYOUTS {
        layouts.append(layout_entry(py, layout)?)?;
    }
    module.add("LAYOUTS", PyTuple::new(py, layouts.iter())?)?;

    let codes = PyDict::new(py);
    for table in CODES {
        let variants = PyDict::new(py);
        for (name, code, about) in table.variants {
            variants.set_item(name, (code, sentence(about)))?;
        }
        codes.set_item(table.name, (table.size, sentence(table.about), variants))?;
    }
    module.add("CODES", codes)?;

    let constants = PyDict::new(py);
    for (name, value) in CONSTANTS {
        constants.set_item(name, value)?;
    }
    module.add("CONSTANTS", constants)?;

    module.add_function(wrap_pyfunction!(name_of, module)?)?;
    module.add_function(wrap_pyfunction!(split, module)?)
}

fn sentence(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn layout_entry<'py>(py: Python<'py>, layout: &Layout) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("name", layout.name)?;
    entry.set_item("size", layout.size)?;
    entry.set_item("kind", layout.kind)?;
    entry.set_item("version", Kind::from_code(layout.kind).map_or(0, version_of))?;
    let mut fields = Vec::new();
    for field in layout.fields {
        let (format, shape) = element_entry(field.element);
        fields.push((field.name, field.offset, format, PyTuple::new(py, shape)?));
    }
    entry.set_item("fields", PyTuple::new(py, fields)?)?;
    Ok(entry)
}

/// The innermost element (a numpy scalar with byte order, or the name of another layout) and the shape around it.
fn element_entry(element: Element) -> (String, Vec<usize>) {
    match element {
        Element::Scalar(code) => (format!("<{code}"), Vec::new()),
        Element::Struct(name, _) => (name.to_owned(), Vec::new()),
        Element::Array(inner, count) => {
            let (format, mut shape) = element_entry(*inner);
            shape.insert(0, count);
            (format, shape)
        }
    }
}

fn refusal(error: ParseError, offset: usize) -> PyErr {
    let why = match error {
        ParseError::Short => "the bytes end before the record does".to_owned(),
        ParseError::UnknownKind(kind) => format!("kind {kind} is unknown to this build"),
        ParseError::UnknownVersion(kind, version) => {
            let ours = Kind::from_code(kind).map_or(0, version_of);
            format!("kind {kind} has version {version}; this build reads version {ours}")
        }
        ParseError::Length(kind, length) => format!("kind {kind} does not have {length} bytes"),
    };
    PyValueError::new_err(format!("no record at byte {offset}: {why}"))
}

fn layout_of(bytes: &[u8], offset: usize) -> PyResult<&'static Layout> {
    records::parse(bytes).map_err(|error| refusal(error, offset))?;
    let header: Header = read_from(bytes).expect("parse has read it");
    Ok(LAYOUTS.iter().find(|layout| layout.kind == header.kind).expect("every kind has one layout"))
}

/// The name of the record at the start of `data`. Raises ValueError when there is none.
#[pyfunction]
fn name_of(data: &[u8]) -> PyResult<&'static str> {
    Ok(layout_of(data, 0)?.name)
}

/// Names and offsets of the records that stand one after another in `data`. Raises ValueError at the first that is none.
#[pyfunction]
fn split(data: &[u8]) -> PyResult<Vec<(&'static str, usize)>> {
    let mut found = Vec::new();
    let mut offset = 0;
    while offset < data.len() {
        let layout = layout_of(&data[offset..], offset)?;
        found.push((layout.name, offset));
        offset += layout.size;
    }
    Ok(found)
}
