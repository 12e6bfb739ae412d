use super::super::testing::{known, policy};
use super::*;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

fn said(text: &str) -> String {
    Policy::read_text(text, &known()).expect_err(text).to_string()
}

#[test]
fn what_is_right_is_read_and_given_back_as_it_was_written() {
    let text = "{ \"max_lifetime\": \"48h\",\n \"allow\": [\"A.Example\"] }\n";
    let (read, document) = Policy::read_text(text, &known()).unwrap();
    assert_eq!(document.to_string(), "{\"max_lifetime\":\"48h\",\"allow\":[\"A.Example\"]}");
    assert_eq!(read, policy(&document));
}

#[test]
fn fault_has_its_line() {
    for (text, begin) in [
        (
            "{\n \"allow\": [\n  \"a.test\", \"b.test\",\n  \"a..test\"]}",
            "line 4: allow[2] is \"a..test\", which has an ",
        ),
        ("\n\n[]", "line 3: the document is an array; it has to be an object"),
        ("{\n\"alow\": []}", "line 2: the document has the unknown member \"alow\"; expected are"),
        ("{\"wildcards\":\n1}", "line 1: wildcards is a number; it has to be true or false"),
        (
            "{\"allow\": [],\n\n\"deny\": [],\n\"allow\": []}",
            "line 4: the member \"allow\" is a duplicate (first in line 1)",
        ),
        ("{\"allow\": [],\n\"\\u0061llow\": []}", "line 2: the member \"allow\" is a duplicate"),
        ("{\n\"deny\": [\"a.test\"], \"allow\": [\n\"a.test\"]}", "line 3: allow[0] is \"a.test\", all of which deny"),
        (
            "{\n\"allow\": [\"a.test],\n\"deny\": []}",
            "line 2: the text is not JSON from character 19 on: control character",
        ),
        ("{\n\"allow\": []\n", "line 2: the text is not JSON from character 11 on: EOF"),
        ("", "line 1: the text is not JSON from character 1 on: EOF"),
        ("{\n  allow: []}", "line 2: the text is not JSON from character 3 on: key must be a string"),
        ("{\n\"deny\": [\"é\" \"a\"]}", "line 2: the text is not JSON from character 14 on: expected `,` or `]`"),
    ] {
        assert!(said(text).starts_with(begin), "{text}: {}", said(text));
    }
}

#[test]
fn texts_and_their_depth_are_bounded() {
    let long = format!("{{}}{}", " ".repeat(MAX_TEXT - 2));
    assert!(Policy::read_text(&long, &known()).is_ok());
    assert_eq!(said(&format!("{long} ")), "line 1: the document has 65537 bytes; the maximum is 65536");
    let deep = format!("{{\"allow\":\n{}", "[".repeat(60_000));
    assert!(
        said(&deep).starts_with("line 2: the text is not JSON from character 127 on: recursion limit"),
        "{}",
        said(&deep)
    );
}

/// A member as text: its name, and the elements of a list or another value.
type Written = (String, Result<Vec<String>, String>);

/// Members that are right, some of them and in any order.
fn members() -> impl Strategy<Value = Vec<Written>> {
    let list = |name: &'static str| {
        proptest::collection::vec(0..9_u8, 1..5).prop_map(move |labels| -> Written {
            let elements = labels.into_iter().map(|n| format!("\"{name}{n}.example\"")).collect();
            (format!("\"{name}\""), Ok(elements))
        })
    };
    let fixed = |name: &str, value: &str| Just::<Written>((format!("\"{name}\""), Err(value.to_owned())));
    let challenges = Just::<Written>(("\"challenges\"".to_owned(), Ok(vec!["\"dns-01\"".to_owned()])));
    let all = (
        list("allow"),
        list("deny"),
        list("preauthorized"),
        challenges,
        fixed("wildcards", "false"),
        fixed("internal_names", "true"),
        fixed("max_lifetime", "\"45d\""),
    );
    all.prop_map(|(a, b, c, d, e, f, g)| vec![a, b, c, d, e, f, g])
        .prop_flat_map(|all| subsequence(all, 1..=7))
        .prop_shuffle()
}

