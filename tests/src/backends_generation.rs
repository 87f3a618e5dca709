//! Pictures from other servers and from programs: they arrive, or their failure is told for what it is; no key is ever told.

use std::path::Path;

use orbit_model::Digest;
use serde_json::{Value, json};

use crate::harness::backend::{GENERATIONS, failure, list, picture, picture_at, stream};
use crate::harness::{Events, Folder, Gate, Launch, Raw, Reply, Scripted, Server, Told, eventually, fixtures};

const KEY: &str = "sk-this-is-never-told";

fn with_backend(folder: &Folder, backend: &Scripted, words: &[&str]) -> Server {
    let base = format!("{}/v1", backend.url());
    let launch = Launch::serve(folder).words(&["--openai-base-url", &base, "--openai-model", "artist,second"]);
    launch.words(words).variable("OPENAI_API_KEY", KEY).start()
}

/// Posts a job: 202, or 200 where it has ended by the time of the answer, as one does that is refused at once.
fn post(server: &Server, thread: &str, concepts: &Value) -> Value {
    let answer = server.client.post_json("/generations", &json!({ "thread_id": thread, "concepts": concepts }));
    assert!([200, 202].contains(&answer.status), "{answer:?}");
    answer.json()
}

/// Posts a job, waits for its end and returns all that was told but the end.
fn run(server: &Server, thread: &str, concepts: &Value) -> Vec<Told> {
    let job = post(server, thread, concepts);
    let mut told = Events::open(&server.client, job["events"].as_str().unwrap(), None).until("concepts_generated");
    told.pop();
    told.retain(|told| told.name != "concept_started");
    told
}

/// Draws one picture, and returns what was told of it.
fn draw(server: &Server, thread: &str) -> Told {
    run(server, thread, &json!([{ "prompt": "a fox" }])).pop().unwrap()
}

#[test]
fn pictures_of_a_backend_are_stored_and_told_of() {
    let (folder, backend) = (Folder::new(), Scripted::start());
    let photo = fixtures::photo("chelsea.png");
    backend.on(GENERATIONS, picture(&photo));
    let server = with_backend(&folder, &backend, &[]);
    let concepts = json!([{ "prompt": "a cat", "size": "512x256" }, { "prompt": "another", "model": "second" }]);
    let told = run(&server, "t", &concepts);
    assert_eq!(told.len(), 2);
    for Told { name, data, .. } in &told {
        assert_eq!(name, "concept_progress", "{data}");
        let model = if data["index"] == 0 { "artist" } else { "second" };
        assert_eq!((&data["image"]["model"], &data["image"]["generated"]), (&json!(model), &json!(true)));
        assert_eq!(folder.source(data["image"]["id"].as_str().unwrap()), photo);
        let served = server.client.get(data["image"]["url"].as_str().unwrap()).expect(200);
        assert_eq!(data["image"]["digest"], Digest::of(&served.body).to_string());
    }
    let asked = backend.asked(GENERATIONS);
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|asked| asked.header("authorization") == format!("Bearer {KEY}")));
    let bodies: Vec<Value> = asked.iter().map(|asked| serde_json::from_slice(&asked.body()).unwrap()).collect();
    let cat = json!({ "model": "artist", "prompt": "a cat", "n": 1, "size": "512x256" });
    assert!(bodies.contains(&cat), "{bodies:?}");
    let another = json!({ "model": "second", "prompt": "another", "n": 1 });
    assert!(bodies.contains(&another), "what was left open is the model's to choose: {bodies:?}");
}

#[test]
fn a_streamed_picture_and_one_behind_a_url_arrive_too() {
    let (folder, backend) = (Folder::new(), Scripted::start());
    let (photo, other) = (fixtures::photo("coffee.png"), fixtures::tiny(1));
    let server = with_backend(&folder, &backend, &[]);
    backend.on(GENERATIONS, stream(&[&other], Some(&photo)));
    let streamed = draw(&server, "streamed");
    assert_eq!(folder.source(streamed.data["image"]["id"].as_str().unwrap()), photo);
    backend.on("/made/1.png", Reply::ok(&other));
    backend.on(GENERATIONS, picture_at(&format!("{}/made/1.png", backend.url())));
    let fetched = draw(&server, "fetched");
    assert_eq!(folder.source(fetched.data["image"]["id"].as_str().unwrap()), other);
    assert_eq!(backend.last("/made/1.png").header("authorization"), "", "the key is for the interface alone");
}

