//! Coppice's tables, one file each: columns and relations, nothing else. What instants, days, enums and keys look like is said
//! once, in the migrations.

pub mod account;
pub mod account_closure;
pub mod account_day;
pub mod account_day_below;
pub mod account_month;
pub mod account_month_below;
pub mod account_page;
pub mod account_project;
pub mod account_sequence;
pub mod anomaly;
pub mod api_key;
pub mod certificate;
pub mod certificate_allocation;
pub mod certificate_delivery;
pub mod certificate_file;
pub mod certificate_key;
pub mod certificate_range;
pub mod certificate_void;
pub mod collection;
pub mod deposit;
pub mod device;
pub mod feed;
pub mod feed_day;
pub mod feed_pause;
pub mod fleet;
pub mod health_change;
pub mod idempotency;
pub mod password_link;
pub mod project;
pub mod schedule_tick;
pub mod server;
pub mod server_pause;
pub mod sync_run;
pub mod user_account;
pub mod user_session;
