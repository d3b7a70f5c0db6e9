//! The words of a rule. A packet meets them from left to right; each loads, compares or decides.

use super::{LIST_ELEMENT, ifname};
use crate::Message;

const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;
const META_DREG: u16 = 1;
const META_KEY: u16 = 2;
const META_IIFNAME: u32 = 6;
const META_OIFNAME: u32 = 7;
const CT_DREG: u16 = 1;
const CT_KEY: u16 = 2;
const CT_STATE: u32 = 0;
const CT_STATUS: u32 = 2;
const BITWISE_SREG: u16 = 1;
const BITWISE_DREG: u16 = 2;
const BITWISE_LEN: u16 = 3;
const BITWISE_MASK: u16 = 4;
const BITWISE_XOR: u16 = 5;
const CMP_SREG: u16 = 1;
const CMP_OP: u16 = 2;
const CMP_DATA: u16 = 3;
const CMP_EQ: u32 = 0;
const CMP_NEQ: u32 = 1;
const LOOKUP_SET: u16 = 1;
const LOOKUP_SREG: u16 = 2;
const LOOKUP_FLAGS: u16 = 5;
const LOOKUP_INVERTED: u32 = 1;
const IMMEDIATE_DREG: u16 = 1;
const IMMEDIATE_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
pub(super) const DATA_VERDICT: u16 = 2;
pub(super) const VERDICT_CODE: u16 = 1;
const COUNTER_BYTES: u16 = 1;
const COUNTER_PACKETS: u16 = 2;
const REG_VERDICT: u32 = 0;
const REG_1: u32 = 1;
const REG_2: u32 = 2;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This chain's hook lets it pass; other tables may still drop it.
    Accept,
    /// It ends here.
    Drop,
}

/// One part of a rule, in the notation of `nft`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expression<'a> {
    /// `iifname "…"`.
    InputIs(&'a str),
    /// `oifname "…"`.
    OutputIs(&'a str),
    /// `iifname @set`.
    InputIn(&'a str),
    /// `oifname @set`.
    OutputIn(&'a str),
    /// `oifname != @set`.
    OutputNotIn(&'a str),
    /// `iifname . oifname @set`.
    BothIn(&'a str),
    /// `ct state established,related`.
    KnownConnection,
    /// `ct status dnat`.
    DestinationTranslated,
    /// `counter`.
    Counter,
    /// `masquerade`.
    Masquerade,
    /// `accept` or `drop`.
    Verdict(Verdict),
}

impl Expression<'_> {
    /// Writes it into a rule's list of expressions.
    pub(super) fn write(&self, list: &mut Message<'_>) {
        match *self {
            Expression::InputIs(name) => {
                meta(list, META_IIFNAME, REG_1);
                compare(list, CMP_EQ, zero_ended(name).as_slice());
            }
            Expression::OutputIs(name) => {
                meta(list, META_OIFNAME, REG_1);
                compare(list, CMP_EQ, zero_ended(name).as_slice());
            }
            Expression::InputIn(set) => {
                meta(list, META_IIFNAME, REG_1);
                lookup(list, set, 0);
            }
            Expression::OutputIn(set) => {
                meta(list, META_OIFNAME, REG_1);
                lookup(list, set, 0);
            }
            Expression::OutputNotIn(set) => {
                meta(list, META_OIFNAME, REG_1);
                lookup(list, set, LOOKUP_INVERTED);
            }
            Expression::BothIn(set) => {
                meta(list, META_IIFNAME, REG_1);
                meta(list, META_OIFNAME, REG_2);
                lookup(list, set, 0);
            }
            // Bits as in NF_CT_STATE_BIT: established 2, related 4.
            Expression::KnownConnection => any_bit(list, CT_STATE, 0x6),
            // IPS_DST_NAT.
            Expression::DestinationTranslated => any_bit(list, CT_STATUS, 0x20),
            Expression::Counter => expression(list, "counter", |data| {
                data.put(COUNTER_BYTES, &[0; 8]).put(COUNTER_PACKETS, &[0; 8]);
            }),
            Expression::Masquerade => expression(list, "masq", |_| ()),
            Expression::Verdict(verdict) => {
                let code = if verdict == Verdict::Accept { 1 } else { 0 };
                expression(list, "immediate", |data| {
                    data.put_u32_be(IMMEDIATE_DREG, REG_VERDICT);
                    data.nest(IMMEDIATE_DATA, |value| {
                        value.nest(DATA_VERDICT, |verdict| {
                            verdict.put_u32_be(VERDICT_CODE, code);
                        });
                    });
                });
            }
        }
    }
}

/// As iptables-nft writes names, so that it can show such a rule: with its zero, without padding.
fn zero_ended(name: &str) -> Vec<u8> {
    let padded = ifname(name);
    let end = padded.iter().position(|&byte| byte == 0).unwrap_or(padded.len() - 1);
    padded[..=end].to_vec()
}

fn expression(list: &mut Message<'_>, name: &str, data: impl FnOnce(&mut Message<'_>)) {
    list.nest(LIST_ELEMENT, |element| {
        element.put_text(EXPR_NAME, name);
        element.nest(EXPR_DATA, data);
    });
}

fn meta(list: &mut Message<'_>, key: u32, register: u32) {
    expression(list, "meta", |data| {
        data.put_u32_be(META_KEY, key).put_u32_be(META_DREG, register);
    });
}

fn lookup(list: &mut Message<'_>, set: &str, flags: u32) {
    expression(list, "lookup", |data| {
        data.put_text(LOOKUP_SET, set).put_u32_be(LOOKUP_SREG, REG_1);
        if flags != 0 {
            data.put_u32_be(LOOKUP_FLAGS, flags);
        }
    });
}

fn compare(list: &mut Message<'_>, operation: u32, value: &[u8]) {
    expression(list, "cmp", |data| {
        data.put_u32_be(CMP_SREG, REG_1).put_u32_be(CMP_OP, operation);
        data.nest(CMP_DATA, |data| {
            data.put(DATA_VALUE, value);
        });
    });
}

/// Passes where connection tracking has one of these bits (in the machine's byte order).
fn any_bit(list: &mut Message<'_>, key: u32, bits: u32) {
    expression(list, "ct", |data| {
        data.put_u32_be(CT_KEY, key).put_u32_be(CT_DREG, REG_1);
    });
    expression(list, "bitwise", |data| {
        data.put_u32_be(BITWISE_SREG, REG_1).put_u32_be(BITWISE_DREG, REG_1);
        data.put_u32_be(BITWISE_LEN, 4);
        data.nest(BITWISE_MASK, |mask| {
            mask.put_u32(DATA_VALUE, bits);
        });
        data.nest(BITWISE_XOR, |xor| {
            xor.put_u32(DATA_VALUE, 0);
        });
    });
    compare(list, CMP_NEQ, &[0; 4]);
}
