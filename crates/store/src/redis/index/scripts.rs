//! The scripts: each is one step for everybody who shares the index.

use std::sync::LazyLock;

use redis::Script;

const COMMON: &str = include_str!("common.lua");

macro_rules! scripts {
    ($($name:ident: $file:literal),* $(,)?) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(&[COMMON, include_str!($file)].concat()));)*
    };
}

scripts! {
    SETTLE: "settle.lua",
    LOOK: "look.lua",
    BEGIN: "begin.lua",
    REFILL: "refill.lua",
    PRUNE: "prune.lua",
    FINISH: "finish.lua",
    PAGE: "page.lua",
}
