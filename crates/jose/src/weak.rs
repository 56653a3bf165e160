//! Moduli that are known to fall: with a small factor, or made by the generator of CVE-2017-15361 (ROCA).
//!
//! That generator's primes are `k·M + 65537^a mod M`, `M` a product of small primes; so modulo each of them the modulus is a power
//! of 65537. A sound modulus is that for all of them with a chance below 1 in 2^27 (Nemec et al., ACM CCS 2017, §5).

/// Whether the modulus (big endian) is known to be weak.
pub(crate) fn is_weak(modulus: &[u8]) -> bool {
    let is_even = modulus.last().is_none_or(|last| last % 2 == 0);
    let rests: Vec<(u32, u32)> = PRIMES
        .iter()
        .map(|prime| (*prime, rest(modulus, *prime)))
        .collect();
    is_even
        || rests.iter().any(|(_, rest)| *rest == 0)
        || rests
            .iter()
            .all(|(prime, rest)| is_power_of_65537(*rest, *prime))
}

/// The odd primes the fingerprint looks at.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

fn rest(modulus: &[u8], prime: u32) -> u32 {
    modulus
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_65537(rest: u32, prime: u32) -> bool {
    let base = 65_537 % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == rest {
            return true;
        }
        power = power * base % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use openssl::bn::BigNum;

    use super::*;

    fn modulus_with_rest_one() -> BigNum {
        let mut product = BigNum::from_u32(2).unwrap();
        for prime in PRIMES {
            product.mul_word(prime).unwrap();
        }
        let mut number = BigNum::new().unwrap();
        number.lshift(&product, 4095 - product.num_bits()).unwrap();
        number.add_word(1).unwrap();
        number
    }

    #[test]
    fn a_modulus_of_the_broken_generator_is_known_by_its_rests() {
        assert!(is_weak(&modulus_with_rest_one().to_vec()));
    }

    #[test]
    fn small_factors_and_even_numbers_are_weak() {
        let mut odd = modulus_with_rest_one();
        odd.mul_word(167).unwrap();
        assert!(is_weak(&odd.to_vec()));
        assert!(is_weak(&[2]));
        assert!(is_weak(&[]));
    }

    #[test]
    fn an_ordinary_modulus_is_not_weak() {
        let key = openssl::rsa::Rsa::generate(2048).unwrap();
        assert!(!is_weak(&key.n().to_vec()));
    }
}
