//! Links over Aeron: one client a process, an exclusive publication or a subscription for each end of a link.
//!
//! Every consumer over Aeron is reliable: the slowest holds the producer back. Aeron has no overrun over shared memory; lossy
//! consumers of one host are served by rings in files instead (docs/notes/0005).
//!
//! Invariant: a record is never longer than one fragment, so nothing is reassembled and nothing is allocated on the way.

mod driver;

use std::ffi::{CStr, CString, c_int, c_void};
use std::io;
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rusteron_client::bindings as aeron;

pub use driver::{DriverConfig, check_space, run_driver};

use crate::{Offer, Publication, Subscription};

/// How long a client waits for the driver to answer.
const ANSWER: Duration = Duration::from_secs(5);
const DRIVER_TIMEOUT_MS: u64 = 5_000;
const KEEPALIVE_NS: u64 = 100_000_000;
/// The client's own thread looks for news from the driver this often; records do not pass through it.
const CONDUCTOR_SLEEP_NS: u64 = 4_000_000;
/// Aeron's data frames: a head of 32 bytes, and whole multiples of 32.
const FRAME_HEAD: usize = 32;
const MTU_MIN: usize = 1408;
const MTU_MAX: usize = 65_504;
const TERM_BYTES_MIN: usize = 1 << 16;
/// Bytes of the largest record that fits one fragment.
pub const RECORD_BYTES_MAX: usize = MTU_MAX - FRAME_HEAD;

fn frame_bytes(record_bytes: usize) -> usize {
    (FRAME_HEAD + record_bytes).next_multiple_of(32)
}

/// Bytes of one term (of three) of a link of this depth.
///
/// The window that a producer may run ahead is half a term, and its limit may lag by an eighth of the window.
pub fn term_bytes(depth_records: usize, record_bytes_max: usize) -> usize {
    let window = (depth_records + 1) * frame_bytes(record_bytes_max) * 8 / 7;
    (2 * window).next_power_of_two().clamp(TERM_BYTES_MIN, 1 << 30)
}

/// The channel's parameters that follow from a link's depth and its largest record.
pub fn channel_parameters(depth_records: usize, record_bytes_max: usize) -> String {
    let mtu = frame_bytes(record_bytes_max).clamp(MTU_MIN, MTU_MAX);
    format!("term-length={}|mtu={mtu}", term_bytes(depth_records, record_bytes_max))
}

/// What Aeron says of this thread's last failure.
fn last_error(doing: &str) -> io::Error {
    // SAFETY: Aeron returns a string of this thread that lives until its next failure; it is copied here.
    let text = unsafe { CStr::from_ptr(aeron::aeron_errmsg()) }.to_string_lossy();
    let reason: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    io::Error::other(format!("{doing}: {}", reason.join("; ")))
}

fn check(code: c_int, doing: &str) -> io::Result<()> {
    if code < 0 { Err(last_error(doing)) } else { Ok(()) }
}

struct Inner {
    context: *mut aeron::aeron_context_t,
    client: *mut aeron::aeron_t,
    /// Failures that the client's thread met; the address is known to Aeron.
    errors: Box<AtomicU64>,
}

// SAFETY: Aeron's client is made to be shared: adding and closing go through its own concurrent queue.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: every end holds this value, so none is left; each pointer is closed once and the client first.
        unsafe {
            if !self.client.is_null() {
                aeron::aeron_close(self.client);
            }
            aeron::aeron_context_close(self.context);
        }
    }
}

/// Counts instead of Aeron's default, which ends the process.
unsafe extern "C" fn on_error(errors: *mut c_void, _code: c_int, _message: *const std::ffi::c_char) {
    // SAFETY: `errors` is the boxed counter of the client, which outlives the client's thread.
    unsafe { &*errors.cast::<AtomicU64>() }.fetch_add(1, Ordering::Relaxed);
}

/// A process's connection to the media driver.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

