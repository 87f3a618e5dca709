//! A bucket of a real S3 server ([`s3`]) inside the test, for servers of ours to keep images in. It can be away for a while: then it
//! answers nothing.

use std::fs;
use std::net::{SocketAddr, TcpListener};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Launch, s3};

/// A running server with a bucket, gone with the test.
#[derive(Debug)]
pub(crate) struct Bucket {
    folder: TempDir,
    address: SocketAddr,
    /// What serves; none while it is away.
    serving: Option<Runtime>,
}

impl Bucket {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bucket")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut bucket = Self { folder, address, serving: None };
        bucket.serve(listener);
        bucket
    }

    /// Its URL, with a prefix.
    pub(crate) fn url(&self) -> String {
        "s3://bucket/some/prefix".to_owned()
    }

    /// What a process needs to know to reach it.
    pub(crate) fn environment(&self) -> [(String, String); 3] {
        s3::options(self.address)
    }

    /// A server that keeps its images here.
    pub(crate) fn keeps_images_of(&self, launch: Launch) -> Launch {
        let launch = self.environment().iter().fold(launch, |launch, (name, value)| launch.variable(name, value));
        launch.words(&["--blobs", &self.url()])
    }

    /// Ends every connection and takes no more.
    pub(crate) fn go_away(&mut self) {
        self.serving.take().unwrap().shutdown_background();
    }

    /// Answers again, at the same address.
    pub(crate) fn come_back(&mut self) {
        let listener = super::eventually("the port of the bucket", || TcpListener::bind(self.address).ok());
        self.serve(listener);
    }

    /// Every object, as its key below the prefix.
    pub(crate) fn keys(&self) -> Vec<String> {
        s3::keys(&self.folder.path().join("bucket/some/prefix"))
    }

    fn serve(&mut self, listener: TcpListener) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        listener.set_nonblocking(true).unwrap();
        let service = s3::service(self.folder.path());
        runtime.spawn(async move { s3::serve(tokio::net::TcpListener::from_std(listener).unwrap(), service).await });
        self.serving = Some(runtime);
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.serving.take().into_iter().for_each(Runtime::shutdown_background);
    }
}
