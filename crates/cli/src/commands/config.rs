//! `orbit config`: every setting of a server, its value, and where that comes from.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::parser::ValueSource;
use clap::{Arg, Args, Command};
use comfy_table::Table;

use crate::{output, settings};

#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The server whose settings are shown: serve, origin or edge
    #[arg(default_value = "serve")]
    role: String,
    /// Print the settings as JSON
    #[arg(long)]
    json: bool,
    /// Print the reference of all settings as Markdown, without values
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// One setting as it would be in effect.
#[derive(Debug, serde::Serialize)]
struct Setting {
    name: String,
    value: Option<String>,
    source: &'static str,
    environment: String,
    help: String,
}

impl Config {
    /// Shows the settings of the flags of `command`, the whole command line.
    pub(crate) fn run(self, command: &Command) -> Result<ExitCode> {
        if self.markdown {
            output::line(markdown(command).trim_end())?;
            return Ok(ExitCode::SUCCESS);
        }
        let settings = effective(command, &self.role)?;
        if self.json {
            output::json(&settings)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_header(["setting", "value", "from", "environment"]);
        for Setting { name, value, source, environment, .. } in settings {
            table.add_row([name, value.unwrap_or_else(|| "-".to_owned()), source.to_owned(), environment]);
        }
        output::line(&table.trim_fmt())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The settings that `orbit ROLE` would start with, secrets hidden.
fn effective(plain: &Command, role: &str) -> Result<Vec<Setting>> {
    if !matches!(role, "serve" | "origin" | "edge") {
        bail!("`{role}` is no server; the servers are serve, origin and edge");
    }
    // An edge is not asked for its upstream here: it is shown as missing instead.
    let command = settings::prepare(plain.clone())?
        .mut_subcommand("edge", |edge| edge.mut_arg("upstream", |arg| arg.required(false)));
    let file_sets = |arg: &Arg| Some(arg.get_default_values().to_vec());
    let matches = command.clone().try_get_matches_from(["orbit", role])?;
    let matches = matches.subcommand_matches(role).context("the role has no settings")?;
    let own =
        |command: &Command| command.find_subcommand(role).map(|sub| sub.get_arguments().cloned().collect::<Vec<_>>());
    let (now, before) = (own(&command).unwrap_or_default(), own(plain).unwrap_or_default());
    let globals = plain.get_arguments().filter(|arg| arg.is_global_set()).cloned();
    let mut found = Vec::new();
    for arg in now.iter().filter(|arg| arg.get_env().is_some()).cloned().chain(globals) {
        let id = arg.get_id().as_str();
        let raw =
            matches.get_raw(id).map(|values| values.map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(","));
        let unchanged = before.iter().find(|old| old.get_id() == arg.get_id()).and_then(file_sets);
        let source = match matches.value_source(id) {
            Some(ValueSource::EnvVariable) => "environment",
            Some(ValueSource::DefaultValue) if unchanged.is_some() && unchanged != file_sets(&arg) => "file",
            Some(ValueSource::DefaultValue) => "default",
            Some(_) => "flag",
            None => "not set",
        };
        let secret = arg.is_hide_env_values_set();
        found.push(Setting {
            name: arg.get_long().unwrap_or(id).to_owned(),
            value: raw.map(|value| if secret { "(hidden)".to_owned() } else { value }),
            source,
            environment: environment(&arg),
            help: help(&arg),
        });
    }
    Ok(found)
}

/// The reference of all settings; `docs/config.md` is made of it.
fn markdown(command: &Command) -> String {
    let mut text = String::from(
        "# Settings\n\nA flag comes before its environment variable, that before the configuration file, that before the \
         default.\nThe file is TOML, named by `--config` or `ORBIT_CONFIG`; its keys are the names below.\n\
         This page is made by `orbit config --markdown`.\n\n| name | environment | default | what | of |\n|---|---|---|---|---|\n",
    );
    let servers = ["serve", "origin", "edge"];
    for flag in settings::flags(command) {
        let Some(name) = flag.get_long().filter(|_| flag.get_env().is_some()) else { continue };
        let has = |sub: &Command| sub.get_arguments().any(|arg| arg.get_id() == flag.get_id());
        let of: Vec<&str> = if flag.is_global_set() {
            vec!["all"]
        } else {
            command.get_subcommands().filter(|sub| has(sub)).map(Command::get_name).collect()
        };
        let of: Vec<&str> = match of.iter().any(|name| servers.contains(name)) {
            true => of.into_iter().filter(|name| servers.contains(name)).collect(),
            false if of != ["all"] => vec!["client commands"],
            false => of,
        };
        let default = match name {
            "data-dir" => "the platform's data folder".to_owned(),
            _ => flag.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect(),
        };
        let default = if default == "``" { String::new() } else { default };
        text.push_str(&format!(
            "| `{name}` | `{}` | {default} | {} | {} |\n",
            environment(&flag),
            help(&flag),
            of.join(", ")
        ));
    }
    text
}

fn environment(arg: &Arg) -> String {
    arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}
