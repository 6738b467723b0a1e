//! The FIX part of `meridian._native.wire`: dictionaries, frames, fields, validation.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use wire::fix::dictionary::Part;
use wire::fix::{
    DataFields, Dictionary, Draft, FieldError, FieldFault, Fields, Framed, Garbled, Message, Reject, Validation,
    Version, frame, reject, seal,
};

/// Fields of one message; a list of a thousand instruments has this many.
const FIELDS_MAX: usize = 1 << 16;

/// Every sentence of a file's faults, a line each.
fn refused(errors: Vec<String>) -> PyErr {
    PyValueError::new_err(errors)
}

fn drafts(overlays: &[String]) -> Result<Vec<Draft>, Vec<String>> {
    overlays.iter().map(|text| Draft::from_xml(text)).collect()
}

/// A data dictionary.
#[pyclass(frozen, module = "meridian._native.wire")]
pub struct FixDictionary {
    pub(crate) inner: Dictionary,
}

#[pymethods]
impl FixDictionary {
    /// Of a version of ours (`FIX.4.4`) with overlays, texts in the same form.
    #[staticmethod]
    #[pyo3(signature = (name, overlays=Vec::new()))]
    fn of_version(name: &str, overlays: Vec<String>) -> PyResult<Self> {
        let version = Version::from_name(name).ok_or_else(|| {
            let names: Vec<_> = Version::ALL.iter().map(|version| version.name()).collect();
            PyValueError::new_err(format!("version {name:?} is unknown; allowed: {}", names.join(", ")))
        })?;
        let inner = drafts(&overlays).and_then(|drafts| version.with_overlays(drafts)).map_err(refused)?;
        Ok(Self { inner })
    }

    /// Of a file's text, with a transport's below it and overlays above.
    #[staticmethod]
    #[pyo3(signature = (text, transport=None, overlays=Vec::new()))]
    fn from_xml(text: &str, transport: Option<&str>, overlays: Vec<String>) -> PyResult<Self> {
        let made = || {
            let draft = drafts(&overlays)?.into_iter().fold(Draft::from_xml(text)?, Draft::overlaid);
            match transport {
                Some(transport) => Dictionary::over_transport(Draft::from_xml(transport)?, draft),
                None => Dictionary::new(draft),
            }
        };
        Ok(Self { inner: made().map_err(refused)? })
    }

    #[getter]
    fn version(&self) -> &str {
        self.inner.version()
    }

    #[getter]
    fn begin_string(&self) -> &str {
        self.inner.begin_string()
    }

    /// Tag → (name, type, {value: word}).
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (tag, field) in self.inner.fields() {
            let values = PyDict::new(py);
            field.values.iter().try_for_each(|(letters, word)| values.set_item(letters, word))?;
            dict.set_item(tag, (&field.name, &field.type_name, values))?;
        }
        Ok(dict)
    }

    /// MsgType → (name, belongs to the session).
    fn messages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (kind, name) in self.inner.messages() {
            let session = self.inner.is_session(kind).unwrap_or(false);
            dict.set_item(String::from_utf8_lossy(kind), (name, session))?;
        }
        Ok(dict)
    }

    /// Pairs of length field and data field.
    fn data_fields(&self) -> Vec<(u32, u32)> {
        self.inner.data_fields().pairs().to_vec()
    }

    /// Tags of a message's group by the tag that counts it: the entries' own fields, the first one first.
    fn is_header(&self, tag: u32) -> bool {
        self.inner.is_header(tag)
    }

    fn is_trailer(&self, tag: u32) -> bool {
        self.inner.is_trailer(tag)
    }

    /// Tag → tags of an entry, for every group of a message; groups inside groups among them.
    fn groups<'py>(&self, py: Python<'py>, kind: &[u8]) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (count, tags) in self.inner.groups(kind) {
            dict.set_item(count, tags)?;
        }
        Ok(dict)
    }

    /// None, or reason (373), tag (371) and the reason's words. `rules` names the checks that are off.
    #[pyo3(signature = (message, off=Vec::new()))]
    fn validate(&self, message: &[u8], off: Vec<String>) -> PyResult<Option<(u16, u32, &'static str)>> {
        let rules = rules(&off)?;
        let mut fields = Fields::new((message.len() / 2).clamp(1, FIELDS_MAX));
        if let Err(error) = fields.read(message, self.inner.data_fields()) {
            return match error.reason() {
                Some(reason) => Ok(Some((reason, error.tag, reject::text(reason)))),
                None => Err(PyValueError::new_err(sentence(message, error))),
            };
        }
        let told = |reject: Reject| (reject.reason, reject.tag, reject.text());
        Ok(self.inner.validate(&fields.message(message), &rules).err().map(told))
    }
}

fn rules(off: &[String]) -> PyResult<Validation> {
    let mut rules = Validation::FULL;
    for name in off {
        match name.as_str() {
            "order" => rules.order = false,
            "have_values" => rules.have_values = false,
            "group_order" => rules.group_order = false,
            "user_defined" => rules.user_defined = false,
            "unknown" => rules.unknown = false,
            "required" => rules.required = false,
            "formats" => rules.formats = false,
            "values" => rules.values = false,
            other => {
                return Err(PyValueError::new_err(format!(
                    "check {other:?} is unknown; allowed: order, have_values, group_order, user_defined, unknown, \
                     required, formats, values"
                )));
            }
        }
    }
    Ok(rules)
}

