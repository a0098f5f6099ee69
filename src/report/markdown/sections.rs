//! A long comment is cut by whole sections, the least needed first, and says what was cut.

/// What a section belongs to, in the order of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Errors,
    Blocks,
    Timeline,
    Warnings,
    Notes,
    Accepted,
    Migrations,
    Clone,
    Saw,
}

impl Group {
    const ALL: [Self; 9] = [
        Self::Errors,
        Self::Blocks,
        Self::Timeline,
        Self::Warnings,
        Self::Notes,
        Self::Accepted,
        Self::Migrations,
        Self::Clone,
        Self::Saw,
    ];

    /// What must be there before what: a comment says What blocks and of what clone it speaks.
    const BY_NEED: [Self; 9] = [
        Self::Errors,
        Self::Blocks,
        Self::Clone,
        Self::Timeline,
        Self::Warnings,
        Self::Migrations,
        Self::Accepted,
        Self::Notes,
        Self::Saw,
    ];

    fn heading(self) -> Option<&'static str> {
        match self {
            Self::Errors => Some("Could not tell"),
            Self::Blocks => Some("What blocks"),
            Self::Warnings => Some("Warnings"),
            Self::Notes => Some("Notes"),
            Self::Accepted => Some("Accepted by the policy"),
            Self::Timeline | Self::Migrations | Self::Clone | Self::Saw => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Errors => "errors of stages",
            Self::Blocks => "blocking findings",
            Self::Timeline => "the timeline",
            Self::Warnings => "warnings",
            Self::Notes => "notes",
            Self::Accepted => "accepted findings",
            Self::Migrations => "the migrations",
            Self::Clone => "the clone",
            Self::Saw => "what each stage saw",
        }
    }

    /// The group's heading as it is written.
    fn opening(self) -> String {
        match self.heading() {
            Some(heading) => format!("\n### {heading}\n\n"),
            None => "\n".to_owned(),
        }
    }
}

/// A part of a comment that is there whole or not at all.
#[derive(Debug)]
pub struct Section {
    group: Group,
    text: String,
}

impl Section {
    pub fn new(group: Group, text: String) -> Self {
        Self { group, text }
    }
}

/// Room for the sentence that says what was cut.
const CUT_SENTENCE: usize = 400;

/// Puts head, sections and foot together in less than `limit` characters.
pub fn assemble(head: &str, sections: &[Section], foot: &str, limit: usize) -> String {
    let mut room = limit
        .saturating_sub(length(head))
        .saturating_sub(length(foot))
        .saturating_sub(CUT_SENTENCE);
    let mut kept = vec![false; sections.len()];
    for group in Group::BY_NEED {
        let mut opened = false;
        for (index, section) in sections.iter().enumerate() {
            if section.group != group {
                continue;
            }
            let opening = if opened { 0 } else { length(&group.opening()) };
            let needed = length(&section.text) + 1 + opening;
            if needed <= room {
                room -= needed;
                opened = true;
                kept[index] = true;
            }
        }
    }
    let mut text = head.to_owned();
    let mut cut: Vec<String> = Vec::new();
    for group in Group::ALL {
        let mut opened = false;
        let mut left_out = 0;
        for (section, is_kept) in sections.iter().zip(&kept) {
            if section.group != group {
                continue;
            }
            if !is_kept {
                left_out += 1;
                continue;
            }
            if opened {
                text.push('\n');
            } else {
                text.push_str(&group.opening());
                opened = true;
            }
            text.push_str(&section.text);
        }
        match (left_out, group.heading()) {
            (0, _) => {}
            (number, Some(_)) => cut.push(format!("{number} of the {}", group.name())),
            (_, None) => cut.push(group.name().to_owned()),
        }
    }
    if !cut.is_empty() {
        text.push_str(&format!(
            "\n**This comment was too long.** Cut: {}. All of it is in `report.html` and `report.json`.\n",
            cut.join(", ")
        ));
    }
    text.push('\n');
    text.push_str(foot);
    text
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_sections_go_and_are_named() {
        let section = |group, size: usize| Section::new(group, format!("{}\n", "x".repeat(size)));
        let sections = vec![
            section(Group::Blocks, 100),
            section(Group::Blocks, 5_000),
            section(Group::Blocks, 100),
            section(Group::Saw, 900),
        ];
        let text = assemble("head\n", &sections, "foot\n", 1_000);
        assert!(text.chars().count() < 1_000, "{}", text.len());
        assert_eq!(text.matches(&"x".repeat(100)).count(), 2);
        assert!(
            text.contains("Cut: 1 of the blocking findings, what each stage saw."),
            "{text}"
        );
        assert!(text.ends_with("foot\n"));
    }

    #[test]
    fn a_short_comment_is_whole() {
        let sections = vec![Section::new(Group::Clone, "a\n".into())];
        assert_eq!(assemble("h\n", &sections, "f\n", 1_000), "h\n\na\n\nf\n");
    }
}
