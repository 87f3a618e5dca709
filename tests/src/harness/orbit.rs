//! The binary itself: where it is, and how it is run to its end as a command.
//!
//! Built by `cargo build -p orbit` beforehand; `ORBIT_BIN` names another one. It never sees `ORBIT_*` variables, nor the key, of
//! whoever runs the tests.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a command did.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {:?}\n{}\n{}", self.code, String::from_utf8_lossy(&self.stdout), self.stderr)
    }
}

impl Output {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// The JSON on standard output of a command that succeeded.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The binary with a clean environment.
pub(crate) fn command() -> Command {
    cleaned(Command::new(binary()))
}

/// The same behind a line of shell, which has the binary as `$0` and its words as `$@`.
pub(crate) fn command_under(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(binary());
    cleaned(command)
}

fn cleaned(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ORBIT_")) {
        command.env_remove(name);
    }
    command.env_remove("OPENAI_API_KEY").env_remove("REDIS_URL").stdin(Stdio::null());
    command
}

/// Runs `orbit` with these words to its end.
pub(crate) fn orbit(words: &[&str], environment: &[(&str, &str)], stdin: &[u8]) -> Output {
    let mut command = command();
    command.args(words).envs(environment.iter().copied());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read its input has every right to.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Output { code: output.status.code(), stdout: output.stdout, stderr }
}

fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ORBIT_BIN") {
        return path.into();
    }
    // Tests lie in target/debug/deps, the binary in target/debug.
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(std::path::Path::parent).unwrap().join("orbit");
    assert!(path.is_file(), "{} is missing: run `cargo build -p orbit` first", path.display());
    path
}