fn sentence(message: &[u8], error: FieldError) -> String {
    let letters = message[error.start as usize..error.end as usize].escape_ascii();
    match error.fault {
        FieldFault::TagNotANumber => format!("byte {}: the tag {letters:?} is no number", error.start),
        FieldFault::NoEquals => format!("byte {}: the field {letters:?} has no =", error.start),
        FieldFault::TagNumber => format!("byte {}: the tag {letters:?} is no tag number", error.start),
        FieldFault::DataLength => format!("tag {}: the data does not end where this length says", error.tag),
        FieldFault::TooMany => format!("more than {FIELDS_MAX} fields"),
        FieldFault::Unterminated => format!("byte {}: the last field {letters:?} has no end", error.start),
    }
}

fn pairs<'py>(py: Python<'py>, message: &Message<'_>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (tag, value) in message.iter() {
        list.append(PyTuple::new(py, [tag.into_pyobject(py)?.into_any(), PyBytes::new(py, value).into_any()])?)?;
    }
    Ok(list)
}

/// Tag and value of every field; raises ValueError with the first fault unless `tolerant`.
#[pyfunction]
#[pyo3(signature = (message, dictionary=None, tolerant=false))]
fn fix_fields<'py>(
    py: Python<'py>,
    message: &[u8],
    dictionary: Option<&FixDictionary>,
    tolerant: bool,
) -> PyResult<Bound<'py, PyList>> {
    let standard = DataFields::standard();
    let data = dictionary.map_or(&standard, |dictionary| dictionary.inner.data_fields());
    let mut fields = Fields::new((message.len() / 2).clamp(1, FIELDS_MAX));
    if let Err(error) = fields.read(message, data)
        && !tolerant
    {
        return Err(PyValueError::new_err(sentence(message, error)));
    }
    pairs(py, &fields.message(message))
}

/// Offset and length of each message, bytes looked at, garbled stretches by reason.
type FoundFrames<'py> = (Vec<(usize, usize)>, usize, Bound<'py, PyDict>);

/// Where whole messages stand in bytes, at most `count_max` of them: (offset, length) each; how many bytes were looked at;
/// and garbled stretches by reason.
#[pyfunction]
fn fix_frames<'py>(py: Python<'py>, data: &[u8], bytes_max: usize, count_max: usize) -> PyResult<FoundFrames<'py>> {
    let (mut found, mut at, mut bad) = (Vec::new(), 0, [0_u64; Garbled::COUNT]);
    while at < data.len() && found.len() < count_max {
        match frame(&data[at..], bytes_max) {
            Framed::Message { length } => {
                found.push((at, length));
                at += length;
            }
            Framed::Garbled { skip, why } => {
                bad[why as usize] += 1;
                at += skip;
            }
            Framed::Incomplete => break,
        }
    }
    let reasons = PyDict::new(py);
    for why in Garbled::ALL {
        if bad[why as usize] > 0 {
            reasons.set_item(why.name(), bad[why as usize])?;
        }
    }
    Ok((found, at, reasons))
}

/// A whole message: BeginString, BodyLength, `body` (from `35=` on, each field with its end), CheckSum.
#[pyfunction]
fn fix_seal<'py>(py: Python<'py>, begin_string: &[u8], body: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &seal(begin_string, body))
}

/// What a dictionary's file is made of, for findings that are no faults: names that nothing uses, members named twice.
#[pyfunction]
fn fix_lint(text: &str) -> PyResult<Vec<String>> {
    let draft = Draft::from_xml(text).map_err(refused)?;
    let mut used = std::collections::BTreeSet::new();
    let mut findings = Vec::new();
    let blocks = draft.messages.values().map(|message| (format!("message {}", message.name), &message.members));
    let components = draft.components.iter().map(|(name, members)| (format!("component {name}"), members));
    let ends = [("header".to_owned(), &draft.header), ("trailer".to_owned(), &draft.trailer)];
    for (place, members) in blocks.chain(components).chain(ends) {
        walk(&place, members, &mut used, &mut findings);
    }
    for name in draft.components.keys().filter(|name| !used.contains(name.as_str())) {
        findings.push(format!("component {name} is used by nothing"));
    }
    for field in draft.fields.values() {
        if !used.contains(field.name.as_str()) {
            findings.push(format!("field {} ({}) is used by nothing", field.name, field.tag));
        }
        let mut seen = std::collections::BTreeSet::new();
        for (value, word) in &field.values {
            if !seen.insert(value) {
                findings.push(format!("field {} ({}): value {value} is given twice", field.name, field.tag));
            }
            if word.is_empty() {
                findings.push(format!("field {} ({}): value {value} has no description", field.name, field.tag));
            }
        }
    }
    Ok(findings)
}

fn walk<'a>(
    place: &str,
    members: &'a [wire::fix::dictionary::Member],
    used: &mut std::collections::BTreeSet<&'a str>,
    findings: &mut Vec<String>,
) {
    let mut here = std::collections::BTreeSet::new();
    for member in members {
        if !here.insert(&member.name) {
            findings.push(format!("line {}: {place}: {} is named twice", member.line, member.name));
        }
        used.insert(&member.name);
        if let Part::Group(entries) = &member.part {
            walk(&format!("{place}: group {}", member.name), entries, used, findings);
        }
    }
}

/// Adds the FIX part to the room of wire.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FixDictionary>()?;
    module.add_function(wrap_pyfunction!(fix_fields, module)?)?;
    module.add_function(wrap_pyfunction!(fix_frames, module)?)?;
    module.add_function(wrap_pyfunction!(fix_seal, module)?)?;
    module.add_function(wrap_pyfunction!(fix_lint, module)?)
}
