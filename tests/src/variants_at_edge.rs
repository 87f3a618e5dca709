//! Variants at the edge: one entry for each that is asked for, however it is spelled; two where `Accept` chooses; and a purge of
//! an image that takes all of them, from a fill under way and from the disk too.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use serde_json::{Value, json};

use crate::harness::{Answer, Folder, Gate, Launch, Raw, Reply, Scripted, Server, bytes, eventually};

const FOX: &str = "/api/images/fox";
/// Requests with a spelling of their own that the edge must not keep apart.
const SPELLINGS: usize = 10_000;
/// How many purges the race makes.
const PURGES: u64 = 300;

/// An origin that answers with what it was asked, and an edge in front of it.
fn start() -> (Scripted, Server) {
    let origin = echo();
    let edge = Launch::edge(&origin.url()).start();
    (origin, edge)
}

fn echo() -> Scripted {
    let origin = Scripted::start();
    origin.otherwise(|asked| match asked.method.as_str() {
        "GET" => Reply::ok(&asked.target).control("max-age=3600").header("vary", "accept"),
        _ => Reply::status(200),
    });
    origin.on("/purge", Reply::status(404));
    origin
}

fn entries(edge: &Server) -> u64 {
    edge.client.get("/stats").expect(200).json()["edge"]["memory"]["entries"].as_u64().unwrap()
}

/// Whether the edge had it, or was getting it already: a fill is kept a moment after its last byte was sent.
fn is_kept(answer: &Answer) -> bool {
    matches!(answer.header("x-cache"), "HIT" | "COALESCED")
}

/// What was asked of the origin, path and query.
fn targets(origin: &Scripted) -> Vec<String> {
    origin.all().into_iter().map(|asked| asked.target).collect()
}

fn purge(edge: &Server, request: &Value) -> Value {
    edge.client.post_json("/purge", request).expect(200).json()
}

#[test]
fn a_variant_has_one_name_however_it_is_asked_for() {
    let (origin, edge) = start();
    for (spellings, target) in [
        (&["", "?", "?x=1", "?dpr=1", "?fit=cover&gamut=srgb", "?W=640"][..], "/images/fox"),
        (&["?w=640&q=75", "?q=75&w=640", "?utm=1&q=75&&w=%3640", "?w=640&q=75&dpr=1"], "/images/fox?w=640&q=75"),
        (&["?w=64&q=75"], "/images/fox?w=64&q=75"),
        (&["?h=640&q=75"], "/images/fox?h=640&q=75"),
        (&["?fm=jpg", "?fm=jpeg"], "/images/fox?fm=jpeg"),
        (&["?preset=thumb", "?preset=thumb&x"], "/images/fox?preset=thumb"),
        (&["?preset=thumb&fit=cover"], "/images/fox?preset=thumb&fit=cover"),
    ] {
        for (place, spelling) in spellings.iter().enumerate() {
            let answer = Raw::connect(edge.address).get(format!("{FOX}{spelling}").as_bytes()).expect("an answer");
            assert_eq!((is_kept(&answer), &*answer.text()), (place > 0, target), "{spelling}");
        }
    }
    assert_eq!((origin.all().len() as u64, entries(&edge)), (7, 7));
}

#[test]
fn ten_thousand_spellings_of_a_variant_are_one_entry() {
    let (origin, edge) = start();
    edge.client.get(&format!("{FOX}?w=640")).expect(200);
    let mut raw = Raw::connect(edge.address);
    for number in 0..SPELLINGS {
        let (before, behind) = (number.wrapping_mul(2_654_435_761) % 999_983, number);
        raw.ask("GET", &format!("{FOX}?x{before}={before}&w=640&v={behind}"), &[]);
        assert!(is_kept(&raw.answer().expect("an answer")));
    }
    assert_eq!((entries(&edge), origin.all().len()), (1, 1));
}

