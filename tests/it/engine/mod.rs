//! The collecting engine against simulated vendors: nothing lost, nothing twice.

mod nights;
mod rig;
mod simulation;
