//! The path: segments in canonical escapes.

use aisix_domain::Invalid;

use super::refused;

/// The path of a base URL: its segments, none of them empty, without a `%20` at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    segments: Vec<String>,
}

impl Path {
    pub(super) fn parse(raw: &str) -> Result<Self, Invalid> {
        let canonical = canonical_escapes(raw)?;
        let segments: Vec<_> =
            canonical.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        if segments.iter().any(|segment| segment == "." || segment == "..") {
            return Err(refused(
                "dot_segments_not_allowed",
                "there is a \".\" or \"..\" segment in the path; write the path it stands for",
            ));
        }
        let mut path = Self { segments };
        path.trim_end();
        Ok(path)
    }

    pub(crate) fn segments(&self) -> &[String] {
        &self.segments
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Drops the last `count` segments.
    pub(crate) fn drop_last(&mut self, count: usize) {
        self.segments.truncate(self.segments.len().saturating_sub(count));
        self.trim_end();
    }

    pub(crate) fn push(&mut self, segment: &str) {
        self.segments.push(segment.to_owned());
    }

    pub(crate) fn make_lowercase(&mut self) {
        self.segments.iter_mut().for_each(|segment| segment.make_ascii_lowercase());
    }

    /// Whether the path begins with the segments of `pattern`, where `<…>` stands for any one segment.
    pub(crate) fn starts_with(&self, pattern: &str) -> bool {
        let mut own = self.segments.iter();
        let mut wanted = pattern.split('/').filter(|segment| !segment.is_empty());
        wanted.all(|wanted| own.next().is_some_and(|own| wanted.starts_with('<') || own == wanted))
    }

    pub(super) fn append_to(&self, text: &mut String) {
        for segment in &self.segments {
            text.push('/');
            text.push_str(segment);
        }
    }

    /// A space at the end came along with the copy, also where a browser escaped it.
    fn trim_end(&mut self) {
        while let Some(last) = self.segments.last_mut() {
            while let Some(shorter) = last.strip_suffix("%20").map(str::len) {
                last.truncate(shorter);
            }
            if !last.is_empty() {
                return;
            }
            self.segments.pop();
        }
    }
}

/// RFC 3986 §6.2.2: escapes of unreserved characters are decoded, all others upper-cased, and bytes that may
/// not stand in a path escaped. `%2F` stays: it is part of a segment, not a separator.
fn canonical_escapes(raw: &str) -> Result<String, Invalid> {
    let mut out = String::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => push_canonical(&mut out, escaped_byte(&mut bytes)?)?,
            _ if is_path_byte(byte) => out.push(char::from(byte)),
            _ => push_escape(&mut out, byte),
        }
    }
    Ok(out)
}

fn escaped_byte(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, Invalid> {
    let mut digit = || char::from(bytes.next()?).to_digit(16);
    let byte = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
    byte.ok_or_else(|| {
        refused("invalid_percent_encoding", "a \"%\" in the path is not followed by two hexadecimal digits")
    })
}

fn push_canonical(out: &mut String, byte: u8) -> Result<(), Invalid> {
    if byte.is_ascii_control() {
        return Err(refused(
            "invalid_characters",
            "there is an escaped control character in the path; leave it out",
        ));
    }
    if is_unreserved(byte) {
        out.push(char::from(byte));
    } else {
        push_escape(out, byte);
    }
    Ok(())
}

fn push_escape(out: &mut String, byte: u8) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    out.extend(['%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// RFC 3986 §3.3: what may stand in a path unescaped, the separator included.
fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}
