//! The check of the bucket for backups.

use super::*;

#[test]
fn scheduled_backups_need_a_bucket() {
    const RECIPIENT: &str = "age1uhqawj4cl07uh835keglugrphq2e79yc49nytryaxsru5cckqdhs6tsu2z";
    let found = |tables: &str, schedule: Option<&str>| {
        let mut scene = Scene::new();
        scene.top = String::leak(format!("{TOP}\n{tables}"));
        if let Some(schedule) = schedule {
            scene.set("BACKUP_SCHEDULE", schedule);
            scene.set("BACKUP_RECIPIENT", RECIPIENT);
        }
        scene.found().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    const BINDING: &str = "[[r2_buckets]]\nbinding = 'BACKUPS'\nbucket_name = 'ca-backups'\n";
    assert_eq!(found(BINDING, Some("daily 03:00")), "");
    assert_eq!(found("", None), "");
    for tables in ["", "[[r2_buckets]]\nbinding = 'OTHER'\nbucket_name = 'x'\n"] {
        let said = found(tables, Some("daily 03:00"));
        assert!(said.contains("binds no R2 bucket as BACKUPS") && said.contains("r2 bucket create"), "{said}");
    }
    assert!(found(BINDING, Some("nightly")).contains("BACKUP_SCHEDULE is \"nightly\""), "the Worker's reader");
}
