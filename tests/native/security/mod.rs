//! Attacks: other accounts' objects, forged and recombined JWS.

mod accounts;
mod jws;
mod strangers;
