//! nginx, in one process in the foreground, with all that it writes in a folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{eventually, free_port};

/// A running nginx; it ends with the test.
pub(crate) struct Nginx {
    process: Child,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts it on a free port; `http` stands in the block of that name, and `server` in the only server's.
    pub(crate) fn start(http: &str, server: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};", own.join(name).display()))
            .concat();
        let text = format!(
            "daemon off; master_process off; pid {}/pid; error_log stderr; events {{ }}
             http {{ access_log off; {temporary} {http} server {{ listen {address}; {server} }} }}",
            own.display()
        );
        fs::write(own.join("conf"), text).unwrap();
        // Debian keeps it where only root's PATH leads.
        let binary = ["/usr/sbin/nginx", "nginx"].into_iter().find(|path| Path::new(path).exists());
        let mut command = Command::new(binary.unwrap_or("nginx"));
        command.arg("-p").arg(own).arg("-c").arg(own.join("conf"));
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = quiet.spawn().unwrap_or_else(|error| panic!("nginx: {error}; `./test tools` installs it"));
        let nginx = Self { process, address, _folder: folder };
        eventually("nginx to listen", || std::net::TcpStream::connect(address).ok());
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
