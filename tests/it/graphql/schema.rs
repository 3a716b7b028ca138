//! The committed schema is the generated one.

#[test]
fn committed_schema_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let generated = coppice::graphql::sdl();
    assert!(
        committed == generated,
        "schema.graphql is not what the code says; write it anew with `coppice schema > schema.graphql`"
    );
}
