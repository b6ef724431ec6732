//! Finding form fields in a `multipart/form-data` body (RFC 7578) without taking the body apart.
//!
//! The upstream takes it apart with a parser of its own. A field that only one of the two sees would let a
//! caller use a model that was never checked, so a form that can be read in two ways is refused.

use std::ops::Range;

use memchr::memmem::{self, Finder};

use crate::parameters::{Parameters, token};

/// The most parts looked at.
const PARTS_MAX: usize = 256;

/// The `boundary` parameter of a content type.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let parsed = Parameters::parse(content_type.as_bytes()).filter(|p| p.is("multipart/form-data"))?;
    let value = std::str::from_utf8(parsed.get(b"boundary")?).ok()?;
    // RFC 2046 §5.1.1: 1 to 70 characters of these, the last of which is no space.
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let fits = (1..=70).contains(&value.len()) && value.bytes().all(is_part) && !value.ends_with(' ');
    fits.then_some(value)
}

/// Where the values of the plain fields (not files) called `name` stand. `None`: the body is not well formed
/// or can be read in two ways.
pub(crate) fn fields(body: &[u8], boundary: &str, name: &str) -> Option<Vec<Range<usize>>> {
    let delimiter = format!("--{boundary}");
    let finder = Finder::new(delimiter.as_bytes());
    let preamble_len = if body.starts_with(b"\r\n") { 2 } else { 0 };
    if !body[preamble_len..].starts_with(delimiter.as_bytes()) {
        return None;
    }
    let (mut found, mut at) = (Vec::new(), preamble_len + delimiter.len());
    for _ in 0..PARTS_MAX {
        let rest = &body[at..];
        if let Some(epilogue) = rest.strip_prefix(b"--") {
            return epilogue.trim_ascii().is_empty().then_some(found);
        }
        let part_start = rest.starts_with(b"\r\n").then_some(at + 2)?;
        let part_end = next_delimiter(body, part_start, &finder)?;
        let part = body.get(part_start..part_end)?;
        let head_len = memmem::find(part, b"\r\n\r\n")?;
        if is_field(&part[..head_len], name)? {
            found.push(part_start + head_len + 4..part_end);
        }
        at = part_end + 2 + delimiter.len();
    }
    None
}

/// Where the line break before the next delimiter stands. A delimiter behind half a line break is one for
/// lenient readers only.
fn next_delimiter(body: &[u8], from: usize, finder: &Finder<'_>) -> Option<usize> {
    let found = finder.find_iter(&body[from..]).map(|at| &body[..from + at]);
    let before = found.into_iter().find(|before| before.ends_with(b"\r") || before.ends_with(b"\n"))?;
    before.strip_suffix(b"\r\n").map(<[u8]>::len)
}

/// Whether a part's headers say that it is the field `wanted`. `None`: that is not beyond doubt.
fn is_field(head: &[u8], wanted: &str) -> Option<bool> {
    let disposition = Parameters::parse(disposition(head)?).filter(|p| p.is("form-data"))?;
    let name = std::str::from_utf8(disposition.get(b"name")?).ok()?;
    let is_file = disposition.get(b"filename").is_some() || disposition.get(b"filename*").is_some();
    match name == wanted {
        true => (!is_file).then_some(true),
        false => (!name.contains('\\') && !passes_for(name, wanted)).then_some(false),
    }
}

/// The one `content-disposition` of a part.
fn disposition(head: &[u8]) -> Option<&[u8]> {
    let mut found = None;
    for line in Lines(Some(head)) {
        let (header, value) = token(line)?;
        let value = value.strip_prefix(b":")?;
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return None;
        }
        if header.eq_ignore_ascii_case(b"content-disposition") && found.replace(value).is_some() {
            return None;
        }
    }
    found
}

/// Whether some reader takes one name for the other: in another case, with spaces around it, or as the PHP and
/// Rails spelling of a list.
fn passes_for(name: &str, wanted: &str) -> bool {
    name.split('[').next().is_some_and(|base| base.trim().eq_ignore_ascii_case(wanted))
}

/// Lines that end with CRLF; a folded line is one that begins with white space, which is no header's name.
struct Lines<'h>(Option<&'h [u8]>);

