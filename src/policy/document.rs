//! One marked parse: every path of the file gets its place, and what no policy needs is refused.
//!
//! The typed reading ([`super::raw`]) knows no places and accepts a key twice; this pass knows
//! nothing of types. Duplicate keys, aliases, tags and several documents are refused here, and size
//! and depth are bounded, so that a hostile file costs nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use saphyr_parser::{Event, Parser, Span};
use serde_yaml::Value;

use super::problem::Problem;

const DEPTH_LIMIT: usize = 32;
const NODE_LIMIT: usize = 20_000;

/// The way to a value: keys and positions from the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    Key(String),
    Index(usize),
}

impl Path {
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        Some(Self(parent.to_vec()))
    }

    /// A path as the code writes it: `migrations.timeouts.lock`.
    pub fn of(text: &str) -> Self {
        Self(
            text.split('.')
                .filter(|part| !part.is_empty())
                .map(|part| Segment::Key(part.to_owned()))
                .collect(),
        )
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => formatter.write_str(key)?,
                Segment::Key(key) => write!(formatter, ".{key}")?,
                Segment::Index(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// The bytes of a key and of its value.
#[derive(Clone, Debug, Default)]
struct Place {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// A file's value and the place of everything in it.
pub struct Document {
    pub value: Value,
    text: String,
    places: BTreeMap<Path, Place>,
}

impl Document {
    /// Where the value at `path` is; where its nearest ancestor is, if it is not written.
    pub fn value_span(&self, path: &Path) -> Range<usize> {
        self.nearest(path).1.value.clone()
    }

    /// Where the key at `path` is.
    pub fn key_span(&self, path: &Path) -> Range<usize> {
        let (found, place) = self.nearest(path);
        match &place.key {
            Some(key) if found == *path => key.clone(),
            Some(key) if place.value.is_empty() => key.clone(),
            _ => place.value.clone(),
        }
    }

    /// The line of the value at `path`, from 1.
    pub fn line_of(&self, path: &Path) -> u32 {
        let before = &self.text[..self.value_span(path).start];
        u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
    }

    fn nearest(&self, path: &Path) -> (Path, &Place) {
        static NOWHERE: Place = Place {
            key: None,
            value: 0..0,
        };
        let mut path = Some(path.clone());
        while let Some(candidate) = path {
            if let Some(place) = self.places.get(&candidate) {
                return (candidate, place);
            }
            path = candidate.parent();
        }
        (Path::default(), &NOWHERE)
    }
}

/// Reads `text`.
pub fn read(text: &str) -> Result<Document, Vec<Problem>> {
    let mut reader = Reader {
        bytes: byte_offsets(text),
        text,
        places: BTreeMap::new(),
        problems: Vec::new(),
        open: Vec::new(),
        documents: 0,
        nodes: 0,
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => reader.event(event, span),
            Err(error) => {
                let at = reader.byte(error.marker().index());
                reader.problem(at..at, error.info().to_owned(), None);
                break;
            }
        }
        if reader.open.len() > DEPTH_LIMIT || reader.nodes > NODE_LIMIT {
            reader.problem(
                0..0,
                "the file is nested too deep or too long".to_owned(),
                None,
            );
            break;
        }
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    match serde_yaml::from_str(text) {
        Ok(value) => Ok(Document {
            value,
            text: text.to_owned(),
            places: reader.places,
        }),
        Err(error) => {
            let at = error.location().map_or(0, |location| location.index());
            reader.problem(at..at, error.to_string(), None);
            Err(reader.problems)
        }
    }
}

/// A collection that is being read.
enum Open {
    Mapping {
        path: Path,
        start: usize,
        key: Option<(String, Range<usize>)>,
        /// Where each key was first seen.
        seen: BTreeMap<String, Range<usize>>,
    },
    Sequence {
        path: Path,
        start: usize,
        next: usize,
    },
}

struct Reader<'a> {
    text: &'a str,
    /// The byte offset of every character, since the parser counts characters.
    bytes: Vec<usize>,
    places: BTreeMap<Path, Place>,
    problems: Vec<Problem>,
    open: Vec<Open>,
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
                    self.problem(range, "a policy is one YAML document".to_owned(), None);
                }
            }
            Event::Alias(_) => {
                self.problem(
                    range,
                    "aliases are not supported".to_owned(),
                    Some("write the value out".to_owned()),
                );
                self.take_position(0..0, Path::clone);
            }
            Event::Scalar(text, _, anchor, tag) => {
                self.refuse_extras(&range, anchor, tag.is_some());
                if self.expects_key() {
                    self.take_key(&text, range);
                } else {
                    let trimmed = self.trimmed(range);
                    self.take_position(trimmed, Path::clone);
                }
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(&range, anchor, tag.is_some());
                let start = range.start;
                let path = self.take_position(range, Path::clone);
                self.open.push(Open::Mapping {
                    path,
                    start,
                    key: None,
                    seen: BTreeMap::new(),
                });
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(&range, anchor, tag.is_some());
                let start = range.start;
                let path = self.take_position(range, Path::clone);
                self.open.push(Open::Sequence {
                    path,
                    start,
                    next: 0,
                });
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(range.end),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Mapping { key: None, .. }))
    }

    fn take_key(&mut self, name: &str, range: Range<usize>) {
        let Some(Open::Mapping { key, seen, .. }) = self.open.last_mut() else {
            return;
        };
        let first = seen.get(name).cloned();
        seen.entry(name.to_owned()).or_insert_with(|| range.clone());
        *key = Some((name.to_owned(), range.clone()));
        if let Some(first) = first {
            let line = self.text[..first.start].matches('\n').count() + 1;
            self.problem(
                range,
                format!("duplicate key `{name}`"),
                Some(format!("it is first set on line {line}")),
            );
        }
    }

    /// Records the value that begins here and returns its path.
    fn take_position(&mut self, range: Range<usize>, path_of: impl Fn(&Path) -> Path) -> Path {
        self.nodes += 1;
        let (path, key) = match self.open.last_mut() {
            None => (Path::default(), None),
            Some(Open::Mapping { path, key, .. }) => match key.take() {
                Some((name, key_range)) => (path.key(name), Some(key_range)),
                // A mapping or a list used as a key.
                None => (path_of(path), None),
            },
            Some(Open::Sequence { path, next, .. }) => {
                let path = path.index(*next);
                *next += 1;
                (path, None)
            }
        };
        self.places
            .entry(path.clone())
            .or_insert(Place { key, value: range });
        path
    }

    /// A collection's place is its first line: a caret under forty lines says nothing.
    fn close(&mut self, end: usize) {
        let Some(Open::Mapping { path, start, .. } | Open::Sequence { path, start, .. }) =
            self.open.pop()
        else {
            return;
        };
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |newline| start + newline);
        let span = self.trimmed(start..end.min(line_end));
        if let Some(place) = self.places.get_mut(&path) {
            place.value = span;
        }
    }

    fn refuse_extras(&mut self, range: &Range<usize>, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.problem(range.clone(), "anchors are not supported".to_owned(), None);
        }
        if tagged {
            self.problem(range.clone(), "tags are not supported".to_owned(), None);
        }
    }

    fn trimmed(&self, range: Range<usize>) -> Range<usize> {
        let length = self.text[range.clone()].trim_end().len();
        range.start..range.start + length
    }

    fn byte(&self, character: usize) -> usize {
        self.bytes
            .get(character)
            .copied()
            .unwrap_or(self.text.len())
    }

    fn problem(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            span,
            message,
            hint,
        });
    }
}

fn byte_offsets(text: &str) -> Vec<usize> {
    text.char_indices().map(|(offset, _)| offset).collect()
}
