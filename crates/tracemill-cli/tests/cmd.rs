//! The command line, as data: each file in `tests/cmd/` holds commands and what they print.
//! `TRYCMD=overwrite cargo test -p tracemill-cli --test cmd` rewrites them; review the difference.

#[test]
fn commands_print_what_their_files_say() {
    trycmd::TestCases::new().case("tests/cmd/*.md");
}
