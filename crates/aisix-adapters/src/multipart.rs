//! Finding form fields in a `multipart/form-data` body (RFC 7578) without taking the body apart.

use std::ops::Range;

use memchr::memmem;

/// The most parts looked at.
const PARTS_MAX: usize = 256;

/// The `boundary` parameter of a content type.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let parameters = content_type.split(';').skip(1);
    let value = parameters
        .filter_map(|p| p.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?
        .1;
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    // RFC 2046 §5.1.1: 1 to 70 characters.
    (1..=70).contains(&value.len()).then_some(value)
}

/// Where the values of the plain fields (not files) called `name` stand. `None`: the body is not well formed.
pub(crate) fn fields(body: &[u8], boundary: &str, name: &str) -> Option<Vec<Range<usize>>> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(delimiter.as_bytes());
    // The first delimiter stands at the very beginning, or after a preamble.
    let first = match body.starts_with(&delimiter.as_bytes()[2..]) {
        true => delimiter.len() - 2,
        false => finder.find(body)? + delimiter.len(),
    };
    let (mut found, mut at) = (Vec::new(), first);
    for _ in 0..PARTS_MAX {
        if body[at..].starts_with(b"--") {
            return Some(found);
        }
        // The delimiter may be followed by white space; the part begins on the next line.
        let head_start = at + memmem::find(&body[at..], b"\r\n")? + 2;
        let end = head_start - 2 + finder.find(&body[head_start - 2..])?;
        let (head, value_start) = split_part(body, head_start, end)?;
        if is_field(head, name) {
            found.push(value_start..end);
        }
        at = end + delimiter.len();
    }
    None
}

/// The header block of a part, and where its value begins.
fn split_part(body: &[u8], start: usize, end: usize) -> Option<(&[u8], usize)> {
    let part = body.get(start..end)?;
    if part.starts_with(b"\r\n") {
        return Some((&[], start + 2));
    }
    let head_len = memmem::find(part, b"\r\n\r\n")?;
    Some((&part[..head_len], start + head_len + 4))
}

/// Whether a part's headers say that it is the field `name` and not a file.
fn is_field(head: &[u8], name: &str) -> bool {
    let Ok(head) = std::str::from_utf8(head) else { return false };
    head.split("\r\n").filter_map(|line| line.split_once(':')).any(|(header, value)| {
        header.trim().eq_ignore_ascii_case("content-disposition")
            && parameter(value, "name").is_some_and(|found| found == name)
            && parameter(value, "filename").is_none()
            && parameter(value, "filename*").is_none()
    })
}

fn parameter<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    let pairs = value.split(';').skip(1).filter_map(|p| p.split_once('='));
    let (_, found) = pairs.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    let found = found.trim();
    Some(found.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\nContent-Type: audio/wav\r\n\r\n\r\n--Bogus\r\nmodel\r\n--B\r\ncontent-disposition: form-data; name=model\r\n\r\nwhisper-1\r\n--B\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--B--\r\n";

    fn values(body: &str, name: &str) -> Option<Vec<String>> {
        Some(fields(body.as_bytes(), "B", name)?.into_iter().map(|range| body[range].to_owned()).collect())
    }

    #[test]
    fn plain_fields_are_found_and_files_are_not() {
        // "--Bogus" inside the file begins with the delimiter: RFC 2046 forbids a boundary that occurs in the data.
        let body = BODY.replace("\r\n--Bogus", "\n--Bogus");
        assert_eq!(values(&body, "model").unwrap(), ["whisper-1"]);
        assert_eq!(values(&body, "empty").unwrap(), [""]);
        assert_eq!(values(&body, "file").unwrap(), Vec::<String>::new());
        assert_eq!(values(&format!("preamble\r\n{body}"), "model").unwrap(), ["whisper-1"]);
    }

    #[test]
    fn a_cut_body_is_not_well_formed() {
        let body = BODY.replace("\r\n--Bogus", "\n--Bogus");
        for end in 0..body.len() - "--\r\n".len() {
            assert!(fields(&body.as_bytes()[..end], "B", "model").is_none(), "cut at {end}");
        }
    }

    #[test]
    fn boundaries() {
        assert_eq!(boundary("multipart/form-data; boundary=abc"), Some("abc"));
        assert_eq!(boundary("multipart/form-data; charset=x; Boundary=\"a b\""), Some("a b"));
        assert_eq!(boundary("multipart/form-data"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);
    }
}
