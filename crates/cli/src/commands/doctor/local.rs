//! Checks of this machine: settings in the environment, the data folder, free space. Nothing here uses the network.

use std::fs;
use std::io;
use std::path::Path;

use super::Finding;
use crate::client::unique_suffix;
use crate::output;

/// Names that client commands read; the rest is known to the settings.
const CLIENT_NAMES: [&str; 3] = ["ORBIT_URL", "ORBIT_TOKEN", "ORBIT_DATA_DIR"];
/// Below this, images will soon be refused.
const LOW_BYTES: u64 = 1 << 30;
/// Below this, a single upload may fill the disk.
const FULL_BYTES: u64 = 100 << 20;

/// Which settings the environment carries, by name: values may be secret.
pub(super) fn configuration(names: impl Iterator<Item = String>, is_known: impl Fn(&str) -> bool) -> Finding {
    let mut names: Vec<_> = names.filter(|name| name.starts_with("ORBIT_")).collect();
    names.sort();
    let known = |name: &String| CLIENT_NAMES.contains(&name.as_str()) || is_known(name);
    let (known, unknown): (Vec<_>, Vec<_>) = names.into_iter().partition(known);
    if !unknown.is_empty() {
        let advice = "Servers refuse to start with them. `orbit config` lists the names that mean something.";
        return Finding::failed("configuration", format!("unknown settings: {}", unknown.join(", ")), advice);
    }
    let detail = match known.as_slice() {
        [] => "no ORBIT_* in the environment: defaults".to_owned(),
        known => format!("set: {}", known.join(", ")),
    };
    Finding::ok("configuration", detail)
}

/// Whether the folder is there and takes files, and how much room is left.
pub(super) fn data_folder(folder: &Path) -> Vec<Finding> {
    let name = folder.display();
    let mut findings = Vec::new();
    findings.push(match try_write(folder) {
        Ok(()) => Finding::ok("data folder", format!("{name} takes files")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::warning(
            "data folder",
            format!("{name} is not there"),
            "`orbit serve` makes it at its first start. Is the server's own named with --data-dir?",
        ),
        Err(error) => Finding::failed(
            "data folder",
            format!("{name}: {error}"),
            "Give the server's user the right to write there, or name another folder with --data-dir.",
        ),
    });
    // A folder to come will lie on the disk of the nearest one that is there.
    if let Some(existing) = folder.ancestors().find(|ancestor| ancestor.is_dir()) {
        findings.push(free_space(existing));
    }
    findings
}

fn try_write(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!(".orbit-doctor-{}", unique_suffix()));
    fs::write(&file, b"orbit")?;
    fs::remove_file(&file)
}

fn free_space(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => judge_space(disk.f_bavail.saturating_mul(disk.f_frsize), folder),
        Err(error) => Finding::warning("free space", error.to_string(), "Look at the disk by hand."),
    }
}

fn judge_space(free: u64, folder: &Path) -> Finding {
    let detail = format!("{} free at {}", output::size(free), folder.display());
    let advice = "Remove images with `orbit purge`, or move the data folder to a larger disk.";
    match free {
        0..FULL_BYTES => Finding::failed("free space", detail, advice),
        FULL_BYTES..LOW_BYTES => Finding::warning("free space", detail, advice),
        LOW_BYTES.. => Finding::ok("free space", detail),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn names(names: &[&str]) -> impl Iterator<Item = String> {
        names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn unknown_settings_are_named_and_others_are_left_alone() {
        let is_known = |name: &str| name == "ORBIT_LISTEN";
        let found = configuration(names(&["PATH", "ORBIT_TOKEN", "ORBIT_LISTEN"]), is_known);
        assert_eq!((found.state, found.detail.as_str()), (State::Ok, "set: ORBIT_LISTEN, ORBIT_TOKEN"));
        let found = configuration(names(&["ORBIT_LISTN", "ORBIT_LISTEN"]), is_known);
        assert_eq!((found.state, found.detail.as_str()), (State::Failed, "unknown settings: ORBIT_LISTN"));
    }

    #[test]
    fn a_folder_that_takes_files_is_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let findings = data_folder(folder.path());
        assert_eq!(findings[0].state, State::Ok, "{findings:?}");
        assert_eq!(findings[1].check, "free space");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_to_come_is_a_warning_and_a_file_in_its_place_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(data_folder(&folder.path().join("new"))[0].state, State::Warning);
        let file = folder.path().join("file");
        fs::write(&file, b"x").unwrap();
        assert_eq!(data_folder(&file)[0].state, State::Failed);
    }

    #[test]
    fn little_space_warns_and_no_space_fails() {
        let at = Path::new("/");
        let states = [0, FULL_BYTES, LOW_BYTES].map(|free| judge_space(free, at).state);
        assert_eq!(states, [State::Failed, State::Warning, State::Ok]);
    }
}
