//! Keys and values: put, get, range, delete, transaction, compaction.
//!
//! Invariant: a range over several pages is of one revision.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::call::{Effect, Etcd, kv};
use super::error::{Error, Kind, Result};
use super::types::{Header, KeyValue, Keys, Outcome, Transacted, Transaction, delete_options, get_options};

const PAGE_KEYS: i64 = 1000;

impl Etcd {
    /// Sets a key; it goes with the lease where that is not 0. Returns the revision at which it did.
    pub async fn put(&self, key: Vec<u8>, value: Vec<u8>, lease: i64, deadline: Instant) -> Result<Header> {
        let header = self
            .call(Effect::Write, deadline, |client| {
                let (key, value) = (key.clone(), value.clone());
                let options = etcd_client::PutOptions::new().with_lease(lease);
                async move { Ok(Header::from(kv(&client).put(key, value, Some(options)).await?.header())) }
            })
            .await?;
        self.saw(header);
        Ok(header)
    }

    /// Reads one key.
    pub async fn get(&self, key: Vec<u8>, deadline: Instant) -> Result<(Header, Option<KeyValue>)> {
        let (header, mut found) = self.page(&Keys::One(key), 0, 0, false, None, deadline).await?;
        Ok((header, found.0.pop()))
    }

    /// Reads keys in their order, at most `limit` of them (0: all), as of `revision` (0: now).
    pub async fn range(
        &self,
        keys: &Keys,
        limit: i64,
        revision: i64,
        keys_only: bool,
        deadline: Instant,
    ) -> Result<(Header, Vec<KeyValue>)> {
        let size = |have: usize| if limit == 0 { PAGE_KEYS } else { PAGE_KEYS.min(limit - have as i64) };
        let (header, (mut all, mut more)) = self.page(keys, size(0), revision, keys_only, None, deadline).await?;
        let at = if revision == 0 { header.revision } else { revision };
        while more && (limit == 0 || (all.len() as i64) < limit) {
            let after = all.last().map(|last| last.key.clone());
            let (_, (page, further)) = self.page(keys, size(all.len()), at, keys_only, after, deadline).await?;
            if page.is_empty() {
                return Err(Error::new(Kind::Refused, "the store gave an empty page and said there is more"));
            }
            all.extend(page);
            more = further;
        }
        Ok((header, all))
    }

    async fn page(
        &self,
        keys: &Keys,
        limit: i64,
        revision: i64,
        keys_only: bool,
        after: Option<Vec<u8>>,
        deadline: Instant,
    ) -> Result<(Header, (Vec<KeyValue>, bool))> {
        let mut options = get_options(keys).with_limit(limit).with_revision(revision);
        if keys_only {
            options = options.with_keys_only();
        }
        let mut first = keys.first().to_vec();
        if let Some(after) = after {
            // The end of the range stays that of the prefix; it begins right after the last key.
            let end = prefix_end(keys.first());
            options = options.with_range(end);
            first = after;
            first.push(0);
        }
        let floor = self.floor();
        self.call(Effect::Read, deadline, |client| {
            let (first, options) = (first.clone(), options.clone());
            async move {
                let answer = kv(&client).get(first, Some(options)).await?;
                let header = Header::from(answer.header());
                self.not_stale(floor, header)?;
                Ok((header, (answer.kvs().iter().map(KeyValue::from).collect(), answer.more())))
            }
        })
        .await
    }

    /// All keys at `revision` (0: now) from one member, for a watch that must know who answers; `page_max` for each page.
    pub(crate) async fn range_on(
        &self,
        client: &etcd_client::Client,
        keys: &Keys,
        revision: i64,
        keys_only: bool,
        page_max: Duration,
    ) -> Result<(Header, Vec<KeyValue>)> {
        let (mut first, mut all) = (keys.first().to_vec(), Vec::new());
        let mut options = get_options(keys).with_limit(PAGE_KEYS).with_revision(revision);
        if keys_only {
            options = options.with_keys_only();
        }
        let mut of = None;
        loop {
            let mut store = kv(client);
            let read = timeout(page_max, store.get(first.clone(), Some(options.clone()))).await;
            let read = read.map_err(|_| Error::new(Kind::Unreachable, "no answer in time"))?;
            let read = read.map_err(|error| super::error::classify(&error).0)?;
            let header = *of.get_or_insert(Header::from(read.header()));
            all.extend(read.kvs().iter().map(KeyValue::from));
            if !read.more() {
                return Ok((header, all));
            }
            let at = if revision == 0 { header.revision } else { revision };
            options = options.with_range(prefix_end(keys.first())).with_revision(at);
            first = all.last().map(|last: &KeyValue| [last.key.as_slice(), &[0]].concat()).unwrap_or(first);
        }
    }

    /// Deletes keys; returns how many there were.
    pub async fn delete(&self, keys: &Keys, deadline: Instant) -> Result<(Header, i64)> {
        let answer = self
            .call(Effect::Write, deadline, |client| {
                let (first, options) = (keys.first().to_vec(), delete_options(keys));
                async move {
                    let answer = kv(&client).delete(first, Some(options)).await?;
                    Ok((Header::from(answer.header()), answer.deleted()))
                }
            })
            .await?;
        self.saw(answer.0);
        Ok(answer)
    }

    /// Does a transaction. One without writes counts as a read.
    pub async fn transact(&self, transaction: &Transaction, deadline: Instant) -> Result<Transacted> {
        let writes = |steps: &[super::Step]| steps.iter().any(|step| !matches!(step, super::Step::Get(_)));
        let effect =
            if writes(&transaction.success) || writes(&transaction.failure) { Effect::Write } else { Effect::Read };
        let floor = self.floor();
        let done = self
            .call(effect, deadline, |client| {
                let sent: etcd_client::Txn = transaction.clone().into();
                async move {
                    let answer = kv(&client).txn(sent).await?;
                    let header = Header::from(answer.header());
                    if effect == Effect::Read {
                        self.not_stale(floor, header)?;
                    }
                    let outcomes = answer.op_responses().iter().map(outcome).collect();
                    Ok(Transacted { header, succeeded: answer.succeeded(), outcomes })
                }
            })
            .await?;
        self.saw(done.header);
        Ok(done)
    }

    /// Throws away all history before `revision`. A revision that is compacted already is an error of kind `Compacted`.
    pub async fn compact(&self, revision: i64, deadline: Instant) -> Result<Header> {
        self.call(Effect::Write, deadline, |client| async move {
            let options = etcd_client::CompactionOptions::new().with_physical();
            Ok(Header::from(kv(&client).compact(revision, Some(options)).await?.header()))
        })
        .await
    }
}

fn outcome(response: &etcd_client::TxnOpResponse) -> Outcome {
    match response {
        etcd_client::TxnOpResponse::Get(read) => Outcome::Get(read.kvs().iter().map(KeyValue::from).collect()),
        etcd_client::TxnOpResponse::Delete(deleted) => Outcome::Deleted(deleted.deleted()),
        etcd_client::TxnOpResponse::Put(_) | etcd_client::TxnOpResponse::Txn(_) => Outcome::Put,
    }
}

/// The first key after all that begin with `prefix`; a single zero where there is none, which means no end.
fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::prefix_end;

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        assert_eq!(prefix_end(b"/a/"), b"/a0");
        assert_eq!(prefix_end(&[b'a', 0xff]), b"b");
        assert_eq!(prefix_end(&[0xff, 0xff]), [0]);
        assert_eq!(prefix_end(b""), [0]);
    }
}
