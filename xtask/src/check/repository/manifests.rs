use std::path::Path;

use super::Finding;
use super::files::Files;

/// Crates without I/O: what would give them a runtime, a socket or a protocol stack.
const PURE_CRATES: [&str; 2] = ["aisix-domain", "aisix-adapters"];
const IMPURE_DEPENDENCIES: [&str; 6] = ["tokio", "hyper", "hyper-util", "rustls", "tokio-rustls", "socket2"];

/// Only these may build the test kit in; everywhere else it is for tests.
const TESTKIT_USERS: [&str; 1] = ["xtask"];

/// Every package shares the lints, the pure crates stay pure, the test kit stays out of the product, and the
/// crate graph of `deny.toml` names every library.
pub(super) fn check(files: &Files) -> Vec<Finding> {
    let manifests = files.with_extension("toml").filter(|(_, text)| text.starts_with("[package]"));
    let deny = files.text(Path::new("deny.toml")).unwrap_or_default();
    manifests.flat_map(|(path, text)| Manifest { path, text }.findings(deny)).collect()
}

#[derive(Clone, Copy)]
struct Manifest<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> Manifest<'a> {
    fn findings(self, deny: &str) -> Vec<Finding> {
        let name = self.name();
        let mut messages = Vec::new();
        if !self.section("lints").any(|line| line == "workspace = true") {
            messages.push("does not share the workspace's lints".to_owned());
        }
        if PURE_CRATES.contains(&name) {
            let impure = IMPURE_DEPENDENCIES.iter().filter(|crate_name| self.depends_on(crate_name));
            messages.extend(
                impure.map(|crate_name| format!("{name} does no I/O and must not need {crate_name}")),
            );
        }
        if self.depends_on("aisix-testkit") && !TESTKIT_USERS.contains(&name) {
            messages.push("the test kit is a dev-dependency only".to_owned());
        }
        if self.path.starts_with("crates") && !deny.contains(&format!("crate = \"{name}\"")) {
            messages.push(format!("deny.toml does not say who may depend on {name}"));
        }
        messages.into_iter().map(|message| Finding { path: self.path.into(), line: 0, message }).collect()
    }

    fn name(self) -> &'a str {
        let line = self.section("package").find_map(|line| line.strip_prefix("name = "));
        line.unwrap_or_default().trim_matches('"')
    }

    fn depends_on(self, crate_name: &str) -> bool {
        self.section("dependencies").any(|line| line.split(['.', ' ', '=']).next() == Some(crate_name))
    }

    fn section(self, title: &str) -> impl Iterator<Item = &'a str> {
        let heading = format!("[{title}]");
        let body = self.text.lines().skip_while(move |line| *line != heading).skip(1);
        body.take_while(|line| !line.starts_with('['))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(name: &str, dependencies: &str) -> Vec<String> {
        let path = format!("crates/{name}/Cargo.toml");
        let text = format!(
            "[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n[dependencies]\n{dependencies}"
        );
        let deny = r#"{ crate = "aisix-domain", wrappers = [] }, { crate = "aisix-store", wrappers = [] }"#;
        let files = Files::of([(path.as_str(), text.as_str()), ("deny.toml", deny)]);
        check(&files).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_pure_crate_has_no_runtime() {
        assert!(messages("aisix-domain", "uuid.workspace = true").is_empty());
        assert_eq!(messages("aisix-domain", "tokio.workspace = true").len(), 1);
        assert_eq!(messages("aisix-domain", "tokio = { version = \"1\" }").len(), 1);
        assert!(messages("aisix-store", "tokio.workspace = true").is_empty());
    }

    #[test]
    fn the_test_kit_is_for_tests() {
        assert_eq!(messages("aisix-store", "aisix-testkit.workspace = true").len(), 1);
        assert!(messages("aisix-store", "[dev-dependencies]\naisix-testkit.workspace = true").is_empty());
    }

    #[test]
    fn a_new_library_takes_its_place_in_the_graph() {
        assert_eq!(messages("aisix-new", ""), ["deny.toml does not say who may depend on aisix-new"]);
    }
}
