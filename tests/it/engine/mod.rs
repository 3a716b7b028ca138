//! The collecting engine against simulated vendors: nothing lost, nothing twice.

mod changes;
mod decisions;
mod lifecycle;
mod nights;
mod rig;
mod simulation;
