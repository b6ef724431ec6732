use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Runs the very lines that it prints, with the variables that were exported before.
pub(super) struct Shell {
    variables: BTreeMap<String, String>,
}

impl Shell {
    pub(super) fn new(environment: &[(&'static str, String)]) -> Self {
        let given = environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        // Everything here is on loopback, whatever proxy the user has for the rest of the world.
        Self { variables: given.chain([("no_proxy".to_owned(), "127.0.0.1".to_owned())]).collect() }
    }

    /// Prints the line, runs it, prints its output as it comes and returns it.
    pub(super) async fn run(&self, title: &str, line: &str) -> Result<String> {
        println!("\n# {title}\n{line}");
        let mut child = self.command(line).spawn().context("sh cannot be started")?;
        let output = child.stdout.take().context("sh has no output")?;
        let mut lines = BufReader::new(output).lines();
        let mut text = String::new();
        while let Some(line) = lines.next_line().await.context("the answer is no text")? {
            println!("{line}");
            text = text + &line + "\n";
        }
        let status = child.wait().await.context("sh cannot be waited for")?;
        ensure!(status.success(), "{title}: curl failed: {status}");
        Ok(text)
    }

    /// The line's output, without a word about it.
    pub(super) async fn probe(&self, line: &str) -> Option<String> {
        let output = self.command(line).stderr(Stdio::null()).output().await.ok()?;
        String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).envs(&self.variables).stdin(Stdio::null()).stdout(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// Like [`Self::run`]; exports what stands at `pointer` in the JSON answer as `variable`.
    pub(super) async fn run_and_export(&mut self, step: Export<'_>, line: &str) -> Result<()> {
        let Export { title, variable, pointer } = step;
        let answer = self.run(title, line).await?;
        let answer: Value =
            serde_json::from_str(&answer).with_context(|| format!("{title}: the answer is no JSON"))?;
        let value = answer.pointer(pointer).and_then(Value::as_str);
        let value = value.with_context(|| format!("{title}: the answer has no {pointer}"))?;
        println!("export {variable}=\"{value}\"");
        self.variables.insert(variable.to_owned(), value.to_owned());
        Ok(())
    }
}

/// A step whose answer holds something that later steps need.
pub(super) struct Export<'a> {
    pub(super) title: &'a str,
    pub(super) variable: &'a str,
    pub(super) pointer: &'a str,
}
