//! Logs: lines for people, or JSON for machines, on standard error.

use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;

/// How much is logged, and how it looks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub(crate) struct Telemetry {
    /// What is logged: off, error, warn, info or debug
    #[arg(long, global = true, env = "ORBIT_LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    pub(crate) log_level: LevelFilter,
    /// How a log line looks
    #[arg(long, global = true, env = "ORBIT_LOG_FORMAT", default_value = "human", value_name = "FORMAT")]
    pub(crate) log_format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
}

/// Starts logging for the rest of the process.
pub(crate) fn start(telemetry: &Telemetry) {
    let builder = tracing_subscriber::fmt().with_max_level(telemetry.log_level).with_writer(std::io::stderr);
    // Where nobody reads the log any more, there is nobody to tell so, and who tries panics.
    let builder = builder.log_internal_errors(false);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let started = match telemetry.log_format {
        Format::Human => builder.with_target(false).with_ansi(colours).compact().try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    // Already started: a test in the same process did it.
    drop(started);
}
