//! YAML events into a value and its places; what no policy needs is refused.
//!
//! Duplicate keys, aliases, anchors, tags and several documents are refused here, and size and
//! depth are bounded, so that a hostile file costs nothing. Each is reported and the reading goes
//! on; only a syntax error ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_yaml::{Mapping, Value};

use super::document::{Document, Place};
use super::path::Path;
use super::problem::Problem;
use super::scalar;
use crate::text::one_line;

const DEPTH_LIMIT: usize = 32;
const NODE_LIMIT: usize = 20_000;

/// Reads `text`. `None` if it can't be read to its end.
pub fn read(text: &str, problems: &mut Vec<Problem>) -> Option<(Value, Document)> {
    let mut reader = Reader {
        bytes: text.char_indices().map(|(offset, _)| offset).collect(),
        text,
        places: BTreeMap::new(),
        given_up: BTreeSet::new(),
        problems,
        open: Vec::new(),
        root: None,
        documents: 0,
        nodes: 0,
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => reader.event(event, span),
            Err(error) => {
                reader.syntax(&error);
                return None;
            }
        }
        let end = reader.open.last().map_or(0..0, Open::start);
        if reader.open.len() > DEPTH_LIMIT {
            reader.problem(end, format!("nested more than {DEPTH_LIMIT} deep"), None);
            return None;
        }
        if reader.nodes > NODE_LIMIT {
            reader.problem(end, format!("more than {NODE_LIMIT} values"), None);
            return None;
        }
        if reader.documents > 1 {
            return None;
        }
    }
    let document = Document::new(text, reader.places, reader.given_up);
    Some((reader.root.unwrap_or(Value::Null), document))
}

/// A collection that is being read.
struct Open {
    path: Path,
    start: usize,
    shape: Shape,
}

enum Shape {
    Mapping {
        /// The key whose value comes next.
        key: Option<Key>,
        /// Where each key was first seen.
        seen: BTreeMap<Rc<str>, Range<usize>>,
        entries: Mapping,
    },
    Sequence(Vec<Value>),
    /// A map or a list where a key should be.
    Key,
}

#[derive(Clone)]
struct Key {
    name: Rc<str>,
    span: Range<usize>,
    keep: Keep,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Value,
    /// The key was refused, so its value is read and dropped.
    Nothing,
}

impl Open {
    fn start(&self) -> Range<usize> {
        self.start..self.start
    }
}

