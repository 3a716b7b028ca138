//! The collecting engine against simulated vendors: nothing lost, nothing twice.

mod books;
mod changes;
mod decisions;
mod lifecycle;
mod lives;
mod nights;
mod rig;
mod simulation;
