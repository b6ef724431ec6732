//! Server-sent events as they arrive from the network.
//!
//! Follows the WHATWG specification, section "Parsing an event stream", and keeps the bytes of each event, so
//! that an event nobody needs to change is passed on as it came.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// The largest event, in bytes; an upstream that exceeds it is cut off.
pub const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Splits a stream of bytes into events, wherever the network cut it.
#[derive(Debug, Default)]
pub struct SseReader {
    buffer: BytesMut,
    /// Everything before is known to hold no complete event.
    scanned: usize,
    /// Where the line begins that `scanned` stands in.
    line_start: usize,
    /// The stream's first bytes were seen.
    started: bool,
}

/// One event, or a block of comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    raw: Bytes,
    name: Option<(usize, usize)>,
    data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Data {
    Absent,
    /// One line: where it stands in the raw bytes.
    Line(usize, usize),
    /// Several lines, joined by line feeds.
    Joined(Vec<u8>),
}

/// An event grew past [`EVENT_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {EVENT_BYTES_MAX} bytes")]
pub struct EventTooLarge;

impl SseReader {
    /// Takes the next bytes. Call [`SseReader::next_event`] until it yields `None`.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if !self.started && self.buffer.len() >= BYTE_ORDER_MARK.len() {
            self.started = true;
            if self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.advance(BYTE_ORDER_MARK.len());
            }
        }
    }

    /// The next complete event.
    ///
    /// # Errors
    /// [`EventTooLarge`]; the stream cannot be read further.
    pub fn next_event(&mut self) -> Result<Option<SseEvent>, EventTooLarge> {
        while let Some(line_end) = self.next_line_end() {
            let Some(next_line) = self.line_after(line_end) else { break };
            let blank = line_end == self.line_start;
            self.scanned = next_line;
            self.line_start = next_line;
            if blank {
                return Ok(Some(self.take(next_line)));
            }
        }
        match self.buffer.len() {
            len if len > EVENT_BYTES_MAX => Err(EventTooLarge),
            _ => Ok(None),
        }
    }

    /// Remembers how far it looked, so that a long event is scanned once, not once per chunk.
    fn next_line_end(&mut self) -> Option<usize> {
        match memchr2(b'\n', b'\r', &self.buffer[self.scanned..]) {
            Some(at) => Some(self.scanned + at),
            None => {
                self.scanned = self.buffer.len();
                None
            }
        }
    }

    /// What is left when the stream ends: an event whose last blank line was omitted, as some vendors do.
    pub fn finish(&mut self) -> Option<SseEvent> {
        (!self.buffer.is_empty()).then(|| self.take(self.buffer.len()))
    }

    /// Where the line after the one that ends at `line_end` begins. A CR at the end of the buffer may be the
    /// first half of a CRLF: nothing can be said until the next byte is there, unless the line is blank, and
    /// then waiting would hold back a complete event.
    fn line_after(&mut self, line_end: usize) -> Option<usize> {
        match (self.buffer[line_end], self.buffer.get(line_end + 1)) {
            (b'\r', Some(b'\n')) => Some(line_end + 2),
            (b'\r', None) if line_end != self.line_start => {
                self.scanned = line_end;
                None
            }
            _ => Some(line_end + 1),
        }
    }

    fn take(&mut self, len: usize) -> SseEvent {
        let raw = self.buffer.split_to(len).freeze();
        self.scanned = 0;
        self.line_start = 0;
        SseEvent::parse(raw)
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl SseEvent {
    /// The bytes as they came, with the blank line.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The `event` field.
    pub fn name(&self) -> Option<&[u8]> {
        self.name.map(|(start, end)| &self.raw[start..end])
    }

    /// The `data` field, its lines joined by line feeds; `None` for comments.
    pub fn data(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Absent => None,
            Data::Line(start, end) => Some(&self.raw[*start..*end]),
            Data::Joined(joined) => Some(joined),
        }
    }

    /// Where the data stands in the raw bytes, when it stands there in one piece.
    pub fn data_start(&self) -> Option<usize> {
        match self.data {
            Data::Line(start, _) => Some(start),
            Data::Absent | Data::Joined(_) => None,
        }
    }

    fn parse(raw: Bytes) -> Self {
        let (mut name, mut data) = (None, Data::Absent);
        let mut start = 0;
        while start < raw.len() {
            let end = memchr2(b'\n', b'\r', &raw[start..]).map_or(raw.len(), |at| start + at);
            let line = &raw[start..end];
            let colon = memchr(b':', line).unwrap_or(line.len());
            let value = match line.get(colon + 1) {
                Some(b' ') => start + colon + 2,
                _ => (start + colon + 1).min(end),
            };
            match &line[..colon] {
                b"data" => data.push(&raw, value, end),
                b"event" => name = Some((value, end)),
                _ => {}
            }
            start = end + 1;
        }
        Self { raw, name, data }
    }
}

