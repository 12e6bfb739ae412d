//! `log verify`: the newest checkpoint of a log.

use core::time::Duration;
use std::path::PathBuf;

use anyhow::{Result, bail};
use selvedge::tlog::checkpoint::Checkpoint;
use selvedge::tlog::policy::Verdict;
use selvedge::tlog::tile::Resource;
use selvedge::tlog::tree::is_consistent;
use selvedge::tlog::{Note, Policy};
use selvedge::values::Time;

use super::alarm::{Alarm, Kind};
use super::report::Report;
use super::source::{Access, File, Source};
use super::state::{Seen, State};
use super::tiles::Tiles;
use super::trust::{Trust, judge_lines};
use crate::common::host::now;

/// Options of `log verify`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The URL of the log, as https://ca.example.org/log/ISSUER/ID, or a folder of `log download`.
    log: String,
    #[command(flatten)]
    trust: Trust,
    /// A file that keeps what was seen. The next check demands that the log continues it.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

/// Checks the newest checkpoint and prints the outcome.
pub fn run(options: &Options) -> Result<Report> {
    let source = Source::open(&options.log, &options.access)?;
    let mut state = State::read(options.state.as_deref())?;
    let check = Check { source: &source, trust: &options.trust, patience: Duration::ZERO, now: now()? };
    let (report, seen) = check.run(state.of(&source.name()))?;
    if let Some(seen) = seen {
        state.keep(options.state.as_deref(), &source.name(), seen)?;
    }
    report.show(options.access.json);
    Ok(report)
}

/// A check of the newest checkpoint.
pub struct Check<'a> {
    /// The log.
    pub source: &'a Source,
    /// Its keys.
    pub trust: &'a Trust,
    /// For how long checkpoints may be without a quorum.
    pub patience: Duration,
    /// The present.
    pub now: Time,
}

impl Check<'_> {
    /// Does the check. Gives also what to keep, if the log may be believed.
    ///
    /// # Errors
    /// When nothing could be checked.
    pub fn run(&self, before: Option<&Seen>) -> Result<(Report, Option<Seen>)> {
        let (mut report, mut seen) = (Report::default(), None);
        let trusted = self.trust.policy(Some(self.source), before.map_or(&[], |seen| &seen.keys))?;
        if trusted.own_word {
            report.notes.push(
                "the key is what the log says of itself; give a policy with --policy FILE to check the log against \
                 another's word"
                    .to_owned(),
            );
        }
        let done = self.judged(&trusted.policy, before, &mut report).map(|found| seen = Some(found));
        report.take(done)?;
        if let (Some(found), true) = (&mut seen, report.is_fine())
            && before.is_none()
            && found.size == 0
        {
            report.notes.push("the log has no entry yet".to_owned());
        }
        let continues = report.alarms.iter().all(|alarm| alarm.kind == Kind::Quorum);
        Ok((report, seen.filter(|_| continues)))
    }

    fn judged(&self, policy: &Policy, before: Option<&Seen>, report: &mut Report) -> Result<Seen> {
        let note = newest(self.source)?;
        let verdict = judge_lines(policy, &note, report)?;
        let Verdict { checkpoint, quorum, .. } = &verdict;
        report.fact("log", self.source.name());
        report.fact("origin", checkpoint.origin.clone());
        report.fact("size", checkpoint.size);
        report.fact("root", checkpoint.root.to_string());
        report.fact("witnesses", witnesses(policy, &verdict));
        report.fact("quorum", *quorum);
        let mut tiles = Tiles::new(self.source, checkpoint.size);
        if tiles.root(checkpoint.size)? != checkpoint.root {
            bail!(Alarm::new(Kind::Tree, "the tiles are not those of the checkpoint: they have another root"));
        }
        if let Some(before) = before {
            continues(before, checkpoint, &mut tiles)?;
            report.fact("continues", before.size);
        }
        let last = if *quorum { self.now } else { before.map_or(self.now, |before| before.quorum) };
        if !quorum && last.until(self.now) >= self.patience {
            report.alarms.push(no_quorum(policy, &verdict, last));
        }
        let keys = policy.log_keys(&checkpoint.origin).map(ToString::to_string).collect();
        Ok(Seen { size: checkpoint.size, root: checkpoint.root, checkpoint: note.to_string(), keys, quorum: last })
    }
}

/// The newest checkpoint, whose signatures are not checked.
///
/// # Errors
/// An [`Alarm`] when it is not a signed note.
pub fn newest(source: &Source) -> Result<Note> {
    let File::Found(octets) = source.read(Resource::Checkpoint)? else {
        bail!(source.no_log());
    };
    let refused = |fault: String| Alarm::new(Kind::Checkpoint, format!("the checkpoint is not a signed note: {fault}"));
    let text = String::from_utf8(octets).map_err(|_| refused("it is not UTF-8".to_owned()))?;
    Ok(Note::parse(&text).map_err(|fault| refused(fault.to_string()))?)
}

/// Checks that a checkpoint continues what was seen before.
fn continues(before: &Seen, checkpoint: &Checkpoint, tiles: &mut Tiles<'_>) -> Result<()> {
    let (old, new) = (before.size, checkpoint.size);
    if new < old {
        bail!(Alarm::new(
            Kind::Rewound,
            format!("the log has {new} entries, and had {old} before: a log never becomes smaller")
        ));
    }
    let proof = tiles.consistency(old)?;
    if !is_consistent((old, &before.root), (new, &checkpoint.root), &proof) {
        bail!(Alarm::new(
            Kind::Fork,
            format!(
                "the log of {new} entries does not continue that of {old} which was shown before: the log has forked. Keep \
                 both checkpoints, which are signed: this one, and the one in the state file"
            )
        ));
    }
    Ok(())
}

/// The names of witnesses that cosigned.
fn witnesses(policy: &Policy, verdict: &Verdict) -> Vec<String> {
    let both = policy.witnesses.iter().zip(&verdict.cosigned);
    both.filter(|(_, cosigned)| **cosigned).map(|(witness, _)| witness.name.clone()).collect()
}

fn no_quorum(policy: &Policy, verdict: &Verdict, last: Time) -> Alarm {
    let found = witnesses(policy, verdict);
    let found = if found.is_empty() { "no witness".to_owned() } else { found.join(", ") };
    let wanted = policy.quorum();
    Alarm::new(
        Kind::Quorum,
        format!("the quorum is {wanted:?}, and the checkpoint is cosigned by {found} (since {})", last.rfc3339()),
    )
}
