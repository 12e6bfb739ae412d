//! `token`: the admin tokens of a CA's folder.

use super::double::{CommandOutput, Double};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn tokens_are_created_listed_and_removed_in_the_ca_folder() {
    let double = Double::start();
    let run = |args: &[&str]| -> CommandOutput { double.run_with(&[&["token"], args].concat(), &[]) };
    run(&["new", "ada"]).is(1, &["the folder ca does not exist", "selvedge init"]);
    fs::create_dir(double.path("ca")).unwrap();
    fs::set_permissions(double.path("ca"), fs::Permissions::from_mode(0o700)).unwrap();
    run(&["list"]).is(1, &["selvedge token new NAME"]);
    run(&["remove", "ada"]).is(1, &["ca/admin.tokens does not exist"]);
    let file = double.path("ca/admin.tokens");
    let tokens = || serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap()).unwrap();
    let made = run(&["new", "ada@a.test"]);
    made.is(0, &["--replace-secrets", "tool wrangler secret put ADMIN_TOKENS < ca/admin.tokens"]);
    assert_eq!(made.out.trim().len(), 43);
    assert_eq!(tokens(), serde_json::json!({"ada@a.test": made.out.trim()}));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    run(&["new", "ada@a.test"]).is(1, &["already"]);
    run(&["new", "a b"]).is(1, &["is not a token name"]);
    run(&["remove", "ada@a.test"]).is(1, &["is the only token"]);
    let bob = run(&["new", "bob"]);
    assert_ne!(bob.out, made.out);
    let listed = "NAME        ROLE   UNTIL\nada@a.test  owner  -\nbob         owner  -\n";
    assert_eq!(run(&["list"]).is(0, &[]).out, listed);
    run(&["remove", "ada@a.test"]).is(0, &["was removed"]);
    run(&["remove", "eve"]).is(1, &["expected one of: bob"]);
    assert_eq!(tokens(), serde_json::json!({"bob": bob.out.trim()}));
    run(&["new", "eve", "--role", "admin"]).is(2, &["owner, operator, revoker, auditor"]);
    run(&["new", "eve", "--until", "2020-01-31"]).is(1, &["in the past"]);
    let eve = run(&["new", "eve", "--role", "auditor", "--until", "2100-01-31"]);
    let entry = serde_json::json!({"token": eve.out.trim(), "role": "auditor", "until": "2100-01-31T00:00:00Z"});
    assert_eq!(tokens()["eve"], entry);
    assert!(run(&["list"]).is(0, &[]).out.contains("eve   auditor  2100-01-31, in "));
    fs::write(&file, "{\"bob\":\"short-secret\"}").unwrap();
    let ended = run(&["list"]);
    assert!(ended.is(1, &["cannot be used"]).err.contains("\"bob\"") && !ended.err.contains("short"), "{ended:?}");
    fs::set_permissions(double.path("ca"), fs::Permissions::from_mode(0o755)).unwrap();
    run(&["list"]).is(1, &["accessible to other users"]);
}
