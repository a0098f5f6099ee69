//! The borders that a report's text crosses: terminals, XML, Markdown, Mermaid and HTML.
//!
//! Names, files and messages come from migrations and servers, so none of them is trusted. Each type
//! here makes a text harmless for one grammar and is the only way into it.

mod mermaid;
mod sarif;

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

pub use mermaid::Mermaid;
pub use sarif::Sarif;

/// Sequences that a terminal obeys, in their 7-bit and 8-bit forms.
///
/// A string sequence without its end stops at the line's end, so that it cannot hide what follows.
static TERMINAL_SEQUENCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?: \x1b\[ | \x{9b} ) [0-?]* [\ -/]* [@-~]?
        | (?: \x1b[\]PX^_] | [\x{90}\x{98}\x{9d}\x{9e}\x{9f}] ) [^\x07\x1b\x{9c}\n]* (?: \x07 | \x1b\\ | \x{9c} )?
        | \x1b [\ -/]* [0-~]?",
    )
    .expect("a constant pattern")
});

/// The text as it is read: no terminal sequences, no control characters, no characters that turn the
/// direction of reading. Line ends and tabs stay.
pub fn visible(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    TERMINAL_SEQUENCE
        .replace_all(&text, "")
        .chars()
        .filter_map(|character| match character {
            '\n' | '\t' => Some(character),
            '\r' | '\u{2028}' | '\u{2029}' => Some('\n'),
            // Marks of direction and tags show a reader another text than the one that is there.
            '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}' => None,
            _ if character.is_control() => None,
            _ => Some(character),
        })
        .collect()
}

