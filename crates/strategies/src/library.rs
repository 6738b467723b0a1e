//! A strategy's shared object, opened: its callbacks by address, the layout of its record, its parameters.
//!
//! Invariant: an object is taken only with the hash that was asked for and this build's binary interface; once opened it
//! stays mapped as long as any slot holds it.

use std::ffi::{CStr, CString, c_void};
use std::fmt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use engine::{Settable, Wants};
use records::{Callback, OrdersView};
use sha2::{Digest, Sha256};

use crate::record::SlotRecord;

/// The binary interface of this build's objects; `strategies/entry.py` writes it into them. Earlier ones are opened as well: what
/// they know of the views lies where it lay. Those of 1 look at no consolidated book; 3 brought what else a class may look at,
/// which parameters may be set in a running slot, and kept state.
pub const ABI_VERSION: u64 = 3;
const ABI_VERSION_FIRST: u64 = 1;
/// Place of a callback's entry: its code.
const ENTRIES: usize = 16;
/// Records larger than this are refused: a slot's record is hashed and copied.
const RECORD_BYTES_MAX: u64 = 16 << 20;
const PARAMETERS_MAX: u64 = 4096;
/// Words that a class may keep over stops and starts: each is said when it stops.
pub const KEPT_WORDS_MAX: u64 = 1024;
/// In a parameter's `scalar`: it may be set in a running slot.
const LIVE: u32 = 0x100;
/// The same: it may not.
const FIXED: u32 = 0x200;

/// A callback's address.
pub type Entry = unsafe extern "C" fn(record: *mut u8, event: *const u8, orders: *mut OrdersView) -> u32;

