//! Settings: flags over `ORBIT_*` over the configuration file over defaults.
//!
//! A knob is defined once, as a flag; its environment variable stands beside it, and its key in the file is
//! the flag's long name. The file's values become the flags' defaults before the command line is parsed, so precedence is
//! clap's. A key or an `ORBIT_*` variable that no flag knows ends the start with a message.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Arg, Command};

/// The prefix of our environment variables.
const PREFIX: &str = "ORBIT_";

/// Checks the environment and gives the flags the file's values as their defaults.
pub(crate) fn prepare(command: Command) -> Result<Command> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    check_environment(&command, names)?;
    match file_path(&command) {
        Some(path) => with_file(command, &path),
        None => Ok(command),
    }
}

/// Every flag of every command, once by its long name.
pub(crate) fn flags(command: &Command) -> Vec<Arg> {
    let mut seen = BTreeSet::new();
    let commands = std::iter::once(command).chain(command.get_subcommands());
    let all = commands.flat_map(Command::get_arguments).filter(|arg| arg.get_long().is_some());
    all.filter(|arg| seen.insert(arg.get_long())).cloned().collect()
}

/// Whether a flag has an environment variable of this name.
pub(crate) fn knows(command: &Command, name: &str) -> bool {
    flags(command).iter().any(|flag| flag.get_env().is_some_and(|known| known == name))
}

/// `--config` or its variable, read before the rest is parsed.
fn file_path(command: &Command) -> Option<PathBuf> {
    let matches = command.clone().ignore_errors(true).try_get_matches().ok()?;
    matches.try_get_one::<PathBuf>("config").ok().flatten().cloned()
}

fn with_file(command: Command, path: &Path) -> Result<Command> {
    let text = std::fs::read_to_string(path).with_context(|| format!("the configuration file {}", path.display()))?;
    let table: toml::Table = text.parse().with_context(|| format!("the configuration file {}", path.display()))?;
    with_defaults(command, &table).with_context(|| format!("the configuration file {}", path.display()))
}

/// Gives flags the values of a table as their defaults.
fn with_defaults(command: Command, table: &toml::Table) -> Result<Command> {
    // Only settings: `all = true` must not become the default of `orbit purge --all`.
    let mut known = flags(&command);
    known.retain(|flag| flag.get_env().is_some());
    let mut defaults = Vec::new();
    for (key, value) in table {
        let Some(flag) = known.iter().find(|flag| flag.get_long() == Some(key.replace('_', "-").as_str())) else {
            let names: Vec<_> = known.iter().filter_map(Arg::get_long).collect();
            bail!("`{key}` is no setting; the settings are {}", names.join(", "));
        };
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => value.to_string(),
            _ => bail!("`{key}` must be a string, a number or true or false"),
        };
        defaults.push((flag.get_id().clone(), text));
    }
    let apply = |command: Command| {
        defaults.iter().fold(command, |command, (id, text)| {
            if command.get_arguments().any(|arg| arg.get_id() == id) {
                return command.mut_arg(id, |arg| arg.required(false).default_value(text.clone()));
            }
            command
        })
    };
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    Ok(names.iter().fold(apply(command), |command, name| command.mut_subcommand(name, apply)))
}

/// Refuses variables that begin like ours and are not.
fn check_environment(command: &Command, names: impl Iterator<Item = String>) -> Result<()> {
    let known: BTreeSet<String> = flags(command)
        .iter()
        .filter_map(|flag| flag.get_env().and_then(std::ffi::OsStr::to_str).map(str::to_owned))
        .collect();
    let unknown: Vec<String> = names.filter(|name| name.starts_with(PREFIX) && !known.contains(name)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().map(String::as_str).filter(|name| name.starts_with(PREFIX)).collect();
    bail!("the environment has {}, which is no setting; the settings are {}", unknown.join(", "), known.join(", "))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::parser::ValueSource;

    use super::*;
    use crate::args::Cli;

    fn serve(file: &str, args: &[&str]) -> Result<clap::ArgMatches> {
        let command = with_defaults(Cli::command(), &file.parse()?)?;
        Ok(command.try_get_matches_from([&["orbit"], args].concat())?)
    }

    #[test]
    fn a_flag_comes_before_the_file_and_the_file_before_the_default() {
        let file = "listen = \"127.0.0.1:1\"\nquality = 70\nmax_queued = 5";
        let matches = serve(file, &["serve", "--quality", "60"]).unwrap();
        let (_, serve) = matches.subcommand().unwrap();
        assert_eq!(serve.get_one::<u8>("quality"), Some(&60));
        assert_eq!(serve.get_one::<std::net::SocketAddr>("listen").unwrap().port(), 1);
        assert_eq!(serve.get_one::<usize>("max_queued"), Some(&5));
        assert_eq!(serve.value_source("threads"), Some(ValueSource::DefaultValue));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        assert!(serve("all = true", &["serve"]).is_err(), "a flag of a command is no setting");
        let error = serve("colour = 1", &["serve"]).unwrap_err().to_string();
        assert!(error.starts_with("`colour` is no setting") && error.contains("data-dir"), "{error}");
    }

    #[test]
    fn an_unknown_variable_is_refused_by_name() {
        let check = |name: &str| check_environment(&Cli::command(), std::iter::once(name.to_owned()));
        assert!(check("ORBIT_LISTEN").is_ok() && check("PATH").is_ok());
        let error = check("ORBIT_COLOUR").unwrap_err().to_string();
        assert!(error.contains("ORBIT_COLOUR") && error.contains("ORBIT_DATA_DIR"), "{error}");
    }

    /// What stands in a line of compose.yaml behind a key, as a list of words.
    fn words(line: &str, key: &str) -> Option<Vec<String>> {
        serde_json::from_str(line.trim().strip_prefix(key)?).ok()
    }

    #[test]
    fn the_compose_file_says_nothing_that_this_program_does_not_know() {
        let compose = include_str!("../../../compose.yaml");
        let commands = compose.lines().filter_map(|line| words(line, "command: "));
        let ours = |words: &Vec<String>| matches!(words[0].as_str(), "origin" | "edge");
        let mut lines: Vec<Vec<String>> = commands.filter(ours).collect();
        lines.extend(compose.lines().filter_map(|line| words(line, "test: ")).filter_map(|words| {
            let orbit = words.iter().position(|word| word == "orbit")?;
            Some(words[orbit + 1..].to_vec())
        }));
        let commands: Vec<&str> = lines.iter().map(|words| words[0].as_str()).collect();
        assert_eq!(commands, ["origin", "edge", "stats"]);
        for words in &lines {
            let line = std::iter::once("orbit").chain(words.iter().map(String::as_str));
            Cli::command().try_get_matches_from(line).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        }
        let names = compose.lines().filter_map(|line| line.trim().split_once(": ")).map(|(name, _)| name.to_owned());
        let names: Vec<String> = names.filter(|name| name.starts_with(PREFIX)).collect();
        assert!(names.len() > 3, "{names:?}");
        check_environment(&Cli::command(), names.into_iter()).unwrap();
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
