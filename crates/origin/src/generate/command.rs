//! The `command` backend: a program of the operator's, which reads a request as JSON and writes an image.
//!
//! 1. It is started in a process group of its own, without a shell, and with the few variables that it was given.
//! 2. The request goes to its standard input while its outputs are read, each within a limit.
//! 3. It ends with 0, and what it wrote is the picture; anything else is a failure, told by its last words.
//!
//! Where it takes too long, writes too much, or nobody wants the picture any more, the whole group is killed.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::sync::mpsc;

use super::{Error, Generator, Picture, Preview, Request};

/// The longest last line of standard error that is told, in characters.
const MAX_WORDS: usize = 400;
/// How much of the end of standard error is kept to find it in, in bytes.
const MAX_TAIL: usize = 4 << 10;

/// A program and how it is run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the model that it is.
    pub model: String,
    /// The program and its arguments.
    pub words: Vec<String>,
    /// All the variables that it sees.
    pub environment: Vec<(OsString, OsString)>,
    /// How long a picture may take.
    pub timeout: Duration,
    /// The most bytes that a picture may have.
    pub max_bytes: u64,
}

/// Draws by running a program.
#[derive(Debug, Clone)]
pub struct Command {
    models: [String; 1],
    config: Config,
}

impl Command {
    /// A backend that runs this program.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] where there is no name, no program or no time.
    pub fn new(config: Config) -> Result<Self, crate::Error> {
        if config.model.is_empty() || config.words.first().is_none_or(String::is_empty) {
            return Err(crate::Error::Invalid("a command model is NAME=PROGRAM ARG..".to_owned()));
        }
        if config.timeout.is_zero() {
            let text = "a picture takes some time: the generation timeout must be more than 0s";
            return Err(crate::Error::Invalid(text.to_owned()));
        }
        Ok(Self { models: [config.model.clone()], config })
    }

    fn start(&self) -> std::io::Result<Group> {
        let mut command = tokio::process::Command::new(&self.config.words[0]);
        command.args(&self.config.words[1..]).env_clear().envs(self.config.environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true).spawn().map(Group)
    }

    async fn draw(&self, request: Request) -> Result<Picture, Error> {
        let name = &self.models[0];
        let failed = |error: std::io::Error| {
            tracing::error!(target: "orbit::origin", model = name, %error, "a command model could not be run");
            Error::Failed(format!("the program of `{name}` could not be run"))
        };
        let mut group = self.start().map_err(failed)?;
        let (input, output, words) = (group.0.stdin.take(), group.0.stdout.take(), group.0.stderr.take());
        let asked = asked(&request).to_string();
        let writing = async {
            if let Some(mut input) = input {
                // A program that does not read its input has every right to; dropped, it ends.
                let _ = input.write_all(asked.as_bytes()).await;
            }
            Ok(())
        };
        let telling = async { Ok(tail(words).await) };
        let ((), bytes, tail) = tokio::try_join!(writing, head(output, self.config.max_bytes), telling)?;
        let status = group.0.wait().await.map_err(failed)?;
        self.judge(status, bytes, &tail)
    }

    fn judge(&self, status: ExitStatus, bytes: Vec<u8>, tail: &[u8]) -> Result<Picture, Error> {
        let name = &self.models[0];
        if status.success() && !bytes.is_empty() {
            return Ok(Picture { bytes: Bytes::from(bytes), revised_prompt: None });
        }
        let words = last_line(tail);
        tracing::warn!(target: "orbit::origin", model = name, %status, "a command model drew nothing");
        let what = if status.success() { "wrote no picture".to_owned() } else { format!("ended with {status}") };
        let words = if words.is_empty() { words } else { format!(": {words}") };
        Err(Error::Failed(format!("the program of `{name}` {what}{words}")))
    }
}

#[async_trait]
impl Generator for Command {
    fn models(&self) -> &[String] {
        &self.models
    }

    async fn generate(&self, request: Request, _: mpsc::Sender<Preview>) -> Result<Picture, Error> {
        let timeout = self.config.timeout;
        tokio::time::timeout(timeout, self.draw(request)).await.unwrap_or(Err(Error::Timeout(timeout)))
    }
}

/// A process and all that it has started; killed together where they are not waited for.
#[derive(Debug)]
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // The child has an id until it is reaped, and only here is it: so the number is still that of its group.
        let pid = self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The request as the program reads it.
