//! Text that tries to break out of the format around it.

use pgrehearse::report::console::{self, Colour};
use pgrehearse::report::{html, json, junit, markdown};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::{sample, traces};

#[test]
fn a_terminal_shows_it_and_obeys_nothing() {
    let text = console::render(&sample::hostile(), Colour::Never, 80);
    assert!(
        text.chars()
            .all(|character| character == '\n' || !character.is_control()),
        "{text:?}"
    );
    assert!(!text.contains("##["), "{text}");
    assert!(
        text.lines()
            .all(|line| !line.trim_start().starts_with("::error::")),
        "{text}"
    );
    assert!(text.contains("<script>alert(1)</script> red"));
}

/// What Jenkins' `junit-10.xsd` (revision 14c6e39) knows of what we write.
const ATTRIBUTES: [&str; 15] = [
    "id",
    "name",
    "package",
    "tests",
    "errors",
    "failures",
    "skipped",
    "hostname",
    "timestamp",
    "time",
    "classname",
    "file",
    "line",
    "type",
    "message",
];

#[test]
fn xml_stays_well_formed() {
    let xml = junit::render(&sample::hostile()).expect("rendered");
    assert!(!xml.contains('\u{1b}') && !xml.contains("[31m"));
    let mut reader = Reader::from_str(&xml);
    let mut cases = 0;
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Eof => break,
            Event::Start(start) | Event::Empty(start) => {
                let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                let known = [
                    "testsuites",
                    "testsuite",
                    "testcase",
                    "failure",
                    "error",
                    "skipped",
                    "system-out",
                ];
                assert!(known.contains(&name.as_str()), "{name}");
                cases += usize::from(name == "testcase");
                for attribute in start.attributes() {
                    let attribute = attribute.expect("well-formed");
                    assert!(!attribute.value.contains(&b'<'));
                    let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
                    assert!(ATTRIBUTES.contains(&key.as_str()), "{name} {key}");
                }
            }
            Event::Text(text) => assert_eq!(text.trim_ascii(), b""),
            _ => {}
        }
    }
    assert_eq!(cases, 16);
}

#[test]
fn json_carries_it_unchanged_and_a_terminal_obeys_nothing() {
    let text = json::render(&sample::hostile()).expect("serialisable");
    assert!(
        text.chars()
            .all(|character| character == '\n' || !character.is_control())
    );
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["findings"][0]["message"], sample::HOSTILE);
    assert_eq!(value["name"], sample::HOSTILE);
}

#[test]
fn a_comment_pings_nobody_and_links_nothing() {
    let text = markdown::render(&sample::hostile());
    let (marker, text) = text.split_once('\n').expect("two lines");
    assert!(marker.starts_with("<!-- pgrehearse: ") && marker.ends_with(" -->"));
    assert_eq!(marker.matches("--").count(), 2, "{marker}");
    let (prose, fenced) = outside(text);
    assert!(!prose.contains("<!--") && !prose.contains("-->"));
    assert!(fenced.contains("<script>alert(1)</script> red"));
    for forbidden in [
        "@", " #12", "](", "://", "www.", "<script", "&amp;amp", ":tada:", "::error",
    ] {
        assert!(!prose.contains(forbidden), "{forbidden}: {prose}");
    }
    assert_eq!(
        prose.matches("<details>").count(),
        prose.matches("</details>").count()
    );
    for line in prose.lines().filter(|line| line.starts_with('|')) {
        let cells = line.matches('|').count();
        assert!(cells == 4 || cells == 3, "{line}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}'));
}

/// The comment without its fenced blocks and code, and the fenced blocks alone.
fn outside(text: &str) -> (String, String) {
    let mut prose = String::new();
    let mut fenced = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line
            .chars()
            .take_while(|character| *character == '`')
            .collect();
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => fenced.push_str(&format!("{line}\n")),
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => prose.push_str(&format!("{line}\n")),
        }
    }
    assert_eq!(fence, None, "a fence stays open");
    (prose, fenced)
}

/// What means something to Mermaid, each short enough to be in a diagram whole.
pub const ATTACKS: [&str; 18] = [
    "a :crit, 1, 2",
    "a; b",
    "a # b",
    "a #quot; b",
    "a #60;b#62;",
    "x\nsection pwned",
    "x\nclick task0 call a()",
    "%% pwned",
    "%%{init: {\"a\": 1}}%%",
    "section x",
    "title x",
    "2024-01-01",
    "\"Order\".\"Item's\"",
    "```\n# pwned",
    "<img src=x onerror=a>",
    "a<br/>b &lt; c",
    "ﬂ°°60¶ßscript ﬂ°°62¶ß",
    "constructor",
];

#[test]
fn a_diagram_holds_what_we_put_there() {
    for attacks in ATTACKS.chunks(6) {
        let report = sample::with_trace(sample::go(), traces::of_names(attacks));
        let text = markdown::render(&report);
        let (_, diagram) = outside(&text);
        let lines: Vec<&str> = diagram.lines().collect();
        assert!(lines[0].starts_with("%%{init: {\"gantt\": {"), "{diagram}");
        assert_eq!(lines[1], "gantt");
        assert_eq!(diagram.matches("%%").count(), 2, "{diagram}");
        let (mut sections, mut bars) = (0, 0);
        for line in &lines[2..] {
            let line = line.strip_prefix("    ").expect("indented");
            let own = [
                "accTitle: ",
                "dateFormat x",
                "axisFormat ",
                "tickInterval ",
                "todayMarker off",
            ];
            if own.iter().any(|own| line.starts_with(own)) {
                continue;
            }
            let said = if let Some(name) = line.strip_prefix("section ") {
                sections += 1;
                name
            } else {
                bars += 1;
                let (label, data) = line.split_once(" :").expect("a bar");
                assert!(
                    label.starts_with(|first: char| first.is_ascii_digit()),
                    "{line}"
                );
                let data = data
                    .trim_start_matches("crit, ")
                    .trim_start_matches("done, ");
                let ends: Vec<&str> = data.split(", ").collect();
                assert_eq!(ends.len(), 2, "{line}");
                assert!(ends.iter().all(|end| end.parse::<u64>().is_ok()), "{line}");
                label
            };
            // A reference is a `#`, figures and a `;`, and nothing else of Mermaid's is there.
            let mut parts = said.split('#');
            let mut plain = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (number, rest) = part.split_once(';').expect("a whole reference");
                assert!(number.parse::<u32>().is_ok(), "{line}");
                plain.push_str(rest);
            }
            assert!(
                !plain.contains([':', ';', '#', '%', '{', '}', '<', '>', '&', '`', 'ﬂ']),
                "{line}"
            );
        }
        // A lock of each table, and what there is room for of the statements.
        assert_eq!((sections, bars), (1 + attacks.len(), 10), "{diagram}");
    }
}

#[test]
fn a_page_runs_and_loads_nothing() {
    let text = html::render(&sample::hostile());
    assert!(!text.contains("<script") && !text.contains('\u{1b}') && !text.contains('\u{9b}'));
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt; red"));
    assert!(!text.contains("</details> --&gt;"));
}
