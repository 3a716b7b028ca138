//! The promise, proved on the real program: nothing is lost and nothing is counted twice, whatever ends it and whenever.
//!
//! The program runs as it does in an installation, on a database of its own, and reads simulated vendors that live in another process: the
//! test's. After every end and start its ledger must come to what the simulator knows was printed, to the page, per feed, day and kind.
//!
//! What takes long is asked for: `COPPICE_SIMULATION_KILLS=1000..1300` kills once for each of those seeds (see `kills`).

mod books;
mod disk;
mod failpoints;
mod hints;
mod kills;
mod nodes;
mod outage;
mod postgres;
pub mod program;
mod reconcile;
mod stage;
mod worker;
