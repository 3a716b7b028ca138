//! Help, configuration and what is refused before anything is opened.

use super::support::Place;

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    let commands: [(&[&str], &str); 20] = [
        (&[], "coppice demo"),
        (&["serve"], "coppice serve --role worker"),
        (&["migrate"], "coppice migrate status"),
        (&["migrate", "up"], "--database-url"),
        (&["migrate", "status"], "--json"),
        (&["schema"], "coppice schema --check schema.graphql"),
        (&["config"], "coppice config > coppice.toml"),
        (&["account"], "create"),
        (&["account", "create"], "coppice account create --name"),
        (&["user", "create"], "coppice user create --account acc_"),
        (&["api-key", "create"], "coppice api-key create --account acc_"),
        (&["token", "create"], "coppice token create --user usr_"),
        (&["sync"], "coppice sync --server srv_"),
        (&["demo"], "coppice demo --once --seed 42"),
        (&["keys"], "generate"),
        (&["keys", "generate"], "coppice keys generate --file"),
        (&["keys", "status"], "which one seals"),
        (&["keys", "rotate"], "coppice keys retire --key OLD"),
        (&["keys", "retire"], "coppice keys rotate"),
        (&["simulate"], "coppice simulate --servers 3"),
    ];
    for (command, teaches) in commands {
        for help in ["-h", "--help"] {
            let text = place.run(&[command, &[help]].concat()).done();
            assert!(text.contains("Usage: coppice") && text.contains(teaches), "{command:?} {help}: {text}");
        }
    }
    let main = place.run(&["--help"]).done();
    assert!(main.contains("Exit codes:") && !main.contains("\n  simulate"), "{main}");
    assert!(place.run(&["--version"]).done().starts_with("coppice "));
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 0, "help makes no files");
}

#[test]
fn arguments_that_cannot_be_read_say_what_is_expected() {
    let place = Place::new();
    let cases: [(&[&str], &str); 7] = [
        (&["serv"], "serve"),
        (&["account", "create", "--name", "A", "--role", "boss"], "DISTRIBUTOR, PARTNER, CUSTOMER"),
        (&["account", "create", "--name", "A", "--role", "PARTNER", "--parent", "7"], "acc_01h455vb4pex5vsknk084sn02q"),
        (&["account", "create", "--name", "A", "--role", "PARTNER", "--time-zone", "Berlin"], "Europe/Berlin"),
        (&["sync", "--server", "acc_01h455vb4pex5vsknk084sn02q"], "begins with srv_"),
        (
            &["api-key", "create", "--account", "acc_01h455vb4pex5vsknk084sn02q", "--name", "k", "--permission", "ALL"],
            "READ, WRITE, ADMIN",
        ),
        (&["demo", "--customers", "0"], "1..=200"),
    ];
    for (arguments, says) in cases {
        let text = place.run(arguments).refused(2);
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 0, "nothing was opened");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let text = Place::new().with("HTTP__LISTN", "127.0.0.1:1").run(&["serve"]).refused(2);
    assert!(text.contains("`http.listn`") && text.contains("`http.listen`"), "{text}");
    let place = Place::new();
    std::fs::write(place.path("coppice.toml"), "[collect]\nnightly = \"03:30\"\n").unwrap();
    let text = place.run(&["migrate"]).refused(2);
    assert!(text.contains("`collect.nightly`") && text.contains("`collect.nightly_at`"), "{text}");
    assert!(place.run(&["--config", "nowhere.toml", "migrate"]).refused(2).contains("nowhere.toml"));
}

#[test]
fn the_printed_defaults_are_a_configuration() {
    let place = Place::new();
    let text = place.run(&["config"]).done();
    for key in [
        "url = \"sqlite://coppice.db\"",
        "listen = \"127.0.0.1:8080\"",
        "# ca_file =",
        "allow_cidrs = []",
        "nightly_at = \"03:30\"",
    ] {
        assert!(text.contains(key), "{key}");
    }
    std::fs::write(place.path("mine.toml"), text).unwrap();
    place.run(&["--config", "mine.toml", "migrate"]).done();
    assert!(place.path("coppice.db").exists());
}

#[test]
fn plain_http_is_not_served_to_the_network() {
    let text = Place::new().run(&["serve", "--listen", "0.0.0.0:0"]).refused(2);
    assert!(text.contains("http.listen") && text.contains("tls_certificate_file"), "{text}");
}

#[test]
fn the_schema_is_printed_and_compared() {
    let place = Place::new();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    assert_eq!(place.run(&["schema"]).done().trim_end(), std::fs::read_to_string(schema).unwrap().trim_end());
    place.run(&["schema", "--check", schema]).done();
    std::fs::write(place.path("other.graphql"), "type Query {\n  nothing: Int\n}\n").unwrap();
    assert!(place.run(&["schema", "--check", "other.graphql"]).refused(4).contains("from line 1 on"));
    assert!(place.run(&["schema", "--check", "nowhere.graphql"]).refused(1).contains("nowhere.graphql"));
}

#[test]
fn keys_are_printed_or_put_into_a_private_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let (one, other) = (place.run(&["keys", "generate"]).line(), place.run(&["keys", "generate", "--json"]).json());
    assert_ne!(one, other["key"].as_str().unwrap());
    place.run(&["keys", "generate", "--file", "my.keys"]).done();
    let made = std::fs::read_to_string(place.path("my.keys")).unwrap();
    assert_eq!(place.path("my.keys").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(place.run(&["keys", "generate", "--file", "my.keys"]).refused(1).contains("left as it is"));
    assert_eq!(std::fs::read_to_string(place.path("my.keys")).unwrap(), made);
}