/// Why an object was refused.
#[derive(Debug)]
pub enum LoadError {
    /// No file with the hash lies in the directory.
    NotFound(PathBuf),
    /// The file cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// The file's bytes have another hash.
    WrongHash(PathBuf),
    /// The system refuses to open it.
    NotOpened(String),
    /// A name is missing in it.
    Missing(&'static str),
    /// It has another binary interface.
    WrongAbi(u64),
    /// Its record or its parameters contradict themselves.
    BadLayout,
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(path) => write!(formatter, "no object code with this hash lies in {}", path.display()),
            Self::Unreadable(path, error) => write!(formatter, "{} cannot be read: {error}", path.display()),
            Self::WrongHash(path) => write!(formatter, "{} does not have the hash that was asked for", path.display()),
            Self::NotOpened(why) => write!(formatter, "the object code cannot be opened: {why}"),
            Self::Missing(name) => write!(formatter, "the object code lacks {name}"),
            Self::WrongAbi(found) => {
                write!(formatter, "the object code has interface {found}; this build opens {ABI_VERSION}")
            }
            Self::BadLayout => write!(formatter, "the object code's record or parameters contradict themselves"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Where a parameter lies in the record.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterPlace {
    /// Name, ASCII, zero-padded.
    pub name: [u8; 32],
    /// Byte offset.
    pub offset: u32,
    /// 1: i64, 2: f64, 3: bool (one byte); with 0x100 it may be set in a running slot, with 0x200 it may not.
    pub scalar: u32,
}

/// Bytes of a scalar; 0 for a code that is none.
const fn scalar_bytes(scalar: u32) -> usize {
    match scalar {
        1 | 2 => 8,
        3 => 1,
        _ => 0,
    }
}

impl ParameterPlace {
    /// The scalar alone.
    pub const fn kind(&self) -> u32 {
        self.scalar & !(LIVE | FIXED)
    }

    /// Bytes of the value; 0 for a scalar code that is none.
    pub const fn bytes(&self) -> usize {
        scalar_bytes(self.kind())
    }

    /// When it may be set.
    pub const fn settable(&self) -> Settable {
        match self.scalar & (LIVE | FIXED) {
            LIVE => Settable::Live,
            FIXED => Settable::Stopped,
            _ => Settable::Always,
        }
    }
}

/// Where a field of the state lies that is kept over stops and starts.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptPlace {
    /// Name, ASCII, zero-padded.
    pub name: [u8; 32],
    /// Byte offset.
    pub offset: u32,
    /// 1: i64, 2: f64, 3: bool (one byte).
    pub scalar: u32,
    /// Elements of a list, 0: no list.
    pub length: u32,
    /// Zero.
    pub reserved: u32,
}

impl KeptPlace {
    /// Bytes of one element.
    pub const fn element_bytes(&self) -> usize {
        scalar_bytes(self.scalar)
    }

    /// Bytes of all of it.
    pub const fn bytes(&self) -> usize {
        self.element_bytes() * (if self.length == 0 { 1 } else { self.length as usize })
    }
}

/// The SHA-256 of an object's bytes, as a slot names it.
pub fn code_hash(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

/// An opened object.
#[derive(Debug)]
pub struct Library {
    handle: NonNull<c_void>,
    entries: [Option<Entry>; ENTRIES],
    initial: Vec<u8>,
    state_offset: usize,
    parameters: Vec<ParameterPlace>,
    kept: Vec<KeptPlace>,
    wants: Wants,
}

// SAFETY: the handle is only closed, once, on drop; the code behind the entries is position-independent and keeps no state.
unsafe impl Send for Library {}
// SAFETY: as above; nothing is written after opening.
unsafe impl Sync for Library {}

impl Library {
    /// Opens the object in `directory` whose bytes have this hash (its file name ends with the hash's first 16 digits).
    ///
    /// # Errors
    /// When there is none, or it is refused.
    pub fn find(directory: &Path, hash: &[u8; 32]) -> Result<Self, LoadError> {
        let short: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let suffix = format!("-{short}.so");
        let listing = std::fs::read_dir(directory).map_err(|error| LoadError::Unreadable(directory.into(), error))?;
        for file in listing.flatten() {
            if file.file_name().to_string_lossy().ends_with(&suffix) {
                return Self::open(&file.path(), Some(hash));
            }
        }
        Err(LoadError::NotFound(directory.into()))
    }

    /// Opens an object; with a hash, only when its bytes have it.
    ///
    /// # Errors
    /// When it cannot be read or opened, or is refused.
    pub fn open(path: &Path, hash: Option<&[u8; 32]>) -> Result<Self, LoadError> {
        let content = std::fs::read(path).map_err(|error| LoadError::Unreadable(path.into(), error))?;
        if hash.is_some_and(|hash| code_hash(&content) != *hash) {
            return Err(LoadError::WrongHash(path.into()));
        }
        let absolute = path.canonicalize().map_err(|error| LoadError::Unreadable(path.into(), error))?;
        let name = CString::new(absolute.as_os_str().as_encoded_bytes())
            .map_err(|_| LoadError::NotOpened("its path holds a zero byte".to_owned()))?;
        // SAFETY: the name is a C string; objects of ours have no initialisers that run on opening.
        let opened = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        let handle = NonNull::new(opened).ok_or_else(last_error)?;
        let mut library = Self {
            handle,
            entries: [None; ENTRIES],
            initial: Vec::new(),
            state_offset: 0,
            parameters: Vec::new(),
            kept: Vec::new(),
            wants: Wants::default(),
        };
        library.read()?;
        Ok(library)
    }

    fn read(&mut self) -> Result<(), LoadError> {
        let abi = self.number(c"meridian_abi_version")?;
        if !(ABI_VERSION_FIRST..=ABI_VERSION).contains(&abi) {
            return Err(LoadError::WrongAbi(abi));
        }
        let bytes = self.number(c"meridian_record_bytes")?;
        let state_offset = self.number(c"meridian_state_offset")?;
        let count = self.number(c"meridian_parameters_count")?;
        if bytes == 0
            || bytes > RECORD_BYTES_MAX
            || !bytes.is_multiple_of(8)
            || state_offset > bytes
            || count > PARAMETERS_MAX
        {
            return Err(LoadError::BadLayout);
        }
        let initial = self.symbol(c"meridian_initial")?;
        let places = self.symbol(c"meridian_parameters")?;
        // SAFETY: an object with our interface version and the hash asked for holds this many bytes under the name.
        self.initial = unsafe { std::slice::from_raw_parts(initial.as_ptr().cast::<u8>(), bytes as usize) }.to_vec();
        // SAFETY: as above; the table is aligned to 8 bytes where it is written.
        self.parameters =
            unsafe { std::slice::from_raw_parts(places.as_ptr().cast::<ParameterPlace>(), count as usize) }.to_vec();
        self.state_offset = state_offset as usize;
        let inside =
            |place: &ParameterPlace| place.bytes() != 0 && place.offset as usize + place.bytes() <= self.state_offset;
        if !self.parameters.iter().all(inside) {
            return Err(LoadError::BadLayout);
        }
        for (callback, name, _) in Callback::ALL {
            let symbol = CString::new(format!("meridian_on_{}", snake(name))).expect("no zero byte");
            // SAFETY: the handle is open and the name a C string.
            let address = unsafe { libc::dlsym(self.handle.as_ptr(), symbol.as_ptr()) };
            if !address.is_null() {
                // SAFETY: under these names objects with our interface version hold functions of this type.
                self.entries[callback.code() as usize] =
                    Some(unsafe { std::mem::transmute::<*mut c_void, Entry>(address) });
            }
        }
        let reads = match abi {
            1 => 0,
            2 => self.number(c"meridian_consolidated")?,
            _ => self.number(c"meridian_reads")?,
        };
        self.wants = Wants::new(reads, |callback| self.entry(callback).is_some());
        if abi > 2 { self.read_kept(bytes) } else { Ok(()) }
    }

    fn read_kept(&mut self, record_bytes: u64) -> Result<(), LoadError> {
        let count = self.number(c"meridian_kept_count")?;
        let places = self.symbol(c"meridian_kept")?;
        if count > KEPT_WORDS_MAX {
            return Err(LoadError::BadLayout);
        }
        // SAFETY: an object of interface 3 holds so many places under the name, aligned to 8 bytes.
        self.kept = unsafe { std::slice::from_raw_parts(places.as_ptr().cast::<KeptPlace>(), count as usize) }.to_vec();
        let words: u64 = self.kept.iter().map(|place| u64::from(place.length.max(1))).sum();
        let inside = |place: &KeptPlace| {
            let end = u64::from(place.offset) + place.bytes() as u64;
            place.bytes() != 0 && place.offset as usize >= self.state_offset && end <= record_bytes
        };
        if words > KEPT_WORDS_MAX || !self.kept.iter().all(inside) {
            return Err(LoadError::BadLayout);
        }
        Ok(())
    }

    fn symbol(&self, name: &'static CStr) -> Result<NonNull<c_void>, LoadError> {
        // SAFETY: the handle is open and the name a C string.
        let address = unsafe { libc::dlsym(self.handle.as_ptr(), name.as_ptr()) };
        NonNull::new(address).ok_or_else(|| LoadError::Missing(name.to_str().expect("names are ASCII")))
    }

    fn number(&self, name: &'static CStr) -> Result<u64, LoadError> {
        // SAFETY: under these names objects of ours hold an aligned u64.
        Ok(unsafe { self.symbol(name)?.cast::<u64>().read() })
    }

    /// The callback's address, when the class defines it.
    #[inline]
    pub fn entry(&self, callback: Callback) -> Option<Entry> {
        self.entries[callback.code() as usize]
    }

    /// What the class looks at.
    pub fn wants(&self) -> Wants {
        self.wants
    }

    /// The bytes of a new record.
    pub fn initial(&self) -> &[u8] {
        &self.initial
    }

    /// Where the state begins, after the parameters.
    pub fn state_offset(&self) -> usize {
        self.state_offset
    }

    /// A new record, which begins with the kept state of one before it.
    pub fn record(&self, before: Option<&SlotRecord>) -> SlotRecord {
        SlotRecord::new(&self.initial, self.state_offset, &self.parameters).keeping(&self.kept, before)
    }

    /// The parameters.
    pub fn parameters(&self) -> &[ParameterPlace] {
        &self.parameters
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: the handle was opened here and is closed once; no entry outlives the library (slots hold both together).
        unsafe { libc::dlclose(self.handle.as_ptr()) };
    }
}

/// A callback's name as classes spell it: `MultiLeg` is `multi_leg`.
fn snake(name: &str) -> String {
    let mut spelled = String::new();
    for (at, letter) in name.chars().enumerate() {
        if at > 0 && letter.is_ascii_uppercase() {
            spelled.push('_');
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    spelled
}

fn last_error() -> LoadError {
    // SAFETY: dlerror gives a C string or null, valid until the next call on this thread.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return LoadError::NotOpened("no reason given".to_owned());
    }
    // SAFETY: not null, see above.
    LoadError::NotOpened(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
