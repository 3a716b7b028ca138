//! The program `coppice`; everything is in the library.

fn main() -> std::process::ExitCode {
    coppice::cli::main()
}
