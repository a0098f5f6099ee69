//! What is wrong with a policy, and where, shown with the line it is on.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::secrets;
use crate::text::count_of;

/// More are only counted: a hostile file has thousands.
const SHOWN: usize = 50;

/// A line is shown up to about this many bytes.
const WIDTH: usize = 160;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the file that it is about.
    pub span: Range<usize>,
    /// What is wrong, in a phrase.
    pub message: String,
    /// What was expected, or what to do.
    pub hint: Option<String>,
}

/// All that is wrong with one file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    /// The file, with the secrets that are written in it covered.
    text: String,
    found: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file: &str, text: &str, mut found: Vec<Problem>) -> Self {
        found.sort_by(|a, b| {
            (a.span.start, a.span.end, &a.message).cmp(&(b.span.start, b.span.end, &b.message))
        });
        found.dedup();
        let mut covered = secrets::covered(text).into_owned();
        for problem in &found {
            // A secret in a form of its own is covered as a whole.
            let span = problem.span.clone();
            if problem.message == secrets::MESSAGE && covered[span.clone()] == text[span.clone()] {
                covered.replace_range(span.clone(), &"*".repeat(span.len()));
            }
        }
        Self {
            file: file.to_owned(),
            text: covered,
            found,
        }
    }

    pub fn found(&self) -> &[Problem] {
        &self.found
    }

    /// The file as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line and column of a problem, both counted from 1.
    pub fn place(&self, problem: &Problem) -> (usize, usize) {
        let before = &self.text[..problem.span.start.min(self.text.len())];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut shown: Vec<String> = self
            .found
            .iter()
            .take(SHOWN)
            .map(|problem| self.render_one(problem, renderer))
            .collect();
        let left = self.found.len().saturating_sub(SHOWN);
        if left > 0 {
            shown.push(format!(
                "and {} that are not shown",
                count_of(left as u64, "problem")
            ));
        }
        shown.join("\n\n")
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let (line, excerpt) = self.excerpt(&problem.span);
        let span = problem.span.start.max(excerpt.start)..problem.span.end.min(excerpt.end);
        let within = span.start - excerpt.start..span.end.max(span.start) - excerpt.start;
        let mut annotation = AnnotationKind::Primary.span(within);
        if let Some(hint) = &problem.hint {
            annotation = annotation.label(hint.as_str());
        }
        let report = [Level::ERROR
            .primary_title(problem.message.as_str())
            .element(
                Snippet::source(&self.text[excerpt])
                    .line_start(line)
                    .path(self.file.as_str())
                    .annotation(annotation),
            )];
        renderer.render(&report)
    }

    /// The line that a span begins on, with its number: the whole line, so that columns are right,
    /// but for what is far behind the span.
    fn excerpt(&self, span: &Range<usize>) -> (usize, Range<usize>) {
        let at = span.start.min(self.text.len());
        let line = self.text[..at].matches('\n').count() + 1;
        let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |newline| at + newline);
        let mut end = line_end.min(at + WIDTH);
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        (line, start..end)
    }

    /// For a terminal that shows colours.
    pub fn coloured(&self) -> String {
        self.render(&Renderer::styled())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Problems {}
