//! The encoding of a document: UTF-8, or UTF-16 as Windows writes what is redirected to a
//! file. Either may begin with a byte order mark.

use std::borrow::Cow;

use super::ReportError;

const MARK_UTF8: &[u8] = &[0xEF, 0xBB, 0xBF];

/// The text of a document, without its byte order mark.
///
/// # Errors
/// [`ReportError::Encoding`] for what is neither, and [`ReportError::Compressed`], each with
/// the way out.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, ReportError> {
    if let Some(how) = compressed(bytes) {
        return Err(ReportError::Compressed(how));
    }
    match encoding(bytes) {
        Encoding::Utf8 => {
            let plain = bytes.strip_prefix(MARK_UTF8).unwrap_or(bytes);
            let text = std::str::from_utf8(plain);
            Ok(Cow::Borrowed(
                text.map_err(|_| ReportError::Encoding("not UTF-8 text"))?,
            ))
        }
        Encoding::Utf16(unit) => from_utf16(bytes, unit).map(Cow::Owned),
        Encoding::Utf32 => Err(ReportError::Encoding("in UTF-32")),
    }
}

/// With what a file is compressed, by the bytes that it begins with; no text begins so.
fn compressed(bytes: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: [(&[u8], &str); 5] = [
        (&[0x1F, 0x8B], "gzip"),
        (&[0x28, 0xB5, 0x2F, 0xFD], "zstd"),
        (&[0xFD, b'7', b'z', b'X', b'Z', 0], "xz"),
        (b"PK\x03\x04", "zip"),
        (b"BZh", "bzip2"),
    ];
    let mut known = BEGINNINGS.into_iter();
    let found = known.find(|(beginning, _)| bytes.starts_with(beginning));
    found.map(|(_, how)| how)
}

enum Encoding {
    Utf8,
    /// How two bytes make a unit.
    Utf16(fn([u8; 2]) -> u16),
    Utf32,
}

/// By the byte order mark, and by where the zeros of the first character lie: a document
/// begins in ASCII.
fn encoding(bytes: &[u8]) -> Encoding {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Encoding::Utf32,
        [0xFF, 0xFE, ..] => Encoding::Utf16(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => Encoding::Utf16(u16::from_be_bytes),
        [1..=255, 0, 0, 0, ..] | [0, 0, 0, 1..=255, ..] => Encoding::Utf32,
        [1..=255, 0, ..] => Encoding::Utf16(u16::from_le_bytes),
        [0, 1..=255, ..] => Encoding::Utf16(u16::from_be_bytes),
        _ => Encoding::Utf8,
    }
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, ReportError> {
    let broken = ReportError::Encoding("broken UTF-16 text");
    let (pairs, []) = bytes.as_chunks::<2>() else {
        return Err(broken);
    };
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    let mut text = text.map_err(|_| broken)?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn reads_what_windows_writes() {
        let text = "{\"é\": \"関所 🔒\"}";
        for written in [text.to_owned(), format!("\u{feff}{text}")] {
            assert_eq!(decode(written.as_bytes()).unwrap(), text);
            assert_eq!(decode(&utf16(&written, u16::to_le_bytes)).unwrap(), text);
            assert_eq!(decode(&utf16(&written, u16::to_be_bytes)).unwrap(), text);
        }
        assert_eq!(decode(b"").unwrap(), "");
    }

    #[test]
    fn says_that_a_document_is_compressed_and_with_what() {
        for (bytes, how) in [
            (&b"\x1f\x8b\x08\x00\x00"[..], "gzip"),
            (b"\x28\xb5\x2f\xfd\x04", "zstd"),
            (b"\xfd7zXZ\x00\x00", "xz"),
            (b"PK\x03\x04\x14", "zip"),
            (b"BZh9", "bzip2"),
        ] {
            let told = decode(bytes).unwrap_err().to_string();
            assert!(
                told.contains(&format!("compressed ({how})")) && told.contains("decompress it"),
                "{told}"
            );
            assert!(!told.contains("UTF-8"), "{told}");
        }
    }

    #[test]
    fn says_what_a_document_is_written_in_and_the_way_out() {
        let half = &utf16("{}", u16::to_le_bytes)[..3];
        let lone = [0xFF, 0xFE, 0x00, 0xD8];
        let wide = [b'{', 0, 0, 0, b'}', 0, 0, 0];
        for (bytes, named) in [
            (&b"{\"a\":\"\xff\"}"[..], "not UTF-8"),
            (half, "UTF-16"),
            (&lone[..], "UTF-16"),
            (&wide[..], "UTF-32"),
            (&[0xFF, 0xFE, 0, 0][..], "UTF-32"),
        ] {
            let told = decode(bytes).unwrap_err().to_string();
            assert!(told.contains(named) && told.contains("as UTF-8"), "{told}");
        }
    }
}
