//! Raw DEFLATE (RFC 1951, `zip` of RFC 7516 §4.1.3) with a bound on what comes out.

use flate2::{Decompress, FlushDecompress, Status};
use zeroize::Zeroizing;

use super::NotOpened;

const ROOM_BYTES: usize = 32 * 1024;

/// Unpacks a stream that comes in pieces.
pub(super) struct Inflater {
    state: Decompress,
    left: u64,
    is_done: bool,
    room: Zeroizing<Vec<u8>>,
}

impl Inflater {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            state: Decompress::new(false),
            left: max_bytes,
            is_done: false,
            room: Zeroizing::new(vec![0; ROOM_BYTES]),
        }
    }

    /// Unpacks the next piece behind `out`.
    pub(super) fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) -> Result<(), NotOpened> {
        loop {
            if self.is_done {
                return if piece.is_empty() {
                    Ok(())
                } else {
                    Err(NotOpened::Inflate)
                };
            }
            let (in_before, out_before) = (self.state.total_in(), self.state.total_out());
            let status = self
                .state
                .decompress(piece, &mut self.room, FlushDecompress::None)
                .map_err(|_| NotOpened::Inflate)?;
            let (taken, made) = (
                self.state.total_in() - in_before,
                self.state.total_out() - out_before,
            );
            self.left = self.left.checked_sub(made).ok_or(NotOpened::TooLarge)?;
            out.extend_from_slice(self.room.get(..to_len(made)).ok_or(NotOpened::Inflate)?);
            piece = piece.get(to_len(taken)..).ok_or(NotOpened::Inflate)?;
            self.is_done = status == Status::StreamEnd;
            let is_stuck = taken == 0 && made == 0;
            if !self.is_done && (is_stuck || (piece.is_empty() && to_len(made) < ROOM_BYTES)) {
                return if piece.is_empty() {
                    Ok(())
                } else {
                    Err(NotOpened::Inflate)
                };
            }
        }
    }

    /// Whether the stream came to its end.
    pub(super) fn finish(&self) -> Result<(), NotOpened> {
        if self.is_done {
            Ok(())
        } else {
            Err(NotOpened::Inflate)
        }
    }
}

/// Lengths of one step are below the lengths of the slices they count.
fn to_len(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