#[test]
fn what_is_known_but_wrong_is_refused_before_anybody_is_asked() {
    let (origin, edge) = start();
    for (query, word) in
        [("w=0", "w:"), ("w=640&w=640", "twice"), ("fm=gif", "fm:"), ("dpr=9", "dpr:"), ("s=x", "43 characters")]
    {
        for path in [FOX, "/api/images/none"] {
            let answer = edge.client.get(&format!("{path}?{query}"));
            answer.expect_problem(400, "invalid");
            assert!(answer.json()["detail"].as_str().unwrap().contains(word), "{}", answer.text());
        }
    }
    edge.client.send("OPTIONS", &format!("{FOX}?w=0"), &[], None).expect(204);
    assert_eq!((entries(&edge), origin.all().len()), (0, 0));
}

/// What the origin hears of `Accept`, told by its answers.
fn heard(edge: &Server, query: &str, accept: &str) -> Answer {
    edge.client.get_with(&format!("{FOX}{query}"), &[("accept", accept)]).expect(200)
}

fn accepting() -> (Scripted, Server) {
    let (origin, edge) = start();
    origin.by("/images/fox", |asked| {
        let accept = asked.header("accept");
        let reply = Reply::ok(&accept).control("max-age=3600").header("vary", "Accept");
        reply.etag(&format!("\"{accept}\""))
    });
    (origin, edge)
}

#[test]
fn a_thousand_ways_to_say_accept_make_two_entries() {
    let (origin, edge) = accepting();
    for number in 0..1_000 {
        let webp = format!("image/webp;q=0.{number}, text/x{number}, image/avif;q=0");
        let avif = format!("text/x{number}, IMAGE/AVIF;q=0.{}", number + 1);
        for (accept, expected) in [(webp, "image/webp"), (avif, "image/avif,image/webp")] {
            let answer = heard(&edge, "?w=640&fm=auto", &accept);
            assert_eq!((&*answer.text(), answer.header("vary")), (expected, "Accept"), "{accept}");
            assert_eq!(is_kept(&answer), number > 0, "{accept}");
        }
    }
    assert_eq!((entries(&edge), origin.all().len()), (2, 2));
    // An answer that nothing has changed says the same of itself (T-KEY-5).
    let same = [("accept", "text/html"), ("if-none-match", "\"image/webp\"")];
    let unchanged = edge.client.get_with(&format!("{FOX}?w=640&fm=auto"), &same).expect(304);
    let told = ["vary", "etag", "cache-control"].map(|name| unchanged.header(name).to_owned());
    assert_eq!(told, ["Accept", "\"image/webp\"", "max-age=3600"]);
}

#[test]
fn accept_counts_for_nothing_where_the_query_says_the_format() {
    let (origin, edge) = accepting();
    for query in ["?w=640", "?fm=avif", "?preset=thumb&fm=webp"] {
        assert_eq!(heard(&edge, query, "image/avif").text(), "", "{query}");
        assert!(is_kept(&heard(&edge, query, "image/webp")), "{query}");
    }
    // A preset may leave the format open: what it says, the origin alone knows.
    assert_eq!(heard(&edge, "?preset=thumb", "image/avif, */*").text(), "image/avif,image/webp");
    assert_eq!(heard(&edge, "?preset=thumb", "*/*").text(), "image/webp");
    assert_eq!(origin.all().len(), 5);
}

#[test]
fn an_image_without_a_query_goes_by_accept_as_its_upstream_says() {
    let (origin, edge) = accepting();
    for accept in ["image/avif", "image/png", "*/*"] {
        assert_eq!(heard(&edge, "?x=1", accept).text(), accept);
        assert!(is_kept(&heard(&edge, "", accept)), "{accept}");
    }
    assert_eq!(origin.all().len(), 3);
}

#[test]
fn two_who_accept_otherwise_at_the_same_time_get_each_their_own() {
    let (origin, edge) = start();
    let gate = Gate::closed();
    let held = gate.clone();
    origin.by("/images/fox", move |asked| {
        Reply::ok(asked.header("accept")).control("max-age=3600").header("vary", "Accept").hold(&held)
    });
    let ask = |accept| Raw::asking(edge.address, &format!("{FOX}?fm=auto"), &[("accept", accept)]);
    let avif: Vec<Raw> = (0..10).map(|_| ask("image/avif")).collect();
    let webp: Vec<Raw> = (0..10).map(|_| ask("image/webp")).collect();
    eventually("the origin to be asked", || (!origin.all().is_empty()).then_some(()));
    gate.open();
    for (crowd, expected) in [(avif, "image/avif,image/webp"), (webp, "image/webp")] {
        for mut raw in crowd {
            assert_eq!(raw.answer().expect("an answer").expect(200).text(), expected);
        }
    }
    assert_eq!(entries(&edge), 2);
}

