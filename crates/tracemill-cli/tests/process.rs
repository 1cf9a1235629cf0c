//! What only a process shows: signals, kills, pipes, full disks, files that are there already.
#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const LINE: &str = r#"{"id":ID,"messages":[{"role":"user","content":"Weather in Oslo?\n"},{"role":"assistant","content":"4 C in \"Oslo\"."}],"score":1.0}"#;

fn tracemill(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracemill"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    tracemill(folder, arguments).output().expect("the program starts")
}

fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    tracemill(folder, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with `runs.jsonl` of so many lines in it.
fn folder(lines: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    let text: String = (0..lines)
        .map(|id| LINE.replace("ID", &id.to_string()) + "\n")
        .collect();
    fs::write(folder.path().join("runs.jsonl"), text).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_run_that_is_killed_never_leaves_a_part_under_the_name() {
    let folder = folder(40_000);
    let arguments = [
        "convert",
        "runs.jsonl",
        "--to",
        "openai",
        "-o",
        "train.jsonl",
        "--force",
        "-q",
    ];
    assert!(run(folder.path(), &arguments).status.success());
    let whole = fs::read(folder.path().join("train.jsonl")).unwrap();
    fs::remove_file(folder.path().join("train.jsonl")).unwrap();
    let mut killed = 0;
    for moment in 0..40 {
        let mut child = spawn(folder.path(), &arguments);
        std::thread::sleep(Duration::from_micros(moment * 2_500));
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        if let Ok(found) = fs::read(folder.path().join("train.jsonl")) {
            assert!(found == whole, "a part of the file appeared after {moment} steps");
        }
    }
    assert!(killed > 0, "no run was killed in time: the test shows nothing");
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let folder = folder(10);
    let mut child = tracemill(
        folder.path(),
        &["convert", "-", "--to", "openai", "-o", "train.jsonl"],
    )
    .stdin(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut line = LINE.replace("ID", "1");
    line.push('\n');
    // Enough for the source to be known and the first blocks to be worked.
    for _ in 0..4_000 {
        stdin.write_all(line.as_bytes()).unwrap();
    }
    std::thread::sleep(Duration::from_millis(200));
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    // The pipe stays open and says nothing: the run must not wait for it.
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(130), "{}", message(&output));
    assert!(message(&output).contains("interrupted"), "{}", message(&output));
    assert_eq!(names(folder.path()), ["runs.jsonl"]);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = folder(40_000);
    let mut child = spawn(folder.path(), &["convert", "runs.jsonl", "--to", "openai"]);
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(message(&output), "");
}

#[test]
fn a_full_disk_is_one_clear_error() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let folder = folder(40_000);
    let output = run(
        folder.path(),
        &["convert", "runs.jsonl", "--to", "openai", "-o", "/dev/full"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(message(&output).lines().count(), 1, "{}", message(&output));
    assert!(message(&output).contains("/dev/full") && message(&output).contains("no space left"));
}

/// On a file system of its own, where that may be made; elsewhere `/dev/full` above has to do.
#[test]
fn a_full_file_system_keeps_no_part() {
    let folder = folder(40_000);
    let mount = folder.path().join("small");
    fs::create_dir(&mount).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&mount)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        return;
    }
    let output = run(
        folder.path(),
        &[
            "convert",
            "runs.jsonl",
            "--to",
            "openai",
            "-o",
            "small/train.jsonl",
        ],
    );
    let left = names(&mount);
    assert!(Command::new("umount").arg(&mount).status().unwrap().success());
    assert_eq!(output.status.code(), Some(1));
    assert!(message(&output).contains("small/train.jsonl") && message(&output).contains("no space left"));
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn what_is_there_is_not_overwritten_unless_told_to() {
    let folder = folder(3);
    fs::write(folder.path().join("train.jsonl"), "mine").unwrap();
    let arguments = ["convert", "runs.jsonl", "--to", "openai", "-o", "train.jsonl"];
    let output = run(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message(&output).contains("train.jsonl") && message(&output).contains("--force"),
        "{}",
        message(&output)
    );
    assert_eq!(fs::read(folder.path().join("train.jsonl")).unwrap(), b"mine");
    let forced = run(folder.path(), &[&arguments[..], &["--force"]].concat());
    assert!(forced.status.success());
    assert_eq!(
        fs::read_to_string(folder.path().join("train.jsonl"))
            .unwrap()
            .lines()
            .count(),
        3
    );
}

#[test]
fn a_failed_run_writes_its_report_and_nothing_else() {
    let folder = folder(3);
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(folder.path().join("runs.jsonl"))
        .unwrap();
    file.write_all(b"{\"messages\":[oops\n").unwrap();
    let output = run(
        folder.path(),
        &[
            "convert",
            "runs.jsonl",
            "--to",
            "hf",
            "-o",
            "out/train.jsonl",
            "--report",
            "r.json",
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message(&output).contains("runs.jsonl:4: column 14: "),
        "{}",
        message(&output)
    );
    let report = fs::read_to_string(folder.path().join("r.json")).unwrap();
    assert!(report.contains(r#""rejected":{"syntax":1}"#), "{report}");
    assert_eq!(names(folder.path()), ["r.json", "runs.jsonl"]);
}

#[test]
fn skipped_records_are_kept_whole_with_their_place() {
    let folder = TempDir::new().unwrap();
    let good = LINE.replace("ID", "1");
    fs::write(
        folder.path().join("a.jsonl"),
        [good.as_bytes(), b"\n{\"messages\":[\xff\"]}\n", good.as_bytes()].concat(),
    )
    .unwrap();
    let arguments = [
        "convert",
        "a.jsonl",
        "--to",
        "hf",
        "-o",
        "t.jsonl",
        "--on-error",
        "skip",
        "--rejects",
        "bad.jsonl",
    ];
    let output = run(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(3), "{}", message(&output));
    let rejects = fs::read_to_string(folder.path().join("bad.jsonl")).unwrap();
    let place = format!(
        r#"{{"path":"a.jsonl","line":2,"byte":{},"code":"utf-8","#,
        good.len() + 1
    );
    assert!(rejects.starts_with(&place), "{rejects}");
    assert!(
        rejects.ends_with("\"record_hex\":\"7b226d65737361676573223a5bff225d7d\"}\n"),
        "{rejects}"
    );
}

#[test]
fn every_thread_count_and_every_way_in_gives_the_same_bytes() {
    let folder = folder(5_000);
    let text = fs::read(folder.path().join("runs.jsonl")).unwrap();
    let elements = text
        .trim_ascii_end()
        .iter()
        .map(|&byte| if byte == b'\n' { b',' } else { byte });
    let array: Vec<u8> = std::iter::once(b'[')
        .chain(elements)
        .chain(std::iter::once(b']'))
        .collect();
    fs::write(folder.path().join("runs.json"), array).unwrap();
    let convert = |arguments: &[&str]| {
        let output = run(
            folder.path(),
            &[&["convert", "--to", "sharegpt", "-q"], arguments].concat(),
        );
        assert!(output.status.success(), "{}", message(&output));
        output.stdout
    };
    let one = convert(&["runs.jsonl", "--threads", "1"]);
    assert_eq!(one.split_inclusive(|&byte| byte == b'\n').count(), 5_000);
    for threads in ["2", "8"] {
        assert!(convert(&["runs.jsonl", "--threads", threads]) == one);
        assert!(convert(&["runs.json", "--threads", threads]) == one);
    }
    for name in ["train.jsonl.gz", "train.jsonl.zst"] {
        convert(&["runs.jsonl", "-o", name]);
    }
    // What was compressed on the way out reads again on the way in, as canonical input does.
    convert_canonical(folder.path());
}

fn convert_canonical(folder: &Path) {
    let to = |input: &str, output: &str| {
        let done = run(
            folder,
            &["convert", input, "--to", "tracemill", "-o", output, "-q"],
        );
        assert!(done.status.success(), "{}", message(&done));
    };
    to("runs.jsonl", "plain.jsonl");
    to("runs.jsonl", "packed.jsonl.gz");
    to("packed.jsonl.gz", "packed.jsonl.zst");
    to("packed.jsonl.zst", "again.jsonl");
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(read("plain.jsonl") == read("again.jsonl"));
    assert!(read("packed.jsonl.gz").len() < read("plain.jsonl").len() / 4);
}

#[test]
fn logs_that_repeat_history_are_read_twice_also_from_a_pipe() {
    let folder = TempDir::new().unwrap();
    let turn = |messages: &str, answer: &str| {
        format!(
            r#"{{"request":{{"messages":[{messages}]}},"response":{{"choices":[{{"index":0,"message":{answer}}}]}}}}"#
        )
    };
    let user = r#"{"role":"user","content":"a"}"#;
    let first = r#"{"role":"assistant","content":"b"}"#;
    let second = r#"{"role":"assistant","content":"d"}"#;
    let longer = format!(r#"{user},{first},{{"role":"user","content":"c"}}"#);
    let log = format!("{}\n{}\n", turn(user, first), turn(&longer, second));
    fs::write(folder.path().join("log.jsonl"), &log).unwrap();
    let from_file = run(folder.path(), &["convert", "log.jsonl", "--to", "openai"]);
    assert!(
        message(&from_file).contains("superseded 1"),
        "{}",
        message(&from_file)
    );
    let mut piped = tracemill(folder.path(), &["convert", "--to", "openai"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    piped.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
    let from_pipe = piped.wait_with_output().unwrap();
    assert_eq!(from_file.stdout, from_pipe.stdout);
    let all = run(
        folder.path(),
        &["convert", "log.jsonl", "--to", "openai", "--chains", "all", "-q"],
    );
    assert_eq!(String::from_utf8(all.stdout).unwrap().lines().count(), 2);
}

/// Candidates of many groups in no order, as lines.
fn candidates(groups: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for group in 0..groups {
        for trial in 0..4 {
            let score = (group * 7 + trial * 3) % 11;
            lines.push(format!(
                r#"{{"group":{group},"trial":{trial},"messages":[{{"role":"user","content":"question {group}"}},{{"role":"assistant","content":"answer {trial}"}}],"score":0.{score}}}"#
            ));
        }
    }
    // A fixed shuffle: every group is spread over the file. 7,919 is prime and divides no count that is used.
    let count = lines.len();
    (0..count)
        .map(|at| lines[at * 7_919 % count].clone() + "\n")
        .collect()
}

#[test]
fn pairs_are_the_same_from_a_file_a_pipe_and_a_compressed_file_with_any_threads() {
    let folder = TempDir::new().unwrap();
    let text = candidates(3_000);
    fs::write(folder.path().join("c.jsonl"), &text).unwrap();
    assert!(
        run(
            folder.path(),
            &["convert", "c.jsonl", "--to", "tracemill", "-o", "c.jsonl.gz"]
        )
        .status
        .success()
    );
    let pairs = |arguments: &[&str]| {
        let fixed = ["pairs", "--to", "trl-preference", "--min-score-diff", "0.2", "-q"];
        let output = run(folder.path(), &[&fixed[..], arguments].concat());
        assert!(output.status.success(), "{}", message(&output));
        output.stdout
    };
    let one = pairs(&["c.jsonl", "--threads", "1"]);
    assert!(one.len() > 100_000);
    assert!(pairs(&["c.jsonl", "--threads", "4"]) == one);
    assert!(pairs(&["c.jsonl.gz"]) == one);
    assert!(pairs(&["c.jsonl", "--memory", "100KiB"]) == one);
    let mut piped = tracemill(
        folder.path(),
        &["pairs", "--to", "trl-preference", "--min-score-diff", "0.2", "-q"],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let mut stdin = piped.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = piped.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.stdout == one);
}

#[test]
fn a_sample_of_pairs_is_a_part_of_all_pairs_in_their_order() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("c.jsonl"), candidates(200)).unwrap();
    let pairs = |arguments: &[&str]| {
        let output = run(
            folder.path(),
            &[&["pairs", "c.jsonl", "--to", "trl-preference", "-q"], arguments].concat(),
        );
        assert!(output.status.success(), "{}", message(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let all = pairs(&[]);
    let drawn = pairs(&["--max-pairs", "50", "--seed", "4"]);
    assert_eq!(drawn.lines().count(), 50);
    let mut rest = all.lines();
    assert!(drawn.lines().all(|line| rest.any(|other| other == line)));
    assert_eq!(
        pairs(&["--max-pairs", "50", "--seed", "4", "--threads", "3"]),
        drawn
    );
    assert_ne!(pairs(&["--max-pairs", "50", "--seed", "5"]), drawn);
    assert_eq!(pairs(&["--max-pairs", "100000"]), all);
}

#[test]
fn pairs_are_split_into_files_by_prompt() {
    let folder = TempDir::new().unwrap();
    let line = |prompt: usize, score: usize| {
        format!(
            r#"{{"messages":[{{"role":"user","content":"q{prompt}"}},{{"role":"assistant","content":"a{score}"}}],"score":{score}}}"#
        ) + "\n"
    };
    let text: String = (0..300).map(|n| line(n % 50, n / 50)).collect();
    fs::write(folder.path().join("attempts.jsonl"), text).unwrap();
    let arguments = [
        "pairs",
        "attempts.jsonl",
        "--to",
        "trl-preference",
        "--split",
        "train=0.8,test=0.2",
        "-o",
        "sides",
    ];
    let output = run(folder.path(), &arguments);
    assert!(output.status.success(), "{}", message(&output));
    let sides = folder.path().join("sides");
    assert_eq!(names(&sides), ["test.jsonl", "train.jsonl"]);
    let counts = ["test.jsonl", "train.jsonl"].map(|name| {
        let text = fs::read_to_string(sides.join(name)).unwrap();
        text.lines().count()
    });
    // Every prompt has six answers of different scores, which are 15 pairs.
    assert_eq!(counts[0] + counts[1], 50 * 15);
    assert!(
        counts.iter().all(|count| count % 15 == 0 && *count > 0),
        "{counts:?}"
    );
}

#[test]
#[cfg(feature = "tokenizer-json")]
fn the_tokenizer_of_a_model_cuts_what_is_too_long() {
    let folder = folder(3);
    let json = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
        "pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":null,"decoder":null,
        "model":{"type":"WordLevel","vocab":{"<unk>":0},"unk_token":"<unk>"}}"#;
    fs::write(folder.path().join("tokenizer.json"), json).unwrap();
    // Three words and four.
    let arguments = |limit: &'static str| {
        let fixed = [
            "convert",
            "runs.jsonl",
            "--to",
            "openai",
            "--tokenizer",
            "tokenizer.json",
        ];
        [&fixed[..], &["--truncate-tokens", limit]].concat()
    };
    let whole = run(folder.path(), &arguments("7"));
    assert!(whole.status.success(), "{}", message(&whole));
    assert!(
        message(&whole).contains("21 tokens, at most 7 an example"),
        "{}",
        message(&whole)
    );
    let nothing = run(folder.path(), &arguments("6"));
    assert!(
        message(&nothing).contains("3 `over-token-limit`"),
        "{}",
        message(&nothing)
    );

    fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    let wrong = run(folder.path(), &arguments("7"));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        message(&wrong).contains("`tokenizer.json` is no tokenizer"),
        "{}",
        message(&wrong)
    );
}
