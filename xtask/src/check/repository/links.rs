use std::path::{Component, Path, PathBuf};

use super::Finding;
use super::files::Files;

/// Every relative link of a document leads to a file of the checkout, and its anchor to a heading there.
pub(super) fn check(files: &Files) -> Vec<Finding> {
    let documents = files.with_extension("md");
    documents.flat_map(|(path, text)| broken_links(files, path, text)).collect()
}

fn broken_links(files: &Files, path: &Path, text: &str) -> Vec<Finding> {
    let prose = prose(text);
    let links = (1..).zip(&prose).flat_map(|(line, text)| targets(text).map(move |target| (line, target)));
    let relative = links.filter(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"));
    let broken = relative.filter(|(_, target)| !leads_somewhere(files, path, target));
    let message = |target| format!("broken link: {target}");
    broken.map(|(line, target)| Finding { path: path.into(), line, message: message(target) }).collect()
}

/// The lines without what stands in code: fenced blocks, and spans between backticks.
fn prose(text: &str) -> Vec<String> {
    let mut in_block = false;
    let lines = text.lines().map(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        if in_block || is_fence { String::new() } else { line.split('`').step_by(2).collect() }
    });
    lines.collect()
}

/// What stands between `](` and `)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

fn leads_somewhere(files: &Files, from: &Path, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let place = if file.is_empty() { Some(from.to_owned()) } else { resolved(from, file) };
    let Some(place) = place.filter(|place| files.contains(place)) else { return false };
    anchor.is_empty() || files.text(&place).is_some_and(|text| headings(text).any(|slug| slug == anchor))
}

/// The path that `target` means in a file at `from`, or `None` when it leaves the checkout.
fn resolved(from: &Path, target: &str) -> Option<PathBuf> {
    let mut place = from.parent()?.to_owned();
    for component in Path::new(target).components() {
        match component {
            Component::Normal(name) => place.push(name),
            Component::CurDir => {}
            Component::ParentDir => place = place.parent()?.to_owned(),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(place)
}

/// The anchors of the headings, as code hosts make them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| slug(line.trim_start_matches('#').trim()))
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let files = Files::of([("docs/a.md", text), ("docs/b.md", "# One `two`: three"), ("README.md", "")]);
        check(&files).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn links_that_lead_somewhere() {
        let text =
            "# Here\n[b](b.md) [c](./b.md#one-two-three) [up](../README.md) [here](#here) [docs](../docs)";
        assert_eq!(broken(text), Vec::<String>::new());
        assert!(broken("[web](https://example.invalid/x) [mail](mailto:a@b.invalid)").is_empty());
        assert!(broken("a span `[text](url)`, a block\n```\n[text](url)\n```\nand an end").is_empty());
    }

    #[test]
    fn links_that_do_not() {
        for target in ["c.md", "b.md#two", "#there", "../../elsewhere/x.md", "/etc/passwd"] {
            assert_eq!(broken(&format!("[x]({target})")), [format!("broken link: {target}")]);
        }
    }
}
