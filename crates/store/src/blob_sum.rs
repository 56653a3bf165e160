//! Blobs that prove themselves: a sum behind the content, checked before the last piece is given away.
//!
//! ```text
//!  content … content │ SHA-256( id ‖ 0x00 ‖ content )     as stored; 32 bytes longer than the blob
//! ```
//!
//! Whether a blob has a sum is told by its id (it ends in `-s`), not by a mark in the stored bytes: so no flipped bit makes a
//! blob with a sum pass for one from before there were sums. The id is under the sum: two blobs that changed places are found.
//!
//! A blob store writes [`BlobSum::bytes`] behind the content, and gives readers out as [`Checked`].

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{BlobId, BlobReader, Error, Reply};

/// Length of the sum behind the content.
pub const SUM_BYTES: u64 = 32;

const SUFFIX: &str = "-s";

/// An id for a blob that will have a sum, of 16 random bytes.
pub fn summed_id(random: [u8; 16]) -> BlobId {
    let mut id = String::with_capacity(34);
    for nibble in random.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        id.extend(char::from_digit(nibble.into(), 16));
    }
    id.push_str(SUFFIX);
    BlobId(id)
}

/// Whether the blob has a sum behind its content.
pub fn has_sum(id: &BlobId) -> bool {
    id.as_str().ends_with(SUFFIX)
}

/// The sum of a blob while it is written or read.
#[derive(Clone)]
pub struct BlobSum(Sha256);

impl BlobSum {
    /// Of the blob with this id, nothing of it yet.
    pub fn begin(id: &BlobId) -> Self {
        Self(
            Sha256::new()
                .chain_update(id.as_str().as_bytes())
                .chain_update([0]),
        )
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The sum of all pieces: what is written behind them.
    pub fn bytes(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Gives what a reader gives, without the sum behind it, and gives the last piece only if the sum is right.
pub struct Checked {
    stored: Box<dyn BlobReader>,
    sum: BlobSum,
    size_bytes: u64,
    rest_bytes: u64,
    behind: Vec<u8>,
    /// Read and summed, and not given away yet.
    held: Option<Bytes>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Right,
    Wrong,
}

impl Checked {
    /// Checks what is read from storage, if the blob has a sum.
    pub fn of(id: &BlobId, stored: Box<dyn BlobReader>) -> Box<dyn BlobReader> {
        if !has_sum(id) {
            return stored;
        }
        let size_bytes = stored.size_bytes().saturating_sub(SUM_BYTES);
        Box::new(Self {
            stored,
            sum: BlobSum::begin(id),
            size_bytes,
            rest_bytes: size_bytes,
            behind: Vec::new(),
            held: None,
            state: State::Reading,
        })
    }

    /// Of a piece as stored, the part that is content.
    fn take(&mut self, mut piece: Bytes) -> Bytes {
        let length =
            usize::try_from(self.rest_bytes).map_or(piece.len(), |rest| rest.min(piece.len()));
        let content = piece.split_to(length);
        self.rest_bytes -= u64::try_from(length).unwrap_or(self.rest_bytes);
        self.sum.push(&content);
        self.behind.extend_from_slice(&piece);
        content
    }

    fn end(&mut self) -> Result<Option<Bytes>, Error> {
        let is_right = self.rest_bytes == 0 && self.behind == self.sum.clone().bytes();
        if !is_right {
            self.state = State::Wrong;
            self.held = None;
            return Err(wrong());
        }
        self.state = State::Right;
        Ok(self.held.take())
    }

    async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        match self.state {
            State::Right => return Ok(None),
            State::Wrong => return Err(wrong()),
            State::Reading => {}
        }
        while let Some(piece) = self.stored.next().await? {
            let content = self.take(piece);
            if content.is_empty() {
                continue;
            }
            if let Some(ready) = self.held.replace(content) {
                return Ok(Some(ready));
            }
        }
        self.end()
    }
}

/// The words of the fault: an operator finds them in the log, `amtsbote verify` tells which blob.
fn wrong() -> Error {
    Error::Unreadable {
        kind: "blob",
        reason: "its bytes are not those that were kept".into(),
    }
}

impl BlobReader for Checked {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Error>> {
        Box::pin(self.read())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    struct Stored(VecDeque<Bytes>, u64);

    impl BlobReader for Stored {
        fn size_bytes(&self) -> u64 {
            self.1
        }

        fn next(&mut self) -> Reply<'_, Result<Option<Bytes>, Error>> {
            let piece = self.0.pop_front();
            Box::pin(async move { Ok(piece) })
        }
    }

    fn reader(id: &BlobId, stored: &[u8], piece_bytes: usize) -> Box<dyn BlobReader> {
        let pieces = stored.chunks(piece_bytes).map(Bytes::copy_from_slice);
        let size_bytes = u64::try_from(stored.len()).unwrap();
        Checked::of(id, Box::new(Stored(pieces.collect(), size_bytes)))
    }

    /// What is given away, and whether it ended well.
    async fn given(id: &BlobId, stored: &[u8], piece_bytes: usize) -> (Vec<u8>, bool) {
        let mut reader = reader(id, stored, piece_bytes);
        let mut given = Vec::new();
        loop {
            match reader.next().await {
                Ok(Some(piece)) => given.extend_from_slice(&piece),
                Ok(None) => return (given, true),
                Err(_) => {
                    assert!(reader.next().await.is_err(), "an error stays one");
                    return (given, false);
                }
            }
        }
    }

    fn stored(id: &BlobId, content: &[u8]) -> Vec<u8> {
        let mut sum = BlobSum::begin(id);
        sum.push(content);
        [content, &sum.bytes()[..]].concat()
    }

    #[tokio::test]
    async fn content_comes_back_however_it_is_cut() {
        let id = summed_id([7; 16]);
        assert_eq!(id.as_str(), "07070707070707070707070707070707-s");
        for length in [0, 1, 31, 32, 33, 100] {
            let content = vec![b'x'; length];
            let stored = stored(&id, &content);
            for piece_bytes in 1..stored.len() {
                assert_eq!(
                    given(&id, &stored, piece_bytes).await,
                    (content.clone(), true)
                );
            }
        }
    }

    #[tokio::test]
    async fn every_flipped_bit_is_found_before_the_last_piece_is_given() {
        let id = summed_id([7; 16]);
        let content = b"sealed, byte after byte".repeat(5);
        let right = stored(&id, &content);
        for bit in 0..right.len() * 8 {
            let mut flipped = right.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            for piece_bytes in [7, 64, 1000] {
                let (given, whole) = given(&id, &flipped, piece_bytes).await;
                assert!(!whole && given.len() < content.len(), "bit {bit}");
            }
        }
    }

    #[tokio::test]
    async fn cut_lengthened_and_exchanged_blobs_are_found() {
        let id = summed_id([7; 16]);
        let right = stored(&id, b"content");
        for length in 0..right.len() {
            assert!(!given(&id, &right[..length], 8).await.1, "{length}");
        }
        assert!(!given(&id, &[&right[..], b"x"].concat(), 8).await.1);
        let other = stored(&summed_id([8; 16]), b"content");
        assert!(!given(&id, &other, 8).await.1);
    }

    #[tokio::test]
    async fn a_blob_from_before_there_were_sums_is_given_as_it_is() {
        let id: BlobId = "07070707070707070707070707070707".parse().unwrap();
        assert_eq!(given(&id, b"content", 3).await, (b"content".to_vec(), true));
    }
}
