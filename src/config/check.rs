//! What a type cannot say: ranges, and keys that depend on each other.

use super::Config;

/// A sentence for each problem; none when the configuration can be used.
pub(super) fn check(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    config.database.check(&mut problems);
    config.http.check(config.collect.role.serves_api(), &mut problems);
    config.graphql.check(&mut problems);
    config.outbound.check(&mut problems);
    config.collect.check(&mut problems);
    config.keys.check(&mut problems);
    config.mail.check(&mut problems);
    config.auth.check(&mut problems);
    problems
}
