//! A .x file as it is written: nothing is bound, evaluated or checked yet.

use crate::source::Span;

/// A name, where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name.
    pub name: String,
    /// Its place.
    pub span: Span,
}

/// What the comments around something say, a comment each, without the marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docs {
    /// The comments, in order; lines are separated by `\n` and share no indentation.
    pub comments: Vec<String>,
    /// The lines for C before it (`%…`), without the `%`, in order.
    pub verbatim: Vec<String>,
}

/// One definition of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The comments before it.
    pub docs: Docs,
    /// All of it, from the first word to the `;`.
    pub span: Span,
    /// What it defines.
    pub kind: ItemKind,
}

/// What an item defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// `const NAME = value;`
    Constant(Ident, Value),
    /// `typedef declaration;`
    Typedef(Declaration),
    /// `struct name { … };`
    Struct(Ident, StructBody),
    /// `union name switch (…) { … };`
    Union(Ident, UnionBody),
    /// `enum name { … };`, or `enum { … };`, which only names constants.
    Enum(Option<Ident>, EnumBody),
    /// `program NAME { … } = number;`
    Program(Program),
    /// `struct name;`, which says nothing, since definitions may stand in any order.
    Forward(Ident),
    /// `%#define NAME value`: a constant for C, which counts where nothing else is called so.
    Verbatim(Ident, Value),
    /// `pragma exclude name;`: neither client nor server has this procedure.
    Exclude(Ident),
}

/// What a constant is defined as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(Expr),
    /// `"text"`, without the quotes and with its escapes replaced.
    Text(String),
}

/// A number, calculated or written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// How it is made.
    pub kind: ExprKind,
    /// Its place.
    pub span: Span,
}

/// How a number is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// Written out, or a character in quotes.
    Number(i128),
    /// The value of a constant or of an enumerator.
    Name(String),
    /// `-x`, `+x`, `~x`
    Unary(char, Box<Expr>),
    /// `x + y`, with the operator as it is written.
    Binary(Box<Expr>, &'static str, Box<Expr>),
}

/// `type name`, in one of its shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The comments around it.
    pub docs: Docs,
    /// The type before the name.
    pub ty: Type,
    /// The name.
    pub name: Ident,
    /// What is around the name.
    pub shape: Shape,
    /// All of it.
    pub span: Span,
}

/// A type, where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// Which.
    pub kind: TypeKind,
    /// Its place.
    pub span: Span,
}

/// Which type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// One of the language's own types.
    Builtin(Builtin),
    /// A type by its name, with or without `struct`, `union` or `enum` before it.
    Named(String),
    /// `opaque`, which needs `[…]` or `<…>`.
    Opaque,
    /// `string`, which needs `<…>`.
    String,
    /// `struct { … }` where it is used, perhaps with a name.
    Struct(Option<Ident>, StructBody),
    /// `union switch (…) { … }` where it is used, perhaps with a name.
    Union(Option<Ident>, UnionBody),
    /// `enum { … }` where it is used, perhaps with a name.
    Enum(Option<Ident>, EnumBody),
}

/// The language's own types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// `char`: 4 bytes on the wire.
    Char,
    /// `unsigned char`: 4 bytes on the wire.
    UnsignedChar,
    /// `short`: 4 bytes on the wire.
    Short,
    /// `unsigned short`: 4 bytes on the wire.
    UnsignedShort,
    /// `int`, and `long`, which has 4 bytes on the wire too.
    Int,
    /// `unsigned int`
    UnsignedInt,
    /// `hyper`
    Hyper,
    /// `unsigned hyper`
    UnsignedHyper,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `quadruple`
    Quadruple,
    /// `bool`
    Bool,
}

/// What is around a declared name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `T x`
    Plain,
    /// `T x[n]`
    Fixed(Expr),
    /// `T x<n>` or `T x<>`
    Variable(Option<Expr>),
    /// `T *x`
    Optional,
}

/// `{ declaration; … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructBody {
    /// The fields.
    pub fields: Vec<Declaration>,
}

/// `{ NAME = value, … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumBody {
    /// The enumerators.
    pub members: Vec<Member>,
}

/// `NAME = value`, or `NAME`, which is one more than the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The comments around it.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Option<Expr>,
}

/// `switch (declaration) { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnionBody {
    /// What decides which arm it is.
    pub discriminant: Box<Declaration>,
    /// The arms.
    pub arms: Vec<Arm>,
}

/// `case value: … declaration;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// The comments around it.
    pub docs: Docs,
    /// The labels before it, one at least.
    pub labels: Vec<Label>,
    /// What it holds: nothing for `void`.
    pub field: Option<Declaration>,
}

/// `case value:` or `default:`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// `case value:`
    Case(Expr),
    /// `default:`, and where it stands.
    Default(Span),
}

/// `program NAME { … } = number;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: Ident,
    /// Its number.
    pub number: Expr,
    /// Its versions.
    pub versions: Vec<Version>,
}

/// `version NAME { … } = number;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The comments before it.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// Its number.
    pub number: Expr,
    /// Its procedures.
    pub procedures: Vec<Procedure>,
}

/// `result NAME(argument, …) = number;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Procedure {
    /// The comments around it.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// Its number.
    pub number: Expr,
    /// What it answers: nothing for `void`.
    pub result: Option<Parameter>,
    /// What it is called with: nothing for `void`.
    pub arguments: Vec<Parameter>,
    /// All of it.
    pub span: Span,
}

/// An argument of a procedure, or its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its type.
    pub ty: Type,
    /// Its name, which few files give.
    pub name: Option<Ident>,
    /// What is around the name, or would be.
    pub shape: Shape,
}
