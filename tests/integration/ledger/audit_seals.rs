//! Where audit logs ended.

use sekisho::ledger::AuditSeal;

use super::place;
use super::records::*;
use crate::lab::or_skip;

/// A log is never shorter than it was.
#[tokio::test]
async fn where_an_audit_log_ended_is_kept_and_only_moves_on() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let seal = |log: &str, line: u64| AuditSeal {
        log: log.to_owned(),
        line,
        hash: format!("hash of {line}"),
        at: now() + minutes(line as i64),
        place: (line > 1).then(|| "gateway-0:/data/audit.jsonl".to_owned()),
        kept_until: (line > 5).then(|| now() + minutes(100)),
    };
    for (log, line) in [("a", 5), ("b", 1), ("a", 3)] {
        ledger.seal_audit(&seal(log, line)).await.unwrap();
    }
    assert_eq!(
        ledger.audit_seals().await.unwrap(),
        [seal("a", 5), seal("b", 1)]
    );
    ledger.seal_audit(&seal("a", 9)).await.unwrap();
    drop(ledger);
    let again = place.serve().await;
    assert_eq!(again.audit_seals().await.unwrap()[0], seal("a", 9));
}
