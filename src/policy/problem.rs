//! What is wrong with a policy, and where, shown with the line it is on.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

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
    text: String,
    found: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file: &str, text: &str, mut found: Vec<Problem>) -> Self {
        found.sort_by_key(|problem| (problem.span.start, problem.span.end));
        found.dedup();
        Self {
            file: file.to_owned(),
            text: text.to_owned(),
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
        self.found
            .iter()
            .map(|problem| {
                let mut annotation = AnnotationKind::Primary.span(problem.span.clone());
                if let Some(hint) = &problem.hint {
                    annotation = annotation.label(hint.as_str());
                }
                let report = [Level::ERROR
                    .primary_title(problem.message.as_str())
                    .element(
                        Snippet::source(self.text.as_str())
                            .path(self.file.as_str())
                            .annotation(annotation),
                    )];
                renderer.render(&report)
            })
            .collect::<Vec<_>>()
            .join("\n\n")
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
