//! The procedures of a version as types, in one line for each.

/// Makes a type of each procedure of a version, and `ALL`, the table of them.
///
/// First come the numbers of program and version, then the procedures: number, type, the
/// [shapes](oncrpc_xdr::wire) of arguments and results, and the name in the .x file. No result is `()`.
///
/// ```
/// mod procedure {
///     oncrpc::procedures!(program 100000, version 2 => {
///         0 => Null() -> () as "PMAPPROC_NULL",
///         4 => Add(i32, oncrpc_xdr::wire::Text<8>) -> bool as "PMAPPROC_ADD",
///     });
/// }
///
/// use oncrpc::Procedure;
///
/// assert_eq!(procedure::Add::INFO.number, 4);
/// assert_eq!(procedure::ALL[0].name, "PMAPPROC_NULL");
/// ```
#[macro_export]
macro_rules! procedures {
    (@args) => { () };
    (@args $arg:ty) => { $arg };
    (@args $($arg:ty),+) => { ($($arg),+) };

    (program $program:expr, version $version:expr => {
        $($number:literal => $type:ident($($arg:ty),* $(,)?) -> $result:ty as $name:literal),* $(,)?
    }) => {
        $(
            #[doc = ::core::concat!("Procedure ", $number, ", `", $name, "`.")]
            pub struct $type;

            impl $crate::Procedure for $type {
                const INFO: $crate::ProcedureInfo = $crate::ProcedureInfo {
                    program: $program,
                    version: $version,
                    number: $number,
                    name: $name,
                };
                type Args = $crate::procedures!(@args $($arg),*);
                type Results = $result;
            }
        )*

        /// Every procedure, by number.
        pub const ALL: &[$crate::ProcedureInfo] = &[$(<$type as $crate::Procedure>::INFO),*];
    };
}

/// Makes `new` and `with_options` of a client that holds a [`Caller`](crate::Caller) and
/// [`CallOptions`](crate::CallOptions), and `call`, which its methods for the procedures are written with.
///
/// ```
/// #[derive(Debug)]
/// struct Client<C> {
///     caller: C,
///     options: oncrpc::CallOptions,
/// }
///
/// oncrpc::client!(Client { caller, options });
///
/// impl<C: oncrpc::Caller> Client<C> {
///     async fn dump(&self) -> Result<Vec<oncrpc::proto::portmap::Pmaplist>, oncrpc::CallError> {
///         self.call::<oncrpc::proto::portmap::pmapprog::v2::procedure::Dump>(&()).await
///     }
/// }
/// ```
#[macro_export]
macro_rules! client {
    ($type:ident { $caller:ident, $options:ident }) => {
        impl<C: $crate::Caller> $type<C> {
            /// Calls through `caller`.
            pub fn new($caller: C) -> Self {
                Self {
                    $caller,
                    $options: ::core::default::Default::default(),
                }
            }

            /// The same client, whose calls are made with `options`.
            #[must_use]
            pub fn with_options(self, $options: $crate::CallOptions) -> Self {
                Self { $options, ..self }
            }

            fn call<P: $crate::Procedure>(
                &self,
                args: &$crate::call::caller::Args<P>,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<
                    $crate::call::caller::Results<P>,
                    $crate::CallError,
                >,
            > {
                self.$caller.call::<P>(args, &self.$options)
            }
        }
    };
}
