//! Writes `docs/rules`: a page for each rule, one for the lint, and their index, from the rules' records and fixtures.
//!
//! A test compares what is committed with what this writes.

#[path = "../../tests/harness/fixture.rs"]
mod fixture;

use pgrehearse::rules::{ALL, lint, page};

fn main() -> std::io::Result<()> {
    let pages = fixture::pages();
    std::fs::create_dir_all(&pages)?;
    for rule in ALL {
        let example = fixture::read(rule.id)?;
        std::fs::write(
            pages.join(format!("{}.md", rule.id)),
            page::page(rule, &example),
        )?;
    }
    std::fs::write(pages.join("lint.md"), page::family(lint::ALL))?;
    std::fs::write(pages.join("README.md"), page::index(ALL))
}
