use std::collections::HashSet;
use std::sync::Arc;

use aisix_domain::{ResourceRef, Snapshot, Touched, Update};

use super::rows::{self, Fingerprints};
use crate::layout::Place;
use crate::{Change, Cursor, Layout, PAGE_ROWS_MAX, Page, RangeQuery, Row, WatchEnd, WatchEvent};

/// The mirror without its I/O: it says what to ask the store for, is told what came of it, and yields
/// snapshots.
///
/// It lists all rows at one revision, then follows the changes after it. When the history it needs is gone it
/// lists again, and finds by comparison what has changed.
#[derive(Debug)]
pub struct MirrorState {
    layout: Layout,
    /// The snapshot in use; `None` before the first listing is complete.
    snapshot: Option<Arc<Snapshot>>,
    fingerprints: Fingerprints,
    phase: Phase,
}

/// What the mirror needs from the store.
#[derive(Clone, Debug)]
pub enum Step {
    /// A page; its answer goes to [`MirrorState::on_page`].
    List(RangeQuery),
    /// The events of a watch from this revision on; they go to [`MirrorState::on_event`].
    Watch {
        /// The first revision that is not included in the snapshot.
        from: u64,
    },
}

#[derive(Debug)]
enum Phase {
    Listing(Box<Listing>),
    Following,
}

/// A listing under way, beside the snapshot that goes on serving.
#[derive(Debug, Default)]
struct Listing {
    /// The revision of the first page, which the others must show too.
    revision: Option<u64>,
    after: Option<Cursor>,
    draft: Snapshot,
    fingerprints: Fingerprints,
    /// Keys that were listed but are no resource's.
    without_id: HashSet<Arc<str>>,
    touched: Vec<ResourceRef>,
}

impl MirrorState {
    /// A mirror that has seen nothing.
    pub fn new(layout: Layout) -> Self {
        let fingerprints = Fingerprints::default();
        let mut state = Self { layout, snapshot: None, fingerprints, phase: Phase::Following };
        state.relist();
        state
    }

    /// What to ask the store for now.
    pub fn step(&self) -> Step {
        match &self.phase {
            Phase::Listing(listing) => Step::List(RangeQuery {
                prefix: self.layout.root().to_owned(),
                after: listing.after.clone(),
                limit: PAGE_ROWS_MAX,
                revision: listing.revision,
            }),
            Phase::Following => Step::Watch { from: self.revision() + 1 },
        }
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// Takes the page that was asked for.
    pub fn on_page(&mut self, page: &Page) -> Option<Update> {
        let Phase::Listing(mut listing) = std::mem::replace(&mut self.phase, Phase::Following) else {
            return None;
        };
        listing.revision.get_or_insert(page.revision);
        for row in &page.rows {
            listing.list(&self.layout, &self.fingerprints, row);
        }
        listing.after.clone_from(&page.next);
        if page.next.is_none() {
            return Some(self.finish(*listing));
        }
        self.phase = Phase::Listing(listing);
        None
    }

    /// Takes an event of the watch that was asked for. Changes that the snapshot includes already do nothing.
    pub fn on_event(&mut self, event: &WatchEvent) -> Option<Update> {
        let (changes, revision) = match event {
            WatchEvent::Changes { changes, revision } => (changes.as_slice(), *revision),
            WatchEvent::Progress { revision } => (&[][..], *revision),
            WatchEvent::Alive { .. } => return None,
        };
        let seen = self.revision();
        let mut snapshot = self.snapshot.as_deref().filter(|_| revision > seen)?.clone();
        let fresh = changes.iter().filter(|change| change.revision() > seen);
        let mut touched: Vec<_> = fresh.filter_map(|change| self.apply(&mut snapshot, change)).collect();
        touched.sort_unstable();
        touched.dedup();
        snapshot.set_revision(revision);
        Some(self.yielded(snapshot, Touched::Rows(touched)))
    }

    /// Takes the failure of a page or the end of a watch: [`Self::step`] says how to go on.
    pub fn on_end(&mut self, end: &WatchEnd) {
        if *end == WatchEnd::Compacted {
            self.relist();
        }
    }

    fn revision(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.revision())
    }

    fn relist(&mut self) {
        let mut draft = self.snapshot.as_deref().cloned().unwrap_or_default();
        draft.set_generation(0);
        let fingerprints = self.fingerprints.fresh();
        self.phase = Phase::Listing(Box::new(Listing { draft, fingerprints, ..Listing::default() }));
    }

    fn finish(&mut self, mut listing: Listing) -> Update {
        listing.drop_unlisted(&self.layout, &self.fingerprints);
        listing.draft.set_revision(listing.revision.unwrap_or_default());
        self.fingerprints = listing.fingerprints;
        let touched = match self.snapshot {
            Some(_) => Touched::Rows(listing.touched),
            None => Touched::Everything,
        };
        self.yielded(listing.draft, touched)
    }

    fn apply(&mut self, snapshot: &mut Snapshot, change: &Change) -> Option<ResourceRef> {
        match change {
            Change::Put(row) => {
                let resource = rows::put(snapshot, &self.layout, row)?;
                self.fingerprints.note(resource, row);
                Some(resource)
            }
            Change::Delete { key, .. } => {
                let resource = rows::delete(snapshot, &self.layout, key)?;
                self.fingerprints.forget(resource);
                Some(resource)
            }
        }
    }

    fn yielded(&mut self, snapshot: Snapshot, touched: Touched) -> Update {
        let snapshot = Arc::new(snapshot);
        self.snapshot = Some(Arc::clone(&snapshot));
        Update { snapshot, touched }
    }
}

impl Listing {
    fn list(&mut self, layout: &Layout, known: &Fingerprints, row: &Row) {
        let place = layout.place(&row.key);
        if let Place::NoId = place {
            self.without_id.insert(Arc::clone(&row.key));
        }
        let Place::Resource(resource) = place else {
            rows::put(&mut self.draft, layout, row);
            return;
        };
        self.fingerprints.note(resource, row);
        if !known.is_unchanged(resource, row) {
            rows::put(&mut self.draft, layout, row);
            self.touched.push(resource);
        }
    }

    /// Drops what an earlier listing had and this one had not.
    fn drop_unlisted(&mut self, layout: &Layout, known: &Fingerprints) {
        let gone = known.resources().filter(|resource| !self.fingerprints.contains(*resource));
        for resource in gone.collect::<Vec<_>>() {
            rows::delete(&mut self.draft, layout, &layout.resource_key(resource));
            self.touched.push(resource);
        }
        let rejected = self.draft.rejections().map(|(key, _)| Arc::clone(key));
        let without_id = rejected.filter(|key| layout.place(key) == Place::NoId);
        for key in without_id.filter(|key| !self.without_id.contains(key)).collect::<Vec<_>>() {
            self.draft.accept(&key);
        }
    }
}