struct Reader<'a> {
    text: &'a str,
    /// The byte offset of every character, since the parser counts characters.
    bytes: Vec<usize>,
    places: BTreeMap<Path, Place>,
    given_up: BTreeSet<Path>,
    problems: &'a mut Vec<Problem>,
    open: Vec<Open>,
    root: Option<Value>,
    documents: usize,
    nodes: usize,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) {
        let range = self.byte(span.start.index())..self.byte(span.end.index());
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.problem(range, "a policy is one YAML document", None);
                }
            }
            Event::Alias(_) => {
                self.problem(range.clone(), "aliases are not supported", Some(QUOTE_STAR));
                if self.expects_key() {
                    self.refused_key("*", range);
                } else {
                    let path = self.begin(range);
                    self.given_up.insert(path);
                    self.end(Value::Null);
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(&range, anchor, tag.is_some());
                self.scalar(&text, style, range, tag.is_some());
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(&range, anchor, tag.is_some());
                self.collection(
                    range,
                    Shape::Mapping {
                        key: None,
                        seen: BTreeMap::new(),
                        entries: Mapping::new(),
                    },
                );
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(&range, anchor, tag.is_some());
                self.collection(range, Shape::Sequence(Vec::new()));
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(range.end),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open {
                shape: Shape::Mapping { key: None, .. },
                ..
            })
        )
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, range: Range<usize>, tagged: bool) {
        let range = self.first_line(range);
        let is_key = self.expects_key();
        if text
            .chars()
            .any(|c| c.is_control() && !"\n\r\t".contains(c))
        {
            let hint = Some("a policy is plain text");
            self.problem(range.clone(), "a control character", hint);
            if is_key {
                self.refused_key("?", range);
            } else {
                let path = self.begin(range);
                self.given_up.insert(path);
                self.end(Value::Null);
            }
            return;
        }
        let value = match style {
            ScalarStyle::Plain => scalar::plain(text),
            _ => Value::String(text.to_owned()),
        };
        if !is_key {
            let path = self.begin(range);
            if tagged {
                self.given_up.insert(path);
            }
            self.end(value);
        } else if value.is_string() {
            self.take_key(text, range);
        } else {
            let message = format!("the key `{}` is no text", one_line(text, 60));
            self.problem(range.clone(), message, Some("write it in quotes"));
            self.refused_key(text, range);
        }
    }

    fn take_key(&mut self, name: &str, span: Range<usize>) {
        let Some(Open {
            shape: Shape::Mapping { key, seen, .. },
            ..
        }) = self.open.last_mut()
        else {
            return;
        };
        let name: Rc<str> = name.into();
        let first = seen.get(&name).cloned();
        *key = Some(Key {
            name: Rc::clone(&name),
            span: span.clone(),
            // The first one stays, and its value is judged.
            keep: if first.is_some() {
                Keep::Nothing
            } else {
                Keep::Value
            },
        });
        if let Some(first) = first {
            let line = self.text[..first.start].matches('\n').count() + 1;
            self.problem(
                span,
                format!("duplicate key `{}`", one_line(&name, 60)),
                Some(&format!("it is first set on line {line}")),
            );
        } else {
            seen.insert(name, span);
        }
    }

    /// A key that can't be one: its value is read and dropped.
    fn refused_key(&mut self, name: &str, span: Range<usize>) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let path = open.path.key(name);
        if let Shape::Mapping { key, .. } = &mut open.shape {
            *key = Some(Key {
                name: name.into(),
                span,
                keep: Keep::Nothing,
            });
        }
        self.given_up.insert(path);
    }

    /// Records the value that begins here and returns its path.
    fn begin(&mut self, range: Range<usize>) -> Path {
        self.nodes += 1;
        let (path, key) = match self.open.last() {
            None => (Path::default(), None),
            Some(open) => match &open.shape {
                Shape::Mapping { key: Some(key), .. } => {
                    (open.path.key(Rc::clone(&key.name)), Some(key.span.clone()))
                }
                Shape::Sequence(items) => (open.path.index(items.len()), None),
                Shape::Mapping { key: None, .. } | Shape::Key => (open.path.clone(), None),
            },
        };
        self.places
            .entry(path.clone())
            .or_insert(Place { key, value: range });
        path
    }

    /// Puts a value that is complete where it belongs.
    fn end(&mut self, value: Value) {
        match self.open.last_mut().map(|open| &mut open.shape) {
            None => self.root = Some(value),
            Some(Shape::Mapping { key, entries, .. }) => {
                if let Some(key) = key.take()
                    && key.keep == Keep::Value
                {
                    entries.insert(Value::String(key.name.to_string()), value);
                }
            }
            Some(Shape::Sequence(items)) => items.push(value),
            Some(Shape::Key) => {}
        }
    }

    fn collection(&mut self, range: Range<usize>, shape: Shape) {
        let start = range.start;
        let within_key = matches!(self.open.last(), Some(open) if matches!(open.shape, Shape::Key));
        if self.expects_key() {
            self.problem(
                range.clone(),
                "a key must be a text",
                Some("write it in quotes"),
            );
        }
        if self.expects_key() || within_key {
            self.nodes += 1;
            let path = self.open.last().map(|open| open.path.clone());
            self.open.push(Open {
                path: path.unwrap_or_default(),
                start,
                shape: Shape::Key,
            });
            return;
        }
        let path = self.begin(range);
        self.open.push(Open { path, start, shape });
    }

    /// A collection's place is its first line: a caret under forty lines says nothing.
    fn close(&mut self, end: usize) {
        let Some(Open { path, start, shape }) = self.open.pop() else {
            return;
        };
        let value = match shape {
            Shape::Mapping { entries, .. } => Value::Mapping(entries),
            Shape::Sequence(items) => Value::Sequence(items),
            Shape::Key => {
                if self.expects_key() {
                    self.refused_key("?", start..start);
                }
                return;
            }
        };
        let span = self.first_line(start..end);
        if let Some(place) = self.places.get_mut(&path)
            && place.value.start == start
        {
            place.value = span;
        }
        self.end(value);
    }

    fn refuse_extras(&mut self, range: &Range<usize>, anchor: usize, tagged: bool) {
        if anchor != 0 {
            let hint = Some("a text that begins with `&` needs quotes");
            self.problem(range.clone(), "anchors are not supported", hint);
        }
        if tagged {
            let hint = Some("a text that begins with `!` needs quotes");
            self.problem(range.clone(), "tags are not supported", hint);
        }
    }

    /// What the parser says, and the cause where a person has likely met it.
    fn syntax(&mut self, error: &ScanError) {
        let at = self.byte(error.marker().index());
        let line = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let written = self.text[line..].lines().next().unwrap_or_default();
        if error.info().contains("unknown anchor") {
            self.problem(at..at, "aliases are not supported", Some(QUOTE_STAR));
            return;
        }
        if error.info().contains("recursion limit") {
            self.problem(at..at, format!("nested more than {DEPTH_LIMIT} deep"), None);
            return;
        }
        let indentation = written.len() - written.trim_start().len();
        let hint = if written[..indentation].contains('\t') {
            Some("indent with spaces: YAML takes no tabs")
        } else if written.contains("${") || written.contains("{{") {
            Some("a text with `{` or `}` needs quotes: \"${NAME}\"")
        } else if written.matches(": ").count() > 1 {
            Some("a text with `: ` in it needs quotes")
        } else if error.info().contains("flow") {
            Some("a `{` or `[` is not closed, or a `,` is missing")
        } else {
            None
        };
        let message = format!("not YAML: {}", error.info());
        self.problem(at..at, message, hint);
    }

    /// `range` up to the end of its first line.
    fn first_line(&self, range: Range<usize>) -> Range<usize> {
        let text = &self.text[range.clone()];
        let length = text.find('\n').unwrap_or(text.len());
        range.start..range.start + text[..length].trim_end().len()
    }

    fn byte(&self, character: usize) -> usize {
        self.bytes
            .get(character)
            .copied()
            .unwrap_or(self.text.len())
    }

    fn problem(&mut self, span: Range<usize>, message: impl Into<String>, hint: Option<&str>) {
        self.problems.push(Problem {
            span,
            message: message.into(),
            hint: hint.map(str::to_owned),
        });
    }
}

const QUOTE_STAR: &str = "write the value out; a text that begins with `*` needs quotes";
