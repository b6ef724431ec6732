//! The members of an answer, or of an event in it, that matter.

use std::ops::Range;

use crate::json::{self, Edit, Refused};

/// What they hold. Of members that are repeated the last counts, as it does for most readers; every `model`
/// is replaced, so that none passes with the upstream's name in it.
#[derive(Debug, Default)]
pub(super) struct Members<'d> {
    data: &'d [u8],
    alias: &'d [u8],
    /// The alias in place of each `model` that is a string: `null` names none.
    pub(super) edits: Vec<Edit<'d>>,
    pub(super) usage: Option<&'d [u8]>,
    pub(super) choices: Option<&'d [u8]>,
    pub(super) error: Option<&'d [u8]>,
    pub(super) kind: Option<&'d [u8]>,
    pub(super) sequence_number: Option<&'d [u8]>,
    responses: Vec<Range<usize>>,
}

impl<'d> Members<'d> {
    /// Reads the object that `data` holds; `alias` is a JSON string.
    pub(super) fn read(data: &'d [u8], alias: &'d [u8]) -> Result<Self, Refused> {
        let mut found = Self { data, alias, ..Self::default() };
        json::members(data, |key, at| {
            found.note(key, at);
            Ok(())
        })?;
        Ok(found)
    }

    fn note(&mut self, key: &[u8], at: Range<usize>) {
        let value = &self.data[at.clone()];
        match key {
            b"model" if value.starts_with(b"\"") => self.edits.push((at, self.alias)),
            b"usage" => self.usage = Some(value),
            b"choices" => self.choices = Some(value),
            b"error" => self.error = Some(value),
            b"type" => self.kind = Some(value),
            b"sequence_number" => self.sequence_number = Some(value),
            b"response" => self.responses.push(at),
            _ => {}
        }
    }

    /// Adds what stands in `response`: events of a responses stream carry the whole response there.
    pub(super) fn with_response(mut self) -> Self {
        for at in std::mem::take(&mut self.responses) {
            let Ok(response) = Self::read(&self.data[at.clone()], self.alias) else { continue };
            self.usage = response.usage.or(self.usage);
            self.edits.extend(response.edits.into_iter().map(|edit| shifted(edit, at.start)));
        }
        self.edits.sort_unstable_by_key(|(at, _)| at.start);
        self
    }
}

/// An edit of a part, as one of the whole in which the part begins at `by`.
pub(super) fn shifted((at, new): Edit<'_>, by: usize) -> Edit<'_> {
    (at.start + by..at.end + by, new)
}
