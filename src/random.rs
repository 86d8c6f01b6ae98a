//! Randomness: one source for all that must not be guessed.

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// `N` bytes of the kernel's generator, which waits until it has been seeded once
/// after boot (getrandom(2)).
///
/// Where the kernel has no generator the process ends: it has for all kernels that
/// this program runs on, and a secret that can be guessed is worse than none.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(Errno::INTR) => {}
            Err(error) => give_up(error),
        }
    }
    bytes
}

fn give_up(error: Errno) -> ! {
    tracing::error!(%error, "the kernel has no random bytes");
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_all_bytes_and_repeats_none() {
        let (first, second) = (bytes::<1024>(), bytes::<1024>());
        assert_ne!(first, second);
        assert!(first.chunks(32).all(|part| part != [0; 32]));
    }
}