#[test]
fn a_backend_cannot_have_the_inside_fetched() {
    let (folder, backend, inside) = (Folder::new(), Scripted::start(), Scripted::start());
    inside.otherwise(|_| Reply::ok(fixtures::tiny(1)));
    let server = with_backend(&folder, &backend, &[]);
    backend.on(GENERATIONS, picture_at(&format!("{}/secret.png", inside.url())));
    let told = draw(&server, "t");
    assert_eq!((&*told.name, inside.connections()), ("concept_failed", 0), "{}", told.data);
}

/// Why an image did not come, as only who may write is told.
fn own_words(server: &Server, told: &Told) -> String {
    let job = server.client.get(&format!("/generations/{}", told.data["job"].as_str().unwrap())).expect(200).json();
    job["images"][0]["error"]["message"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_failure_is_told_for_what_it_is_and_the_key_never() {
    let (folder, backend) = (Folder::new(), Scripted::start());
    let server = with_backend(&folder, &backend, &["--max-source", "64KiB"]);
    let repeating = format!("Incorrect API key provided: {KEY}");
    let cases = [
        (failure(400, "foxes are against the rules"), "refused", "foxes are against the rules"),
        (failure(400, &repeating), "refused", "Incorrect API key provided: (hidden)"),
        (failure(401, &repeating), "refused", "check OPENAI_API_KEY"),
        (failure(429, "slow down").header("retry-after", "1"), "generator_busy", "slow down"),
        (failure(500, "out of paint"), "generator_failed", "out of paint"),
        (Reply::ok("{\"data\":[").claiming(100).cut(), "generator_failed", "broke off"),
        (Reply::ok("").forever("a".repeat(4096)).until_close(), "generator_failed", "larger than the limit"),
        (list(&json!({ "b64_json": "%%%" })), "generator_failed", "not base64"),
        (stream(&[&fixtures::tiny(1)], None), "generator_failed", "broke off"),
        (picture(b"<html>"), "unsupported", "image"),
    ];
    for (place, (reply, code, message)) in cases.into_iter().enumerate() {
        backend.on(GENERATIONS, reply);
        let told = draw(&server, &format!("t{place}"));
        let said = own_words(&server, &told);
        assert_eq!((&*told.name, &told.data["code"]), ("concept_failed", &json!(code)), "{message}: {}", told.data);
        assert!(said.contains(message) && !said.contains(KEY), "{said}");
    }
    assert!(!server.log().contains(KEY), "{}", server.log());
}

#[test]
fn a_backend_that_takes_too_long_is_given_up_and_one_that_nobody_waits_for_is_left() {
    let (folder, backend) = (Folder::new(), Scripted::start());
    backend.on(GENERATIONS, picture(&fixtures::tiny(1)).hold(&Gate::closed()));
    let server = with_backend(&folder, &backend, &["--generation-timeout", "300ms"]);
    assert_eq!(draw(&server, "t").data["code"], "generator_timeout");
    let patient = Folder::new();
    let server = with_backend(&patient, &backend, &[]);
    let before = backend.count(GENERATIONS);
    let job = post(&server, "t", &json!([{ "prompt": "a fox" }]));
    eventually("the request", || (backend.count(GENERATIONS) > before).then_some(()));
    let left = backend.abandoned(GENERATIONS);
    server.client.delete(job["url"].as_str().unwrap()).expect(200);
    eventually("the connection's end", || (backend.abandoned(GENERATIONS) > left).then_some(()));
}

#[test]
fn a_picture_is_not_drawn_for_somebody_who_has_left_through_an_edge_or_not() {
    let (folder, backend) = (Folder::new(), Scripted::start());
    backend.on(GENERATIONS, picture(&fixtures::tiny(1)).hold(&Gate::closed()));
    let server = with_backend(&folder, &backend, &[]);
    let edge = Launch::edge(&server.url()).start();
    for (place, address) in [server.address, edge.address].into_iter().enumerate() {
        let body = json!({ "prompt": format!("a fox {place}") }).to_string();
        let head = format!("host: {address}\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
        let mut raw = Raw::connect(address);
        raw.send(format!("POST /v1/images/generations HTTP/1.1\r\n{head}\r\n\r\n{body}"));
        eventually("the request", || (backend.count(GENERATIONS) == place + 1).then_some(()));
        assert_eq!(backend.abandoned(GENERATIONS), place);
        drop(raw);
        eventually("the connection's end", || (backend.abandoned(GENERATIONS) == place + 1).then_some(()));
    }
}

#[test]
fn a_program_draws_and_knows_the_request_and_no_secrets() {
    let (folder, work) = (Folder::new(), Folder::new());
    let [asked, seen] = ["asked", "seen"].map(|name| work.path().join(name));
    let photo = fixtures::photos().join("coffee.png");
    let script = format!("cat > {}; env > {}; cat {}", asked.display(), seen.display(), photo.display());
    let model = format!("fox=/bin/sh -c '{script}'");
    let launch = Launch::serve(&folder).words(&["--command-model", &model]);
    let mut server = launch.token("a-token").variable("OPENAI_API_KEY", KEY).start();
    server.client = server.client.bearing("a-token");
    let told = draw(&server, "t");
    assert_eq!((&*told.name, &told.data["image"]["model"]), ("concept_progress", &json!("fox")), "{}", told.data);
    assert_eq!(folder.source(told.data["image"]["id"].as_str().unwrap()), std::fs::read(photo).unwrap());
    let asked: Value = serde_json::from_slice(&std::fs::read(asked).unwrap()).unwrap();
    assert_eq!((&asked["prompt"], &asked["width"], &asked["model"]), (&json!("a fox"), &json!(1024), &json!("fox")));
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(!seen.contains(KEY) && !seen.contains("a-token") && seen.contains("PATH="), "{seen}");
}

#[test]
fn a_program_is_killed_with_its_job() {
    let (folder, work) = (Folder::new(), Folder::new());
    let pid = work.path().join("pid");
    let model = format!("slow=/bin/sh -c 'sleep 1000 & echo $! > {}; wait'", pid.display());
    let server = Launch::serve(&folder).words(&["--command-model", &model]).start();
    let job = post(&server, "t", &json!([{ "prompt": "a fox" }]));
    let pid: u32 = eventually("the program", || std::fs::read_to_string(&pid).ok()?.trim().parse().ok());
    assert!(is_running(pid));
    server.client.delete(job["url"].as_str().unwrap()).expect(200);
    eventually("its end", || (!is_running(pid)).then_some(()));
}

fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn a_program_that_fails_is_told_by_its_last_words() {
    let folder = Folder::new();
    let model = "broken=/bin/sh -c 'echo no GPU >&2; exit 3'";
    let server = Launch::serve(&folder).words(&["--command-model", model]).start();
    let told = draw(&server, "t");
    assert_eq!((&*told.name, &told.data["code"]), ("concept_failed", &json!("generator_failed")));
    assert!(own_words(&server, &told).contains("no GPU"), "{}", told.data);
    assert!(!told.data["message"].as_str().unwrap().contains("no GPU"), "{}", told.data);
    // Behind an edge everybody comes from loopback: there nobody is known to be who may write.
    let edge = Launch::edge(&server.url()).start();
    let job = edge.client.get(&format!("/generations/{}", told.data["job"].as_str().unwrap())).expect(200).text();
    assert!(job.contains("generator_failed") && !job.contains("no GPU"), "{job}");
}

#[test]
fn a_backend_elsewhere_needs_its_key_at_the_start() {
    let folder = Folder::new();
    let launch = || Launch::serve(&folder).words(&["--openai-base-url", "https://api.openai.com/v1"]);
    let refused = launch().refused();
    assert!(refused.stderr.contains("set OPENAI_API_KEY"), "{refused:?}");
    drop(launch().variable("OPENAI_API_KEY", KEY).start());
    let refused = Launch::serve(&folder).words(&["--command-model", "fox"]).refused();
    assert!(refused.stderr.contains("NAME=PROGRAM"), "{refused:?}");
    let refused = Launch::serve(&folder).variable("ORBIT_OPENAI_MODELS", "artist").refused();
    assert!(refused.stderr.contains("give --openai-base-url"), "{refused:?}");
}

#[test]
fn the_demo_draws_beside_others_only_where_it_is_wanted() {
    let words = ["--command-model", "fox=false"];
    let of = |model: &str| json!([{ "prompt": "a fox", "model": model }]);
    let (folder, other) = (Folder::new(), Folder::new());
    let server = Launch::serve(&folder).words(&words).start();
    let unknown = json!({ "thread_id": "t", "concepts": of("orbit-demo") });
    server.client.post_json("/generations", &unknown).expect_problem(400, "invalid");
    let server = Launch::serve(&other).words(&words).words(&["--demo-model"]).start();
    assert_eq!(run(&server, "t", &of("orbit-demo"))[0].name, "concept_progress");
    let stranger = json!({ "thread_id": "t", "concepts": of("dall-e-9") });
    server.client.post_json("/generations", &stranger).expect_problem(400, "invalid");
}

#[test]
fn a_try_that_fails_in_passing_is_followed_by_another() {
    let (folder, backend) = (Folder::new(), Scripted::start());
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let photo = fixtures::photo("coffee.png");
    backend.by(GENERATIONS, move |_| match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => failure(429, "slow down").header("retry-after", "0"),
        1 => failure(500, "out of paint"),
        _ => picture(&photo),
    });
    let server = with_backend(&folder, &backend, &[]);
    let job = post(&server, "t", &json!([{ "prompt": "a cup" }]));
    let told = Events::open(&server.client, job["events"].as_str().unwrap(), None).until("concepts_generated");
    let attempts: Vec<&Value> =
        told.iter().filter(|told| told.name == "concept_started").map(|told| &told.data["attempt"]).collect();
    assert_eq!((attempts, backend.count(GENERATIONS)), (vec![&json!(1), &json!(2), &json!(3)], 3));
    assert_eq!(told[3].name, "concept_progress");
}

#[test]
fn what_the_backend_refuses_is_not_tried_again() {
    let (folder, backend) = (Folder::new(), Scripted::start());
    backend.on(GENERATIONS, failure(400, "foxes are against the rules"));
    let server = with_backend(&folder, &backend, &[]);
    let answer = server.client.post_json("/v1/images/generations", &json!({ "prompt": "a fox" }));
    answer.expect_problem(400, "refused");
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    assert_eq!(backend.count(GENERATIONS), 1);
}

#[test]
fn a_hundred_equal_requests_at_one_moment_ask_the_backend_once() {
    let (folder, backend) = (Folder::new(), Scripted::start());
    let gate = Gate::closed();
    backend.on(GENERATIONS, picture(&fixtures::photo("coffee.png")).hold(&gate));
    let server = with_backend(&folder, &backend, &[]);
    let body = json!({ "model": "artist", "prompt": "a cup", "response_format": "url", "quality": "high" });
    let urls: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let ask = || {
            let answer = server.client.post_json("/v1/images/generations", &body).expect(200).json();
            answer["data"][0]["url"].as_str().unwrap().to_owned()
        };
        let clients: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
        // All have come when their connections have been accepted and answered nothing else.
        eventually("all to wait", || {
            (server.client.get("/stats").json()["jobs"]["waiting"].as_u64()? == 100).then_some(())
        });
        gate.open();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!((urls.len(), backend.count(GENERATIONS)), (1, 1));
    let asked: Value = serde_json::from_slice(&backend.last(GENERATIONS).body()).unwrap();
    assert_eq!((&asked["quality"], &asked["n"]), (&json!("high"), &json!(1)), "what is the backend's goes to it");
}

#[test]
fn an_edit_goes_to_the_backend_with_its_pictures_as_they_were() {
    let (folder, backend) = (Folder::new(), Scripted::start());
    let (source, result) = (fixtures::tiny(3), fixtures::photo("coffee.png"));
    backend.on("/v1/images/edits", picture(&result));
    let server = with_backend(&folder, &backend, &[]);
    let mut form = b"--b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\na hat\r\n".to_vec();
    form.extend(b"--b\r\ncontent-disposition: form-data; name=\"orbit[thread_id]\"\r\n\r\nhats\r\n");
    form.extend(
        b"--b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n",
    );
    form.extend(&source);
    form.extend(b"\r\n--b--\r\n");
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    let answer = server.client.send("POST", "/v1/images/edits", &headers, Some(&form)).expect(200).json();
    let id = answer["data"][0]["orbit"]["id"].as_str().unwrap();
    assert_eq!((folder.source(id), &answer["orbit"]["thread_id"]), (result, &json!("hats")));
    let sent = backend.last("/v1/images/edits").body();
    assert!(sent.windows(source.len()).any(|part| part == source), "the picture came as it was sent");
    assert!(String::from_utf8_lossy(&sent).contains("a hat"));
}
