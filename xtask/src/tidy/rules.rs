//! What is allowed where: the tables of `cargo xtask tidy`. A new entry is an event; each has its reason in review.

/// What one package may do.
pub(super) struct Crate {
    pub(super) name: &'static str,
    /// Members of this workspace that it may depend on.
    pub(super) siblings: &'static [&'static str],
    /// Other crates that it may depend on; what only tests need is free.
    pub(super) third_party: &'static [ThirdParty],
    pub(super) unsafe_code: UnsafeCode,
    /// What its sources, outside tests, must not contain.
    pub(super) bans: &'static [&'static Ban],
}

/// A dependency from outside.
#[derive(Clone, Copy)]
pub(super) enum ThirdParty {
    /// Always compiled.
    Always(&'static str),
    /// Only behind a feature.
    Feature(&'static str),
}

/// What stands at the top of a crate's root file.
#[derive(Clone, Copy)]
pub(super) enum UnsafeCode {
    /// `#![forbid(unsafe_code)]`.
    Forbid,
    /// `#![deny(unsafe_code)]`, so that one module can be let off by name; `forbid` is as good.
    Deny,
}

/// Things that must not be in a file, and why.
pub(super) struct Ban {
    pub(super) what: &'static [Needle],
    pub(super) why: &'static str,
    /// Files under these paths are exempt.
    pub(super) exempt: &'static [&'static str],
}

/// Something to look for in Rust code, outside comments and strings.
#[derive(Clone, Copy)]
pub(super) enum Needle {
    /// A path or what it leads to, also when imported in a group.
    Path(&'static str),
    /// A word, which may end in `!`.
    Word(&'static str),
    /// A `static` that can change while the program runs.
    SharedStatic,
}

use Needle::{Path, SharedStatic, Word};
use ThirdParty::{Always, Feature};

pub(super) const CRATES: &[Crate] = &[
    Crate {
        name: "tracemill-model",
        siblings: &[],
        third_party: &[
            Always("serde"),
            Always("serde_json"),
            Always("thiserror"),
            Always("memchr"),
        ],
        unsafe_code: UnsafeCode::Deny,
        bans: &[&EFFECTS, &OUTPUT, &VALUE_TREES],
    },
    Crate {
        name: "tracemill-sources",
        siblings: &["tracemill-model"],
        third_party: &[Always("thiserror"), Always("memchr")],
        unsafe_code: UnsafeCode::Forbid,
        bans: &[&EFFECTS, &OUTPUT, &VALUE_TREES],
    },
    Crate {
        name: "tracemill-pairs",
        siblings: &["tracemill-model"],
        third_party: &[Always("thiserror")],
        unsafe_code: UnsafeCode::Forbid,
        bans: &[&EFFECTS, &OUTPUT, &VALUE_TREES],
    },
    Crate {
        name: "tracemill-formats",
        siblings: &["tracemill-model"],
        third_party: &[
            Always("thiserror"),
            Feature("minijinja"),
            Feature("minijinja-contrib"),
        ],
        unsafe_code: UnsafeCode::Forbid,
        bans: &[&EFFECTS, &OUTPUT, &VALUE_TREES],
    },
    Crate {
        name: "tracemill-curate",
        siblings: &["tracemill-model"],
        third_party: &[
            Always("thiserror"),
            Always("unicode-normalization"),
            Always("unicode-script"),
            Always("aho-corasick"),
            Always("memchr"),
            Feature("tiktoken-rs"),
            Feature("tokenizers"),
        ],
        unsafe_code: UnsafeCode::Forbid,
        bans: &[&EFFECTS, &OUTPUT],
    },
    Crate {
        name: "tracemill-io",
        siblings: &["tracemill-model"],
        third_party: &[
            Always("rayon"),
            Always("memchr"),
            Always("thiserror"),
            Always("tempfile"),
            Always("sha2"),
            Always("simdutf8"),
            Feature("flate2"),
            Feature("zstd"),
            Feature("zip"),
        ],
        unsafe_code: UnsafeCode::Forbid,
        bans: &[&OUTPUT, &VALUE_TREES],
    },
    Crate {
        name: "tracemill",
        siblings: &[
            "tracemill-model",
            "tracemill-sources",
            "tracemill-pairs",
            "tracemill-formats",
            "tracemill-curate",
            "tracemill-io",
        ],
        third_party: &[
            Always("serde"),
            Always("serde_json"),
            Always("thiserror"),
            Always("base64"),
            Always("rayon"),
        ],
        unsafe_code: UnsafeCode::Forbid,
        bans: &[&OUTPUT],
    },
    Crate {
        name: "tracemill-cli",
        siblings: &["tracemill"],
        third_party: &[
            Always("anstream"),
            Always("anstyle"),
            Always("clap"),
            Always("clap_complete"),
            Always("clap_mangen"),
            Always("indicatif"),
            Always("ctrlc"),
        ],
        unsafe_code: UnsafeCode::Forbid,
        bans: &[],
    },
    Crate {
        name: "benches",
        siblings: &[],
        third_party: &[],
        unsafe_code: UnsafeCode::Forbid,
        bans: &[&OUTPUT],
    },
    Crate {
        name: "xtask",
        siblings: &["benches"],
        third_party: &[Always("serde_json"), Always("xshell")],
        unsafe_code: UnsafeCode::Forbid,
        bans: &[],
    },
];

const EFFECTS: Ban = Ban {
    what: &[
        Path("std::fs"),
        Path("std::thread"),
        Path("std::env"),
        Path("std::net"),
        Path("std::process"),
        Path("std::time::SystemTime"),
        Path("std::time::Instant"),
        Word("thread_local!"),
        SharedStatic,
    ],
    why: "this crate does no I/O, starts no thread, and holds no global state: take it as an argument",
    exempt: &[],
};

const OUTPUT: Ban = Ban {
    what: &[
        Word("print!"),
        Word("println!"),
        Word("eprint!"),
        Word("eprintln!"),
        Path("std::process::exit"),
        Path("process::exit"),
    ],
    why: "only the program prints and exits: return it",
    exempt: &[],
};

const VALUE_TREES: Ban = Ban {
    what: &[
        Path("serde_json::Value"),
        Path("serde_json::value::Value"),
        Path("serde_json::Map"),
        Path("serde_json::json"),
        Path("serde_json::to_value"),
        Path("serde_json::from_value"),
    ],
    why: "no value tree is built for a record: walk the raw JSON, write with literals",
    exempt: &["crates/tracemill-formats/src/template"],
};

/// Nowhere, tests included.
pub(super) const UNFINISHED: Ban = Ban {
    what: &[Word("todo!"), Word("unimplemented!"), Word("dbg!")],
    why: "finish it first",
    exempt: &[],
};

/// In no comment.
pub(super) const UNFINISHED_COMMENTS: Ban = Ban {
    what: &[Word("FIXME"), Word("XXX")],
    why: "mend it, or open an issue",
    exempt: &[],
};

/// In no library, except where [`HASHED`] says why.
pub(super) const HASHES: Ban = Ban {
    what: &[
        Path("std::collections::HashMap"),
        Path("std::collections::HashSet"),
        Path("std::collections::hash_map"),
    ],
    why: "output order never comes from a hash map: use a B-tree, or say in `HASHED` why it cannot",
    exempt: &[],
};

/// Files of the libraries that use a hash map or set, with the reason why its order reaches no output.
pub(super) const HASHED: &[(&str, &str)] = &[
    (
        "crates/tracemill-model/src/fields.rs",
        "finds a key among very many fields; the fields keep their order",
    ),
    (
        "crates/tracemill-model/src/links.rs",
        "finds the open calls of an id or name; calls keep their order",
    ),
    (
        "crates/tracemill-pairs/src/prompt/seen.rs",
        "is only asked whether a pair was seen",
    ),
    (
        "crates/tracemill-curate/src/statistics.rs",
        "groups and digests are counted, never listed; one look for each trace",
    ),
];
