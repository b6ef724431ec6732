//! Lists: filters and pages.

use std::sync::Arc;

use aisix_domain::{Entry, Resource, ResourceId, Snapshot};
use axum::extract::Query;
use http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::Problem;

/// The most entries on a page that was asked for.
pub(crate) const LIMIT_MAX: usize = 1000;

const LIMIT: &str = "limit";
const AFTER: &str = "after";
/// All but RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A query parameter that keeps the entries with a property.
pub(crate) struct Filter<T: 'static> {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) keeps: fn(&T, &str, &Snapshot) -> bool,
}

/// What a list was asked for.
pub(crate) struct Listing<T: 'static> {
    limit: Option<usize>,
    after: Option<ResourceId>,
    filters: Vec<(&'static Filter<T>, String)>,
}

/// Some entries, and whether others follow.
pub(crate) struct Page<'s, T> {
    pub(crate) entries: Vec<&'s Arc<Entry<T>>>,
    pub(crate) is_last: bool,
}

impl<T: Resource> Listing<T> {
    /// Reads the query of a list.
    pub(crate) fn parse(uri: &Uri, known: &'static [Filter<T>]) -> Result<Self, Problem> {
        let Query(parameters) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| {
            Problem::InvalidParameter { parameter: "query", expected: "the query cannot be read" }
        })?;
        let mut listing = Self { limit: None, after: None, filters: Vec::new() };
        for (name, value) in parameters {
            listing.set(&name, value, known)?;
        }
        Ok(listing)
    }

    fn set(&mut self, name: &str, value: String, known: &'static [Filter<T>]) -> Result<(), Problem> {
        match name {
            LIMIT => once(&mut self.limit, LIMIT, limit(&value)?),
            AFTER => once(&mut self.after, AFTER, after(&value)?),
            _ => self.filter(name, value, known),
        }
    }

    fn filter(&mut self, name: &str, value: String, known: &'static [Filter<T>]) -> Result<(), Problem> {
        let Some(filter) = known.iter().find(|filter| filter.name == name) else {
            let names = [LIMIT, AFTER].into_iter().chain(known.iter().map(|filter| filter.name)).collect();
            return Err(Problem::UnknownParameter {
                parameter: name.chars().take(64).collect(),
                known: names,
            });
        };
        if self.filters.iter().any(|(other, _)| other.name == filter.name) {
            return Err(repeated(filter.name));
        }
        self.filters.push((filter, value));
        Ok(())
    }

    /// The entries of `snapshot` that were asked for, ordered by id.
    pub(crate) fn page<'s>(
        &self,
        entries: impl Iterator<Item = &'s Arc<Entry<T>>>,
        snapshot: &Snapshot,
    ) -> Page<'s, T> {
        let keeps =
            |value: &T| self.filters.iter().all(|(filter, wanted)| (filter.keeps)(value, wanted, snapshot));
        let mut kept = entries.filter(|entry| keeps(&entry.value));
        let entries = kept.by_ref().take(self.limit.unwrap_or(usize::MAX)).collect();
        Page { entries, is_last: kept.next().is_none() }
    }

    /// Where the list begins.
    pub(crate) fn after(&self) -> Option<ResourceId> {
        self.after
    }

    /// The `Link` header that leads to the entries behind `last`, with the same filters.
    pub(crate) fn link_to_next(&self, path: &str, last: ResourceId) -> Option<HeaderValue> {
        let mut target = format!("{path}?{LIMIT}={}", self.limit?);
        for (filter, value) in &self.filters {
            target.push_str(&format!("&{}={}", filter.name, utf8_percent_encode(value, ESCAPED)));
        }
        HeaderValue::try_from(format!("<{target}&{AFTER}={last}>; rel=\"next\"")).ok()
    }
}

fn once<V>(place: &mut Option<V>, parameter: &'static str, value: V) -> Result<(), Problem> {
    place.replace(value).map_or(Ok(()), |_| Err(repeated(parameter)))
}

fn repeated(parameter: &'static str) -> Problem {
    Problem::InvalidParameter { parameter, expected: "the parameter is there twice" }
}

fn limit(text: &str) -> Result<usize, Problem> {
    let invalid =
        Problem::InvalidParameter { parameter: LIMIT, expected: "limit is a number from 1 to 1000" };
    text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or(invalid)
}

fn after(text: &str) -> Result<ResourceId, Problem> {
    let expected = "after is the id of the last entry of the page before";
    text.parse().map_err(|_| Problem::InvalidParameter { parameter: AFTER, expected })
}
