use std::{net::IpAddr, path::Path, time::Duration};

use serde_json::json;

use super::*;

fn from_env(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::load(&Sources { env, ..Sources::default() })
}

fn from_text(text: &str) -> Result<Config, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Config::load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() })
}

fn problem(result: Result<Config, ConfigError>) -> String {
    match result.unwrap_err() {
        ConfigError::Invalid(problems) => problems.join("\n"),
        other => other.to_string(),
    }
}

#[test]
fn without_sources_it_is_the_defaults() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.database.sqlite_path().unwrap(), Path::new("coppice.db"));
    assert_eq!(config.keys_file().unwrap(), Path::new("coppice.keys"));
    assert!(!config.is_production());
    assert!(config.http.shows_graphiql());
}

#[test]
fn the_printed_defaults_read_back_as_the_defaults() {
    let text = defaults_toml();
    assert_eq!(from_text(&text).unwrap(), Config::default());
    // Every key is in it, with words before it; a key without a default is known all the same.
    let uncommented = text.replace(" =\n", " = \"\"\n").replace("\n# ca_file", "\nca_file");
    assert_eq!(from_text(&uncommented).unwrap(), Config::default());
    for (section, _, keys) in Config::sections() {
        assert!(text.contains(&format!("\n[{section}]\n")), "{section}");
        for key in keys {
            assert!(key.doc.iter().any(|line| line.len() > 10), "{section}.{} has no documentation", key.name);
            assert!(
                text.contains(&format!("\n{} = ", key.name)) || text.contains(&format!("\n# {} =\n", key.name)),
                "{}",
                key.name
            );
        }
    }
}

#[test]
fn the_command_line_beats_the_environment_which_beats_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[http]\nlisten = '127.0.0.1:1'\nbody_limit = 1\nrequest_timeout = 1\n").unwrap();
    let config = Config::load(&Sources {
        file: Some(file.path().to_owned()),
        env: vec![
            ("COPPICE__HTTP__LISTEN".into(), "127.0.0.1:2".into()),
            ("COPPICE__HTTP__BODY_LIMIT".into(), "2".into()),
            ("COPPICE_TEST".into(), "not ours".into()),
        ],
        flags: json!({"http": {"listen": "127.0.0.1:3", "graphiql": null}, "collect": {"role": "worker"}}),
    })
    .unwrap();
    assert_eq!(config.http.listen.port(), 3);
    assert_eq!(config.http.body_limit, 2);
    assert_eq!(config.http.request_timeout, Duration::from_secs(1));
    assert_eq!(config.http.graphiql, None);
    assert_eq!(config.collect.role, Role::Worker);
}

#[test]
fn lists_are_read_from_commas_and_from_arrays() {
    for text in ["127.0.0.0/8,10.0.0.0/8", r#"["127.0.0.0/8", "10.0.0.0/8"]"#, " 127.0.0.0/8 , 10.0.0.0/8, "] {
        let config = from_env(&[("COPPICE__OUTBOUND__ALLOW_CIDRS", text)]).unwrap();
        assert_eq!(config.outbound.allow_cidrs, ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()], "{text}");
    }
    let one = from_env(&[("COPPICE__OUTBOUND__ALLOW_CIDRS", "::1"), ("COPPICE__OUTBOUND__PORTS", "8443")]).unwrap();
    assert!(one.outbound.allow_cidrs[0].contains(&"::1".parse::<IpAddr>().unwrap()));
    assert_eq!(one.outbound.ports, [8443]);
    assert_eq!(from_env(&[("COPPICE__OUTBOUND__PORTS", "[8443, 9443]")]).unwrap().outbound.ports, [8443, 9443]);
    assert_eq!(from_text("[outbound]\nports = [8443]").unwrap().outbound.ports, [8443]);
    assert!(from_env(&[("COPPICE__OUTBOUND__PORTS", "")]).unwrap().outbound.ports.is_empty());
}

#[test]
fn days_and_times_are_read_with_and_without_quotes() {
    for text in ["holidays = ['2026-12-25']\nnightly_at = '02:15'", "holidays = [2026-12-25]\nnightly_at = 02:15:00"] {
        let config = from_text(&format!("[collect]\n{text}")).unwrap();
        assert_eq!(config.collect.holidays, ["2026-12-25".parse().unwrap()]);
        assert_eq!(config.collect.nightly_at.to_string(), "02:15:00");
    }
}