impl Client {
    /// Connects to the driver of this directory.
    ///
    /// # Errors
    /// When no driver answers there.
    pub fn connect(directory: &Path) -> io::Result<Self> {
        let name = c_string(&directory.to_string_lossy())?;
        let mut inner = Inner { context: ptr::null_mut(), client: ptr::null_mut(), errors: Box::default() };
        let errors = ptr::from_ref(inner.errors.as_ref()).cast_mut().cast::<c_void>();
        // SAFETY: plain calls of Aeron's API in its documented order; the context is used by this client alone; the
        // error counter's address is stable and outlives the client (see Drop).
        unsafe {
            check(aeron::aeron_context_init(&raw mut inner.context), "making a context")?;
            check(aeron::aeron_context_set_dir(inner.context, name.as_ptr()), "setting the directory")?;
            aeron::aeron_context_set_driver_timeout_ms(inner.context, DRIVER_TIMEOUT_MS);
            aeron::aeron_context_set_keepalive_interval_ns(inner.context, KEEPALIVE_NS);
            aeron::aeron_context_set_idle_sleep_duration_ns(inner.context, CONDUCTOR_SLEEP_NS);
            aeron::aeron_context_set_pre_touch_mapped_memory(inner.context, true);
            aeron::aeron_context_set_error_handler(inner.context, Some(on_error), errors);
            check(aeron::aeron_init(&raw mut inner.client, inner.context), "connecting to the media driver")?;
            check(aeron::aeron_start(inner.client), "starting the client")?;
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Whether the driver gave this client up, or is gone: its links are dead for good.
    pub fn is_closed(&self) -> bool {
        // SAFETY: the client lives as long as this value.
        unsafe { aeron::aeron_is_closed(self.0.client) }
    }

    /// Whether the driver still has this client, asked after its process stood still: one that was given up goes on reading its
    /// links' memory until its own thread hears of it, and whoever comes after it gets the same records once more.
    ///
    /// Waits until the client has told the driver that it lives, or the driver has taken it off its list.
    pub fn is_kept(&self) -> bool {
        // tidy: allow(clock): after a standstill of seconds
        let (asked, asked_ms) = (Instant::now(), now_ms());
        while !self.is_closed() {
            let Some(heard_ms) = self.heard_ms() else { return false };
            if heard_ms >= asked_ms {
                // The driver may have taken it off while it told.
                return self.heard_ms().is_some();
            }
            if asked.elapsed() > ANSWER {
                return false;
            }
            // tidy: allow(sleep): after a standstill of seconds
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    /// When the client last told the driver that it lives, ms since 1970; `None`: the driver has no such client.
    fn heard_ms(&self) -> Option<i64> {
        let kind = aeron::AERON_COUNTER_CLIENT_HEARTBEAT_TIMESTAMP_TYPE_ID.cast_signed();
        // SAFETY: the client lives, and with it the driver's counters, which are read by atomics.
        unsafe {
            let reader = aeron::aeron_counters_reader(self.0.client);
            let id = aeron::aeron_counters_reader_find_by_type_id_and_registration_id(
                reader,
                kind,
                aeron::aeron_client_id(self.0.client),
            );
            let value = (id >= 0).then(|| aeron::aeron_counters_reader_addr(reader, id))?;
            (!value.is_null()).then(|| AtomicI64::from_ptr(value).load(Ordering::Acquire))
        }
    }

    /// Failures that the client's thread has met so far.
    pub fn errors(&self) -> u64 {
        self.0.errors.load(Ordering::Relaxed)
    }

    /// The producer's end of a channel and stream.
    ///
    /// # Errors
    /// When the driver refuses or does not answer, or records may be longer than [`RECORD_BYTES_MAX`].
    pub fn publication(&self, channel: &str, stream_id: i32, record_bytes_max: usize) -> io::Result<AeronPublication> {
        if record_bytes_max > RECORD_BYTES_MAX {
            let text = format!("record_bytes_max = {record_bytes_max}: over Aeron at most {RECORD_BYTES_MAX}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let uri = c_string(channel)?;
        let mut adding = ptr::null_mut();
        let mut publication = ptr::null_mut();
        // SAFETY: the client lives; `adding` is used until the poll says done or failed, as documented.
        unsafe {
            let code =
                aeron::aeron_async_add_exclusive_publication(&raw mut adding, self.0.client, uri.as_ptr(), stream_id);
            check(code, "adding a publication")?;
            answered(channel, || aeron::aeron_async_add_exclusive_publication_poll(&raw mut publication, adding))?;
        }
        Ok(AeronPublication { publication, record_bytes_max, _client: self.clone() })
    }

    /// A consumer's end of a channel and stream.
    ///
    /// # Errors
    /// When the driver refuses or does not answer.
    pub fn subscription(&self, channel: &str, stream_id: i32) -> io::Result<AeronSubscription> {
        let uri = c_string(channel)?;
        let mut adding = ptr::null_mut();
        let mut subscription = ptr::null_mut();
        // SAFETY: as in `publication`; no handlers, so no data of ours is kept.
        unsafe {
            let code = aeron::aeron_async_add_subscription(
                &raw mut adding,
                self.0.client,
                uri.as_ptr(),
                stream_id,
                None,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
            );
            check(code, "adding a subscription")?;
            answered(channel, || aeron::aeron_async_add_subscription_poll(&raw mut subscription, adding))?;
        }
        Ok(AeronSubscription { subscription, _client: self.clone() })
    }
}

fn c_string(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{text:?} holds a zero byte")))
}

/// As Aeron's clients and drivers tell the time, ms since 1970.
fn now_ms() -> i64 {
    // tidy: allow(clock): after a standstill of seconds
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits, at start, until the driver has done what was asked.
fn answered(channel: &str, mut poll: impl FnMut() -> c_int) -> io::Result<()> {
    // tidy: allow(clock): at start only, before any tile runs
    let start = Instant::now();
    loop {
        match poll() {
            0 if start.elapsed() > ANSWER => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("{channel}: the driver does not answer")));
            }
            // tidy: allow(sleep): at start only, before any tile runs
            0 => std::thread::sleep(Duration::from_millis(1)),
            code => return check(code, channel),
        }
    }
}

/// The producer's end of a link over Aeron.
pub struct AeronPublication {
    publication: *mut aeron::aeron_exclusive_publication_t,
    record_bytes_max: usize,
    _client: Client,
}

// SAFETY: an exclusive publication may be used by any one thread at a time, and this is its one owner.
unsafe impl Send for AeronPublication {}

impl Publication for AeronPublication {
    #[inline]
    fn offer(&mut self, record: &[u8]) -> Offer {
        assert!(record.len() <= self.record_bytes_max, "a record larger than its link allows");
        // A term's end is passed with the second offer (ADMIN_ACTION); a third is for chance.
        for _ in 0..3 {
            // SAFETY: the publication lives and this is its one thread; the record is copied before the call returns.
            let position = unsafe {
                let no_data = ptr::null_mut();
                aeron::aeron_exclusive_publication_offer(self.publication, record.as_ptr(), record.len(), None, no_data)
            };
            match i32::try_from(position) {
                Ok(aeron::AERON_PUBLICATION_ADMIN_ACTION) => {}
                Ok(aeron::AERON_PUBLICATION_BACK_PRESSURED) => return Offer::Full,
                Ok(
                    aeron::AERON_PUBLICATION_NOT_CONNECTED
                    | aeron::AERON_PUBLICATION_CLOSED
                    | aeron::AERON_PUBLICATION_MAX_POSITION_EXCEEDED
                    | aeron::AERON_PUBLICATION_ERROR,
                ) => return Offer::NotConnected,
                _ => return Offer::Sent,
            }
        }
        Offer::Full
    }

    fn has_room(&self, records: usize) -> bool {
        // SAFETY: the publication lives and this is its one thread.
        let (position, limit) = unsafe {
            (
                aeron::aeron_exclusive_publication_position(self.publication),
                aeron::aeron_exclusive_publication_position_limit(self.publication),
            )
        };
        // One frame more: what padding at a term's end can waste.
        let bytes = (records + 1) * frame_bytes(self.record_bytes_max);
        position >= 0 && limit - position >= bytes as i64
    }
}

impl Drop for AeronPublication {
    fn drop(&mut self) {
        // SAFETY: closed once, before its client.
        unsafe { aeron::aeron_exclusive_publication_close(self.publication, None, ptr::null_mut()) };
    }
}

/// A consumer's end of a link over Aeron.
pub struct AeronSubscription {
    subscription: *mut aeron::aeron_subscription_t,
    _client: Client,
}

// SAFETY: a subscription may be polled by any one thread at a time, and this is its one owner.
unsafe impl Send for AeronSubscription {}

unsafe extern "C-unwind" fn hand_over(
    take: *mut c_void,
    buffer: *const u8,
    length: usize,
    _header: *mut aeron::aeron_header_t,
) {
    // SAFETY: `take` is the reference that `poll` below passes for the time of its call; Aeron's buffer is valid and not
    // written while the handler runs.
    unsafe { (*take.cast::<&mut dyn FnMut(&[u8])>())(std::slice::from_raw_parts(buffer, length)) };
}

impl Subscription for AeronSubscription {
    #[inline]
    fn poll(&mut self, limit: usize, take: &mut dyn FnMut(&[u8])) -> usize {
        let mut take: &mut dyn FnMut(&[u8]) = take;
        let data = (&raw mut take).cast::<c_void>();
        // SAFETY: the subscription lives and this is its one thread; `take` outlives the call.
        let taken = unsafe { aeron::aeron_subscription_poll(self.subscription, Some(hand_over), data, limit) };
        usize::try_from(taken).unwrap_or(0)
    }

    fn lost(&self) -> u64 {
        0
    }

    fn connected(&self) -> bool {
        // SAFETY: the subscription lives.
        unsafe { aeron::aeron_subscription_is_connected(self.subscription) }
    }
}

impl Drop for AeronSubscription {
    fn drop(&mut self) {
        // SAFETY: closed once, before its client.
        unsafe { aeron::aeron_subscription_close(self.subscription, None, ptr::null_mut()) };
    }
}