const VARIANTS: [&str; 6] = ["fox", "fox?w=640", "fox?w=640&fm=auto", "fox?preset=thumb", "fox.webp", "fox.webp?h=96"];
const OTHERS: [&str; 4] = ["foxes?w=640", "owl", "owl?w=640", "fo?x=1&w=640"];

/// How many of these the edge has; it has all of them afterwards.
fn kept(edge: &Server, names: &[&str]) -> usize {
    names.iter().filter(|name| is_kept(&edge.client.get(&format!("/api/images/{name}")).expect(200))).count()
}

/// Asks for all of them for the first time, and waits until they are in memory.
fn fill(edge: &Server) {
    assert_eq!((kept(edge, &VARIANTS), kept(edge, &OTHERS)), (0, 0));
    eventually("all to be kept", || (entries(edge) == 10).then_some(()));
}

#[test]
fn a_purge_of_an_image_takes_all_its_variants_and_nobody_elses() {
    for (request, gone) in [
        (json!({ "ids": ["fox"] }), 6),
        (json!({ "paths": ["/api/images/fox"] }), 4),
        (json!({ "paths": ["/api/images/fox?x=1&fm=auto&w=640"] }), 1),
    ] {
        let (_origin, edge) = start();
        fill(&edge);
        assert_eq!(purge(&edge, &request)["removed"][0]["entries"], gone, "{request}");
        assert_eq!((kept(&edge, &VARIANTS), kept(&edge, &OTHERS)), (6 - gone, 4), "{request}");
    }
}

#[test]
fn a_soft_purge_of_an_image_makes_all_its_variants_stale() {
    let (origin, edge) = start();
    fill(&edge);
    let gate = Gate::closed();
    let held = gate.clone();
    origin.otherwise(move |_| Reply::ok("new").control("max-age=3600").hold(&held));
    assert_eq!(purge(&edge, &json!({ "ids": ["fox"], "soft": true }))["removed"][0]["entries"], 6);
    for name in VARIANTS {
        assert_eq!(edge.client.get(&format!("/api/images/{name}")).expect(200).header("x-cache"), "STALE", "{name}");
    }
    gate.open();
    for name in VARIANTS {
        eventually("the new one", || (edge.client.get(&format!("/api/images/{name}")).text() == "new").then_some(()));
    }
}

#[test]
fn a_write_to_an_image_takes_all_its_variants() {
    let (_origin, edge) = start();
    for method in ["PUT", "DELETE"] {
        kept(&edge, &VARIANTS);
        kept(&edge, &OTHERS);
        edge.client.send(method, "/images/fox", &[], (method == "PUT").then_some(b"x")).expect(200);
        assert_eq!((kept(&edge, &VARIANTS), kept(&edge, &OTHERS)), (0, 4), "{method}");
    }
}

