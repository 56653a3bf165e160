//! What programs ask the system for as randomness. Here it seeds hash tables, so that nobody can slow a server down with
//! chosen keys: at the sender's own desk there is nobody to guard against. No key and no id is made in this module. So the
//! bytes are a fixed sequence, and nothing has to be imported.

use core::sync::atomic::{AtomicU32, Ordering};

// The other version calls the same function; `uuid` is told to ask it.
use {getrandom_04 as _, uuid as _};

static NEXT: AtomicU32 = AtomicU32::new(0x9E37_79B9);

fn fill(dest: *mut u8, len: usize) {
    for at in 0..len {
        let next = NEXT.fetch_add(0x6D2B_79F5, Ordering::Relaxed);
        let byte = (next ^ (next >> 15)).to_le_bytes()[1];
        // SAFETY: the caller owns `len` bytes at `dest`.
        unsafe { dest.add(at).write(byte) };
    }
}

#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(dest: *mut u8, len: usize) -> Result<(), getrandom_03::Error> {
    fill(dest, len);
    Ok(())
}