/// [`visible`] in one line, white space folded.
pub fn visible_line(text: &str) -> String {
    visible(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// A part of one of our sentences, which put literals between backticks.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Words(&'a str),
    Literal(&'a str),
}

/// Splits a sentence at its backticks. A backtick without a partner, or next to another, is a word.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut words_start = 0;
    let mut at = 0;
    while let Some(open) = text[at..].find('`').map(|offset| at + offset) {
        let inside = open + 1;
        let Some(close) = text[inside..].find('`').map(|offset| inside + offset) else {
            break;
        };
        let literal = &text[inside..close];
        let runs_on = text[close + 1..].starts_with('`');
        if literal.trim().is_empty() || runs_on {
            let run = text[open..].len() - text[open..].trim_start_matches('`').len();
            at = open + run.max(1);
            continue;
        }
        if words_start < open {
            found.push(Piece::Words(&text[words_start..open]));
        }
        found.push(Piece::Literal(literal));
        at = close + 1;
        words_start = at;
    }
    if words_start < text.len() {
        found.push(Piece::Words(&text[words_start..]));
    }
    found
}

/// Text for a terminal or a job's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal(String);

impl Terminal {
    /// One line, white space folded.
    pub fn line(text: &str) -> Self {
        Self(without_commands(&visible_line(text)))
    }

    /// Lines as they are, indented as they are.
    pub fn block(text: &str) -> Self {
        let text = visible(text).replace('\t', "    ");
        let lines: Vec<String> = text.lines().map(without_commands).collect();
        Self(lines.join("\n"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Terminal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Takes from a line what a GitHub runner obeys: `##[command]` anywhere, `::command::` at its start.
pub(super) fn without_commands(line: &str) -> String {
    let line = line.replace("##[", "##\u{200b}[");
    match line.trim_start().strip_prefix("::") {
        Some(rest) if rest.contains("::") => line.replacen("::", ":\u{200b}:", 1),
        _ => line,
    }
}

/// Text for the value of an XML attribute, whose quotes and brackets the writer escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xml(String);

impl Xml {
    /// One line of characters that XML 1.0 has.
    pub fn new(text: &str) -> Self {
        Self(of_xml(&visible_line(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text for a CDATA section, which the writer copies as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlCdata(String);

impl XmlCdata {
    /// Lines of characters that XML 1.0 has; the end mark of a section is split over two of them.
    pub fn new(text: &str) -> Self {
        Self(of_xml(&visible(text)).replace("]]>", "]]]]><![CDATA[>"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn of_xml(text: &str) -> String {
    text.chars()
        .filter(|character| !matches!(character, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

/// Text that GitHub's Markdown shows as it is: no markup, no links, no mentions, no references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markdown(String);

impl Markdown {
    /// A sentence in one line, with its literals as code. Safe in a table.
    pub fn sentence(text: &str) -> Self {
        Self::of_pieces(text, push_code)
    }

    /// A name or a path as code, in one line. Safe in a table.
    pub fn code(text: &str) -> Self {
        let mut written = String::new();
        push_code(&mut written, &visible_line(text));
        Self(written)
    }

    /// [`Markdown::sentence`] for the inside of an HTML element, where code spans are not read.
    pub fn summary(text: &str) -> Self {
        Self::of_pieces(text, push_element)
    }

    /// [`Markdown::code`] for the inside of an HTML element.
    pub fn summary_code(text: &str) -> Self {
        let mut written = String::new();
        push_element(&mut written, &visible_line(text));
        Self(written)
    }

    /// Lines in a fence that is longer than any run of backticks in them.
    pub fn fence(language: &'static str, text: &str) -> Self {
        let text = visible(text);
        let fence = "`".repeat(longest_run(&text).max(2) + 1);
        Self(format!("{fence}{language}\n{}\n{fence}", text.trim_end()))
    }

    fn of_pieces(text: &str, push_literal: fn(&mut String, &str)) -> Self {
        let text = visible_line(text);
        let mut written = String::with_capacity(text.len() * 2);
        for piece in pieces(&text) {
            match piece {
                Piece::Words(words) => push_words(&mut written, words),
                Piece::Literal(literal) => push_literal(&mut written, literal),
            }
        }
        Self(written)
    }
}

impl fmt::Display for Markdown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Words outside code. A reference like `&#42;` is text and never markup, also in tables and HTML.
fn push_words(written: &mut String, words: &str) {
    let mut rest = words.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            // GitHub looks for mentions, issues, emoji and links in the rendered text, where a
            // reference is already a character. Only another character between them stops it.
            '@' | '#' => written.push_str(&format!("&#{};&#8203;", character as u32)),
            ':' if rest
                .peek()
                .is_some_and(|next| *next != ' ' && !next.is_ascii_digit()) =>
            {
                written.push_str("&#58;&#8203;");
            }
            '.' if ends_with(written, "www") => written.push_str("&#8203;."),
            // `GH-12` is an issue.
            '-' if ends_with(written, "gh") => written.push_str("&#45;&#8203;"),
            // A dollar sign starts mathematics, unless it is in an element of its own.
            '$' => written.push_str("<span>&#36;</span>"),
            '&' | '<' | '>' | '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '|' => {
                push_reference(written, character);
            }
            // At its start a line could be an item, a heading or a rule.
            '-' | '+' | '=' if written.is_empty() => push_reference(written, character),
            '.' if is_number(written) => push_reference(written, character),
            _ => written.push(character),
        }
    }
}

fn ends_with(text: &str, ending: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= ending.len()
        && bytes[bytes.len() - ending.len()..].eq_ignore_ascii_case(ending.as_bytes())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A code span: in it GitHub looks for nothing. A bar would end a table's cell even there.
fn push_code(written: &mut String, literal: &str) {
    // Two spans without a character between them would be read as one.
    if literal.contains('|') || literal.is_empty() || written.ends_with('`') {
        push_element(written, literal);
        return;
    }
    let ticks = "`".repeat(longest_run(literal) + 1);
    // The outermost spaces of a span are not shown; without them a backtick would join the fence.
    let space = if literal.starts_with('`') || literal.ends_with('`') {
        " "
    } else {
        ""
    };
    written.push_str(&format!("{ticks}{space}{literal}{space}{ticks}"));
}

/// Code as an element, inside which Markdown is still read.
fn push_element(written: &mut String, literal: &str) {
    written.push_str("<code>");
    for character in literal.chars() {
        match character {
            '@' => written.push_str("&#64;&#8203;"),
            '.' if ends_with(written, "www") => written.push_str("&#8203;."),
            ' ' | '.' | ',' | '/' | '-' => written.push(character),
            _ if character.is_ascii_punctuation() => push_reference(written, character),
            _ => written.push(character),
        }
    }
    written.push_str("</code>");
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}

fn push_reference(written: &mut String, character: char) {
    written.push_str(&format!("&#{};", character as u32));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_go_and_the_words_stay() {
        for (text, expected) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}]0;title\u{7}shown", "shown"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("\u{1b}]never ended\nnext", "\nnext"),
            ("\u{1b}(Bplain", "plain"),
            ("a\u{0}b\u{8}c\u{7f}d\u{85}e", "abcde"),
            ("one\r\ntwo\rthree", "one\ntwo\nthree"),
            ("user\u{202e}txt.exe", "usertxt.exe"),
        ] {
            assert_eq!(visible(text), expected);
        }
    }

    #[test]
    fn a_log_line_is_no_workflow_command() {
        assert_eq!(Terminal::line(" ::error::x").as_str(), ":\u{200b}:error::x");
        assert_eq!(
            Terminal::block("a ##[add-mask]e\n  ::stop-commands::x").as_str(),
            "a ##\u{200b}[add-mask]e\n  :\u{200b}:stop-commands::x"
        );
        assert_eq!(
            Terminal::block("select 1\n  ::text").as_str(),
            "select 1\n  ::text"
        );
    }

    #[test]
    fn literals_are_between_single_backticks() {
        use Piece::{Literal, Words};
        assert_eq!(
            pieces("column `a` of `b`"),
            [Words("column "), Literal("a"), Words(" of "), Literal("b")]
        );
        assert_eq!(pieces("one ` left"), [Words("one ` left")]);
        assert_eq!(pieces("``x``"), [Words("``x``")]);
        assert_eq!(pieces("a```b"), [Words("a```b")]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn a_cdata_section_does_not_end_early() {
        assert_eq!(
            XmlCdata::new("a]]>b\u{ffff}\u{1}").as_str(),
            "a]]]]><![CDATA[>b"
        );
        assert_eq!(Xml::new("a\n b\u{1b}[0m").as_str(), "a b");
    }

    #[test]
    fn words_are_no_markup() {
        for (text, expected) in [
            ("**bold** | x", "&#42;&#42;bold&#42;&#42; &#124; x"),
            ("ask @team", "ask &#64;&#8203;team"),
            ("fixes #12", "fixes &#35;&#8203;12"),
            ("see GH-12", "see GH&#45;&#8203;12"),
            ("https://e.org", "https&#58;&#8203;//e.org"),
            ("www.e.org", "www&#8203;.e.org"),
            ("![a](b)", "!&#91;a&#93;(b)"),
            ("<script>", "&#60;script&#62;"),
            ("- item", "&#45; item"),
            ("12. item", "12&#46; item"),
            ("2.5 s", "2&#46;5 s"),
            ("at 12:03", "at 12:03"),
            ("a ` b", "a &#96; b"),
            ("a\n\n# b", "a &#35;&#8203; b"),
            ("$x$", "<span>&#36;</span>x<span>&#36;</span>"),
            ("the `a@b.c` is", "the `a@b.c` is"),
            ("the `a|@b` is", "the <code>a&#124;&#64;&#8203;b</code> is"),
            ("`a` `b`", "`a` `b`"),
        ] {
            assert_eq!(Markdown::sentence(text).to_string(), expected);
        }
    }

    #[test]
    fn code_is_shown_as_it_is() {
        for (text, expected) in [
            ("a_b*c", "`a_b*c`"),
            ("a`b", "``a`b``"),
            ("`a", "`` `a ``"),
            ("a|b", "<code>a&#124;b</code>"),
            ("", "<code></code>"),
        ] {
            assert_eq!(Markdown::code(text).to_string(), expected);
        }
        assert_eq!(
            Markdown::summary("in `www.a_b` @c").to_string(),
            "in <code>www&#8203;.a&#95;b</code> &#64;&#8203;c"
        );
        assert_eq!(
            Markdown::summary_code("a_b").to_string(),
            "<code>a&#95;b</code>"
        );
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(
            Markdown::fence("sql", "select 1;\n").to_string(),
            "```sql\nselect 1;\n```"
        );
        assert_eq!(
            Markdown::fence("sql", "````\nx").to_string(),
            "`````sql\n````\nx\n`````"
        );
    }
}
