//! Which addresses are called. A server's address comes from a tenant, so it is hostile: it may name our own network, or a public name may
//! lead there, now or at the second look-up. So the filter sits in the resolver that connections use, and literal addresses, which skip
//! the resolver, are looked at before.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use crate::connector::url::{ServerUrl, UrlProblem};

/// IPv4 networks that are not the public internet.
const CLOSED_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::UNSPECIFIED, 8),           // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // class E, broadcast
];

/// IPv6 networks within the public `2000::/3` that are not the public internet. Everything outside `2000::/3` is closed: loopback, ULA, link-local,
/// NAT64, multicast, IPv4-compatible.
const CLOSED_V6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Whether the address is on the public internet; IPv4 in IPv6 clothes is judged as IPv4.
fn is_public(address: IpAddr) -> bool {
    let holds_v6 = |(net, length): &(Ipv6Addr, u8), ip| Ipv6Net::new_assert(*net, *length).contains(&ip);
    match address.to_canonical() {
        IpAddr::V4(ip) => !CLOSED_V4.iter().any(|(net, length)| Ipv4Net::new_assert(*net, *length).contains(&ip)),
        IpAddr::V6(ip) => holds_v6(&PUBLIC_V6, ip) && !CLOSED_V6.iter().any(|net| holds_v6(net, ip)),
    }
}

/// How far a connection may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Public addresses, and those the operator opened.
    Public,
    /// Only addresses the operator opened: for ports that are not listed.
    Opened,
}

/// The operator's rules.
#[derive(Debug)]
pub(super) struct AddressPolicy {
    opened: Vec<IpNet>,
    ports: Vec<u16>,
}

impl AddressPolicy {
    pub(super) fn new(opened: Vec<IpNet>, ports: Vec<u16>) -> Self {
        Self { opened, ports }
    }

    fn is_opened(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.opened.iter().any(|net| net.contains(&address))
    }

    fn allows(&self, address: IpAddr, reach: Reach) -> bool {
        self.is_opened(address) || (reach == Reach::Public && is_public(address))
    }

    /// How far connections to this server may reach, or why it is not called.
    pub(super) fn admit(&self, url: &ServerUrl) -> Result<Reach, UrlProblem> {
        let reach = if self.ports.contains(&url.port()) { Reach::Public } else { Reach::Opened };
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(_)) if reach == Reach::Public || !self.opened.is_empty() => return Ok(reach),
            Some(Host::Domain(_)) => return Err(UrlProblem::Port),
            None => return Err(UrlProblem::Unreadable),
        };
        match (self.allows(literal, reach), is_public(literal)) {
            (true, _) => Ok(reach),
            (false, true) => Err(UrlProblem::Port),
            (false, false) => Err(UrlProblem::Address),
        }
    }
}

/// The name has no address that may be called.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("every address of the name is closed")]
pub(super) struct AddressClosed;

/// The name has no address at all.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the name is unknown")]
pub(super) struct NameUnknown;

type LookUp = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// Looks names up and hands on only addresses that may be called.
pub(super) struct GuardedResolver {
    policy: Arc<AddressPolicy>,
    reach: Reach,
    look_up: LookUp,
}

impl GuardedResolver {
    pub(super) fn new(policy: Arc<AddressPolicy>, reach: Reach) -> Self {
        Self { policy, reach, look_up: Arc::new(|name| Box::pin(system_look_up(name))) }
    }
}

