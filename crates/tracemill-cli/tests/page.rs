//! The page of `inspect --html`: it needs nothing else, data cannot break out of it, and a browser shows it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/samples/tau-bench-airline.json"
);

/// Writes the page of a file, and returns its path and its text.
fn page(folder: &TempDir, input: &Path) -> (PathBuf, String) {
    page_with(folder, input, &[])
}

/// The same, with options.
fn page_with(folder: &TempDir, input: &Path, options: &[&str]) -> (PathBuf, String) {
    let path = folder.path().join("page.html");
    let output = Command::new(env!("CARGO_BIN_EXE_tracemill"))
        .arg("inspect")
        .arg(input)
        .arg("--html")
        .arg(&path)
        .args(options)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

/// What stands before the data and after it.
fn around(page: &str) -> (&str, &str) {
    let (before, rest) = page.split_once(r#"id="data">"#).expect("the data has its place");
    let (_, after) = rest.split_once("</script>").expect("the data ends");
    (before, after)
}

#[test]
fn the_page_refers_to_nothing_outside() {
    let folder = TempDir::new().unwrap();
    let (_, text) = page(&folder, Path::new(SAMPLE));
    let (before, after) = around(&text);
    for part in [before, after] {
        for reference in [
            "src=",
            "href=",
            "url(",
            "@import",
            "fetch(",
            "import(",
            "XMLHttpRequest",
            "WebSocket",
        ] {
            assert!(!part.contains(reference), "the page has `{reference}`");
        }
        // The name space of SVG is a name; nothing is fetched from it.
        let part = part.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !part.contains("http://") && !part.contains("https://"),
            "the page has an address"
        );
        for writer in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"] {
            assert!(
                !part.contains(writer),
                "data may become markup through `{writer}`"
            );
        }
    }
    assert!(!text.contains("{{data}}"));
}

#[test]
fn a_trace_cannot_end_the_script() {
    let folder = TempDir::new().unwrap();
    let input = folder.path().join("runs.jsonl");
    let content = r"</script><script>document.title='broken'</script><!--<b id='markup'>bold</b>";
    let line = format!(
        r#"{{"id":"a","messages":[{{"role":"user","content":"{content}"}},{{"role":"assistant","content":"No."}}]}}"#
    );
    fs::write(&input, line + "\n").unwrap();
    let (path, text) = page(&folder, &input);
    let (_, empty) = around(include_str!("../src/inspect/page.html"));
    assert_eq!(
        around(&text).1,
        empty,
        "the script of the data ends where the template ends it"
    );
    if let Some(dom) = dom(&path) {
        assert!(!dom.contains("<title>broken"), "a script of the data ran");
        assert!(!dom.contains("<b id="), "markup of the data became an element");
        assert_eq!(dom.matches("class=\"trace\"").count(), 1);
    }
}

#[test]
fn a_browser_shows_charts_and_rows() {
    let folder = TempDir::new().unwrap();
    let (path, _) = page(&folder, Path::new(SAMPLE));
    let Some(dom) = dom(&path) else { return };
    let charts = dom.matches("<svg").count();
    // The reward, margins, three lengths, roles, calls.
    assert!(charts >= 7, "{charts} charts");
    assert!(dom.matches("<rect").count() >= 20, "bars are missing");
    assert_eq!(dom.matches("class=\"trace\"").count(), 20, "a row for each trace");
    assert!(
        !dom.contains("class=\"failure\""),
        "the script reported a failure"
    );
}

#[test]
fn a_browser_shows_what_formats_hold() {
    let folder = TempDir::new().unwrap();
    let (path, _) = page(&folder, Path::new(SAMPLE));
    let Some(dom) = dom(&path) else { return };
    // All five hold all 20 traces, two of them with losses.
    let bars = |class: &str| dom.matches(&format!("<rect class=\"{class}\"")).count();
    assert_eq!((bars("wholly"), bars("partly"), bars("not")), (3, 2, 0));
    assert!(dom.contains("<title>sharegpt: 20 of 20 held with losses</title>"));
    let row =
        "<td>anthropic</td><td>lost</td><td><code>trailing-turns</code></td><td class=\"number\">20</td>";
    assert!(dom.contains(row), "the losses of a format are listed");
}

#[test]
fn a_browser_shows_the_sides_of_a_split() {
    let folder = TempDir::new().unwrap();
    let options = ["--split", "train=0.8,test=0.2", "--split-by", "positional"];
    let (path, _) = page_with(&folder, Path::new(SAMPLE), &options);
    let Some(dom) = dom(&path) else { return };
    let bars = |class: &str| dom.matches(&format!("<rect class=\"{class}\"")).count();
    assert_eq!((bars("got"), bars("wanted")), (2, 2));
    assert!(
        dom.contains("<title>train: 16 traces, 80 %; wanted 80 %</title>"),
        "{dom}"
    );
}

#[test]
fn a_narrow_screen_needs_no_scrolling_sideways() {
    let folder = TempDir::new().unwrap();
    let options = ["--to", "all", "--split", "train=0.8,validation=0.1,test=0.1"];
    let (_, text) = page_with(&folder, Path::new(SAMPLE), &options);
    // A frame, because a window has a least width. Its document is text, so that the one outside may look into it.
    let text = text.replace('&', "&amp;").replace('"', "&quot;");
    let measure = "const root = this.contentDocument.documentElement; document.title = root.scrollWidth - root.clientWidth";
    let outside = format!(
        r#"<!doctype html><title></title><iframe width="360" height="800" style="border:0" onload="{measure}" srcdoc="{text}"></iframe>"#
    );
    let path = folder.path().join("outside.html");
    fs::write(&path, outside).unwrap();
    let Some(dom) = opened(&path) else { return };
    let title = dom
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"));
    assert_eq!(title.map(|(title, _)| title), Some("0"));
}

/// The elements that a browser has after the script ran; none, with a notice, where there is no browser.
fn dom(page: &Path) -> Option<String> {
    let dom = opened(page)?;
    // The template and the data stand in the elements too: they must not count.
    let (before, rest) = dom.split_once(r#"id="data">"#).expect("the data is in the page");
    let (_, after) = rest.split_once("</script>").expect("the data ends");
    let after = after
        .split_once("<script")
        .map_or(after, |(elements, _)| elements);
    Some(format!("{before}{after}"))
}

/// Everything that a browser has after the script ran, and said nothing on its console.
fn opened(page: &Path) -> Option<String> {
    let Some(browser) = browser() else {
        // Not `eprintln!`, which a passing test keeps to itself.
        let _ = writeln!(
            std::io::stderr(),
            "notice: no browser on PATH, the page was not opened"
        );
        return None;
    };
    let profile = TempDir::new().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=3000",
            "--enable-logging=stderr",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .expect("the browser starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("CONSOLE"), "{said}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}
