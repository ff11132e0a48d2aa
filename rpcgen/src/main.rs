//! rpcgen.
use oncrpc_rpcgen::*;
fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut sources = source::Sources::default();
        let src = sources.add(path.clone(), text).unwrap().clone();
        let (tokens, mut d) = lexer::lex(&src);
        let (items, d2) = parser::parse(&tokens);
        d.extend(d2);
        let mut out = String::new();
        if !d.iter().any(|d| d.is_error()) {
            let (unit, d3) = ir::resolve(&items, &src);
            d.extend(d3);
            if let Some(u) = unit {
                let file = std::path::Path::new(&path).file_name().unwrap().to_string_lossy().into_owned();
                out = rust::generate(&u, &file).unwrap();
            }
        }
        eprintln!("{}", diagnostic::render_all(&d, &sources, diagnostic::Style::Plain));
        print!("{out}");
    }
}
