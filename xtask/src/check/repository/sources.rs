use std::path::Path;

use super::Finding;
use super::files::Files;

/// The longest a source file may be. Longer ones are listed here with their reason.
const LINES_MAX: usize = 500;
const LONGER_FILES: [(&str, &str); 0] = [];

/// Texts that may stand only in some places of the product's own code.
const CONFINED: [Confined; 5] = [
    Confined {
        texts: &[
            "Adapter::Openai",
            "Adapter::Anthropic",
            "Adapter::Bedrock",
            "Adapter::Vertex",
            "Adapter::AzureOpenai",
        ],
        within: &["crates/"],
        allowed: &["crates/aisix-domain/src", "crates/aisix-adapters/src", "crates/aisix-testkit/src"],
        message: "only the domain and the adapters tell adapters apart",
    },
    Confined {
        texts: &["Operation::"],
        within: &["crates/aisix-proxy/src"],
        allowed: &["crates/aisix-proxy/src/route"],
        message: "inside the proxy only the routing table names an operation",
    },
    Confined {
        texts: &[".reveal()"],
        within: &["crates/", "bins/"],
        allowed: &[
            "crates/aisix-domain/src/secret.rs",
            "crates/aisix-adapters/src",
            "crates/aisix-store/src/record",
        ],
        message: "a secret is revealed where an adapter signs and where the store encodes, nowhere else",
    },
    Confined {
        texts: &["env::var", "env::args", "std::env::"],
        within: &["crates/"],
        allowed: &["crates/aisix-testkit/src", "crates/aisix-boot/src"],
        message: "only binaries, through aisix-boot, read the environment and the command line",
    },
    Confined {
        texts: &["fs::read", "File::open"],
        within: &["crates/"],
        allowed: &["crates/aisix-testkit/src", "crates/aisix-boot/src", "crates/aisix-server/src"],
        message: "only binaries, through aisix-boot and aisix-server, read files",
    },
];

struct Confined {
    texts: &'static [&'static str],
    /// Where the rule holds.
    within: &'static [&'static str],
    /// Where it does not.
    allowed: &'static [&'static str],
    message: &'static str,
}

pub(super) fn check(files: &Files) -> Vec<Finding> {
    files.with_extension("rs").flat_map(|(path, text)| findings(path, text)).collect()
}

fn findings(path: &Path, text: &str) -> Vec<Finding> {
    let is_test = path.components().any(|part| part.as_os_str() == "tests");
    if is_test { misplaced_test(path).into_iter().collect() } else { product_findings(path, text) }
}

/// One test binary for each crate: `tests/it/main.rs` and its modules.
fn misplaced_test(path: &Path) -> Option<Finding> {
    let place = path.components().rev().skip_while(|part| part.as_os_str() != "tests").count();
    let is_binary = path.components().count() == place + 1;
    is_binary.then(|| finding(path, 0, "integration tests are modules of tests/it/main.rs"))
}

fn product_findings(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX && !LONGER_FILES.iter().any(|(longer, _)| path == Path::new(longer)) {
        findings.push(finding(path, lines, "a file has at most 500 lines"));
    }
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    for rule in CONFINED.iter().filter(|rule| rule.holds_in(path)) {
        let lines = (1..).zip(product.lines()).filter(|(_, line)| rule.is_broken_by(line));
        findings.extend(lines.map(|(number, _)| finding(path, number, rule.message)));
    }
    findings
}

impl Confined {
    fn holds_in(&self, path: &Path) -> bool {
        let is_below = |place: &&str| path.to_string_lossy().starts_with(*place);
        self.within.iter().any(is_below) && !self.allowed.iter().any(is_below)
    }

    fn is_broken_by(&self, line: &str) -> bool {
        !line.trim_start().starts_with("//") && self.texts.iter().any(|text| line.contains(text))
    }
}

fn finding(path: &Path, line: usize, message: &str) -> Finding {
    Finding { path: path.into(), line, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        findings(Path::new(path), text).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn confined_texts_are_found_outside_their_place() {
        let text = "//! secret.reveal()\nfn f() {\n    secret.reveal();\n}\n#[cfg(test)]\nmod t { fn g() { secret.reveal() } }";
        assert_eq!(lines("crates/aisix-admin/src/view.rs", text), [3]);
        assert_eq!(lines("crates/aisix-adapters/src/openai/sign.rs", text), [0; 0]);
        assert_eq!(lines("crates/aisix-admin/tests/it/keys.rs", text), [0; 0]);
    }

    #[test]
    fn operations_are_confined_in_the_proxy_only() {
        assert_eq!(lines("crates/aisix-proxy/src/relay.rs", "x(Operation::Chat)"), [1]);
        assert_eq!(lines("crates/aisix-proxy/src/route.rs", "x(Operation::Chat)"), [0; 0]);
        assert_eq!(lines("crates/aisix-adapters/src/lib.rs", "x(Operation::Chat)"), [0; 0]);
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(lines("crates/aisix-admin/src/lib.rs", &"\n".repeat(500)), [0; 0]);
        assert_eq!(lines("crates/aisix-admin/src/lib.rs", &"\n".repeat(501)), [501]);
    }

    #[test]
    fn a_crate_has_one_test_binary() {
        assert_eq!(lines("crates/aisix-admin/tests/api.rs", ""), [0]);
        assert_eq!(lines("crates/aisix-admin/tests/it/api.rs", ""), [0; 0]);
    }
}
