//! The guide, its examples and GraphiQL, as a server of simulated vendors' data has them.

mod graphiql;
mod installation;
mod pages;
mod programs;
