//! Variables of addresses and ports (`$HOME_NET`, `$HTTP_PORTS`): Suricata's stock values, each of which can be set.

use std::collections::BTreeMap;

/// Suricata's values as its `suricata.yaml` ships them.
const STOCK: &[(&str, &str)] = &[
    ("AIM_SERVERS", "$EXTERNAL_NET"),
    ("DC_SERVERS", "$HOME_NET"),
    ("DNP3_CLIENT", "$HOME_NET"),
    ("DNP3_PORTS", "20000"),
    ("DNP3_SERVER", "$HOME_NET"),
    ("DNS_SERVERS", "$HOME_NET"),
    ("ENIP_CLIENT", "$HOME_NET"),
    ("ENIP_SERVER", "$HOME_NET"),
    ("EXTERNAL_NET", "!$HOME_NET"),
    ("FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"),
    ("FTP_PORTS", "21"),
    ("GENEVE_PORTS", "6081"),
    ("HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"),
    ("HTTP_PORTS", "80"),
    ("HTTP_SERVERS", "$HOME_NET"),
    ("MODBUS_CLIENT", "$HOME_NET"),
    ("MODBUS_PORTS", "502"),
    ("MODBUS_SERVER", "$HOME_NET"),
    ("ORACLE_PORTS", "1521"),
    ("SHELLCODE_PORTS", "!80"),
    ("SIP_PORTS", "[5060,5061]"),
    ("SMTP_SERVERS", "$HOME_NET"),
    ("SQL_SERVERS", "$HOME_NET"),
    ("SSH_PORTS", "22"),
    ("TELNET_SERVERS", "$HOME_NET"),
    ("TEREDO_PORTS", "3544"),
    ("VXLAN_PORTS", "4789"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, String>,
}

impl Default for Variables {
    fn default() -> Self {
        let values = STOCK.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { values }
    }
}

impl Variables {
    /// Sets or adds a variable; the name is without `$`. The value is checked when a rule uses it.
    pub fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.trim_start_matches('$').to_owned(), value.trim().to_owned());
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}