#[test]
fn a_fill_of_a_variant_that_a_purge_overtakes_is_not_kept_and_no_other_is_cut() {
    let (origin, edge) = start();
    let gate = Gate::closed();
    let reply = |what: &str| Reply::ok(format!("an old {what}")).wait(&gate).body("!").control("max-age=3600");
    origin.on("/images/fox?w=640", reply("fox"));
    origin.on("/images/owl?w=640", reply("owl"));
    let mut flows = ["fox", "owl"].map(|name| edge.client.flow(&format!("/api/images/{name}?w=640"), &[]));
    for flow in &mut flows {
        assert_eq!(flow.read(7), b"an old ");
    }
    purge(&edge, &json!({ "ids": ["fox"] }));
    origin.on("/images/fox?w=640", Reply::ok("a new fox").control("max-age=3600"));
    let new = edge.client.get(&format!("{FOX}?w=640")).expect(200);
    assert_eq!((is_kept(&new), &*new.text()), (false, "a new fox"), "nobody joins what was asked for before");
    let mut joining = Raw::asking(edge.address, "/api/images/owl?w=640", &[]);
    gate.open();
    assert_eq!(joining.answer().expect("an answer").text(), "an old owl!");
    assert_eq!(flows.map(|flow| flow.rest().unwrap()), [b"fox!", b"owl!"]);
    for (name, body) in [("fox", "a new fox"), ("owl", "an old owl!")] {
        let hit = edge.client.get(&format!("/api/images/{name}?w=640")).expect(200);
        assert_eq!((is_kept(&hit), &*hit.text()), (true, body));
    }
    assert_eq!(origin.count("/images/owl?w=640"), 1, "it was not overtaken");
}

#[test]
fn after_the_answer_to_a_purge_nobody_gets_a_variant_of_before() {
    let (origin, folder) = (echo(), Folder::in_memory());
    let words = ["--disk", "64MiB", "--disk-dir", folder.path().to_str().unwrap(), "--log-level", "warn"];
    let edge = Launch::edge(&origin.url()).words(&words).start();
    let (version, purged, over) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0), AtomicBool::new(false));
    let current = Arc::clone(&version);
    let reply = move |_: &_| Reply::ok(current.load(SeqCst).to_string()).control("max-age=60");
    origin.by("/images/fox", reply.clone()).by("/images/fox.webp", reply);
    std::thread::scope(|scope| {
        for name in VARIANTS {
            let (edge, purged, over) = (&edge, &purged, &over);
            scope.spawn(move || {
                while !over.load(SeqCst) {
                    let oldest = purged.load(SeqCst);
                    let found: u64 = edge.client.get(&format!("/api/images/{name}")).text().parse().unwrap();
                    assert!(found >= oldest, "version {found} of {name} came after the purge of all before {oldest}");
                }
            });
        }
        let purges = scope.spawn(|| {
            for number in 1..=PURGES {
                version.store(number, SeqCst);
                purge(&edge, &json!({ "ids": ["fox"] }));
                purged.store(number, SeqCst);
            }
        });
        let outcome = purges.join();
        over.store(true, SeqCst);
        assert!(outcome.is_ok(), "a purge failed");
    });
    assert!(origin.all().len() as u64 > PURGES, "this was no race");
}

/// An edge that keeps everything on the disk, and nothing in memory.
fn on_disk(origin: &Scripted, folder: &Folder) -> Server {
    let words = ["--memory", "0", "--disk", "64MiB", "--disk-dir", folder.path().to_str().unwrap()];
    Launch::edge(&origin.url()).words(&words).start()
}

/// How many entries lie in a folder of the disk tier.
fn files(folder: &Path) -> usize {
    let shards = std::fs::read_dir(folder.join("v1")).unwrap().map(|shard| shard.unwrap().path());
    shards.map(|shard| std::fs::read_dir(shard).unwrap().count()).sum()
}

#[test]
fn a_purge_takes_variants_from_the_disk_whichever_process_wrote_them() {
    let origin = echo();
    origin.by("/images/fox", |asked| Reply::ok(bytes(asked.target.len() as u64, 9_000)).control("max-age=3600"));
    for restarts in [false, true] {
        let folder = Folder::new();
        let mut edge = on_disk(&origin, &folder);
        kept(&edge, &VARIANTS);
        kept(&edge, &OTHERS);
        eventually("all to be written", || (files(folder.path()) == 10).then_some(()));
        if restarts {
            edge.kill();
            edge = on_disk(&origin, &folder);
            assert_eq!(kept(&edge, &VARIANTS[1..2]), 1, "what was written is there");
        }
        let receipt = purge(&edge, &json!({ "ids": ["fox"] }));
        let disk = receipt["removed"].as_array().unwrap().iter().find(|removed| removed["tier"] == "disk").unwrap();
        assert_eq!((&disk["entries"], files(folder.path())), (&json!(6), 4), "{receipt}");
        edge.kill();
        let edge = on_disk(&origin, &folder);
        assert_eq!((kept(&edge, &VARIANTS), kept(&edge, &OTHERS)), (0, 4), "after another restart");
    }
}