impl<'h> Iterator for Lines<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.take()?;
        let Some(end) = memmem::find(rest, b"\r\n") else { return Some(rest) };
        self.0 = Some(&rest[end + 2..]);
        Some(&rest[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &str = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\nContent-Type: audio/wav\r\n\r\n\r\n-- a--B\r\nmodel\r\n--B\r\ncontent-disposition: form-data; name=model\r\n\r\nwhisper-1\r\n--B\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--B--\r\n";

    fn values(body: &str, name: &str) -> Option<Vec<String>> {
        Some(fields(body.as_bytes(), "B", name)?.into_iter().map(|range| body[range].to_owned()).collect())
    }

    /// A form with a good model and one more part with this head.
    fn beside_a_model(head: &str) -> Option<Vec<String>> {
        let model = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nears";
        values(&format!("{model}\r\n--B\r\n{head}\r\n\r\nsecret-model\r\n--B--\r\n"), "model")
    }

    #[test]
    fn plain_fields_are_found_and_files_are_not() {
        assert_eq!(values(BODY, "model").unwrap(), ["whisper-1"]);
        assert_eq!(values(BODY, "empty").unwrap(), [""]);
        assert_eq!(values(BODY, "other").unwrap(), Vec::<String>::new());
        assert_eq!(values(&format!("\r\n{BODY}"), "model").unwrap(), ["whisper-1"]);
    }

    #[test]
    fn a_cut_body_is_not_well_formed() {
        for end in 0..BODY.len() - "--\r\n".len() {
            assert!(fields(&BODY.as_bytes()[..end], "B", "model").is_none(), "cut at {end}");
        }
    }

    #[test]
    fn a_second_model_cannot_hide_in_a_head() {
        for head in [
            "Content-Disposition: form-data; x=\"; name=file; y=\"; name=\"Model\"",
            "Content-Disposition: form-data; name=\"a\"; name=\"model\"",
            "Content-Disposition: form-data; name=\"a\"; x=\"\\\"; name=model; y=\"\\\"\"",
            "Content-Disposition: form-data; name=\"a\"; name*=utf-8''model",
            "Content-Disposition: form-data; name*0=\"mo\"; name*1=\"del\"",
            "Content-Disposition: form-data; name=\"mo\\del\"",
            "Content-Disposition: form-data; name=\"a\";\r\n name=\"model\"",
            "X: y\r\n\tz\r\nContent-Disposition: form-data; name=\"a\"",
            "X: y\nContent-Disposition: form-data; name=\"model\"\r\nContent-Disposition: form-data; name=\"a\"",
            "X: y\rContent-Disposition: form-data; name=\"model\"\r\nContent-Disposition: form-data; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"\n\nx",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"",
            "Content-Disposition : form-data; name=\"model\"\r\nContent-Disposition: form-data; name=\"a\"",
            "Content-Disposition: form-data; name=\"model\"; filename=\"\"",
            "Content-Disposition: form-data; name=\"model\"; filename=\"a.txt\"",
            "Content-Disposition: form-data; name=\"model\"; filename*=utf-8''a",
            "Content-Disposition: form-data; name=\"MODEL\"",
            "Content-Disposition: form-data; name=\" model\"",
            "Content-Disposition: form-data; name=\"model[]\"",
            "Content-Disposition: attachment; name=\"a\"",
            "Content-Disposition: form-data",
            "Content-Type: text/plain",
            "no header",
            "",
        ] {
            assert_eq!(beside_a_model(head), None, "{head}");
        }
        let twice = beside_a_model("Content-Disposition: form-data; name=\"model\"");
        assert_eq!(twice.unwrap(), ["ears", "secret-model"]);
    }

    #[test]
    fn a_second_model_cannot_hide_between_the_parts() {
        let part = "Content-Disposition: form-data; name=\"model\"\r\n\r\nsecret-model";
        for body in [
            format!("--B\n{part}\r\n{BODY}"),
            format!("preamble\r\n{BODY}"),
            format!("{BODY}--B\r\n{part}\r\n--B--\r\n"),
            BODY.replace("-- a--B", &format!("\n--B\r\n{part}\n--B")),
            BODY.replace("-- a--B", &format!("\r--B\r\n{part}")),
            BODY.replace("-- a--B", &format!("\r\n--B \r\n{part}")),
            BODY.replace("-- a--B", "\r\n--Bogus"),
        ] {
            assert_eq!(values(&body, "model"), None, "{body}");
        }
    }

    #[test]
    fn what_clients_send_is_taken() {
        for head in [
            // The Python SDK with httpx, the Node SDK with undici, curl -F, requests, and a browser.
            "Content-Disposition: form-data; name=\"file\"; filename=\"a b.wav\"\r\nContent-Type: audio/x-wav",
            "Content-Disposition: form-data; name=\"timestamp_granularities[]\"",
            "Content-Disposition: form-data; name=\"image[]\"; filename=\"é;.png\"\r\nContent-Type: image/png",
            "content-disposition: form-data; name=\"file\"; filename=\"C:\\tmp\\a.wav\"\r\ncontent-type: application/octet-stream\r\n",
            "Content-Disposition: form-data; name=\"file\"; filename=\"e.wav\"; filename*=utf-8''%C3%A9.wav",
            "Content-Disposition: form-data; name=\"mask\"; filename=\"\"\r\nContent-Type: application/octet-stream",
            "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=prompt",
        ] {
            assert_eq!(beside_a_model(head.trim_end()).as_deref(), Some(&["ears".to_owned()][..]), "{head}");
        }
        let latin_1 =
            b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\xe9\"\r\n\r\n\xff\r\n--B--\r\n";
        assert_eq!(fields(latin_1, "B", "model"), Some(Vec::new()));
    }

    #[test]
    fn boundaries() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("Multipart/Form-Data;boundary=----formdata-undici-0123", Some("----formdata-undici-0123")),
            ("multipart/form-data; charset=x; Boundary=\"a b\"", Some("a b")),
            ("multipart/form-data; x=\"; boundary=evil; \"; boundary=abc", Some("abc")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"a \"", None),
            ("multipart/form-data; boundary=\"a\\b\"", None),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=a; boundary*=utf-8''b", None),
            ("multipart/form-data; boundary=a, multipart/form-data; boundary=b", None),
            ("multipart/mixed; boundary=a", None),
        ] {
            assert_eq!(boundary(content_type), expected, "{content_type}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(pieces in proptest::collection::vec(
            "(--B|--B--|\r\n|\n|Content-Disposition: form-data; |name=\"?model\"?|[a:; \"])", 0..24,
        )) {
            let body = pieces.concat();
            for range in fields(body.as_bytes(), "B", "model").unwrap_or_default() {
                prop_assert!(body.get(range).is_some());
            }
        }
    }
}
