//! An origin of our own in the test's process, able to answer anything, slowly, wrongly or not at all.
//!
//! Each path has a script: one [`Reply`], or a function that makes one from the request. Every request is kept, so that a
//! test counts what the edge asked for and reads what it sent along. Threads and sockets of the standard library only: no
//! HTTP library stands between the script and the wire.

mod asked;
mod reply;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub(crate) use self::asked::Asked;
pub(crate) use self::reply::Reply;
use self::wire::Wire;

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A running origin; it ends with the test, and its connections with it.
pub(crate) struct Scripted {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The thread that accepts; its end is the socket's.
    accepting: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    scripts: Mutex<HashMap<String, Script>>,
    /// What answers where no path fits; without it that is a 404.
    otherwise: Mutex<Option<Script>>,
    asked: Mutex<Vec<Asked>>,
    /// The targets of replies that the other side did not stay for.
    abandoned: Mutex<Vec<String>>,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scripted({})", self.address)
    }
}

impl Scripted {
    /// Starts on a free port.
    pub(crate) fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap())
    }

    /// Starts at an address, such as one where an origin was stopped before.
    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let seen = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || accept(&listener, &seen));
        Self { address, shared, accepting: Mutex::new(Some(accepting)) }
    }

    /// `http://ADDRESS`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers a path with this reply from now on. The path stands for all its queries, unless it names one.
    pub(crate) fn on(&self, path: &str, reply: Reply) -> &Self {
        self.by(path, move |_| reply.clone())
    }

    /// Answers a path with what the function makes of each request.
    pub(crate) fn by(&self, path: &str, script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> &Self {
        self.shared.scripts.lock().unwrap().insert(path.to_owned(), Arc::new(script));
        self
    }

    /// Answers all paths that have no script of their own.
    pub(crate) fn otherwise(&self, script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> &Self {
        *self.shared.otherwise.lock().unwrap() = Some(Arc::new(script));
        self
    }

    /// All requests for a path so far, in the order in which they came.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().iter().filter(|asked| asked.is_for(path)).cloned().collect()
    }

    /// All requests so far, but for the edge's own question whether there is a log of purges.
    pub(crate) fn all(&self) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|asked| !asked.path().starts_with("/edges/")).cloned().collect()
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.asked(path).len()
    }

    /// The last request for a path.
    pub(crate) fn last(&self, path: &str) -> Asked {
        self.asked(path).pop().unwrap_or_else(|| panic!("{path} was never asked for"))
    }

    /// How many replies to a path the other side hung up on before their end.
    pub(crate) fn abandoned(&self, path: &str) -> usize {
        self.shared.abandoned.lock().unwrap().iter().filter(|target| *target == path).count()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Dies: refuses connections from now on and cuts those that are open.
    pub(crate) fn stop(&self) {
        let Some(accepting) = self.accepting.lock().unwrap().take() else { return };
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread, which sees the mark and lets its socket go.
        let _ = TcpStream::connect(self.address);
        let _ = accepting.join();
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        shared.open.lock().unwrap().push(stream.try_clone().unwrap());
        let shared = Arc::clone(shared);
        std::thread::spawn(move || converse(stream, &shared));
    }
}

/// Answers one connection's requests, one after the other.
fn converse(stream: TcpStream, shared: &Shared) {
    let mut wire = Wire::new(stream);
    while let Some(asked) = wire.head() {
        shared.asked.lock().unwrap().push(asked.clone());
        let reply = shared.script(&asked)(&asked);
        if !reply.is_upgrade() && wire.body(&asked).is_none() {
            break;
        }
        match reply.play(&asked, &mut wire) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => {
                shared.abandoned.lock().unwrap().push(asked.target);
                break;
            }
        }
    }
}

impl Shared {
    fn script(&self, asked: &Asked) -> Script {
        let scripts = self.scripts.lock().unwrap();
        let named = scripts.get(&asked.target).or_else(|| scripts.get(asked.path()));
        let script = named.cloned().or_else(|| self.otherwise.lock().unwrap().clone());
        script.unwrap_or_else(|| Arc::new(|_| Reply::status(404).body("no script for this path")))
    }
}
