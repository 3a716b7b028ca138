//! The collecting engine against simulated vendors: nothing lost, nothing twice.

mod books;
mod changes;
mod clocks;
mod decisions;
mod hostile;
mod lifecycle;
mod lives;
mod nights;
mod oracle;
pub mod rig;
mod simulation;
