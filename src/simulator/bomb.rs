//! A gzip body that is small on the wire and far over any sane limit when unpacked.

use std::sync::OnceLock;

use axum::body::Bytes;

/// Unpacked size: twice the 32 MiB a client may read.
const SIZE: u32 = 64 * 1024 * 1024;

/// CRC-32 of [`SIZE`] spaces.
const CRC: u32 = 0x97bf_d3ec;

/// The most a single copy of DEFLATE repeats.
const COPY: u32 = 258;

/// [`SIZE`] spaces, packed into about 420 KB: one DEFLATE block of fixed codes, a space and then copies of it.
pub(super) fn gzip() -> Bytes {
    static BODY: OnceLock<Bytes> = OnceLock::new();
    BODY.get_or_init(|| {
        let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        let mut bits = Bits::default();
        bits.put(0b011, 3, &mut out);
        let literals = 1 + (SIZE - 1) % COPY;
        for _ in 0..literals {
            // Code 0x30 + 0x20 of 8 bits, written most significant bit first.
            bits.put(u32::from(0x50_u8.reverse_bits()), 8, &mut out);
        }
        for _ in 0..(SIZE - 1) / COPY {
            // Length 258 is code 285 (1100 0101), distance 1 is code 0 of 5 bits.
            bits.put(u32::from(0b1100_0101_u8.reverse_bits()), 13, &mut out);
        }
        bits.put(0, 7, &mut out);
        bits.put(0, 7, &mut out);
        out.extend(CRC.to_le_bytes());
        out.extend(SIZE.to_le_bytes());
        Bytes::from(out)
    })
    .clone()
}

#[derive(Default)]
struct Bits {
    held: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32, out: &mut Vec<u8>) {
        self.held |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            out.extend(self.held.to_le_bytes().first());
            self.held >>= 8;
            self.count -= 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    #[test]
    fn unpacks_to_twice_the_limit() {
        let packed = super::gzip();
        assert!(packed.len() < 1_000_000, "{}", packed.len());
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain.len(), 64 * 1024 * 1024);
        assert!(plain.iter().all(|byte| *byte == b' '));
    }
}
