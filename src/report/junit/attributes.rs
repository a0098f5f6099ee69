//! The attributes that JUnit readers use and `junit-report` cannot write: `line` of a case, `skipped`
//! of a suite, totals of all suites.
//!
//! The written XML is read again as events and written with these attributes added; nothing else of it
//! changes. Without `skipped` a reader that sums up suites counts a stage that did not run as passed.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, Writer};

/// The line of a case, in the order of the cases.
#[derive(Clone, Copy, Debug)]
pub struct CaseLine(pub Option<u32>);

/// Why attributes could not be added.
#[derive(Debug, thiserror::Error)]
pub enum AttributesError {
    #[error("the XML is not well-formed")]
    Read(#[from] quick_xml::Error),
    #[error("the XML cannot be written")]
    Write(#[from] std::io::Error),
    #[error("the XML is not UTF-8")]
    Utf8(#[from] std::string::FromUtf8Error),
    #[error("an attribute is not well-formed")]
    Attribute(#[from] quick_xml::events::attributes::AttrError),
}

/// What is counted over all suites, and per suite.
#[derive(Default)]
struct Counted {
    tests: u32,
    failures: u32,
    errors: u32,
    time_ms: u64,
    skipped: Vec<u32>,
}

/// Adds the attributes.
pub fn complete(xml: &[u8], lines: &[CaseLine]) -> Result<String, AttributesError> {
    let counted = count(xml)?;
    let mut skipped = counted.skipped.iter();
    let mut lines = lines.iter();
    let mut change = |start: BytesStart<'static>| -> BytesStart<'static> {
        let mut start = start;
        match start.name().as_ref() {
            b"testsuites" => {
                start.push_attribute(("tests", counted.tests.to_string().as_str()));
                start.push_attribute(("failures", counted.failures.to_string().as_str()));
                start.push_attribute(("errors", counted.errors.to_string().as_str()));
                let seconds = counted.time_ms as f64 / 1000.0;
                start.push_attribute(("time", seconds.to_string().as_str()));
            }
            b"testsuite" => {
                let number = skipped.next().copied().unwrap_or_default();
                start.push_attribute(("skipped", number.to_string().as_str()));
            }
            b"testcase" => {
                if let Some(CaseLine(Some(line))) = lines.next() {
                    start.push_attribute(("line", line.to_string().as_str()));
                }
            }
            _ => {}
        }
        start
    };
    let mut writer = Writer::new(Vec::new());
    let mut reader = Reader::from_reader(xml);
    loop {
        match reader.read_event()? {
            Event::Eof => break,
            Event::Start(start) => writer.write_event(Event::Start(change(start.into_owned())))?,
            Event::Empty(start) => writer.write_event(Event::Empty(change(start.into_owned())))?,
            other => writer.write_event(other)?,
        }
    }
    let mut text = String::from_utf8(writer.into_inner())?;
    text.push('\n');
    Ok(text)
}

fn count(xml: &[u8]) -> Result<Counted, AttributesError> {
    let mut counted = Counted::default();
    let mut reader = Reader::from_reader(xml);
    loop {
        let start = match reader.read_event()? {
            Event::Eof => return Ok(counted),
            Event::Start(start) | Event::Empty(start) => start,
            _ => continue,
        };
        match start.name().as_ref() {
            b"testsuite" => {
                counted.skipped.push(0);
                if let Some(time) = start.try_get_attribute("time")? {
                    let seconds: f64 = String::from_utf8_lossy(&time.value)
                        .parse()
                        .unwrap_or_default();
                    counted.time_ms += (seconds * 1000.0).round() as u64;
                }
            }
            b"testcase" => counted.tests += 1,
            b"failure" => counted.failures += 1,
            b"error" => counted.errors += 1,
            b"skipped" => {
                if let Some(last) = counted.skipped.last_mut() {
                    *last += 1;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_counts_are_added_and_text_stays() {
        let xml = br#"<testsuites><testsuite name="a" time="0.25"><testcase name="x"/><testcase name="y"><skipped/></testcase><testcase name="z"><failure><![CDATA[<testcase name="fake"> ]]]]><![CDATA[>]]></failure></testcase></testsuite></testsuites>"#;
        let lines = [CaseLine(None), CaseLine(None), CaseLine(Some(7))];
        assert_eq!(
            complete(xml, &lines).expect("well-formed"),
            concat!(
                r#"<testsuites tests="3" failures="1" errors="0" time="0.25">"#,
                r#"<testsuite name="a" time="0.25" skipped="1"><testcase name="x"/>"#,
                r#"<testcase name="y"><skipped/></testcase><testcase name="z" line="7">"#,
                r#"<failure><![CDATA[<testcase name="fake"> ]]]]><![CDATA[>]]></failure>"#,
                "</testcase></testsuite></testsuites>\n"
            )
        );
    }
}
