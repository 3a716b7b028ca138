//! Sealing keys by the command line.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection};

use super::support::Place;

/// Runs one statement on the installation's database.
async fn sql(place: &Place, text: &str) {
    let mut db = SqliteConnection::connect(&format!("sqlite://{}", place.path("coppice.db").display())).await.unwrap();
    db.execute(AssertSqlSafe(text.to_owned())).await.unwrap();
    db.close().await.unwrap();
}

/// Text of a value that the key of this name sealed.
fn sealed_by(key: &str) -> String {
    format!("x'01{key}{}'", "00".repeat(60))
}

#[tokio::test]
async fn keys_are_rotated_and_retired_only_when_nothing_needs_them() {
    let place = Place::new();
    place.run(&["migrate"]).done();
    let (old, new) = (place.run(&["keys", "generate"]).line(), place.run(&["keys", "generate"]).line());
    std::fs::write(place.path("coppice.keys"), format!("{old}\n")).unwrap();
    let (old_id, new_id) = (&old[..16], &new[..16]);
    assert_eq!(place.run(&["keys", "status"]).line(), format!("{old_id}  seals    nothing"));
    assert!(place.run(&["keys", "retire", "--key", old_id]).refused(3).contains("This key seals."));

    std::fs::write(place.path("coppice.keys"), format!("# ours\n{new}\n{old}\n")).unwrap();
    assert!(place.run(&["keys", "retire", "--key", "0123456789abcdef"]).refused(3).contains("has no such key"));
    assert!(place.run(&["keys", "retire", "--key", "0123"]).refused(2).contains("16 hexadecimal digits"));

    // A value of a key that nobody has any more: it is told, left as it is, and retires nothing.
    let add = format!(
        "INSERT INTO certificate_key (id, kid, public, sealed, created_at) VALUES (x'01{}', 'k', x'00', {}, 0)",
        "00".repeat(15),
        sealed_by("00000000000000ff")
    );
    sql(&place, &add).await;
    let status = place.run(&["keys", "status", "--json"]).json();
    assert_eq!(
        status["keys"],
        json!([
            { "id": new_id, "seals": true, "known": true, "rows": {} },
            { "id": old_id, "seals": false, "known": true, "rows": {} },
            { "id": "00000000000000ff", "seals": false, "known": false, "rows": { "certificate_key": 1 } },
        ])
    );
    let rotated = place.run(&["keys", "rotate", "--json"]);
    assert_eq!((rotated.code, rotated.out.trim()), (4, r#"{"sealed":0,"unreadable":1}"#), "{rotated:?}");
    assert!(rotated.err.contains("keys status"), "{rotated:?}");

    // One that is still needed, and is not any more.
    sql(&place, &format!("UPDATE certificate_key SET sealed = {}", sealed_by(old_id))).await;
    let text = place.run(&["keys", "retire", "--key", old_id]).refused(3);
    assert!(text.contains("still needed") && text.contains("coppice keys rotate"), "{text}");
    assert!(std::fs::read_to_string(place.path("coppice.keys")).unwrap().contains(&old));
    sql(&place, &format!("UPDATE certificate_key SET sealed = {}", sealed_by(new_id))).await;

    place.run(&["keys", "retire", "--key", old_id]).done();
    assert_eq!(std::fs::read_to_string(place.path("coppice.keys")).unwrap(), format!("# ours\n{new}\n"));
    assert_eq!(place.run(&["keys", "status"]).line(), format!("{new_id}  seals    certificate_key 1"));
    assert_eq!(place.run(&["keys", "rotate"]).line(), "0 values were sealed anew.");
}
