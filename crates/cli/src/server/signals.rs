//! The signals that a server listens to: SIGTERM and Ctrl-C end it, SIGHUP has its certificate read again.
//!
//! Without a certificate SIGHUP keeps its usual meaning, which is the end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::tls::Tls;

/// How often the certificate's files are looked at.
const LOOK_AT_FILES: Duration = Duration::from_secs(5);

/// The signals by which the process is asked for something.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    certificate: Option<(Arc<Tls>, Signal)>,
}

impl Signals {
    /// Listens from now on; before, a signal ends the process at once. Called in a runtime.
    pub(crate) fn listen(tls: Option<Arc<Tls>>) -> Result<Self> {
        let certificate = tls.map(|tls| Ok::<_, std::io::Error>((tls, signal(SignalKind::hangup())?))).transpose()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            certificate,
        })
    }

    /// Waits until the process is asked to end, and keeps the certificate new meanwhile.
    pub(crate) async fn ended(&mut self) {
        let Self { terminate, interrupt, certificate } = self;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = keep_new(certificate.as_mut()) => {}
        }
    }
}

/// Never ends.
async fn keep_new(certificate: Option<&mut (Arc<Tls>, Signal)>) {
    let Some((tls, hangup)) = certificate else { return std::future::pending().await };
    let mut look = tokio::time::interval(LOOK_AT_FILES);
    loop {
        tokio::select! {
            _ = look.tick() => tls.refresh(),
            Some(()) = hangup.recv() => tls.reload(),
        }
    }
}
