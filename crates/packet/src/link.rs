//! Link types of captures, by their numbers in <https://www.tcpdump.org/linktypes.html>.

/// How a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    Ethernet,
    /// An IPv4 or IPv6 header stands first.
    Raw,
    /// BSD loopback: the address family in the capturing host's byte order.
    Null,
    /// OpenBSD loopback: the address family in network byte order.
    Loop,
    Ppp,
    CiscoHdlc,
    LinuxSll,
    LinuxSll2,
}

impl LinkType {
    /// # Errors
    /// Says in words why frames of this type are not decoded.
    pub fn from_number(number: u32) -> Result<Self, &'static str> {
        match number {
            0 => Ok(Self::Null),
            1 => Ok(Self::Ethernet),
            9 | 50 => Ok(Self::Ppp),
            12 | 14 | 101 | 228 | 229 => Ok(Self::Raw),
            104 => Ok(Self::CiscoHdlc),
            108 => Ok(Self::Loop),
            113 => Ok(Self::LinuxSll),
            276 => Ok(Self::LinuxSll2),
            105 | 119 | 127 | 163 | 192 => Err(
                "the capture holds 802.11 radio frames, which are not decoded: capture on the wire or on the bridge instead",
            ),
            189 | 220 | 249 => Err("the capture holds USB traffic, not network packets"),
            201 | 187 | 251 => Err("the capture holds Bluetooth traffic, not network packets"),
            _ => Err(
                "the capture's link type is not supported (Ethernet, raw IP, loopback, PPP, Cisco HDLC and Linux cooked are)",
            ),
        }
    }
}
