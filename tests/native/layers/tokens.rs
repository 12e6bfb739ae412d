//! Tokens of a source: names and punctuation, without comments, texts and lifetimes.

#[derive(Clone, Debug)]
pub struct Token {
    pub line: usize,
    pub text: String,
}

/// Words that begin an item, which ends with its block or a semicolon.
const ITEMS: &[&str] =
    &["pub", "fn", "mod", "use", "struct", "enum", "impl", "const", "static", "type", "trait", "async", "macro_rules"];

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The end of the string literal that begins here.
fn end_of_text(chars: &[char], start: usize, hashes: usize, escapes: bool) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        if escapes && chars[at] == '\\' {
            at += 2;
            continue;
        }
        if chars[at] == '"' && (1..=hashes).all(|n| chars.get(at + n) == Some(&'#')) {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

/// The end of a comment that begins here.
fn end_of_comment(chars: &[char], start: usize) -> Option<usize> {
    let pair = |at: usize| (chars.get(at).copied(), chars.get(at + 1).copied());
    match pair(start) {
        (Some('/'), Some('/')) => {
            Some(chars[start..].iter().position(|c| *c == '\n').map_or(chars.len(), |n| start + n))
        }
        (Some('/'), Some('*')) => {
            let (mut at, mut depth) = (start + 2, 1);
            while at < chars.len() && depth > 0 {
                match pair(at) {
                    (Some('*'), Some('/')) => (at, depth) = (at + 2, depth - 1),
                    (Some('/'), Some('*')) => (at, depth) = (at + 2, depth + 1),
                    _ => at += 1,
                }
            }
            Some(at)
        }
        _ => None,
    }
}

/// The end of a literal that begins here: a text, a character, or a lifetime.
fn end_of_literal(chars: &[char], start: usize) -> Option<usize> {
    let prefix = chars[start..].iter().take_while(|c| ['b', 'r', 'c'].contains(c)).count();
    let raw = chars[start..start + prefix].contains(&'r');
    let hashes = chars[start + prefix..].iter().take_while(|c| raw && **c == '#').count();
    let quote = start + prefix + hashes;
    if chars.get(quote) == Some(&'"') && prefix <= 2 {
        return Some(end_of_text(chars, quote, hashes, !raw));
    }
    if chars[start] != '\'' {
        return None;
    }
    let next = chars.get(start + 1)?;
    if *next == '\\' {
        let end = chars[start + 3..].iter().position(|c| *c == '\'')?;
        return Some(start + 3 + end + 1);
    }
    if chars.get(start + 2) == Some(&'\'') {
        return Some(start + 3);
    }
    Some(start + 1 + chars[start + 1..].iter().take_while(|c| is_name(**c)).count())
}

/// The tokens of a source.
pub fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let after_name = at > 0 && is_name(chars[at - 1]) && is_name(chars[at]);
        let skipped = end_of_comment(&chars, at).or_else(|| end_of_literal(&chars, at).filter(|_| !after_name));
        let end = if let Some(end) = skipped {
            end.min(chars.len())
        } else if is_name(chars[at]) {
            let end = at + chars[at..].iter().take_while(|c| is_name(**c)).count();
            found.push(Token { line, text: chars[at..end].iter().collect() });
            end
        } else {
            let pair: String = chars[at..].iter().take(2).collect();
            let length = if ["::", "->", "=>"].contains(&pair.as_str()) { 2 } else { 1 };
            if !chars[at].is_whitespace() {
                found.push(Token { line, text: chars[at..at + length].iter().collect() });
            }
            at + length
        };
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    found
}

/// The text of the token at this place, or nothing.
pub fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| &token.text)
}

/// The place after the bracket that closes the one here.
pub fn after_group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (n, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return n + 1;
        }
    }
    tokens.len()
}

/// The place after the item, field or arm that begins here.
fn after_item(tokens: &[Token], start: usize) -> usize {
    let item = ITEMS.contains(&text(tokens, start));
    let is_use = tokens[start..].iter().take(6).take_while(|token| token.text != "{").any(|token| token.text == "use");
    let mut at = start;
    while at < tokens.len() {
        match text(tokens, at) {
            ";" => return at + 1,
            "," if !item => return at + 1,
            "}" | ")" | "]" => return at,
            "{" if !is_use => return after_group(tokens, at),
            "(" | "[" | "{" => at = after_group(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Tokens without test-only code, and the names of test-only modules in own files.
pub fn production(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        let attribute = text(tokens, at) == "#" && text(tokens, at + 1) == "[";
        if !attribute || text(tokens, at + 2) != "cfg" {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut start = after_group(tokens, at + 1);
        let has = |word: &str| tokens[at..start].iter().any(|token| token.text == word);
        if !has("test") || has("not") {
            kept.extend_from_slice(&tokens[at..start]);
            at = start;
            continue;
        }
        while text(tokens, start) == "#" {
            start = after_group(tokens, start + 1);
        }
        let end = after_item(tokens, start);
        let module = tokens[start..end].iter().position(|token| token.text == "mod");
        if let Some(module) = module.filter(|_| text(tokens, end - 1) == ";") {
            modules.push(text(tokens, start + module + 1).to_owned());
        }
        at = end;
    }
    (kept, modules)
}
