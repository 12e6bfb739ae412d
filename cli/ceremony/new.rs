//! `issuer new`: creates the next issuer below the CA's own root.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use selvedge::pki::Issuer;
use selvedge::pki::ceremony::{IssuerPlan, Root};
use selvedge::values::{SigAlg, Time};
use zeroize::Zeroizing;

use super::folder::{CaFolder, FIRST, IssuerSlot, NewFile, ROOT, ROOT_KEY, issuer_file, setting};
use super::init::{Created, issuer_end, set_issuer};
use super::names::{Permits, ca_name, instant, issuer_name, next_name};
use super::passphrase::open_key;
use super::{report, root_crl};
use crate::common::ca_paths::CaPaths;
use crate::common::config_edit::ConfigEdit;
use crate::common::host;
use crate::common::invocation::companion;

/// Options of `issuer new`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// When the new issuer takes over, as 2027-01-31T00:00:00Z. The present one signs until then.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    takes_over: Time,
    #[command(flatten)]
    place: CaPaths,
    /// Its name: "NAME Issuing CA N" [default: as the present issuer].
    #[arg(long, value_parser = ca_name)]
    name: Option<String>,
    /// Its lifetime in years, from now.
    #[arg(long, value_name = "YEARS", default_value_t = 5, value_parser = crate::common::number::range::<u32, 1, 30>)]
    years: u32,
    #[command(flatten)]
    permits: Permits,
    /// The root's private key [default: DIR/root.key].
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// A file with the passphrase of the root's key [default: ask on the terminal].
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Creates and writes the issuer, and prints the next steps.
pub fn run(options: &Options) -> Result<()> {
    let now = host::now()?;
    let folder = CaFolder::existing(&options.place.ca)?;
    let mut settings = ConfigEdit::read(&options.place.wrangler)?;
    let slots = folder.slots()?;
    let present = present(&folder, &slots)?;
    let slot = folder.free_slot()?;
    settings.refuse_any(&[setting("ISSUER_CHAIN", slot), setting("ISSUER_ACTIVE_FROM", slot)])?;
    check_takeover(&slots, options.takes_over, now)?;
    let certificate = present.certificate()?;
    let constraints = options.permits.or_those_of(&certificate)?;
    let common_name = match &options.name {
        Some(name) => issuer_name(name, slot),
        None => next_name(&certificate, slot)?,
    };
    let key_file = options.root_key.clone().unwrap_or_else(|| folder.path(ROOT_KEY));
    let root_pem = folder.require(ROOT)?;
    let key = open_key(&key_file, options.passphrase_file.as_deref())?;
    let root = Root::read(&root_pem, key, now)
        .with_context(|| format!("{} with {}", folder.path(ROOT).display(), key_file.display()))?;
    let root = root.with_crl_url(&root_crl::url(&settings)?);
    let before = root_crl::present(&folder, &root_pem)?;
    let plan = IssuerPlan {
        common_name: &common_name,
        algorithm: SigAlg::Es256,
        constraints: &constraints,
        years: options.years,
    };
    let issuer = root.create_issuer(plan, now).context("cannot create the issuer")?;
    let key = Zeroizing::new(issuer.key);
    check_reach(&issuer.certificate, options.takes_over)?;
    set_issuer(&mut settings, slot, &issuer.certificate, Some(options.takes_over))?;
    let list = root_crl::sign(&root, before.as_ref(), None, now, issuer_end(&issuer.certificate)?)?;
    let files = [
        root_crl::set(&mut settings, &list)?,
        NewFile::public(issuer_file(slot, "pem"), &issuer.certificate),
        NewFile::secret(issuer_file(slot, "key"), key),
        NewFile::public(issuer_file(slot, "from"), format!("{}\n", options.takes_over.rfc3339())),
    ];
    folder.write(&files, Some(&settings))?;
    let created = Created { issuer: &issuer.certificate, constraints: &constraints, root_crl: &list };
    host::print(&text(&folder, &settings, slot, options.takes_over, &created)?);
    Ok(())
}

/// The issuer that takes over last.
fn present<'a>(folder: &CaFolder, slots: &'a [IssuerSlot]) -> Result<&'a IssuerSlot> {
    slots.iter().max_by_key(|slot| slot.from).with_context(|| {
        format!(
            "{} does not exist: create the first issuer with `selvedge init`",
            folder.path(&issuer_file(FIRST, "pem")).display()
        )
    })
}

/// Checks that a takeover is in the future. The issuer before it has to be valid until then.
///
/// # Errors
/// The conflict.
pub fn check_takeover(slots: &[IssuerSlot], from: Time, now: Time) -> Result<()> {
    if from <= now {
        bail!(
            "the takeover at {} is not in the future (now is {}); choose a time that leaves days to deploy it",
            from.rfc3339(),
            now.rfc3339()
        );
    }
    if let Some(same) = slots.iter().find(|slot| slot.from == Some(from)) {
        bail!("issuer {} already takes over at {}; choose another time", same.number, from.rfc3339());
    }
    let before = slots.iter().filter(|slot| slot.from.is_none_or(|other| other < from)).max_by_key(|slot| slot.from);
    if let Some(before) = before {
        let issuer = Issuer::from_pem_chain(&before.chain).with_context(|| format!("issuer {}", before.number))?;
        if issuer.not_after() < from {
            bail!(
                "issuer {} expires at {}, before the takeover at {}; nothing could be issued in between: choose an \
                 earlier time",
                before.number,
                issuer.not_after().rfc3339(),
                from.rfc3339()
            );
        }
    }
    Ok(())
}

/// Checks that an issuer is valid at its takeover.
///
/// # Errors
/// When it is not.
pub fn check_reach(chain: &str, from: Time) -> Result<()> {
    let issuer = Issuer::from_pem_chain(chain).context("the new issuer")?;
    issuer.check_time(from).with_context(|| format!("it is not valid at its takeover, {}", from.rfc3339()))
}

fn text(folder: &CaFolder, settings: &ConfigEdit, slot: u8, from: Time, created: &Created<'_>) -> Result<String> {
    let Created { issuer, constraints, root_crl: list } = *created;
    let mut out = format!("Issuer {slot} was created; it signs from {}.\n\n", from.rfc3339());
    let file = folder.path(&issuer_file(slot, "pem"));
    let _ = writeln!(out, "  issuer    {}\n            {}", file.display(), report::certificate(issuer)?);
    let _ = writeln!(out, "            permits {}", report::constraints(constraints));
    let (chain, start) = (setting("ISSUER_CHAIN", slot), setting("ISSUER_ACTIVE_FROM", slot));
    root_crl::summary(&mut out, folder, settings, list)?;
    let _ = writeln!(out, "            and {chain}, {start}");
    let _ = writeln!(
        out,
        "\nTake the root's key offline again. Leave the present issuer's key and settings as they are: it signs \
         until\nthen, and its certificates keep its chain. Deploy before then, which stores its key, too:\n\n  {} deploy",
        companion()
    );
    Ok(out)
}