/// A fault that is put in.
#[derive(Clone, Debug)]
enum Wrong {
    Element(Index, Index, &'static str),
    Value(Index, &'static str),
    Odd(Index, &'static str),
    Twice(Index, Index),
    Syntax(Index, &'static str),
}

fn wrongs() -> impl Strategy<Value = Wrong> {
    let elements =
        vec!["\"a..test\"", "\"x]}, \\\"y\"", "3", "null", "[\"a\",{\"b\":\"c\"}]", "\"\\u0061 b\"", "\"ü\""];
    let values = vec!["{\"x\":[\"y\",{\"y\":1}]}", "null", "\"a]\"", "-1.5e3"];
    let index = || any::<Index>();
    prop_oneof![
        (index(), index(), select(elements)).prop_map(|(member, at, text)| Wrong::Element(member, at, text)),
        (index(), select(values)).prop_map(|(member, text)| Wrong::Value(member, text)),
        (index(), select(vec!["\"alow\"", "\"\\\"\"", "\"größe\""])).prop_map(|(at, text)| Wrong::Odd(at, text)),
        (index(), index()).prop_map(|(member, at)| Wrong::Twice(member, at)),
        (index(), select(vec!["@", "'", "="])).prop_map(|(at, text)| Wrong::Syntax(at, text)),
    ]
}

/// The tokens of a document.
fn tokens(members: &[Written]) -> Vec<String> {
    let separated = |lists: Vec<Vec<String>>| lists.join(&",".to_owned());
    let member = |(name, value): &Written| {
        let value = match value {
            Ok(elements) => {
                let elements = separated(elements.iter().map(|element| vec![element.clone()]).collect());
                [vec!["[".to_owned()], elements, vec!["]".to_owned()]].concat()
            }
            Err(value) => vec![value.clone()],
        };
        [vec![name.clone(), ":".to_owned()], value].concat()
    };
    let inner = separated(members.iter().map(member).collect());
    [vec!["{".to_owned()], inner, vec!["}".to_owned()]].concat()
}

/// The tokens with the fault in them, and which of them it is.
fn put_in(mut members: Vec<Written>, wrong: &Wrong) -> (Vec<String>, usize) {
    // A mark before the token that is wrong, which is taken out again once the tokens are in a row.
    let mark = |text: &str| format!("\0{text}");
    let count = members.len();
    match wrong {
        Wrong::Element(member, at, text) => match &mut members[member.index(count)] {
            (_, Ok(elements)) => elements.insert(at.index(elements.len() + 1), mark(text)),
            (name, other) => (*name, *other) = (mark(name), Err((*text).to_owned())),
        },
        Wrong::Value(member, text) => {
            let (name, value) = &mut members[member.index(count)];
            (*name, *value) = (mark(name), Err((*text).to_owned()));
        }
        Wrong::Odd(at, text) => members.insert(at.index(count + 1), (mark(text), Ok(Vec::new()))),
        Wrong::Twice(member, at) => {
            let member = member.index(count);
            let (name, value) = members[member].clone();
            let inner = name.trim_matches('"').to_owned();
            let (first, rest) = inner.split_at(1);
            let escaped = format!("\"\\u{:04x}{rest}\"", first.as_bytes()[0]);
            members.insert(member + 1 + at.index(count - member), (mark(&escaped), value));
        }
        Wrong::Syntax(..) => {}
    }
    let mut tokens = tokens(&members);
    if let Wrong::Syntax(at, text) = wrong {
        tokens.insert(at.index(tokens.len() + 1), mark(text));
    }
    let marked = tokens.iter().position(|token| token.starts_with('\0')).unwrap();
    tokens[marked].remove(0);
    (tokens, marked)
}

/// The text of the tokens, and the line and character where each begins.
fn render(tokens: &[String], gaps: &[&str]) -> (String, Vec<(usize, usize)>) {
    let (mut text, mut begins) = (String::new(), Vec::new());
    let (mut line, mut column) = (1, 1);
    let mut put = |text: &mut String, piece: &str, begins: Option<&mut Vec<(usize, usize)>>| {
        begins.into_iter().for_each(|begins| begins.push((line, column)));
        for c in piece.chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        text.push_str(piece);
    };
    for (token, gap) in tokens.iter().zip(gaps.iter().cycle()) {
        put(&mut text, gap, None);
        put(&mut text, token, Some(&mut begins));
    }
    (text, begins)
}

fn gaps() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(select(vec!["", " ", "\n", "\n\n\t", "\r\n  ", "  \n"]), 1..40)
}

proptest! {
    #[test]
    fn the_line_of_a_fault_is_right_wherever_it_is(members in members(), wrong in wrongs(), gaps in gaps()) {
        let (whole, _) = render(&tokens(&members), &gaps);
        prop_assert!(Policy::read_text(&whole, &known()).is_ok(), "{}", whole);
        let (tokens, at) = put_in(members, &wrong);
        let (text, begins) = render(&tokens, &gaps);
        let fault = Policy::read_text(&text, &known()).expect_err(&text);
        prop_assert_eq!((fault.line, fault.column), begins[at], "{}: {}", fault, text);
        let begin = format!("line {}: ", begins[at].0);
        prop_assert!(fault.to_string().starts_with(&begin));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}|[\\[\\]{}\",:a-c0-2\\\\ \n]{0,40}") {
        if let Err(fault) = Policy::read_text(&text, &known()) {
            prop_assert!((1..=text.split('\n').count()).contains(&fault.line), "{}", fault);
        }
    }
}