#[test]
fn what_next_image_asks_for_is_a_variant_like_any_other() {
    let (origin, edge) = start();
    let asked = "/_next/image?url=%2Fapi%2Fimages%2Ffox&w=640&q=75";
    let avif = [("accept", "image/avif,image/webp,*/*")];
    let first = edge.client.get_with(asked, &avif).expect(200);
    assert_eq!((is_kept(&first), &*first.text()), (false, "/images/fox?w=640&q=75&fm=auto"));
    assert_eq!(origin.last("/images/fox").header("accept"), "image/avif,image/webp");
    for same in [
        "/_next/image?q=75&w=640&url=/images/fox&v=2".to_owned(),
        "/_next/image?url=%2Fapi%2Fimages%2Ffox%3Fv%3D1&w=640&q=75".to_owned(),
        format!("{FOX}?w=640&q=75&fm=auto"),
    ] {
        assert!(is_kept(&edge.client.get_with(&same, &avif).expect(200)), "{same}");
    }
    let head = edge.client.send("HEAD", asked, &avif, None).expect(200);
    assert_eq!((is_kept(&head), head.body.len()), (true, 0));
    assert!(!is_kept(&edge.client.get(asked).expect(200)), "one who does not name AVIF");
    purge(&edge, &json!({ "ids": ["fox"] }));
    assert!(!is_kept(&edge.client.get_with(asked, &avif).expect(200)));
}

/// What next/image asks that is none of ours, and what it is told where nobody knows better.
const STRANGE: [(&str, &str); 4] = [
    ("?url=%2Flogo.png&w=640&q=75", "\"url\" parameter is not allowed"),
    ("?url=%2Fapi%2Fimages%2Ffox&q=75", "\"w\" parameter (width) is required"),
    ("?url=%2Fapi%2Fimages%2Ffox&w=0&q=75", "\"w\" parameter (width) must be an integer greater than 0"),
    ("", "\"url\" parameter is required"),
];

#[test]
fn what_next_image_asks_of_an_app_is_the_apps_affair() {
    let (origin, app) = (echo(), Scripted::start());
    app.otherwise(|asked| Reply::ok(format!("app {}", asked.target)));
    let edge = Launch::edge(&origin.url()).words(&["--app", &app.url()]).start();
    for (query, _) in STRANGE {
        let path = format!("/_next/image{query}");
        assert_eq!(edge.client.get(&path).expect(200).text(), format!("app {path}"));
    }
    app.otherwise(|_| Reply::status(404).body("the app's own words"));
    assert_eq!(edge.client.get("/_next/image").expect(404).text(), "the app's own words");
    assert_eq!(origin.all().len(), 0);
    edge.client.get("/_next/image?url=%2Fapi%2Fimages%2Ffox&w=640&q=75").expect(200);
    assert_eq!(targets(&origin), ["/images/fox?w=640&q=75&fm=auto"], "but a picture of ours is ours");
}

fn refuses_as_next_does(server: &Server) {
    for (query, said) in STRANGE {
        let refusal = server.client.get(&format!("/_next/image{query}")).expect(400);
        assert_eq!((&*refusal.text(), refusal.header("content-type")), (said, "text/plain; charset=utf-8"));
        assert_eq!(refusal.header("cache-control"), "no-store");
    }
}

#[test]
fn what_nobody_knows_is_refused_in_nexts_own_words() {
    let origin = Scripted::start();
    let edge = Launch::edge(&origin.url()).start();
    refuses_as_next_does(&edge);
    // Where the upstream is an app itself, it has the last word.
    origin.on("/_next/image", Reply::ok("the app's logo"));
    assert_eq!(edge.client.get("/_next/image?url=%2Flogo.png&w=640&q=75").expect(200).text(), "the app's logo");
    let folder = Folder::new();
    refuses_as_next_does(&Launch::serve(&folder).start());
}
