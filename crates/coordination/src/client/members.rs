//! The members themselves: what each says of itself, a snapshot, a hash of the content.
//!
//! Invariant: a snapshot file under its final name is whole and its checksum was compared.

use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

use super::call::{Effect, Etcd};
use super::error::{Error, Kind, Result, classify};
use super::types::{Header, MemberStatus};

impl Etcd {
    /// What every member says of itself, in the order of the endpoints; a member that does not answer has an `error`.
    pub async fn status(&self, deadline: Instant) -> Vec<MemberStatus> {
        let mut all = Vec::with_capacity(self.members());
        for member in 0..self.members() {
            let until = self.share_of(deadline, member).min(Instant::now() + 2 * self.config().attempt);
            let status = match timeout_at(until, self.member_status(member, until)).await {
                Ok(Ok(status)) => status,
                Ok(Err(error)) => self.silent(member, &error),
                Err(_) => {
                    self.drop_connection(member).await;
                    self.silent(member, &Error::new(Kind::Unreachable, "no answer in time"))
                }
            };
            all.push(status);
        }
        all
    }

    async fn member_status(&self, member: usize, until: Instant) -> Result<MemberStatus> {
        let mut client = self.connect(member, until).await?;
        let status = match client.status().await {
            Ok(status) => status,
            Err(error) => {
                self.drop_connection(member).await;
                return Err(classify(&error).0);
            }
        };
        Ok(MemberStatus {
            endpoint: self.endpoint(member).to_owned(),
            error: String::new(),
            version: status.version().to_owned(),
            header: Header::from(status.header()),
            leader_id: status.leader(),
            raft_term: status.raft_term(),
            database_bytes: status.db_size(),
            is_learner: status.is_learner(),
            alarms: status.errors().to_vec(),
        })
    }

    fn silent(&self, member: usize, error: &Error) -> MemberStatus {
        MemberStatus {
            endpoint: self.endpoint(member).to_owned(),
            error: error.message.clone(),
            version: String::new(),
            header: Header::default(),
            leader_id: 0,
            raft_term: 0,
            database_bytes: 0,
            is_learner: false,
            alarms: Vec::new(),
        }
    }

    /// The hash of all keys up to `revision` (0: now) on one member, with the revision it is of and the oldest one left: equal
    /// on all members, or they disagree.
    pub async fn hash(&self, member: usize, revision: i64, deadline: Instant) -> Result<(u32, i64, i64)> {
        let mut client = self.connect(member, deadline).await?;
        let read = timeout_at(deadline, client.hash_kv(revision))
            .await
            .map_err(|_| Error::new(Kind::Unreachable, "no answer in time"))?
            .map_err(|error| classify(&error).0)?;
        let header = Header::from(read.header());
        let of = if revision == 0 { header.revision } else { revision };
        Ok((read.hash(), of, read.compact_version()))
    }

    /// Writes the whole store, as one member has it, to a file; returns its bytes.
    pub async fn snapshot(&self, path: &Path, deadline: Instant) -> Result<u64> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = Path::new(&partial);
        let saved = timeout_at(deadline, self.save(partial, path, deadline)).await;
        let saved = saved.unwrap_or_else(|_| Err(Error::new(Kind::Unreachable, "the snapshot did not end in time")));
        if saved.is_err() {
            let _ = tokio::fs::remove_file(partial).await;
        }
        saved
    }

    async fn save(&self, partial: &Path, path: &Path, deadline: Instant) -> Result<u64> {
        let local = |error: std::io::Error| Error::new(Kind::Refused, format!("{}: {error}", path.display()));
        // The first piece proves that a member answers; the rest comes from the same one.
        let mut stream = self.call(Effect::Read, deadline, |mut client| async move { client.snapshot().await }).await?;
        let mut file = tokio::fs::File::create(partial).await.map_err(local)?;
        let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
        // The last 32 bytes are the checksum of all before them.
        let mut tail: Vec<u8> = Vec::new();
        while let Some(piece) = stream.message().await.map_err(|error| classify(&error).0)? {
            file.write_all(piece.blob()).await.map_err(local)?;
            bytes += piece.blob().len() as u64;
            tail.extend_from_slice(piece.blob());
            let known = tail.len().saturating_sub(32);
            digest.update(&tail[..known]);
            tail.drain(..known);
        }
        if bytes <= 32 || digest.finalize().as_slice() != tail.as_slice() {
            return Err(Error::new(Kind::Corrupt, "the snapshot's checksum is wrong; it was not kept"));
        }
        file.sync_all().await.map_err(local)?;
        tokio::fs::rename(partial, path).await.map_err(local)?;
        Ok(bytes)
    }
}
