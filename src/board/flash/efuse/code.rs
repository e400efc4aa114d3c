//! The code that protects key blocks against single cells that change: Reed-Solomon over GF(2^8), 32 bytes of data and 12
//! check bytes behind them (ESP32-C3 Technical Reference Manual, "eFuse Controller"). The field is that of the polynomial
//! 0x11d, the roots are the powers 0 to 11 of its generator 2. The chip decodes; who programs a block encodes.

/// Bytes of a key.
pub(super) const DATA_BYTES: usize = 32;
/// Check bytes behind them.
pub(super) const CHECK_BYTES: usize = 12;

/// x^8 modulo the polynomial of the field.
const REDUCED: u8 = 0x1d;

const fn times(mut left: u8, mut right: u8) -> u8 {
    let mut product = 0;
    while right != 0 {
        if right & 1 != 0 {
            product ^= left;
        }
        left = (left << 1) ^ if left & 0x80 == 0 { 0 } else { REDUCED };
        right >>= 1;
    }
    product
}

/// The product of all (x - root), from x^11 down; the 1 before x^12 is left out.
const GENERATOR: [u8; CHECK_BYTES] = {
    // From x^12 down, grown by one root a turn.
    let mut product = [0; CHECK_BYTES + 1];
    product[0] = 1;
    let mut root = 1;
    let mut degree = 0;
    while degree < CHECK_BYTES {
        let mut at = degree + 1;
        while at > 0 {
            product[at] ^= times(product[at - 1], root);
            at -= 1;
        }
        root = times(root, 2);
        degree += 1;
    }
    let mut rest = [0; CHECK_BYTES];
    let mut at = 0;
    while at < CHECK_BYTES {
        rest[at] = product[at + 1];
        at += 1;
    }
    rest
};

/// The check bytes that follow the data: the rest of its division by the generator.
pub(super) fn check_bytes(data: &[u8; DATA_BYTES]) -> [u8; CHECK_BYTES] {
    let mut rest = [0; CHECK_BYTES];
    for byte in data {
        let factor = byte ^ rest[0];
        rest.rotate_left(1);
        rest[CHECK_BYTES - 1] = 0;
        for (byte, coefficient) in rest.iter_mut().zip(GENERATOR) {
            *byte ^= times(factor, coefficient);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polynomial whose coefficients are these bytes, highest first, at a point.
    fn value_at(bytes: &[u8], point: u8) -> u8 {
        bytes.iter().fold(0, |sum, byte| times(sum, point) ^ byte)
    }

    #[test]
    fn every_root_of_the_code_is_one_of_what_was_encoded() {
        for seed in 0..=255_u8 {
            let data: [u8; DATA_BYTES] = std::array::from_fn(|at| seed.wrapping_mul(31).wrapping_add(at as u8) ^ seed);
            let encoded = [&data[..], &check_bytes(&data)].concat();
            let mut root = 1;
            for _ in 0..CHECK_BYTES {
                assert_eq!(value_at(&encoded, root), 0);
                root = times(root, 2);
            }
        }
    }

    #[test]
    fn the_check_bytes_are_those_of_the_reedsolo_package() {
        // reedsolo 1.7.0, with which espefuse encodes: RSCodec(12).encode(bytes(range(32))).
        let data = std::array::from_fn(|at| at as u8);
        assert_eq!(check_bytes(&data), [160, 76, 71, 13, 63, 252, 178, 3, 218, 233, 244, 19]);
        assert_eq!(check_bytes(&[0; DATA_BYTES]), [0; CHECK_BYTES]);
    }
}
