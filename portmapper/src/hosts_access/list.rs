//! Lists of patterns, with exceptions.

/// `a b EXCEPT c EXCEPT d`: what is in the first part, but not in the list of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List<P>(Vec<Vec<P>>);

impl<P> List<P> {
    pub(super) fn parse(text: &str, mut pattern: impl FnMut(&str) -> P) -> Self {
        let mut parts = Vec::new();
        let mut part = Vec::new();
        let tokens = text.split([' ', ',', '\t', '\r', '\n']);
        for token in tokens.filter(|token| !token.is_empty()) {
            if token.eq_ignore_ascii_case("EXCEPT") {
                parts.push(std::mem::take(&mut part));
            } else {
                part.push(pattern(token));
            }
        }
        parts.push(part);
        Self(parts)
    }

    /// A list of one pattern.
    pub(super) fn of(pattern: P) -> Self {
        Self(vec![vec![pattern]])
    }

    /// Whether the list holds what this is true of.
    pub(super) fn has(&self, mut matches: impl FnMut(&P) -> bool) -> bool {
        let parts = self.0.iter().rev();
        parts.fold(false, |excepted, part| {
            part.iter().any(&mut matches) && !excepted
        })
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &P> {
        self.0.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What libwrap does with a list, token by token (`list_match` of its `hosts_access.c`).
    fn holds(tokens: &[&str], wanted: &str) -> bool {
        for (at, token) in tokens.iter().enumerate() {
            if *token == "EXCEPT" {
                return false;
            }
            if *token == wanted {
                let mut rest = tokens[at + 1..].iter();
                let except = rest.position(|token| *token == "EXCEPT");
                return except.is_none_or(|except| !holds(&tokens[at + except + 2..], wanted));
            }
        }
        false
    }

    proptest! {
        #[test]
        fn a_list_holds_what_it_holds_token_by_token(
            tokens in prop::collection::vec(prop::sample::select(vec!["a", "b", "EXCEPT"]), 0..12),
            separator in prop::sample::select(vec![" ", ",", " ,\t"]),
        ) {
            let list = List::parse(&tokens.join(separator), str::to_owned);
            for wanted in ["a", "b", "c"] {
                prop_assert_eq!(list.has(|token| token == wanted), holds(&tokens, wanted));
            }
        }
    }
}
