//! Tokens to formatted text.

use proc_macro2::TokenStream;
use quote::quote;

/// An empty line between two items.
///
/// Tokens have no place for empty lines and comments, so a macro stands for them until the text is there.
pub(super) fn blank() -> TokenStream {
    quote!(__rpcgen_blank! {})
}

/// A comment in the body of a function.
pub(super) fn comment(text: &str) -> TokenStream {
    quote!(__rpcgen_comment!(#text);)
}

/// The text of a file.
pub(super) fn format(tokens: TokenStream) -> Result<String, syn::Error> {
    let file = syn::parse2(tokens)?;
    let text = prettyplease::unparse(&file);
    let mut formatted = String::with_capacity(text.len());
    for line in text.lines() {
        let indentation = &line[..line.len() - line.trim_start().len()];
        let trimmed = line.trim();
        if trimmed.starts_with("__rpcgen_blank!") {
            formatted.push('\n');
        } else if let Some(text) = trimmed.strip_prefix("__rpcgen_comment!(\"") {
            formatted.push_str(indentation);
            formatted.push_str("// ");
            formatted.push_str(text.trim_end_matches("\");"));
            formatted.push('\n');
        } else {
            formatted.push_str(line);
            formatted.push('\n');
        }
    }
    Ok(formatted)
}
