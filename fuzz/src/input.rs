//! Reading what the fuzzer makes.

/// The first byte, by which a target chooses, and the rest.
#[must_use]
pub fn split_first(input: &[u8]) -> (usize, &[u8]) {
    input.split_first().map_or((0, input), |(first, rest)| (usize::from(*first), rest))
}

/// An input with `values` in the places of the bytes from 0xF8 on: what is another one in each process, as a token, and
/// what a fuzzer would have to guess whole. No text has these bytes.
#[must_use]
pub fn fill(input: &[u8], values: &[&str]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(input.len());
    for byte in input {
        match byte.checked_sub(0xf8).and_then(|index| values.get(usize::from(index))) {
            Some(value) => filled.extend_from_slice(value.as_bytes()),
            None => filled.push(*byte),
        }
    }
    filled
}
