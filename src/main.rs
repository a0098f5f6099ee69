//! Parse, run, exit code: nothing else.

fn main() {
    if std::env::args().nth(1).as_deref() == Some(pgrehearse::process::guard::SUBCOMMAND) {
        pgrehearse::process::guard::stand_guard(std::io::stdin());
    }
}
