//! Programs: for each version a client, a server and the procedures between them.

use std::collections::HashSet;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use crate::ir::{Argument, Docs, Procedure, Program, Type, TypeKind, Version};

use super::scope::{Scope, ident};
use super::{File, docs, format, names};

/// Names that mean something in the module of a version.
const OWN: [&str; 8] = [
    "Client",
    "Server",
    "PROGRAM",
    "VERSION",
    "PROCEDURES",
    "procedure",
    "service",
    "open",
];

/// Names of libraries that the code of a program uses; a type of the same name is named by its path.
const USED: [&str; 23] = [
    "Arc",
    "Box",
    "Bytes",
    "Call",
    "CallContext",
    "CallError",
    "CallOptions",
    "Caller",
    "Dispatch",
    "Future",
    "Handler",
    "Option",
    "Procedure",
    "ProcedureInfo",
    "Quadruple",
    "Reject",
    "Reply",
    "Result",
    "Send",
    "Service",
    "Sync",
    "Vec",
    "XdrString",
];

/// A procedure on its way to Rust.
struct Method<'a> {
    procedure: &'a Procedure,
    /// The type that stands for it.
    marker: Ident,
    /// The function that calls or answers it.
    function: Ident,
    parameters: Vec<Ident>,
}

impl File<'_> {
    /// The module of a program.
    pub(super) fn program(&self, program: &Program) -> TokenStream {
        let mut modules: Vec<_> = program
            .versions
            .iter()
            .map(|version| format!("v{}", version.number))
            .collect();
        names::unique(&mut modules, HashSet::new());
        let versions = program
            .versions
            .iter()
            .zip(&modules)
            .map(|(version, module)| self.version(program, version, module));
        let name = ident(&names::snake(&program.name));
        let number = Literal::u32_unsuffixed(program.number);
        let definition = format!("program {} = {}", program.name, program.number);
        let docs = docs::item(&program.docs, "", &definition);
        let blank = format::blank();
        quote! {
            #docs
            pub mod #name {
                /// The program's number.
                pub const PROGRAM: u32 = #number;
                #(#blank #versions)*
            }
        }
    }

    /// The module of a version.
    fn version(&self, program: &Program, version: &Version, module: &str) -> TokenStream {
        let null = null(version);
        let methods = methods(null.iter().chain(&version.procedures));
        let own = OWN.iter().map(|&name| name.to_owned());
        let scope = Scope::new(2, own.chain(self.clashes()).collect());
        let items = [
            self.procedures(&methods, &scope),
            table(&methods, &scope),
            self.client(program, version, &methods, &scope),
            self.server(program, version, &methods, &scope),
            service(&methods, &scope),
        ];
        let imports = scope.imports();
        let module = ident(module);
        let number = Literal::u32_unsuffixed(version.number);
        let definition = format!("version {} = {}", version.name, version.number);
        let docs = docs::item(&version.docs, "", &definition);
        let blank = format::blank();
        quote! {
            #docs
            pub mod #module {
                #imports
                #blank
                /// The version's number.
                pub const VERSION: u32 = #number;
                #(#blank #items)*
            }
        }
    }

    /// Types of the file whose names the code around a program uses, too.
    fn clashes(&self) -> impl Iterator<Item = String> + '_ {
        self.names
            .iter()
            .filter(|name| USED.contains(&name.as_str()))
            .cloned()
    }

    /// The procedures as types.
    fn procedures(&self, methods: &[Method<'_>], _: &Scope) -> TokenStream {
        let own = methods.iter().map(|method| method.marker.to_string());
        let scope = Scope::new(3, own.chain(self.clashes()).collect());
        let procedure = scope.library("oncrpc", "Procedure");
        let info = scope.library("oncrpc", "ProcedureInfo");
        let blank = format::blank();
        let types: Vec<_> = methods
            .iter()
            .map(|method| {
                let Method {
                    procedure: what,
                    marker,
                    ..
                } = method;
                let docs = docs::item(&what.docs, "", &what.definition);
                let number = Literal::u32_unsuffixed(what.number);
                let name = &what.name;
                let args = self.args_shape(&what.arguments, &scope);
                let results = match &what.result {
                    Some(ty) => self.shape(ty, &scope),
                    None => quote!(()),
                };
                quote! {
                    #blank
                    #docs
                    #[derive(Clone, Copy, Debug)]
                    pub struct #marker;
                    #blank
                    impl #procedure for #marker {
                        const INFO: #info = #info {
                            program: super::super::PROGRAM,
                            version: super::VERSION,
                            number: #number,
                            name: #name,
                        };
                        type Args = #args;
                        type Results = #results;
                    }
                }
            })
            .collect();
        let imports = scope.imports();
        quote! {
            /// The procedures, as types.
            pub mod procedure {
                #imports
                #(#types)*
            }
        }
    }

    /// What travels to a procedure: nothing, one argument, or several in a row.
    fn args_shape(&self, arguments: &[Argument], scope: &Scope) -> TokenStream {
        match arguments {
            [] => quote!(()),
            [argument] => self.shape(&argument.ty, scope),
            arguments => {
                let shapes = arguments
                    .iter()
                    .map(|argument| self.shape(&argument.ty, scope));
                quote!((#(#shapes),*))
            }
        }
    }

    fn client(
        &self,
        program: &Program,
        version: &Version,
        methods: &[Method<'_>],
        scope: &Scope,
    ) -> TokenStream {
        let caller = scope.library("oncrpc", "Caller");
        let options = scope.library("oncrpc", "CallOptions");
        let error = scope.library("oncrpc", "CallError");
        let result = scope.prelude("Result");
        let blank = format::blank();
        let functions = methods.iter().map(|method| {
            let Method {
                procedure,
                marker,
                function,
                parameters,
            } = method;
            let docs = docs::item(&procedure.docs, "", &procedure.definition);
            let answer = self.answer(procedure, scope);
            let (declared, given) = self.client_parameters(procedure, parameters, scope);
            quote! {
                #blank
                #docs
                pub async fn #function(&self, #declared) -> #result<#answer, #error> {
                    self.caller.call::<procedure::#marker>(#given, &self.options).await
                }
            }
        });
        let docs = docs::text(&format!(
            "Calls version {} of {}.",
            version.number,
            code(&program.name)
        ));
        quote! {
            #docs
            #[derive(Clone, Debug)]
            pub struct Client<C> {
                caller: C,
                options: #options,
            }
            #blank
            impl<C: #caller> Client<C> {
                /// Calls through `caller`.
                pub fn new(caller: C) -> Self {
                    Self { caller, options: #options::default() }
                }
                #blank
                /// The same client, whose calls are made with `options`.
                #[must_use]
                pub fn with_options(self, options: #options) -> Self {
                    Self { options, ..self }
                }
                #(#functions)*
            }
        }
    }

    /// How a client's function takes its arguments, and how it passes them on.
    fn client_parameters(
        &self,
        procedure: &Procedure,
        names: &[Ident],
        scope: &Scope,
    ) -> (TokenStream, TokenStream) {
        let types = procedure
            .arguments
            .iter()
            .map(|argument| self.rust_type(&argument.ty, scope));
        match (&procedure.arguments[..], names) {
            ([argument], [name]) if !self.passed_by_value(&argument.ty) => {
                let ty = self.rust_type(&argument.ty, scope);
                (quote!(#name: &#ty), quote!(#name))
            }
            ([_], [name]) => (quote!(#(#name: #types),*), quote!(&#name)),
            (_, names) => (quote!(#(#names: #types),*), quote!(&(#(#names),*))),
        }
    }

    /// Whether a value is so small and plain that a reference to it would be the larger one.
    fn passed_by_value(&self, ty: &Type) -> bool {
        match self.unit.behind(ty) {
            Type::Builtin(_) => true,
            Type::Named(id) => matches!(self.unit.ty(*id).kind, TypeKind::Enum(_)),
            _ => false,
        }
    }

    fn server(
        &self,
        program: &Program,
        version: &Version,
        methods: &[Method<'_>],
        scope: &Scope,
    ) -> TokenStream {
        let context = scope.library("oncrpc", "CallContext");
        let reject = scope.library("oncrpc", "Reject");
        let [future, result, send, sync] =
            ["Future", "Result", "Send", "Sync"].map(|name| scope.prelude(name));
        let functions = methods.iter().enumerate().map(|(index, method)| {
            let Method {
                procedure,
                function,
                parameters,
                ..
            } = method;
            let blank = (index > 0).then(format::blank);
            let docs = docs::item(&procedure.docs, "", &procedure.definition);
            let answer = self.answer(procedure, scope);
            let types = procedure
                .arguments
                .iter()
                .map(|arg| self.rust_type(&arg.ty, scope));
            let is_null = procedure.number == 0
                && procedure.arguments.is_empty()
                && procedure.result.is_none();
            let body = match is_null {
                true => quote!(Ok(())),
                false => quote!(Err(#reject::ProcUnavail)),
            };
            let unused = quote!(let _ = (cx, #(#parameters),*););
            quote! {
                #blank
                #docs
                fn #function(
                    &self, cx: &#context, #(#parameters: #types),*
                ) -> impl #future<Output = #result<#answer, #reject>> + #send {
                    #unused
                    async { #body }
                }
            }
        });
        let docs = docs::text(&format!(
            "Answers version {} of {}; what is not written answers PROC_UNAVAIL.",
            version.number,
            code(&program.name)
        ));
        quote! {
            #docs
            pub trait Server: #send + #sync + 'static {
                #(#functions)*
            }
        }
    }

    /// What a procedure answers, as Rust holds it.
    fn answer(&self, procedure: &Procedure, scope: &Scope) -> TokenStream {
        match &procedure.result {
            Some(ty) => self.rust_type(ty, scope),
            None => quote!(()),
        }
    }
}

/// Every procedure of a version, by number.
fn table(methods: &[Method<'_>], scope: &Scope) -> TokenStream {
    let info = scope.library("oncrpc", "ProcedureInfo");
    let procedure = scope.library("oncrpc", "Procedure");
    let markers = methods.iter().map(|method| &method.marker);
    quote! {
        /// Every procedure of this version, by number.
        pub const PROCEDURES: &[#info] = &[
            #(<procedure::#markers as #procedure>::INFO),*
        ];
    }
}

/// The service that a server makes.
fn service(methods: &[Method<'_>], scope: &Scope) -> TokenStream {
    let arc = scope.library("std::sync", "Arc");
    let [dispatch, call, reply, reject, handler, service] =
        ["Dispatch", "Call", "Reply", "Reject", "Handler", "Service"]
            .map(|name| scope.library("oncrpc", name));
    let boxed = scope.prelude("Box");
    let comment = format::comment("A counter of its own: no call touches one of all cores.");
    let cells = methods.iter().map(|method| {
        let Method {
            marker,
            function,
            parameters,
            ..
        } = method;
        let pattern = match &parameters[..] {
            [name] => quote!(#name),
            names => quote!((#(#names),*)),
        };
        quote! {
            let mut #function = #handler::new(
                procedure::#marker,
                &server,
                |server, cx, #pattern| async move {
                    server.#function(&cx, #(#parameters),*).await
                },
            );
        }
    });
    let arms = methods.iter().map(|method| {
        let number = Literal::u32_unsuffixed(method.procedure.number);
        let function = &method.function;
        quote!(#number => #function.call(call, reply),)
    });
    let blank = format::blank();
    quote! {
        /// This version as a service of a server.
        pub fn service<S: Server>(server: #arc<S>) -> #arc<dyn #service> {
            oncrpc::service(super::PROGRAM, VERSION, PROCEDURES, server, open::<S>)
        }
        #blank
        /// A cell for each procedure, held by a closure, so that no future's type is named.
        fn open<S: Server>(server: #arc<S>) -> #boxed<dyn #dispatch> {
            #comment
            let server = #arc::new(server);
            #(#cells)*
            #boxed::new(move |call: &#call<'_>, reply: &mut #reply<'_>| match call.procedure() {
                #(#arms)*
                _ => reply.reject(#reject::ProcUnavail),
            })
        }
    }
}

/// Procedure 0, which every version has (RFC 5531 section 12.1), where the .x file leaves it out.
fn null(version: &Version) -> Option<Procedure> {
    let given = version
        .procedures
        .iter()
        .any(|procedure| procedure.number == 0);
    (!given).then(|| Procedure {
        name: "NULL".to_owned(),
        docs: Docs {
            comments: vec!["Does nothing, and says so.".to_owned()],
            verbatim: Vec::new(),
        },
        definition: "void NULL(void) = 0".to_owned(),
        number: 0,
        arguments: Vec::new(),
        result: None,
    })
}

/// Names everything that becomes a function.
fn methods<'a>(procedures: impl Iterator<Item = &'a Procedure>) -> Vec<Method<'a>> {
    let procedures: Vec<_> = procedures.collect();
    let given: Vec<_> = procedures
        .iter()
        .map(|procedure| &procedure.name[..])
        .collect();
    let short = names::variants(&given);
    let mut functions: Vec<_> = short.iter().map(|name| names::snake(name)).collect();
    // What the modules' own code calls its things.
    let taken = ["server", "call", "reply", "new", "with_options", "cx"];
    names::unique(&mut functions, taken.map(str::to_owned).into());
    procedures
        .into_iter()
        .zip(short)
        .zip(functions)
        .map(|((procedure, marker), function)| Method {
            procedure,
            marker: ident(&marker),
            function: ident(&function),
            parameters: parameters(procedure),
        })
        .collect()
}

/// Names of the parameters: as the file has them, else `arg`, or `arg1`, `arg2` and so on.
fn parameters(procedure: &Procedure) -> Vec<Ident> {
    let several = procedure.arguments.len() > 1;
    let name = |(index, argument): (usize, &Argument)| match &argument.name {
        Some(name) => names::snake(name),
        None if several => format!("arg{}", index + 1),
        None => "arg".to_owned(),
    };
    let mut parameters: Vec<_> = procedure.arguments.iter().enumerate().map(name).collect();
    names::unique(
        &mut parameters,
        ["cx", "server", "call", "reply"].map(str::to_owned).into(),
    );
    parameters.iter().map(|name| ident(name)).collect()
}

fn code(name: &str) -> String {
    format!("`{name}`")
}
