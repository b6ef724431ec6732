//! The mirror's state machine, without any I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use aisix_domain::{Entry, Model, Rejection, ResourceId, ResourceRef, Snapshot, Touched, Update};
use aisix_store::mirror::{MirrorState, Step};
use aisix_store::{Change, Layout, Page, Row, WatchEnd, WatchEvent};

use crate::rows::{aliases, model, model_ref};

fn layout() -> Layout {
    Layout::new("/aisix")
}

fn key(number: u128) -> Arc<str> {
    layout().resource_key(model_ref(number)).into()
}

fn row(number: u128, value: &str, version: u64, mod_revision: u64) -> Row {
    Row { key: key(number), value: value.to_owned().into(), version, mod_revision }
}

fn listed(state: &mut MirrorState, rows: Vec<Row>, revision: u64) -> Update {
    assert!(matches!(state.step(), Step::List(_)));
    state.on_page(&Page { rows, revision, next: None }).expect("a snapshot")
}

fn changed(state: &mut MirrorState, changes: Vec<Change>, revision: u64) -> Option<Update> {
    state.on_event(&WatchEvent::Changes { changes, revision })
}

fn rejected(snapshot: &Snapshot) -> Vec<(&str, &Rejection)> {
    snapshot.rejections().map(|(key, rejection)| (&**key, &**rejection)).collect()
}

#[test]
fn pages_are_asked_for_at_the_revision_of_the_first() {
    let mut state = MirrorState::new(layout());
    let Step::List(first) = state.step() else { panic!("a mirror lists first") };
    assert_eq!((first.prefix.as_str(), first.revision, first.after), ("/aisix/", None, None));
    let next = Some(aisix_store::Cursor::behind(&*key(1)));
    assert!(
        state
            .on_page(&Page { rows: vec![row(1, &model("a"), 1, 3)], revision: 5, next: next.clone() })
            .is_none()
    );
    assert!(state.snapshot().is_none(), "half a listing is no snapshot");
    let Step::List(second) = state.step() else { panic!("the listing goes on") };
    assert_eq!((second.revision, second.after), (Some(5), next));
    let update =
        state.on_page(&Page { rows: vec![row(2, &model("b"), 1, 4)], revision: 5, next: None }).unwrap();
    assert_eq!((aliases(&update.snapshot), update.touched), (vec!["a", "b"], Touched::Everything));
    assert!(matches!(state.step(), Step::Watch { from: 6 }));
}

#[test]
fn a_listing_whose_revision_is_compacted_begins_anew() {
    let mut state = MirrorState::new(layout());
    let next = Some(aisix_store::Cursor::behind(&*key(1)));
    state.on_page(&Page { rows: vec![row(1, &model("gone"), 1, 3)], revision: 5, next });
    state.on_end(&WatchEnd::Compacted);
    let Step::List(query) = state.step() else { panic!("the mirror lists") };
    assert_eq!((query.revision, query.after), (None, None));
    assert_eq!(aliases(&listed(&mut state, vec![row(2, &model("b"), 1, 9)], 9).snapshot), ["b"]);
}

#[test]
fn a_change_that_was_seen_does_nothing() {
    let mut state = MirrorState::new(layout());
    listed(&mut state, vec![row(1, &model("a"), 1, 5)], 5);
    let again = vec![Change::Put(row(1, &model("a"), 1, 5))];
    assert!(changed(&mut state, again.clone(), 5).is_none());
    let update =
        changed(&mut state, [again, vec![Change::Delete { key: key(2), revision: 6 }]].concat(), 6).unwrap();
    assert_eq!(update.touched, Touched::Rows(vec![model_ref(2)]));
    assert!(state.on_event(&WatchEvent::Alive { store_revision: 99 }).is_none());
    assert_eq!(state.on_event(&WatchEvent::Progress { revision: 8 }).unwrap().snapshot.revision(), 8);
    assert!(matches!(state.step(), Step::Watch { from: 9 }));
}

