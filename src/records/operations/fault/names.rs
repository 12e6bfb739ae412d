//! The names of faults and of endpoints, and which of them go together.

use serde::{Deserialize, Serialize};

/// Defines an enumeration whose values have names.
macro_rules! named {
    ($(#[$about:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $type { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl $type {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Parses a name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

named! {
    /// What goes wrong.
    FaultKind {
        /// 429 `rateLimited`.
        RateLimited = "429",
        /// 503 `serverInternal`.
        Unavailable = "503",
        /// 500 `serverInternal`.
        Failure = "500",
        /// 200 without a body.
        Empty = "empty",
        /// A connection that ends without a whole answer.
        Cut = "cut",
        /// An answer that waits.
        Slow = "slow",
        /// A decided order, authorization or challenge that is shown as undecided.
        Processing = "processing",
        /// 400 `badNonce`.
        BadNonce = "badNonce",
        /// JSON that breaks off.
        MalformedJson = "malformedJson",
        /// A validation that fails.
        FailedValidation = "failedValidation",
        /// A chain with the issuers before the certificate.
        ChainOrder = "chainOrder",
        /// A chain whose intermediate has expired.
        ExpiredIntermediate = "expiredIntermediate",
    }
}

named! {
    /// A resource of RFC 8555 or RFC 9773, or the validation of challenges.
    Endpoint {
        /// The directory.
        Directory = "directory",
        /// newNonce.
        NewNonce = "newNonce",
        /// newAccount.
        NewAccount = "newAccount",
        /// newOrder.
        NewOrder = "newOrder",
        /// newAuthz.
        NewAuthz = "newAuthz",
        /// An account.
        Account = "account",
        /// An account's list of orders.
        Orders = "orders",
        /// An order.
        Order = "order",
        /// An authorization.
        Authorization = "authorization",
        /// A challenge.
        Challenge = "challenge",
        /// An order's finalize URL.
        Finalize = "finalize",
        /// A certificate.
        Certificate = "certificate",
        /// revokeCert.
        RevokeCert = "revokeCert",
        /// keyChange.
        KeyChange = "keyChange",
        /// Renewal information.
        RenewalInfo = "renewalInfo",
        /// The validation of a challenge, which no client asks for by itself.
        Validation = "validation",
    }
}

impl Endpoint {
    /// Whether its requests name an account.
    pub fn has_account(self) -> bool {
        !matches!(self, Self::Directory | Self::NewNonce | Self::NewAccount | Self::RenewalInfo)
    }

    /// Whether its requests are about identifiers.
    pub fn has_names(self) -> bool {
        matches!(
            self,
            Self::NewOrder
                | Self::NewAuthz
                | Self::Order
                | Self::Authorization
                | Self::Challenge
                | Self::Finalize
                | Self::Certificate
                | Self::Validation
        )
    }

    /// Whether its requests are signed, and so have a nonce.
    pub fn is_signed(self) -> bool {
        !matches!(self, Self::Directory | Self::NewNonce | Self::RenewalInfo | Self::Validation)
    }

    /// Whether its answers are JSON.
    fn has_json(self) -> bool {
        !matches!(self, Self::NewNonce | Self::Certificate | Self::RevokeCert | Self::Validation)
    }

    /// Whether its answers show a status that may be undecided.
    pub fn has_status(self) -> bool {
        matches!(self, Self::Order | Self::Authorization | Self::Challenge | Self::Finalize)
    }
}

impl FaultKind {
    /// Whether it has an effect at an endpoint.
    pub fn suits(self, endpoint: Endpoint) -> bool {
        match self {
            Self::RateLimited | Self::Unavailable | Self::Failure | Self::Empty | Self::Slow => {
                endpoint != Endpoint::Validation
            }
            // An answer to HEAD has no body to break off.
            Self::Cut => !matches!(endpoint, Endpoint::NewNonce | Endpoint::Validation),
            Self::Processing => endpoint.has_status(),
            Self::BadNonce => endpoint.is_signed(),
            Self::MalformedJson => endpoint.has_json(),
            Self::FailedValidation => endpoint == Endpoint::Validation,
            Self::ChainOrder | Self::ExpiredIntermediate => endpoint == Endpoint::Certificate,
        }
    }

    /// Whether it may replace the answer to a request that took effect.
    pub fn replaces_answers(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Failure | Self::Empty | Self::Cut)
    }

    /// Whether it changes the answer to a request that took effect.
    pub fn changes_answers(self) -> bool {
        matches!(self, Self::Processing | Self::MalformedJson | Self::ChainOrder | Self::ExpiredIntermediate)
    }

    /// Whether it may have a `Retry-After`.
    pub fn has_retry_after(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Processing)
    }
}

/// Whether a name is below the name after `*.` in a pattern.
pub(super) fn is_below(pattern: &str, name: &str) -> bool {
    let base = pattern.strip_prefix('*').filter(|base| base.starts_with('.'));
    base.is_some_and(|base| name.len() > base.len() && name.ends_with(base))
}
