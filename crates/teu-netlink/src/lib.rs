//! Netlink: the kernel's interfaces, addresses, routes and firewall as messages.
//!
//! Pure bytes on one side ([`Requests`], [`attributes`], the modules named after what they speak
//! of), one [`Socket`] on the other. Nothing here decides: a function writes one request or reads
//! one answer, with the kernel's names.
//!
//! ```text
//!  Requests   ┌ nlmsghdr ┬ family header ┬ attribute ┬ attribute ┬ …┐┌ nlmsghdr ┬ …
//!             │ 16 bytes │ ifinfomsg, …  │ len type … (nested)   │  ││          │
//!             └──────────┴───────────────┴───────────┴───────────┴──┘└──────────┴ …
//! ```
//!
//! Several requests in one [`Requests`] cost one `send`, and the kernel works through all of them,
//! in order, even when one is refused; [`Socket::transact`] tells the first refusal. In a batch of
//! [`nft`] all or nothing happens.

pub mod address;
mod attribute;
mod error;
#[doc(hidden)]
pub mod foreign;
pub mod link;
mod message;
pub mod neighbour;
pub mod nft;
pub mod route;
mod socket;

pub use attribute::{Attribute, attributes, text, u32_of};
pub use error::NetlinkError;
pub use message::{Message, Requests};
pub use socket::{Reply, Socket};
