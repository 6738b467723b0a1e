//! Room on the file system that a file or a directory lies on.
//!
//! Invariant: who finds too little room says where, how much is needed and how much there is.

use std::ffi::CString;
use std::io;
use std::path::Path;

/// Bytes that are free where this path lies, or would lie once it is made.
///
/// # Errors
/// When the system does not say.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let present = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let name = CString::new(present.as_os_str().as_encoded_bytes()).map_err(io::Error::other)?;
    // SAFETY: a zeroed statvfs is a valid value, and the call writes to it alone.
    let mut about: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the name is a C string and `about` is ours, both for the whole call.
    if unsafe { libc::statvfs(name.as_ptr(), &raw mut about) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(about.f_bavail * about.f_frsize)
}

/// The error of a file for which there is no room, in words: its path, what it needs, what is free. Others stay as they are,
/// with the path.
pub fn no_room(path: &Path, needed: u64, error: &io::Error) -> io::Error {
    let path_shown = path.display();
    if error.kind() != io::ErrorKind::StorageFull {
        return io::Error::new(error.kind(), format!("{path_shown}: {}", reason(error)));
    }
    let free = free_bytes(path).unwrap_or(0);
    let text = format!("{path_shown}: needs {needed} bytes, {free} are free there; make room or name another place");
    io::Error::new(io::ErrorKind::StorageFull, text)
}

/// Why the system refused, in words alone: `no space left on device`, without its number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match (error.raw_os_error(), text.rfind(" (os error ")) {
        (Some(_), Some(end)) => {
            let mut words = text[..end].to_owned();
            words[..1].make_ascii_lowercase();
            words
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_path_needed_and_free() {
        let full = io::Error::from_raw_os_error(libc::ENOSPC);
        let path = Path::new("/dev/shm/no/such/place");
        let text = no_room(path, 4096, &full).to_string();
        assert!(text.starts_with("/dev/shm/no/such/place: needs 4096 bytes, "), "{text}");
        assert!(!text.contains("os error") && free_bytes(path).is_ok_and(|free| free > 0));
        let denied = no_room(path, 1, &io::Error::from_raw_os_error(libc::EACCES)).to_string();
        assert_eq!(denied, "/dev/shm/no/such/place: permission denied");
    }
}
