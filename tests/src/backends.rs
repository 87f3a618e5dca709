//! Backends that were not written by us behind `orbit edge`, with no setting but their address: nginx on a folder, Python's
//! own file server.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::harness::fixtures::photo;
use crate::harness::{Launch, Nginx, Server, eventually, free_port};

const ROCKET: &str = "/api/images/sub/rocket.jpg";

/// A backend in a process of its own, ended with the test.
struct Backend {
    process: Process,
    port: u16,
    folder: tempfile::TempDir,
}

/// What ends with the test.
enum Process {
    Nginx { _running: Nginx },
    Other(Child),
}

/// A folder with the images.
fn images() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("images/sub")).unwrap();
    fs::write(folder.path().join("images/sub/rocket.jpg"), photo("rocket.jpg")).unwrap();
    folder
}

impl Backend {
    fn python() -> Self {
        let (folder, port) = (images(), free_port());
        let mut command = Command::new("python3");
        command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]).current_dir(folder.path());
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().unwrap_or_else(|error| panic!("python3: {error}; `./test tools` installs it"));
        let backend = Self { process: Process::Other(child), port, folder };
        eventually("the backend to listen", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        backend
    }

    fn nginx() -> Self {
        let folder = images();
        let nginx = Nginx::start("types { image/jpeg jpg; }", &format!("root {};", folder.path().display()));
        let port = nginx.address.port();
        Self { process: Process::Nginx { _running: nginx }, port, folder }
    }

    /// An edge in front of it; the folder for what it keeps is the test's own.
    fn edge(&self) -> Server {
        let kept = self.folder.path().join("kept");
        let words = ["--disk", "64MiB", "--disk-dir", kept.to_str().unwrap()];
        Launch::edge(&format!("http://127.0.0.1:{}", self.port)).words(&words).start()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Other(child) = self {
            // It may have ended by itself; then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a page, a player and a browser do with an image.
fn serves(backend: &Backend) {
    let edge = backend.edge();
    let miss = edge.client.get(ROCKET).expect(200);
    assert_eq!((miss.header("x-cache"), miss.header("content-type")), ("MISS", "image/jpeg"));
    let hit = edge.client.get(ROCKET).expect(200);
    assert_eq!((hit.header("x-cache"), &hit.body), ("HIT", &photo("rocket.jpg")));
    let part = edge.client.get_with(ROCKET, &[("range", "bytes=0-9")]).expect(206);
    assert_eq!((part.header("x-cache"), &*part.body), ("HIT", &photo("rocket.jpg")[..10]));
    let date = miss.header("last-modified");
    assert!(!date.is_empty());
    edge.client.get_with(ROCKET, &[("if-modified-since", date)]).expect(304);
    if !miss.header("etag").is_empty() {
        edge.client.get_with(ROCKET, &[("if-none-match", miss.header("etag"))]).expect(304);
    }
    assert_eq!(edge.client.head(ROCKET).expect(200).header("content-length"), photo("rocket.jpg").len().to_string());
    edge.client.get("/api/images/none.jpg").expect(404);
    edge.client.get("/readyz").expect(200);
}

/// What its operator does.
fn is_purged(backend: &Backend) {
    let edge = backend.edge();
    edge.client.get(ROCKET).expect(200);
    fs::write(backend.folder.path().join("images/sub/rocket.jpg"), photo("coffee.png")).unwrap();
    assert_eq!(edge.client.get(ROCKET).expect(200).body, photo("rocket.jpg"));
    let receipt = edge.client.post_json("/purge", &json!({ "all": true })).expect(200).json();
    assert!(receipt["removed"][0]["entries"].as_u64().unwrap() >= 1, "{receipt}");
    let new = edge.client.get(ROCKET).expect(200);
    assert_eq!((new.header("x-cache"), &new.body), ("MISS", &photo("coffee.png")));
}

/// What it goes through when the backend is gone.
fn outlives(backend: Backend) {
    let edge = backend.edge();
    edge.client.get(ROCKET).expect(200);
    drop(backend.process);
    assert_eq!(edge.client.get(ROCKET).expect(200).header("x-cache"), "HIT");
    edge.client.get("/api/images/none.jpg").expect_any_problem();
}

#[test]
fn a_folder_that_nginx_serves_works_behind_the_edge() {
    let backend = Backend::nginx();
    serves(&backend);
    is_purged(&backend);
    outlives(backend);
}

#[test]
fn a_folder_that_python_serves_works_behind_the_edge() {
    let backend = Backend::python();
    serves(&backend);
    is_purged(&backend);
    outlives(backend);
}
