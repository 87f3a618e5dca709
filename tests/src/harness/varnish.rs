//! Varnish with xkey, under the rules of `deploy/orbit.vcl`, with all that it writes in a folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{eventually, free_port};

/// A running Varnish; it ends with the test.
pub(crate) struct Varnish {
    process: Child,
    pub(crate) address: SocketAddr,
    /// What is given to `varnishd`, to start it again at the same place.
    words: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Varnish {
    /// Starts it on a free port in front of a server.
    pub(crate) fn start(backend: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let rules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/orbit.vcl");
        let program = format!(
            "vcl 4.1; backend edge {{ .host = \"{}\"; .port = \"{}\"; }} acl purgers {{ \"127.0.0.1\"; }} include \"{}\";",
            backend.ip(),
            backend.port(),
            rules.canonicalize().unwrap().display()
        );
        let path = folder.path().join("test.vcl");
        fs::write(&path, program).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        // Its jail changes to a user who may not read a private temporary folder.
        let mut words: Vec<String> = ["-j", "none", "-F", "-s", "malloc,64m", "-a"].map(str::to_owned).into();
        words.extend([address.to_string(), "-n".to_owned(), text(&folder.path().join("work"))]);
        // The rules are compiled at each start: fast, and not into fast code.
        words.extend(
            ["-p", "cc_command=exec gcc -std=gnu11 -O0 -pthread -fpic -shared -Wl,-x -o %o %s"].map(str::to_owned),
        );
        words.extend(["-f".to_owned(), text(&path)]);
        let varnish = Self { process: run(&words), address, words, _folder: folder };
        varnish.listening()
    }

    /// Ends it, with all that it holds.
    pub(crate) fn stop(&mut self) {
        // Asked, and not killed: its child process would stay behind.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(mut self) -> Self {
        self.process = run(&self.words);
        self.listening()
    }

    fn listening(mut self) -> Self {
        eventually("Varnish to listen, with the vmod xkey of Debian's varnish-modules", || {
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "varnishd ended ({ended:?}): is varnish-modules installed? `./test tools` installs it"
            );
            std::net::TcpStream::connect(self.address).ok()
        });
        self
    }
}

fn run(words: &[String]) -> Child {
    // Debian keeps it where only root's PATH leads.
    let binary = ["/usr/sbin/varnishd", "varnishd"].into_iter().find(|path| Path::new(path).exists());
    let mut command = Command::new(binary.unwrap_or("varnishd"));
    let quiet = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().unwrap_or_else(|error| panic!("varnishd: {error}; `./test tools` installs it"))
}

impl Drop for Varnish {
    fn drop(&mut self) {
        self.stop();
    }
}
