//! Files of fixed size in one directory, mapped into memory.
//!
//! Invariant: a file's space is reserved before it is mapped, so that a store can never meet a full disk; names never
//! leave the directory.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use memmap2::MmapMut;

use crate::flush::ForcedFile;
use crate::{Forced, Segment, Storage};

/// The machine's files below one directory.
pub struct RealStorage {
    directory: PathBuf,
    boot: u64,
}

/// The number of this start of the host ([`Storage::boot`]): the first 64 bits of Linux's random `boot_id`; 0 where it gives none.
pub fn boot() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.bytes()
        .filter(|byte| *byte != b'-')
        .take(16)
        .try_fold(0, |number, digit| char::from(digit).to_digit(16).map(|digit| number << 4 | u64::from(digit)))
        .unwrap_or(0)
}

struct MappedSegment {
    map: MmapMut,
    file: std::fs::File,
    /// Where its name stands.
    directory: PathBuf,
}

impl RealStorage {
    /// Files below this directory, which is made when absent.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory).map_err(|error| links::no_room(directory, 0, &error))?;
        Ok(Self { directory: directory.to_path_buf(), boot: boot() })
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
        if plain {
            Ok(self.directory.join(name))
        } else {
            let text = format!("file name {name:?}: must be a plain name without slash or leading dot");
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

impl Storage for RealStorage {
    fn boot(&self) -> u64 {
        self.boot
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.directory)
    }

    fn open(&self, name: &str, size: usize) -> io::Result<Box<dyn Segment>> {
        let path = self.path(name)?;
        // A file has its space before it has its name: a full disk, or a death meanwhile, leaves no file of its name without any.
        let fresh = !path.try_exists()?;
        let place = if fresh { self.directory.join(format!(".{name}.part")) } else { path.clone() };
        let open = OpenOptions::new().read(true).write(true).create(fresh).truncate(fresh).open(&place);
        let file = open.map_err(|error| links::no_room(&path, size as u64, &error))?;
        let present = file.metadata()?.len();
        if present != 0 && present != size as u64 {
            let text = format!("file {}: is {present} bytes long, must be {size}", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let length = libc::off_t::try_from(size).map_err(io::Error::other)?;
        // SAFETY: a plain system call on a descriptor that is open for the whole call.
        let code = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) };
        if code != 0 {
            if fresh {
                let _ = std::fs::remove_file(&place);
            }
            return Err(links::no_room(&path, size as u64, &io::Error::from_raw_os_error(code)));
        }
        if fresh {
            std::fs::rename(&place, &path)?;
        }
        // SAFETY: the file is ours alone: one tile owns its directory, and readers of other processes never write.
        let map = unsafe { MmapMut::map_mut(&file)? };
        Ok(Box::new(MappedSegment { map, file, directory: self.directory.clone() }))
    }

    fn force(&self, name: &str, _size: usize) -> io::Result<()> {
        match std::fs::File::open(self.path(name)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            file => file?.sync_data(),
        }
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(name)?)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(name)?;
        // Beside its place and of a name that is no other's: what a process that died left there is written over by the next.
        let part = self.directory.join(format!(".{name}.part"));
        let written = (|| {
            let mut file = std::fs::File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
            std::fs::File::open(&self.directory)?.sync_all()
        })();
        written.map_err(|error| {
            // Only what is not whole is taken away; where that fails too, the name says that it counts for nothing.
            let _ = std::fs::remove_file(&part);
            links::no_room(&path, bytes.len() as u64, &error)
        })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name)?)
    }
}

impl Segment for MappedSegment {
    fn bytes(&self) -> &[u8] {
        &self.map
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }

    fn sync(&mut self) -> io::Result<()> {
        self.map.flush()?;
        self.file.sync_data()
    }

    fn forced(&self) -> io::Result<Option<Box<dyn Forced>>> {
        let directory = Some(std::fs::File::open(&self.directory)?);
        Ok(Some(Box::new(ForcedFile { file: self.file.try_clone()?, directory })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_for_which_there_is_no_room_leaves_no_name_and_one_that_was_half_made_is_made_anew() {
        let directory = std::env::temp_dir().join(format!("meridian-storage-{}", std::process::id()));
        let storage = RealStorage::new(&directory).expect("a directory");
        assert!(storage.open("journal", 1 << 60).is_err(), "no device has so much");
        assert_eq!(storage.list().expect("a directory"), Vec::<String>::new());
        // A process died between the file and its space.
        std::fs::write(directory.join(".journal.part"), b"half").expect("room");
        let segment = storage.open("journal", 4_096).expect("room");
        assert!(segment.bytes().len() == 4_096 && segment.bytes().iter().all(|byte| *byte == 0));
        assert_eq!(storage.list().expect("a directory"), ["journal"]);
        std::fs::remove_dir_all(&directory).expect("its own");
    }
}