fn asked(request: &Request) -> Value {
    let concept = &request.concept;
    let input = |input: &super::Input| {
        json!({
            "field": input.field,
            "file_name": input.file_name,
            "media_type": input.media_type,
            "data": STANDARD.encode(&input.bytes),
        })
    };
    json!({
        "prompt": concept.prompt,
        "model": concept.model,
        "style": concept.style,
        "title": concept.title,
        "width": request.width,
        "height": request.height,
        "seed": request.seed,
        "inputs": request.inputs.iter().map(input).collect::<Vec<_>>(),
        "extra": request.extra,
    })
}

/// All that is written, up to a limit.
async fn head(output: Option<impl AsyncRead + Unpin>, max: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    if let Some(output) = output {
        let broke_off = |error| Error::Failed(format!("the program's picture broke off: {error}"));
        output.take(max.saturating_add(1)).read_to_end(&mut bytes).await.map_err(broke_off)?;
    }
    if bytes.len() as u64 > max {
        return Err(Error::Failed(format!("the program's picture is larger than the limit of {max} bytes")));
    }
    Ok(bytes)
}

/// The end of what is written.
async fn tail(output: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut tail = Vec::new();
    let Some(mut output) = output else { return tail };
    let mut piece = [0; MAX_TAIL];
    while let Ok(length @ 1..) = output.read(&mut piece).await {
        tail.extend_from_slice(&piece[..length]);
        tail.drain(..tail.len().saturating_sub(MAX_TAIL));
    }
    tail
}

/// The last line that says something.
fn last_line(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use orbit_model::Concept;

    use super::*;

    async fn run(script: &str, timeout: Duration) -> Result<Picture, Error> {
        let config = Config {
            model: "own".to_owned(),
            words: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            timeout,
            max_bytes: 4096,
        };
        let concept = Concept {
            prompt: "a fox".to_owned(),
            style: Some("hero".to_owned()),
            title: None,
            model: Some("own".to_owned()),
            size: None,
            seed: None,
        };
        let input = super::super::Input {
            field: "image".to_owned(),
            file_name: "a.png".to_owned(),
            media_type: "image/png".to_owned(),
            bytes: Bytes::from_static(b"hi?"),
        };
        let extra = serde_json::from_value(json!({ "steps": 4 })).unwrap();
        let request = Request { concept, width: 64, height: 48, seed: 7, previews: 0, inputs: vec![input], extra };
        let (previews, _) = mpsc::channel(1);
        Command::new(config).unwrap().generate(request, previews).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn the_request_goes_in_as_json_and_the_picture_comes_out() {
        let picture = run("cat", LONG).await.unwrap();
        let asked: Value = serde_json::from_slice(&picture.bytes).unwrap();
        assert_eq!(asked["inputs"][0]["data"], "aGk/");
        assert_eq!(
            (&asked["prompt"], &asked["model"], &asked["style"]),
            (&json!("a fox"), &json!("own"), &json!("hero"))
        );
        assert_eq!((&asked["width"], &asked["height"], &asked["seed"]), (&json!(64), &json!(48), &json!(7)));
        assert_eq!(asked["extra"], json!({ "steps": 4 }));
    }

    #[tokio::test]
    async fn a_program_sees_the_variables_that_it_was_given_and_no_others() {
        let picture = run("env", LONG).await.unwrap();
        let text = String::from_utf8_lossy(&picture.bytes).into_owned();
        assert!(text.contains("PATH=/usr/bin:/bin") && !text.contains("CARGO"), "{text}");
    }

    #[tokio::test]
    async fn a_program_that_fails_is_told_by_its_last_words() {
        let error = run("echo first >&2; echo 'no GPU' >&2; echo >&2; exit 3", LONG).await.unwrap_err();
        assert_eq!(error, Error::Failed("the program of `own` ended with exit status: 3: no GPU".to_owned()));
        assert!(run("exit 0", LONG).await.unwrap_err().to_string().contains("wrote no picture"));
    }

    #[tokio::test]
    async fn a_program_that_writes_too_much_is_killed() {
        assert!(run("yes", LONG).await.unwrap_err().to_string().contains("larger than the limit of 4096 bytes"));
        assert_eq!(
            run("yes >&2 & sleep 1000", Duration::from_millis(50)).await,
            Err(Error::Timeout(Duration::from_millis(50)))
        );
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
        assert!(matches!(run(&script, Duration::from_millis(300)).await, Err(Error::Timeout(_))));
        let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        // Killed it is at once; its parent in this machine may take a moment to let go of it.
        let is_running = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        for _ in 0..1000 {
            if !is_running() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{pid} still runs");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_a_failure() {
        let config = Config {
            model: "own".to_owned(),
            words: vec!["/nowhere/program".to_owned()],
            environment: Vec::new(),
            timeout: LONG,
            max_bytes: 1,
        };
        let error = Command::new(config).unwrap().start().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}
