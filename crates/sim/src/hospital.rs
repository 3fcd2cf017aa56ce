//! One hospital's LAN: named hosts with addresses, link addresses and open ports. Flat, as in most small hospitals.

use crate::{dice::Dice, sector::Facility, wire::End};
use phitak_model::Mac;
use std::net::Ipv4Addr;

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Router,
    Switch,
    Domain,
    Files,
    /// The hospital information system's MySQL server.
    HisDatabase,
    Intranet,
    Pacs,
    Hl7,
    /// The laboratory's system on PostgreSQL.
    Laboratory,
    /// The stock and accounting system on SQL Server.
    Stock,
    PublicWeb,
    Storage,
    Camera,
    Printer,
    Modality,
    Analyser,
    Backup,
    Pc,
    AdminPc,
}

#[derive(Clone, Debug)]
pub struct Host {
    pub name: String,
    pub role: Role,
    pub ip: Ipv4Addr,
    pub mac: Mac,
    /// TCP ports that answer.
    pub open: Vec<u16>,
    /// Gets its address by DHCP and tells its name there.
    pub dhcp: bool,
}

#[derive(Clone, Debug)]
pub struct Hospital {
    pub facility: Facility,
    /// From 0.
    pub number: usize,
    pub hosts: Vec<Host>,
    /// The Active Directory domain, such as `dokpip.example`.
    pub domain: String,
    pub netmask: Ipv4Addr,
    pub broadcast: Ipv4Addr,
}

/// Name, role, last octet, open ports.
type Fixed = (&'static str, Role, u8, &'static [u16]);

const FIXED: [Fixed; 26] = [
    ("fw01", Role::Router, 1, &[22, 443]),
    ("sw-core", Role::Switch, 2, &[22, 80]),
    ("sw-ward", Role::Switch, 3, &[22, 80]),
    ("sw-opd", Role::Switch, 4, &[22, 80]),
    ("dc01", Role::Domain, 10, &[53, 88, 135, 139, 389, 445]),
    ("files01", Role::Files, 11, &[135, 139, 445, 3389]),
    ("his-db", Role::HisDatabase, 12, &[22, 3306]),
    ("intranet", Role::Intranet, 13, &[22, 80, 443]),
    ("pacs01", Role::Pacs, 14, &[22, 104, 443]),
    ("hl7-gw", Role::Hl7, 15, &[22, 2575, 443]),
    ("lis-db", Role::Laboratory, 16, &[21, 22, 443, 5432]),
    ("stock-sql", Role::Stock, 17, &[135, 139, 445, 1433, 3389]),
    ("web-queue", Role::PublicWeb, 18, &[22, 80, 443]),
    ("nas01", Role::Storage, 19, &[21, 22, 80, 443, 445]),
    ("nas-xray", Role::Storage, 20, &[21, 22, 443, 445]),
    ("backup01", Role::Backup, 21, &[22, 135, 445, 3389]),
    ("nvr-cctv", Role::Camera, 30, &[22, 80, 443, 554]),
    ("nvr-park", Role::Camera, 31, &[22, 80, 443, 554]),
    ("prn-reg", Role::Printer, 40, &[80, 515, 631, 9100]),
    ("prn-phar", Role::Printer, 41, &[80, 515, 631, 9100]),
    ("prn-ward5", Role::Printer, 42, &[80, 515, 631, 9100]),
    ("ct01", Role::Modality, 50, &[104, 135, 445]),
    ("xray01", Role::Modality, 51, &[104, 135, 445]),
    ("us01", Role::Modality, 52, &[104]),
    ("chem01", Role::Analyser, 55, &[135, 445]),
    ("cbc01", Role::Analyser, 56, &[135, 445]),
];

const DEPARTMENTS: [(&str, usize); 8] =
    [("reg", 4), ("opd", 5), ("er", 3), ("phar", 4), ("ward5", 4), ("ward6", 3), ("lab", 2), ("fin", 3)];

