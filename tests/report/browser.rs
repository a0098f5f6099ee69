//! The page in a real browser: nothing is loaded, nothing is said on its console, nothing is wider than
//! the window, by day and by night.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgrehearse::report::html;
use pgrehearse::verdict::RunReport;
use serde_json::Value;

use crate::{sample, traces};

/// A phone and a desk, in pixels.
const WIDTHS: [u32; 2] = [390, 1280];

/// As the browser's own setting numbers them.
const SCHEMES: [(&str, u8); 2] = [("dark", 0), ("light", 1)];

/// What measures a page. It stands beside the page, which stays as it is with its policy of no scripts.
const MEASURE: &str = include_str!("browser.js");

fn pages() -> Vec<(&'static str, String)> {
    let pages: [(&str, RunReport); 6] = [
        ("go", sample::go()),
        ("no-go", sample::no_go()),
        ("undecided", sample::undecided()),
        ("many-findings", sample::no_go_for_many_reasons()),
        (
            "hostile",
            sample::with_trace(sample::hostile(), traces::hostile(sample::HOSTILE)),
        ),
        (
            "many-statements",
            sample::with_trace(sample::no_go(), traces::many()),
        ),
    ];
    pages
        .map(|(name, report)| (name, html::render(&report)))
        .into()
}

/// `None`: there is none here, which is said and is no failure.
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
fn browser() -> Option<PathBuf> {
    let names = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|directory| names.map(|name| directory.join(name)))
        .find(|program| program.is_file());
    if found.is_none() {
        println!("SKIPPED: there is no Chromium here; scripts/install-browser.sh installs it");
    }
    found
}

/// What the browser made of a file.
struct Opened {
    document: String,
    /// What it wrote about itself; the console's lines are among it.
    log: String,
}

impl Opened {
    fn console(&self) -> Vec<&str> {
        self.log
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .collect()
    }
}

fn open(browser: &Path, file: &Path, scheme: u8) -> Opened {
    let profile = tempfile::tempdir().expect("a directory");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-breakpad",
            "--disable-component-update",
            "--disable-extensions",
            "--hide-scrollbars",
            "--no-first-run",
            // No name is found and no address is reached, whatever a page asks for.
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--proxy-server=127.0.0.1:9",
            "--proxy-bypass-list=<-loopback>",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("the browser starts");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    Opened {
        document: String::from_utf8_lossy(&output.stdout).into_owned(),
        log,
    }
}

/// All pages in frames of each width, and what the script measured in them.
fn measured(browser: &Path, pages: &[(&str, String)], scheme: u8) -> (Value, Vec<String>) {
    let directory = tempfile::tempdir().expect("a directory");
    let texts = serde_json::to_string(pages).expect("serialisable");
    let widths = serde_json::to_string(&WIDTHS).expect("serialisable");
    // In a script nothing but its end tag means anything.
    let texts = texts.replace("</", "<\\/").replace("<!--", "<\\!--");
    let beside = directory.path().join("beside.html");
    std::fs::write(
        &beside,
        format!(
            "<!DOCTYPE html><meta charset=utf-8><script>const pages = {texts}, widths = {widths};\n{MEASURE}</script>"
        ),
    )
    .expect("written");
    let opened = open(browser, &beside, scheme);
    let text = opened
        .document
        .rsplit_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"))
        .map(|(text, _)| {
            text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&")
        })
        .unwrap_or_default();
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}\n{}", opened.log));
    let console = opened.console().into_iter().map(str::to_owned).collect();
    (value, console)
}

#[test]
fn nothing_is_wider_than_the_window_and_nothing_is_asked_for() {
    let Some(browser) = browser() else { return };
    let pages = pages();
    for (name, scheme) in SCHEMES {
        let (measured, console) = measured(&browser, &pages, scheme);
        assert_eq!(console, [""; 0], "{name}");
        let measured = measured.as_array().expect("a list");
        assert_eq!(measured.len(), pages.len() * WIDTHS.len());
        for page in measured {
            assert_eq!(page["scheme"], name, "{page}");
            assert_eq!(page["frame"], page["width"], "{page}");
            assert_eq!(page["wider"], serde_json::json!([]), "{page}");
            assert_eq!(page["requests"], serde_json::json!([]), "{page}");
            // The page is there at all.
            assert!(page["height"].as_u64() > Some(600), "{page}");
        }
    }
}

#[test]
fn its_console_is_silent() {
    let Some(browser) = browser() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in pages() {
        let file = directory.path().join(format!("{name}.html"));
        std::fs::write(&file, text).expect("written");
        let opened = open(&browser, &file, 1);
        assert_eq!(opened.console(), [""; 0], "{name}");
        assert!(opened.document.contains("Migration rehearsal"), "{name}");
    }
}

/// What these tests could see: a page that is too wide, loads and runs something.
#[test]
fn a_bad_page_is_told() {
    let Some(browser) = browser() else { return };
    let (_, good) = pages().remove(0);
    let bad = good.replace(
        "<main>",
        "<main><p style=\"width: 1400px\">wide</p><img src=\"https://evil.example/x.png\"><script>1</script>",
    );
    let (measured, console) = measured(&browser, &[("bad", bad.clone())], 1);
    assert!(console.len() >= 2, "{console:?}");
    for page in measured.as_array().expect("a list") {
        assert!(
            !page["wider"].as_array().expect("a list").is_empty(),
            "{page}"
        );
    }
    // Without its policy it would ask.
    let (head, rest) = bad.split_once("<meta http-equiv").expect("a policy");
    let (_, rest) = rest.split_once('>').expect("an end");
    let (measured, _) = self::measured(&browser, &[("bad", format!("{head}{rest}"))], 1);
    assert_eq!(
        measured[0]["requests"],
        serde_json::json!(["https://evil.example/x.png"]),
        "{measured}"
    );
}