impl Data {
    /// Appends a line in place: an event may have nearly as many lines as it has bytes.
    fn push(&mut self, raw: &[u8], start: usize, end: usize) {
        match self {
            Self::Absent => *self = Self::Line(start, end),
            Self::Line(first, last) => {
                *self = Self::Joined([&raw[*first..*last], &raw[start..end]].join(&b'\n'))
            }
            Self::Joined(joined) => {
                joined.push(b'\n');
                joined.extend_from_slice(&raw[start..end]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Seen = (Option<String>, Option<String>);

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn read(chunks: &[&[u8]]) -> (Vec<Seen>, Vec<u8>) {
        let (mut reader, mut events) = (SseReader::default(), Vec::new());
        for chunk in chunks {
            reader.push(chunk);
            while let Some(event) = reader.next_event().unwrap() {
                events.push(event);
            }
        }
        events.extend(reader.finish());
        let raw = events.iter().flat_map(|e| e.raw().to_vec()).collect();
        (
            events
                .iter()
                .map(|e| (e.name().map(text), e.data().map(text)))
                .filter(|seen| *seen != (None, None))
                .collect(),
            raw,
        )
    }

    fn data(lines: &str) -> Vec<String> {
        read(&[lines.as_bytes()]).0.into_iter().filter_map(|(_, data)| data).collect()
    }

    #[test]
    fn all_spellings_of_an_event() {
        assert_eq!(data("data: a\n\ndata:b\r\n\r\ndata: c\r\rdata:  d\n\n"), ["a", "b", "c", " d"]);
        assert_eq!(data("\u{feff}data: a\n\n"), ["a"]);
        assert_eq!(data("data: a\ndata: b\ndata\n\n"), ["a\nb\n"]);
        assert_eq!(data(": comment\n\nid: 1\nretry: 2\n\ndata: a"), ["a"]);
        assert_eq!(read(&[b"event: ping\ndata: {}\n\n"]).0, [(Some("ping".into()), Some("{}".into()))]);
    }

    #[test]
    fn a_blank_line_of_one_carriage_return_is_not_waited_for() {
        let mut reader = SseReader::default();
        reader.push(b"data: a\r\r");
        assert_eq!(reader.next_event().unwrap().unwrap().data(), Some(&b"a"[..]));
        reader.push(b"\ndata: b\r\n\r\n");
        let rest: Vec<_> =
            std::iter::from_fn(|| reader.next_event().unwrap()).filter_map(|e| e.data().map(text)).collect();
        assert_eq!(rest, ["b"]);
    }

    #[test]
    fn many_lines_are_joined_in_one_pass() {
        const LINES: usize = 500_000;
        let joined = data(&("data: abcdefgh\n".repeat(LINES) + "\n"));
        assert_eq!(joined, [["abcdefgh"; LINES].join("\n")]);
    }

    #[test]
    fn an_endless_event_is_cut_off() {
        let mut reader = SseReader::default();
        reader.push(&vec![b'x'; EVENT_BYTES_MAX + 1]);
        assert_eq!(reader.next_event(), Err(EventTooLarge));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events_and_keeps_every_byte(
            lines in proptest::collection::vec(("(data: ?|event: |: |id:|)[a-z]{0,3}", "(\n|\r\n|\r|\n\n|\r\n\r\n)"), 0..12),
            cuts in proptest::collection::vec(0usize..200, 0..6),
        ) {
            let stream: String = lines.into_iter().map(|(line, end)| line + &end).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(stream.len())).collect();
            cuts.sort_unstable();
            let bounds: Vec<usize> = std::iter::once(0).chain(cuts).chain([stream.len()]).collect();
            let chunks: Vec<&[u8]> = bounds.windows(2).map(|w| &stream.as_bytes()[w[0]..w[1]]).collect();
            let (whole, split) = (read(&[stream.as_bytes()]), read(&chunks));
            prop_assert_eq!(&split.1, stream.as_bytes());
            prop_assert_eq!(whole, split);
        }
    }
}