impl Hospital {
    /// The LAN of `facility`, the sector's hospital `number` (from 0).
    #[must_use]
    pub fn invent(facility: Facility, number: usize, dice: &Dice) -> Self {
        let mut dice = dice.split("hospital");
        let base = network(number);
        let mut hosts: Vec<Host> = FIXED
            .iter()
            .map(|(name, role, last, open)| host(&mut dice, base, (*name).to_owned(), *role, *last, open))
            .collect();
        let mut last = 100;
        for (department, count) in DEPARTMENTS {
            for index in 1..=count {
                last += 1;
                hosts.push(host(
                    &mut dice,
                    base,
                    format!("{department}-pc{index:02}"),
                    Role::Pc,
                    last,
                    &[135, 139, 445],
                ));
            }
        }
        hosts.push(host(&mut dice, base, "it-pc01".to_owned(), Role::AdminPc, 160, &[135, 139, 445, 3389]));
        let domain: String = facility.name.en.split(" Example").next().unwrap_or_default().to_lowercase();
        let domain = format!("{}.example", domain.replace(' ', ""));
        let [a, b, c, _] = base.octets();
        Self {
            facility,
            number,
            hosts,
            domain,
            netmask: Ipv4Addr::new(255, 255, 255, 0),
            broadcast: Ipv4Addr::new(a, b, c, 255),
        }
    }

    #[must_use]
    pub fn named(&self, name: &str) -> &Host {
        self.hosts.iter().find(|h| h.name == name).expect("the simulator names hosts of its own table")
    }

    /// The first host of this role.
    #[must_use]
    pub fn first(&self, role: Role) -> &Host {
        self.hosts.iter().find(|h| h.role == role).expect("every hospital has a host of each role")
    }

    #[must_use]
    pub fn all(&self, role: Role) -> Vec<&Host> {
        self.hosts.iter().filter(|h| h.role == role).collect()
    }

    /// A host of the Internet, seen behind the router.
    #[must_use]
    pub fn beyond(&self, ip: Ipv4Addr) -> End {
        End { mac: self.first(Role::Router).mac, ip, ttl: 40 + ip.octets()[3] % 16 }
    }

    /// The host's name in the domain.
    #[must_use]
    pub fn full_name(&self, host: &Host) -> String {
        format!("{}.{}", host.name, self.domain)
    }
}

impl Host {
    #[must_use]
    pub fn end(&self) -> End {
        let windows = matches!(
            self.role,
            Role::Domain
                | Role::Files
                | Role::Stock
                | Role::Backup
                | Role::Pc
                | Role::AdminPc
                | Role::Modality
                | Role::Analyser
        );
        End { mac: self.mac, ip: self.ip, ttl: if windows { 128 } else { 64 } }
    }

    /// The NetBIOS name: at most 15 capitals.
    #[must_use]
    pub fn netbios(&self) -> String {
        self.name.to_uppercase().chars().take(15).collect()
    }
}

/// Private networks of all three blocks of RFC 1918, each hospital its own.
fn network(number: usize) -> Ipv4Addr {
    let (high, low) = ((number / 200) as u8, (number % 200) as u8);
    match number % 3 {
        0 => Ipv4Addr::new(10, 20 + high, low, 0),
        1 => Ipv4Addr::new(192, 168, low, 0),
        _ => Ipv4Addr::new(172, 16 + high, low, 0),
    }
}

fn host(dice: &mut Dice, base: Ipv4Addr, name: String, role: Role, last: u8, open: &[u16]) -> Host {
    let [a, b, c, _] = base.octets();
    let mut mac: [u8; 6] = dice.array();
    mac[0] = mac[0] & 0xfc | 0x02; // Locally administered, to one station.
    let dhcp = matches!(role, Role::Pc | Role::AdminPc);
    Host { name, role, ip: Ipv4Addr::new(a, b, c, last), mac: Mac(mac), open: open.to_vec(), dhcp }
}
