//! A running server: started on a free port, stopped by SIGTERM or SIGKILL to its own process, never left behind.
//!
//! What it writes to standard error is kept, and shown when the test that started it fails.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use super::{Client, Folder, Output, eventually, orbit};

/// A server that is not started yet.
#[derive(Debug)]
pub(crate) struct Launch {
    words: Vec<String>,
    environment: Vec<(String, String)>,
    /// No file of its may grow beyond this, in blocks of 512 bytes.
    file_limit: Option<u32>,
    /// The folder that is a disk of its own for this process, in memory, and its options as `mount` reads them.
    disk: Option<(String, &'static str)>,
    /// Whether its standard error is closed at this end before it begins.
    is_unread: bool,
}

impl Launch {
    /// `orbit serve` on a data folder; the demo generator takes no time of its own, and images stay as they were stored.
    pub(crate) fn serve(folder: &Folder) -> Self {
        Self::quiet("serve").on(folder)
    }

    /// `orbit origin` on a data folder.
    pub(crate) fn origin(folder: &Folder) -> Self {
        Self::quiet("origin").on(folder)
    }

    /// `orbit edge` in front of an upstream; it keeps nothing on the disk unless words say so.
    pub(crate) fn edge(upstream: &str) -> Self {
        Self::role("edge").words(&["--upstream", upstream])
    }

    /// The same as a plain shared cache of every path.
    pub(crate) fn rfc(upstream: &str) -> Self {
        Self::edge(upstream).words(&["--profile", "rfc"])
    }

    fn quiet(role: &str) -> Self {
        Self::role(role).variable("ORBIT_DEMO_DELAY", "0ms").variable("ORBIT_REFINE", "off")
    }

    fn role(role: &str) -> Self {
        Self { words: vec![role.to_owned()], environment: Vec::new(), file_limit: None, disk: None, is_unread: false }
    }

    /// Adds words to the command line.
    pub(crate) fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    fn on(self, folder: &Folder) -> Self {
        self.words(&["--data-dir", folder.path().to_str().unwrap()])
    }

    /// Sets the token.
    pub(crate) fn token(self, token: &str) -> Self {
        self.variable("ORBIT_TOKEN", token)
    }

    /// Sets an environment variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets every write fail that would make a file longer than this, in blocks of 512 bytes, as on a full disk.
    pub(crate) fn file_limit(self, blocks: u32) -> Self {
        Self { file_limit: Some(blocks), ..self }
    }

    /// Gives it a disk in the place of a folder, with options as `mount` reads them; nobody else sees what is on it, and it goes
    /// with the process.
    pub(crate) fn small_disk(self, folder: &Folder, options: &'static str) -> Self {
        Self { disk: Some((folder.path().to_str().unwrap().to_owned(), options)), ..self }
    }

    /// Lets nobody read its log: what it writes there fails.
    pub(crate) fn unread(self) -> Self {
        Self { is_unread: true, ..self }
    }

    /// Adds words unless there is one that begins like this.
    fn unless(self, beginning: &str, words: &[&str]) -> Self {
        if self.words.iter().any(|word| word.starts_with(beginning)) { self } else { self.words(words) }
    }

    fn command(&self) -> Command {
        let mut command = match (self.file_limit, &self.disk) {
            (None, None) => orbit::command(),
            (Some(blocks), _) => orbit::command_under(&format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")),
            // A namespace of its own, in which anybody may mount.
            (None, Some((folder, options))) => orbit::command_under(&format!(
                "exec unshare --map-root-user --mount sh -c 'mount -t tmpfs -o {options} none {folder} && exec \"$0\" \"$@\"' \"$0\" \"$@\""
            )),
        };
        command.args(&self.words).envs(self.environment.iter().cloned());
        command
    }

    /// Starts it on a free port, and waits until it says where it listens.
    pub(crate) fn start(self) -> Server {
        let this = self.unless("--listen", &["--listen", "127.0.0.1:0"]);
        // The usual folder would be shared with the edges of other tests.
        let this = if this.words[0] == "edge" { this.unless("--disk", &["--disk", "0"]) } else { this };
        let mut child = this.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = child.stderr.take().filter(|_| !this.is_unread).map(Log::follow).unwrap_or_default();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let url = first.trim_end().strip_prefix("listening on ");
        let Some((_, address)) = url.and_then(|url| url.split_once("://")) else {
            let status = child.wait().unwrap();
            panic!("`orbit {}` did not start ({status}): {}", this.words.join(" "), log.text());
        };
        let address = address.parse().unwrap();
        Server { child, address, log, client: Client::new(address) }
    }

    /// Starts it where it must refuse to start, and returns what it said.
    pub(crate) fn refused(self) -> Output {
        let ended = self.command().output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        let output = Output { code: ended.status.code(), stdout: ended.stdout, stderr };
        assert!(output.code.is_some_and(|code| code != 0) && output.stdout.is_empty(), "{output:?}");
        output
    }
}

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Log,
    pub(crate) client: Client,
}

impl Server {
    /// `http://ADDRESS`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Asks it to end, and returns at once.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Sends it any other signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the server's end", || self.child.try_wait().unwrap())
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(mut self) {
        self.terminate();
        let status = self.wait();
        assert!(status.success(), "{status}");
    }

    /// Ends it at once, whatever it is doing.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            println!("--- what {} said:\n{}", self.address, self.log.text());
        }
    }
}

/// What a process writes to standard error, as far as it has.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn follow(mut stderr: ChildStderr) -> Self {
        let log = Self(Arc::default());
        let bytes = Arc::clone(&log.0);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut chunk) {
                bytes.lock().unwrap().extend_from_slice(&chunk[..length]);
            }
        });
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}
