//! Aeron's media driver in this process, on the calling thread: small buffers, short timeouts, a directory of our choice.
//!
//! Invariant: its directory is on a file system with room for all that the topology's links need, checked before it starts,
//! and is taken away when it ends.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};
use std::ptr;

use rusteron_media_driver::bindings as aeron;

use super::last_error;

/// The smallest that Aeron takes; its other buffers are at their minimum by default.
const COUNTERS_BYTES: usize = 1 << 20;
const LOSS_REPORT_BYTES: usize = 64 << 10;
/// What the driver needs for itself: counters with their metadata (four times the values), three buffers of 1 MiB.
const OWN_BYTES: u64 = 9 << 20;
/// A client that is silent for so long is taken for dead, and cannot come back: its process ends. A stopped virtual machine
/// or a debugger's pause must stay below it.
const CLIENT_LIVENESS_NS: u64 = 10_000_000_000;
const IMAGE_LIVENESS_NS: u64 = 10_000_000_000;
/// More than the client's liveness, as Aeron demands.
const UNBLOCK_NS: u64 = 15_000_000_000;
const LINGER_NS: u64 = 500_000_000;
const CONNECTION_NS: u64 = 1_000_000_000;
const TIMER_NS: u64 = 100_000_000;

/// How to run the driver.
#[derive(Clone, Debug)]
pub struct DriverConfig {
    /// Its directory, on a tmpfs; made by the driver and removed at the end.
    pub directory: PathBuf,
    /// Bytes that the logs of all links will take there: three terms each.
    pub logs_bytes: u64,
    /// Whether it never leaves its core (`noop`); else it backs off.
    pub spin: bool,
}

/// Refuses when the file system of this directory has less room than the driver and its links need.
///
/// # Errors
/// A sentence with the directory, what is free and what is needed.
pub fn check_space(directory: &Path, logs_bytes: u64) -> io::Result<()> {
    let free = crate::free_bytes(directory)?;
    let needed = OWN_BYTES + logs_bytes;
    if free >= needed {
        return Ok(());
    }
    let text = format!(
        "aeron_directory = {}: {} MiB are free there, the links need {} MiB; name a larger tmpfs or lower their depths",
        directory.display(),
        free >> 20,
        (needed >> 20) + 1
    );
    Err(io::Error::new(io::ErrorKind::StorageFull, text))
}

struct Driver {
    context: *mut aeron::aeron_driver_context_t,
    driver: *mut aeron::aeron_driver_t,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // SAFETY: each pointer is closed once, the driver first.
        unsafe {
            if !self.driver.is_null() {
                aeron::aeron_driver_close(self.driver);
            }
            aeron::aeron_driver_context_close(self.context);
        }
    }
}

/// Runs the driver on this thread until `stop` says so. `started` is called once clients may connect.
///
/// # Errors
/// When space is short, another driver lives in the directory, or the directory cannot be made.
pub fn run_driver(config: &DriverConfig, stop: impl Fn() -> bool, started: impl FnOnce()) -> io::Result<()> {
    check_space(&config.directory, config.logs_bytes)?;
    let directory = CString::new(config.directory.to_string_lossy().as_bytes()).map_err(io::Error::other)?;
    let mut driver = Driver { context: ptr::null_mut(), driver: ptr::null_mut() };
    let check = |code: i32, doing: &str| if code < 0 { Err(last_error(doing)) } else { Ok(()) };
    // SAFETY: plain calls of Aeron's API in its documented order; strings are copied by the setters.
    unsafe {
        check(aeron::aeron_driver_context_init(&raw mut driver.context), "making the driver's context")?;
        configure(driver.context, &directory, config.spin);
        check(aeron::aeron_driver_init(&raw mut driver.driver, driver.context), "making the driver")?;
        check(aeron::aeron_driver_start(driver.driver, true), "starting the driver")?;
    }
    started();
    while !stop() {
        // SAFETY: the driver lives and this is its one thread.
        unsafe {
            let work = aeron::aeron_driver_main_do_work(driver.driver);
            aeron::aeron_driver_main_idle_strategy(driver.driver, work);
        }
    }
    Ok(())
}

/// Sets all that differs from Aeron's defaults.
///
/// # Safety
/// The context is live and no driver uses it yet.
unsafe fn configure(context: *mut aeron::aeron_driver_context_t, directory: &CString, spin: bool) {
    let idle = if spin { c"noop" } else { c"backoff" };
    // SAFETY: the caller's promise.
    unsafe {
        aeron::aeron_driver_context_set_dir(context, directory.as_ptr());
        aeron::aeron_driver_context_set_dir_delete_on_start(context, true);
        aeron::aeron_driver_context_set_dir_delete_on_shutdown(context, true);
        aeron::aeron_driver_context_set_threading_mode(
            context,
            aeron::aeron_threading_mode_enum::AERON_THREADING_MODE_SHARED,
        );
        aeron::aeron_driver_context_set_shared_idle_strategy(context, idle.as_ptr());
        aeron::aeron_driver_context_set_counters_buffer_length(context, COUNTERS_BYTES);
        aeron::aeron_driver_context_set_loss_report_buffer_length(context, LOSS_REPORT_BYTES);
        // Space is reserved when a log is made, not at the first store to a page.
        aeron::aeron_driver_context_set_term_buffer_sparse_file(context, false);
        aeron::aeron_driver_context_set_perform_storage_checks(context, true);
        aeron::aeron_driver_context_set_low_file_store_warning_threshold(context, 0);
        aeron::aeron_driver_context_set_client_liveness_timeout_ns(context, CLIENT_LIVENESS_NS);
        aeron::aeron_driver_context_set_image_liveness_timeout_ns(context, IMAGE_LIVENESS_NS);
        aeron::aeron_driver_context_set_publication_unblock_timeout_ns(context, UNBLOCK_NS);
        aeron::aeron_driver_context_set_publication_linger_timeout_ns(context, LINGER_NS);
        aeron::aeron_driver_context_set_publication_connection_timeout_ns(context, CONNECTION_NS);
        aeron::aeron_driver_context_set_timer_interval_ns(context, TIMER_NS);
        aeron::aeron_driver_context_set_socket_multicast_ttl(context, 0);
        aeron::aeron_driver_context_set_print_configuration(context, false);
    }
}