async fn system_look_up(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.map(|address| address.ip()).collect())
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, reach) = (Arc::clone(&self.policy), self.reach);
        let found = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await.map_err(|_| NameUnknown)?;
            if found.is_empty() {
                return Err(NameUnknown.into());
            }
            // The canonical form is what was judged, so it is what is called.
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .map(|address| address.to_canonical())
                .filter(|address| policy.allows(*address, reach))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if allowed.is_empty() {
                return Err(AddressClosed.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn policy(cidrs: &[&str]) -> AddressPolicy {
        AddressPolicy::new(cidrs.iter().map(|net| net.parse().unwrap()).collect(), vec![443])
    }

    fn admit(policy: &AddressPolicy, url: &str) -> Result<Reach, UrlProblem> {
        policy.admit(&ServerUrl::parse(url).unwrap())
    }

    #[test]
    fn closed_literal_addresses_are_refused_however_they_are_spelled() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "0177.0.0.1",
            "2130706433",
            "127.0.0.1.",
            "0.0.0.0",
            "0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::127.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:169.254.169.254]",
            "[fc00::1]",
            "[fdff::1]",
            "[fe80::1]",
            "[febf::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[2002:7f00:1::]",
            "[2002:a00:1::]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::8.8.8.8]",
            "[64:ff9b:1::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[2001::1]",
            "[100::1]",
            "[5f00::1]",
            "[4000::1]",
        ] {
            assert_eq!(admit(&policy(&[]), &format!("https://{host}/")), Err(UrlProblem::Address), "{host}");
            assert_eq!(admit(&policy(&[]), &format!("https://{host}:8443/")), Err(UrlProblem::Address), "{host}");
        }
    }

    #[test]
    fn public_addresses_are_called_on_listed_ports() {
        let policy = policy(&[]);
        for host in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1", "[2606:4700::1111]", "[::ffff:8.8.8.8]"]
        {
            assert_eq!(admit(&policy, &format!("https://{host}")), Ok(Reach::Public), "{host}");
            assert_eq!(admit(&policy, &format!("https://{host}:8443")), Err(UrlProblem::Port), "{host}");
        }
        assert_eq!(admit(&policy, "https://vendor.example.com"), Ok(Reach::Public));
        assert_eq!(admit(&policy, "https://vendor.example.com:22"), Err(UrlProblem::Port));
    }

    #[test]
    fn the_operator_opens_networks_with_all_their_ports() {
        let policy = policy(&["127.0.0.0/8", "fd00:7::/64"]);
        assert_eq!(admit(&policy, "https://127.0.0.1:40123"), Ok(Reach::Opened));
        assert_eq!(admit(&policy, "https://[::ffff:127.0.0.1]:40123"), Ok(Reach::Opened));
        assert_eq!(admit(&policy, "https://[fd00:7::1]"), Ok(Reach::Public));
        assert_eq!(admit(&policy, "https://[fd00:8::1]"), Err(UrlProblem::Address));
        assert_eq!(admit(&policy, "https://192.168.0.1"), Err(UrlProblem::Address));
        assert_eq!(admit(&policy, "https://print.local:8443"), Ok(Reach::Opened));
    }

    /// A resolver whose look-ups answer with `answers`, one after another.
    fn scripted(policy: AddressPolicy, reach: Reach, answers: &[&[&str]]) -> GuardedResolver {
        let answers: Vec<Vec<IpAddr>> =
            answers.iter().rev().map(|list| list.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        let answers = Arc::new(Mutex::new(answers));
        let look_up: LookUp = Arc::new(move |_| {
            let next = answers.lock().unwrap().pop();
            Box::pin(async move { next.ok_or_else(|| io::Error::other("no such name")) })
        });
        GuardedResolver { policy: Arc::new(policy), reach, look_up }
    }

    async fn look_up(resolver: &GuardedResolver) -> Result<Vec<String>, String> {
        let found = resolver.resolve("vendor.example.com".parse().unwrap()).await;
        found.map(|list| list.map(|address| address.ip().to_string()).collect()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_that_turns_private_is_refused_at_that_look_up() {
        let resolver = scripted(policy(&[]), Reach::Public, &[&["8.8.8.8"], &["127.0.0.1"], &["::ffff:10.0.0.1"], &[]]);
        assert_eq!(look_up(&resolver).await, Ok(vec!["8.8.8.8".to_owned()]));
        assert_eq!(look_up(&resolver).await, Err(AddressClosed.to_string()));
        assert_eq!(look_up(&resolver).await, Err(AddressClosed.to_string()));
        assert_eq!(look_up(&resolver).await, Err(NameUnknown.to_string()), "a name without addresses");
        assert_eq!(look_up(&resolver).await, Err(NameUnknown.to_string()), "a failed look-up");
    }

    #[tokio::test]
    async fn only_addresses_in_reach_are_handed_on() {
        let mixed: &[&str] = &["10.0.0.1", "8.8.8.8", "127.0.0.1"];
        let resolver = scripted(policy(&["127.0.0.0/8"]), Reach::Public, &[mixed]);
        assert_eq!(look_up(&resolver).await, Ok(vec!["8.8.8.8".to_owned(), "127.0.0.1".to_owned()]));
        let resolver = scripted(policy(&["127.0.0.0/8"]), Reach::Opened, &[mixed]);
        assert_eq!(look_up(&resolver).await, Ok(vec!["127.0.0.1".to_owned()]), "a port that is not listed");
    }

    #[tokio::test]
    async fn the_systems_own_look_up_is_filtered() {
        let resolver = GuardedResolver::new(Arc::new(policy(&[])), Reach::Public);
        let found = resolver.resolve("localhost".parse().unwrap()).await;
        assert!(found.is_err_and(|error| error.is::<AddressClosed>()));
    }
}