#[test]
fn durations_have_units() {
    for (text, millis) in
        [("500ms", 500), ("7", 7000), ("30s", 30_000), ("15m", 900_000), ("2h", 7_200_000), ("1d", 86_400_000)]
    {
        let config = from_env(&[("COPPICE__COLLECT__CHECK_INTERVAL", text)]).unwrap();
        assert_eq!(config.collect.check_interval, Duration::from_millis(millis), "{text}");
    }
    for text in ["", "s", "1y", "-1s", "1.5h", "99999999999999999999d"] {
        let message = problem(from_env(&[("COPPICE__COLLECT__CHECK_INTERVAL", text)]));
        assert!(message.contains("`collect.check_interval` (the environment) must be a duration"), "{message}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let message =
        problem(from_env(&[("COPPICE__HTTP__LISTN", "x"), ("COPPICE__OUTBOUNDS__CA_FILE", "x"), ("COPPICE__LISTEN", "x")]));
    assert!(message.contains("`http.listn` (the environment) is not a key; the nearest is `http.listen`"), "{message}");
    assert!(
        message.contains("`outbounds.ca_file` (the environment) is not a key; the nearest is `outbound.ca_file`"),
        "{message}"
    );
    assert!(message.contains("`listen` (the environment) is not a key; the nearest is `http.listen`"), "{message}");
    let message = problem(from_text("databse = 1\n[log]\nfiltr = 'info'"));
    assert!(message.contains("the nearest is `log.filter`") && message.contains("`databse`"), "{message}");
    assert!(problem(from_text("http = 3")).contains("`http` "));
}

#[test]
fn every_problem_is_told_at_once_and_shows_no_value() {
    let message = problem(from_env(&[
        ("COPPICE__DATABASE__URL", "mysql://root:hunter2@host/db"),
        ("COPPICE__HTTP__LISTEN", "hunter2"),
        ("COPPICE__LOG__FORMAT", "hunter2"),
    ]));
    assert!(message.contains("`database.url` must start with") && message.contains("`http.listen`"), "{message}");
    assert!(message.contains("`log.format` (the environment) must be one of `text`, `json`"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    let message = problem(from_text("[database]\nurl = \"postgres://u:hunter2@host/db\nx = 1"));
    assert!(message.contains("at line 2") && !message.contains("hunter2"), "{message}");
}

#[test]
fn debug_shows_no_secret() {
    let config =
        from_env(&[("COPPICE__DATABASE__URL", "postgres://u:hunter2@h/d"), ("COPPICE__KEYS__VALUES", "hunter2,hunter2")])
            .unwrap();
    assert_eq!(config.keys.values.len(), 2);
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(config.database.engine(), Engine::Postgres);
    assert_eq!(config.keys_file(), None);
    assert!(config.is_production());
}

#[test]
fn the_url_may_be_in_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "postgres://u:p@h/d\n").unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(from_env(&[("COPPICE__DATABASE__URL_FILE", path)]).unwrap().database.url.expose(), "postgres://u:p@h/d");
    let both = from_env(&[("COPPICE__DATABASE__URL_FILE", path), ("COPPICE__DATABASE__URL", "sqlite://a.db")]);
    assert!(problem(both).contains("both given"));
    std::fs::write(file.path(), "hunter2").unwrap();
    assert!(problem(from_env(&[("COPPICE__DATABASE__URL_FILE", path)])).contains("`database.url` must start with"));
    let missing = from_env(&[("COPPICE__DATABASE__URL_FILE", "/nowhere/at-all")]);
    assert!(matches!(missing, Err(ConfigError::Read { .. })));
}

#[test]
fn plain_http_stays_on_loopback() {
    let open = ("COPPICE__HTTP__LISTEN", "0.0.0.0:8080");
    assert!(problem(from_env(&[open])).contains("`http.trusted_proxy`"));
    let proxied = from_env(&[open, ("COPPICE__HTTP__TRUSTED_PROXY", "true")]).unwrap();
    assert!(proxied.is_production() && !proxied.http.shows_graphiql());
    let tls = ("COPPICE__HTTP__TLS_CERTIFICATE_FILE", "cert.pem");
    assert!(problem(from_env(&[open, tls])).contains("given together"));
    assert!(from_env(&[open, tls, ("COPPICE__HTTP__TLS_KEY_FILE", "key.pem")]).unwrap().http.tls_files().is_some());
    assert!(from_env(&[("COPPICE__HTTP__LISTEN", "[::1]:0")]).is_ok());
}

#[test]
fn origins_are_exact() {
    assert!(from_env(&[("COPPICE__HTTP__CORS_ORIGINS", "https://app.example,http://localhost:3000")]).is_ok());
    for origin in ["*", "https://app.example/", "https://app.example/x", "app.example", "null"] {
        assert!(problem(from_env(&[("COPPICE__HTTP__CORS_ORIGINS", origin)])).contains("cors_origins"), "{origin}");
    }
}

#[test]
fn an_openid_connect_issuer_is_given_with_its_audience_and_over_https() {
    let issuer = |url| ("COPPICE__AUTH__OIDC_ISSUER", url);
    let audience = ("COPPICE__AUTH__OIDC_AUDIENCE", "client-7");
    assert!(from_env(&[issuer("https://login.example.com/tenant"), audience]).is_ok());
    assert!(problem(from_env(&[issuer("https://login.example.com")])).contains("`auth.oidc_audience` must be given together"));
    assert!(problem(from_env(&[audience])).contains("given together"));
    for url in [
        "http://login.example.com",
        "https://u@login.example.com",
        "https://login.example.com/?x",
        "https://login.example.com/#x",
    ] {
        assert!(problem(from_env(&[issuer(url), audience])).contains("`auth.oidc_issuer` must start with"), "{url}");
    }
}