#[test]
fn a_bad_row_is_reported_and_its_last_good_value_serves() {
    let mut state = MirrorState::new(layout());
    let rows = vec![row(1, &model("a"), 1, 1), row(2, r#"{"canary":1}"#, 1, 2), row(3, &model("c"), 1, 3)];
    let update = listed(&mut state, rows, 3);
    assert_eq!(aliases(&update.snapshot), ["a", "c"], "a bad row does not stop the others");
    let reason = "/display_name: display_name is missing".to_owned();
    let bad = Rejection { reason, serves_last_good: false };
    assert_eq!(rejected(&update.snapshot), [(&*key(2), &bad)]);

    let broken = vec![Change::Put(row(1, "canary", 2, 4))];
    let update = changed(&mut state, broken, 4).unwrap();
    assert_eq!(
        (aliases(&update.snapshot), update.touched),
        (vec!["a", "c"], Touched::Rows(vec![model_ref(1)]))
    );
    assert!(rejected(&update.snapshot)[0].1.serves_last_good);
    assert!(!format!("{:?}", update.snapshot).contains("canary"));

    let mended = vec![Change::Put(row(1, &model("b"), 3, 5)), Change::Delete { key: key(2), revision: 5 }];
    let update = changed(&mut state, mended, 5).unwrap();
    assert_eq!((aliases(&update.snapshot), rejected(&update.snapshot).len()), (vec!["b", "c"], 0));

    changed(&mut state, vec![Change::Put(row(1, "canary", 4, 6))], 6).unwrap();
    let update = changed(&mut state, vec![Change::Delete { key: key(1), revision: 7 }], 7).unwrap();
    assert_eq!((aliases(&update.snapshot), rejected(&update.snapshot).len()), (vec!["c"], 0));
}

#[test]
fn a_row_without_an_id_is_reported_until_it_is_gone() {
    let stray = |name: &str| Row { key: format!("/aisix/models/{name}").into(), ..row(1, &model("a"), 1, 1) };
    let mut state = MirrorState::new(layout());
    let internal = Row { key: "/aisix/_later".into(), ..row(1, "?", 1, 1) };
    let newer = Row { key: "/aisix/guardrails/1".into(), ..row(1, "?", 1, 1) };
    let update = listed(&mut state, vec![internal, newer, stray("x"), stray("y"), stray("z")], 1);
    assert_eq!(rejected(&update.snapshot).len(), 3);
    let update = changed(&mut state, vec![Change::Delete { key: stray("x").key, revision: 2 }], 2).unwrap();
    assert_eq!(rejected(&update.snapshot).len(), 2);
    state.on_end(&WatchEnd::Compacted);
    let update = listed(&mut state, vec![stray("z")], 3);
    assert_eq!(rejected(&update.snapshot)[0].0, "/aisix/models/z");
    assert_eq!(rejected(&update.snapshot).len(), 1);
}

#[test]
fn a_second_listing_touches_only_what_differs() {
    let mut state = MirrorState::new(layout());
    let kept = row(1, &model("kept"), 1, 1);
    let bad = row(4, "bad", 2, 2);
    let rows = vec![
        kept.clone(),
        row(2, &model("old"), 1, 1),
        row(3, &model("gone"), 1, 1),
        row(4, &model("d"), 1, 1),
    ];
    let before = listed(&mut state, rows, 1).snapshot;
    changed(&mut state, vec![Change::Put(bad.clone())], 2);
    state.on_end(&WatchEnd::Compacted);
    assert_eq!(
        aliases(state.snapshot().unwrap()),
        ["kept", "old", "gone", "d"],
        "the old snapshot serves meanwhile"
    );
    let after =
        listed(&mut state, vec![kept, row(2, &model("new"), 2, 8), bad, row(5, &model("e"), 1, 9)], 9);
    assert_eq!(aliases(&after.snapshot), ["kept", "new", "d", "e"]);
    let Touched::Rows(mut touched) = after.touched else { panic!("only some differ") };
    touched.sort();
    assert_eq!(touched, [2, 3, 5].map(model_ref));
    let unchanged =
        |snapshot: &Snapshot| Arc::clone(snapshot.models().get(ResourceId::from_u128(1)).unwrap());
    assert!(Arc::ptr_eq(&unchanged(&before), &unchanged(&after.snapshot)));
    assert!(rejected(&after.snapshot)[0].1.serves_last_good, "still reported");
}

#[test]
fn a_store_put_back_to_an_earlier_state_is_followed() {
    let mut state = MirrorState::new(layout());
    let generation =
        |mod_revision| Row { key: layout().generation_key().into(), ..row(1, "{}", 1, mod_revision) };
    let update = listed(&mut state, vec![generation(8), row(1, &model("later"), 7, 9)], 9);
    assert_eq!(update.snapshot.generation(), 8);
    state.on_end(&WatchEnd::Compacted);
    let update = listed(&mut state, vec![row(1, &model("earlier"), 2, 3)], 4);
    let snapshot = &update.snapshot;
    assert_eq!((snapshot.revision(), snapshot.generation(), aliases(snapshot)), (4, 0, vec!["earlier"]));
    assert!(matches!(state.step(), Step::Watch { from: 5 }));
}

mod random {
    use super::*;
    use proptest::prelude::*;

    /// What may happen between the store and a mirror.
    #[derive(Clone, Debug)]
    enum Event {
        Put(u128),
        PutBad(u128),
        Delete(u128),
        Compact,
        /// The mirror gets one page of two rows, or what its watch has to tell, or the watch's end.
        Step,
        WatchBreaks,
    }

    /// A store, told by its history.
    #[derive(Default)]
    struct Reference {
        history: Vec<Change>,
        compacted: u64,
    }

    impl Reference {
        fn revision(&self) -> u64 {
            self.history.len() as u64
        }

        fn rows_at(&self, revision: u64) -> BTreeMap<Arc<str>, Row> {
            let mut rows = BTreeMap::new();
            for change in &self.history[..revision as usize] {
                match change {
                    Change::Put(row) => drop(rows.insert(Arc::clone(&row.key), row.clone())),
                    Change::Delete { key, .. } => drop(rows.remove(key)),
                }
            }
            rows
        }

        /// Whether the row was once what `entry` says.
        fn had(&self, number: u128, entry: &Entry<Model>) -> bool {
            let named = |row: &Row| format!("m-{}", row.mod_revision) == *entry.value.display_name;
            self.history
                .iter()
                .any(|change| matches!(change, Change::Put(row) if row.key == key(number) && named(row)))
        }

        fn put(&mut self, number: u128, value: impl Fn(u64) -> String) {
            let revision = self.revision() + 1;
            let version = self.rows_at(revision - 1).get(&key(number)).map_or(1, |row| row.version + 1);
            self.history.push(Change::Put(row(number, &value(revision), version, revision)));
        }

        fn answer(&self, state: &mut MirrorState, broken: bool) -> Option<Update> {
            match state.step() {
                Step::List(query) => {
                    let revision = query.revision.unwrap_or(self.revision());
                    if revision < self.compacted {
                        state.on_end(&WatchEnd::Compacted);
                        return None;
                    }
                    let after = query.after.as_ref().map_or(&b""[..], |cursor| cursor.as_bytes());
                    let rows = self.rows_at(revision).into_values().filter(|row| row.key.as_bytes() > after);
                    let rows: Vec<_> = rows.take(2).collect();
                    let next = rows.get(1).map(|row| aisix_store::Cursor::behind(row.key.as_bytes()));
                    state.on_page(&Page { rows, revision, next })
                }
                Step::Watch { from } if from <= self.compacted => {
                    state.on_end(&WatchEnd::Compacted);
                    None
                }
                Step::Watch { from } => {
                    // After a break a watch may tell again what it told before.
                    let start = if broken { from.saturating_sub(3).max(1) } else { from };
                    let changes =
                        self.history[start as usize - 1..].iter().take(3).cloned().collect::<Vec<_>>();
                    let revision = changes.last()?.revision();
                    state.on_event(&WatchEvent::Changes { changes, revision })
                }
            }
        }
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let number = || 1..8_u128;
        let event = prop_oneof![
            4 => number().prop_map(Event::Put),
            1 => number().prop_map(Event::PutBad),
            2 => number().prop_map(Event::Delete),
            1 => Just(Event::Compact),
            6 => Just(Event::Step),
            1 => Just(Event::WatchBreaks),
        ];
        prop::collection::vec(event, 0..120)
    }

    fn entry(snapshot: Option<&Arc<Snapshot>>, number: u128) -> Option<&Arc<Entry<Model>>> {
        snapshot?.models().get(ResourceId::from_u128(number))
    }

    /// The snapshot is the store at its revision, and nothing but what was touched is new.
    fn check(reference: &Reference, before: Option<&Arc<Snapshot>>, update: &Update) {
        let snapshot = &update.snapshot;
        let is_empty = matches!(&update.touched, Touched::Rows(rows) if rows.is_empty());
        assert!(before.is_none_or(|before| before.revision() < snapshot.revision() || is_empty));
        let stored = reference.rows_at(snapshot.revision());
        for number in 1..8 {
            let (old, new) = (entry(before, number), entry(Some(snapshot), number));
            let is_rejected = snapshot.rejections().any(|(rejected, _)| *rejected == key(number));
            match stored.get(&key(number)) {
                None => assert!(new.is_none() && !is_rejected, "{number} was deleted"),
                Some(row) if row.value.starts_with(b"bad") => {
                    assert!(is_rejected);
                    assert!(
                        new.is_none_or(|last_good| reference.had(number, last_good)),
                        "{number} never had it"
                    );
                }
                Some(row) => {
                    assert!(!is_rejected);
                    let new = new.expect("a good row serves");
                    assert_eq!(*new.value.display_name, format!("m-{}", row.mod_revision));
                    assert_eq!(new.revision, row.version);
                }
            }
            let same = match (old, new) {
                (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                (old, new) => old.is_none() && new.is_none(),
            };
            assert!(same || touched(update, model_ref(number)), "{number} differs and was not touched");
        }
    }

    fn touched(update: &Update, resource: ResourceRef) -> bool {
        match &update.touched {
            Touched::Everything => true,
            Touched::Rows(rows) => rows.contains(&resource),
        }
    }

    proptest! {
        #[test]
        fn no_change_is_lost_or_repeated(events in events()) {
            let (mut reference, mut state) = (Reference::default(), MirrorState::new(layout()));
            let settle = std::iter::repeat_n(Event::Step, 300);
            for event in events.into_iter().chain(settle) {
                let before = state.snapshot().cloned();
                let update = match event {
                    Event::Put(number) => { reference.put(number, |revision| model(&format!("m-{revision}"))); None }
                    Event::PutBad(number) => { reference.put(number, |revision| format!("bad {revision}")); None }
                    Event::Delete(number) => {
                        if reference.rows_at(reference.revision()).contains_key(&key(number)) {
                            reference.history.push(Change::Delete { key: key(number), revision: reference.revision() + 1 });
                        }
                        None
                    }
                    Event::Compact => { reference.compacted = reference.revision(); None }
                    Event::Step => reference.answer(&mut state, false),
                    Event::WatchBreaks => {
                        state.on_end(&WatchEnd::Cancelled);
                        reference.answer(&mut state, true)
                    }
                };
                if let Some(update) = update {
                    check(&reference, before.as_ref(), &update);
                }
            }
            prop_assert_eq!(state.snapshot().unwrap().revision(), reference.revision());
        }
    }
}
