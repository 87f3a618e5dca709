//! A real S3 server inside the test, with one bucket in a temporary folder, for servers of ours to keep images in.
//!
//! It looks at conditions before it writes and holds no lock in between, as S3 itself does; so one request that writes is let
//! through at a time, and none that reads meanwhile. It can be away for a while: then it answers nothing.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use super::Launch;

const KEY: &str = "a-key-of-the-tests";

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
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let endpoint = pair("AWS_ENDPOINT_URL", &format!("http://{}", self.address));
        [endpoint, pair("AWS_ACCESS_KEY_ID", KEY), pair("AWS_SECRET_ACCESS_KEY", KEY)]
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
        let root = self.folder.path().join("bucket/some/prefix");
        let (mut folders, mut keys) = (vec![root.clone()], Vec::<String>::new());
        while let Some(folder) = folders.pop() {
            let entries: Vec<PathBuf> =
                fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
            for entry in entries {
                match entry.is_dir() {
                    true => folders.push(entry),
                    false => keys.push(entry.strip_prefix(&root).unwrap().display().to_string()),
                }
            }
        }
        keys.sort();
        keys
    }

    fn serve(&mut self, listener: TcpListener) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(self.folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, KEY));
        let service = service.build();
        runtime.spawn(async move { answer(tokio::net::TcpListener::from_std(listener).unwrap(), service).await });
        self.serving = Some(runtime);
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.serving.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

async fn answer(listener: tokio::net::TcpListener, service: S3Service) {
    let turn = Arc::new(RwLock::new(()));
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (service, turn) = (service.clone(), Arc::clone(&turn));
        let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (service, turn) = (service.clone(), Arc::clone(&turn));
            async move {
                if request.method().is_safe() {
                    let _reading = turn.read().await;
                    return service.call(request.map(s3s::Body::from)).await;
                }
                let _writing = turn.write().await;
                service.call(request.map(s3s::Body::from)).await
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
    }
}
