//! The program `coppice`; everything is in the library.

/// Rows and answers are thousands of small allocations a second, which this one handles at half the processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    coppice::cli::main()
}
