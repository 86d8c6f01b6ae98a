//! Judges overrides (rule 6): the timed mode, and break-glass for one image.

use super::judgement::Judgement;
use super::{BreakGlassReach, CheckOutcome, Mode};

impl Judgement<'_> {
    /// The mode that holds: one that was set for some hours, else the
    /// configuration's.
    pub(super) fn judge_mode(&mut self) -> Mode {
        let Some(timed) = self.evidence.timed_mode.as_ref() else {
            return self.settings.mode;
        };
        self.expires(timed.set_at);
        self.expires(timed.until);
        if !timed.holds(self.now) {
            return self.settings.mode;
        }
        self.rests_on(format!("mode:{}", timed.id));
        let (mode, by, ticket, until) = (timed.mode, &timed.set_by, &timed.ticket, timed.until);
        let text = format!("{mode} until {until}, set by {by} for {ticket}");
        self.check("mode", CheckOutcome::Met, text);
        mode
    }

    /// Break-glass for the subject or for an index that holds it.
    pub(super) fn judge_break_glass(&mut self) {
        let evidence = self.evidence;
        for grant in &evidence.break_glass {
            let named =
                grant.digest == self.subject.digest || evidence.parents.contains(&grant.digest);
            let here = grant.environment == self.subject.environment;
            if !(named && here) {
                continue;
            }
            self.expires(grant.granted_at);
            self.expires(grant.until);
            if !grant.holds(self.now) {
                continue;
            }
            self.rests_on(format!("break-glass:{}", grant.id));
            self.break_glass(match grant.lifts_revocation {
                true => BreakGlassReach::Revocations,
                false => BreakGlassReach::Evidence,
            });
            let (by, ticket, until) = (&grant.granted_by, &grant.ticket, grant.until);
            let text = format!(
                "granted by {by} until {until} for {ticket}: {}",
                grant.reason
            );
            self.check("break-glass", CheckOutcome::Warned, text);
        }
    }
}
