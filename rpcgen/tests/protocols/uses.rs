//! A few types of each protocol, as a program has them and as they are on the wire; and NFS by a call.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::{CallContext, Reject};
use oncrpc_client::{Channel, Endpoint};
use oncrpc_server::{Listen, Server};
use oncrpc_xdr::{Bytes, Decode, Encode, from_bytes, to_bytes};
use protocols::{mount, nfs_prot, nfs3, nis, nlm_prot, yp};

/// Four bytes.
fn n(value: u32) -> [u8; 4] {
    value.to_be_bytes()
}

/// Eight bytes.
fn h(value: u64) -> [u8; 8] {
    value.to_be_bytes()
}

/// `value` is these bytes, and these bytes are `value`.
#[track_caller]
fn is<T: Encode + Decode + PartialEq + Debug>(value: &T, bytes: &[&[u8]]) {
    let bytes = bytes.concat();
    assert_eq!(to_bytes(value).unwrap(), bytes);
    assert_eq!(from_bytes::<T>(&bytes.into()).unwrap(), *value);
}

fn time(seconds: u32) -> nfs3::Nfstime3 {
    nfs3::Nfstime3 {
        seconds,
        nseconds: 5,
    }
}

fn attributes() -> nfs3::Fattr3 {
    nfs3::Fattr3 {
        r#type: nfs3::Ftype3::Nf3reg,
        mode: 0o644,
        nlink: 1,
        uid: 1000,
        gid: 100,
        size: 1 << 33,
        used: 4096,
        rdev: nfs3::Specdata3 {
            specdata1: 8,
            specdata2: 1,
        },
        fsid: 7,
        fileid: 42,
        atime: time(1),
        mtime: time(2),
        ctime: time(3),
    }
}

/// RFC 1813 §2.6: fattr3 is 84 bytes.
fn attributes_on_the_wire() -> Vec<u8> {
    [
        &n(1)[..],   // type: NF3REG
        &n(0o644),   // mode
        &n(1),       // nlink
        &n(1000),    // uid
        &n(100),     // gid
        &h(1 << 33), // size
        &h(4096),    // used
        &n(8),       // rdev.specdata1
        &n(1),       // rdev.specdata2
        &h(7),       // fsid
        &h(42),      // fileid
        &n(1),       // atime.seconds
        &n(5),       // atime.nseconds
        &n(2),       // mtime
        &n(5),
        &n(3), // ctime
        &n(5),
    ]
    .concat()
}

/// RFC 1813 §3.3.3.
#[test]
fn a_lookup_is_answered() {
    let found = nfs3::Lookup3Res::Ok(nfs3::Lookup3Resok {
        object: nfs3::NfsFh3 {
            data: Bytes::from_static(b"handle"),
        },
        obj_attributes: Some(attributes()),
        dir_attributes: None,
    });
    let attributes = attributes_on_the_wire();
    assert_eq!(attributes.len(), 84);
    is(
        &found,
        &[
            &n(0),         // status: NFS3_OK
            &n(6),         // object.data, its length
            b"handle\0\0", // and padding
            &n(1),         // obj_attributes: they follow
            &attributes,
            &n(0), // dir_attributes: they do not
        ],
    );
    let failed = nfs3::Lookup3Res::Default {
        status: nfs3::Nfsstat3::ErrNoent,
        resfail: nfs3::Lookup3Resfail {
            dir_attributes: None,
        },
    };
    is(&failed, &[&n(2), &n(0)]);
}

fn listing() -> nfs3::Readdir3Res {
    let entry = |fileid, name: &str, cookie| nfs3::Entry3 {
        fileid,
        name: name.into(),
        cookie,
    };
    nfs3::Readdir3Res::Ok(nfs3::Readdir3Resok {
        dir_attributes: None,
        cookieverf: *b"verifier",
        reply: nfs3::Dirlist3 {
            entries: vec![
                entry(1, ".", 10),
                entry(2, "..", 20),
                entry(42, "\u{e9}t\u{e9}", 30),
            ],
            eof: true,
        },
    })
}

/// RFC 1813 §3.3.16.
#[test]
fn a_folder_is_listed() {
    is(
        &listing(),
        &[
            &n(0), // status: NFS3_OK
            &n(0), // dir_attributes: none
            b"verifier", // cookieverf
            // an entry; fileid, name, cookie
            &n(1), &h(1), &n(1), b".\0\0\0", &h(10),
            &n(1), &h(2), &n(2), b"..\0\0", &h(20),
            &n(1), &h(42), &n(5), b"\xc3\xa9t\xc3\xa9\0\0\0", &h(30),
            &n(0), // no more entries
            &n(1), // eof
        ],
    );
}

/// RFC 1813 §3.3.2: what is set, and what is left as it is.
#[test]
fn attributes_are_set_one_by_one() {
    let value = nfs3::Setattr3Args {
        object: nfs3::NfsFh3 {
            data: Bytes::from_static(b"abcd"),
        },
        new_attributes: nfs3::Sattr3 {
            mode: Some(0o600),
            uid: None,
            gid: None,
            size: Some(0),
            atime: nfs3::SetAtime::Default(nfs3::TimeHow::SetToServerTime),
            mtime: nfs3::SetMtime::SetToClientTime(time(9)),
        },
        guard: Some(time(8)),
    };
    is(
        &value,
        &[
            &n(4), b"abcd", // object
            &n(1), &n(0o600), // mode
            &n(0), // uid
            &n(0), // gid
            &n(1), &h(0), // size
            &n(1), // atime: SET_TO_SERVER_TIME
            &n(2), &n(9), &n(5), // mtime: SET_TO_CLIENT_TIME
            &n(1), &n(8), &n(5), // guard
        ],
    );
}

/// RFC 1813 §3.3.8: two ways to create share an arm.
#[test]
fn a_file_is_created_in_three_ways() {
    let exclusive = nfs3::Createhow3::Exclusive(*b"verifier");
    is(&exclusive, &[&n(2), b"verifier"]);
    let nothing = nfs3::Sattr3 {
        mode: None,
        uid: None,
        gid: None,
        size: None,
        atime: nfs3::SetAtime::Default(nfs3::TimeHow::DontChange),
        mtime: nfs3::SetMtime::Default(nfs3::TimeHow::DontChange),
    };
    is(&nfs3::Createhow3::Guarded(nothing), &[&n(1), &[0; 24]]);
}

/// RFC 1094 §2.2.16, and Debian's `nfs_prot.x`.
#[test]
fn version_2_lists_a_folder() {
    let reply = nfs_prot::Readdirres::Ok(nfs_prot::Dirlist {
        entries: vec![nfs_prot::Entry {
            fileid: 3,
            name: "name".into(),
            cookie: *b"\0\0\0\x09",
        }],
        eof: false,
    });
    is(
        &reply,
        &[&n(0), &n(1), &n(3), &n(4), b"name", &n(9), &n(0), &n(0)],
    );
    let stale = nfs_prot::Readdirres::Default(nfs_prot::Nfsstat::ErrStale);
    is(&stale, &[&n(70)]);
}

/// RFC 1813 §5.2.1 and RFC 1094 §A.5.
#[test]
fn a_mount_is_answered_with_a_handle() {
    let version_1 = mount::Fhstatus::FhsFhandle([7; 32]);
    is(&version_1, &[&n(0), &[7; 32]]);
    is(&mount::Fhstatus::Default(13), &[&n(13)]);
    let version_3 = nfs3::Mountres3::Ok(nfs3::Mountres3Ok {
        fhandle: Bytes::from_static(b"root!"),
        auth_flavors: vec![1, 390_003],
    });
    is(
        &version_3,
        &[
            &n(0), // fhs_status: MNT3_OK
            &n(5), b"root!\0\0\0", // fhandle
            &n(2), &n(1), &n(390_003), // auth_flavors: AUTH_SYS, krb5
        ],
    );
}

/// A list of lists.
#[test]
fn exports_are_listed_with_their_groups() {
    let group = |name: &str| mount::Groupnode {
        gr_name: name.into(),
    };
    let export = |dir: &str, ex_groups| mount::Exportnode {
        ex_dir: dir.into(),
        ex_groups,
    };
    let all: mount::Exports = vec![
        export("/srv", vec![group("staff"), group("ops")]),
        export("/home", vec![]),
    ];
    let mut w = oncrpc_xdr::Writer::new();
    w.list::<mount::Exportnode>(&all).unwrap();
    let wire = [
        &n(1)[..], &n(4), b"/srv",
        &n(1), &n(5), b"staff\0\0\0",
        &n(1), &n(3), b"ops\0",
        &n(0), // no more groups
        &n(1), &n(5), b"/home\0\0\0",
        &n(0), // no groups
        &n(0), // no more exports
    ]
    .concat();
    assert_eq!(w.into_bytes(), wire);
}

/// X/Open's NLM, and Debian's `nlm_prot.x`.
#[test]
fn a_lock_is_asked_for() {
    let lock = nlm_prot::NlmLock {
        caller_name: "host".into(),
        fh: Bytes::from_static(b"fh"),
        oh: Bytes::from_static(b"owner"),
        svid: -1,
        l_offset: 0,
        l_len: u32::MAX,
    };
    let args = nlm_prot::NlmLockargs {
        cookie: Bytes::from_static(&[0, 0, 0, 5]),
        block: true,
        exclusive: false,
        alock: lock,
        reclaim: false,
        state: 3,
    };
    is(
        &args,
        &[
            &n(4), &n(5), // cookie
            &n(1), // block
            &n(0), // exclusive
            &n(4), b"host", // alock.caller_name
            &n(2), b"fh\0\0", // alock.fh
            &n(5), b"owner\0\0\0", // alock.oh
            &n(u32::MAX), // alock.svid
            &n(0), // alock.l_offset
            &n(u32::MAX), // alock.l_len
            &n(0), // reclaim
            &n(3), // state
        ],
    );
    let long = nlm_prot::NlmRes {
        cookie: vec![0; 1025].into(),
        stat: nlm_prot::NlmStat {
            stat: nlm_prot::NlmStats::Granted,
        },
    };
    let error = to_bytes(&long).unwrap_err().to_string();
    assert_eq!(error, "cookie: length 1025 exceeds the bound 1024");
}

/// NIS, and Debian's `yp.x`, in which Sun's order of value and key is behind an `#ifdef`.
#[test]
fn a_map_is_asked() {
    let value = yp::YprespVal {
        stat: yp::Ypstat::Nokey,
        val: Bytes::new(),
    };
    is(&value, &[&n(-3_i32 as u32), &n(0)]);
    let all: yp::YprespAll = Some(yp::YprespKeyVal {
        stat: yp::Ypstat::True,
        val: Bytes::from_static(b"root:x:0:0"),
        key: Bytes::from_static(b"root"),
    });
    let mut w = oncrpc_xdr::Writer::new();
    w.optional::<yp::YprespKeyVal>(all.as_ref()).unwrap();
    let wire = [&n(1)[..], &n(1), &n(10), b"root:x:0:0\0\0", &n(4), b"root"].concat();
    assert_eq!(w.into_bytes(), wire);
    let maps = yp::YprespMaplist {
        stat: yp::Ypstat::True,
        maps: vec![yp::Ypmaplist {
            map: "passwd.byname".into(),
        }],
    };
    is(
        &maps,
        &[&n(1), &n(1), &n(13), b"passwd.byname\0\0\0", &n(0)],
    );
}

/// NIS+, of two files, one of which includes the other; its enum gives each number two names.
#[test]
fn an_object_is_found() {
    assert_eq!(nis::Zotypes::NIS_LINK_OBJ, nis::Zotypes::LinkObj);
    let object = nis::NisObject {
        zo_oid: nis::NisOid { ctime: 1, mtime: 2 },
        zo_name: "link".into(),
        zo_owner: "".into(),
        zo_group: "".into(),
        zo_domain: "org.".into(),
        zo_access: 0xffff_0000,
        zo_ttl: 60,
        zo_data: nis::Objdata::LinkObj(nis::LinkObj {
            li_rtype: nis::Zotypes::TableObj,
            li_attrs: vec![nis::NisAttr {
                zattr_ndx: "k".into(),
                zattr_val: Bytes::from_static(b"v"),
            }],
            li_name: "there".into(),
        }),
    };
    let request = nis::NsRequest {
        ns_name: "link.org.".into(),
        ns_object: vec![object],
    };
    is(
        &request,
        &[
            &n(9), b"link.org.\0\0\0", // ns_name
            &n(1), // one ns_object
            &n(1), &n(2), // zo_oid
            &n(4), b"link", // zo_name
            &n(0), // zo_owner
            &n(0), // zo_group
            &n(4), b"org.", // zo_domain
            &n(0xffff_0000), // zo_access
            &n(60), // zo_ttl
            &n(6), // zo_data: LINK_OBJ
            &n(4), // li_rtype: TABLE_OBJ
            &n(1), &n(1), b"k\0\0\0", &n(1), b"v\0\0\0", // one of li_attrs
            &n(5), b"there\0\0\0", // li_name
        ],
    );
}

/// Knows one file in one folder.
struct Files;

impl nfs3::nfs_program::v3::Server for Files {
    async fn lookup(
        &self,
        _: &CallContext,
        args: nfs3::Lookup3Args,
    ) -> Result<nfs3::Lookup3Res, Reject> {
        if args.what.name != "file" {
            return Ok(nfs3::Lookup3Res::Default {
                status: nfs3::Nfsstat3::ErrNoent,
                resfail: nfs3::Lookup3Resfail {
                    dir_attributes: None,
                },
            });
        }
        Ok(nfs3::Lookup3Res::Ok(nfs3::Lookup3Resok {
            object: nfs3::NfsFh3 {
                data: Bytes::from_static(b"handle"),
            },
            obj_attributes: Some(attributes()),
            dir_attributes: None,
        }))
    }

    async fn readdir(
        &self,
        _: &CallContext,
        _: nfs3::Readdir3Args,
    ) -> Result<nfs3::Readdir3Res, Reject> {
        Ok(listing())
    }
}

#[tokio::test]
async fn files_are_served_and_asked_for() {
    let server = Server::new().service(nfs3::nfs_program::v3::service(Arc::new(Files)));
    let running = server
        .listen(Listen::Tcp("127.0.0.1:0".parse().unwrap()))
        .start()
        .await
        .unwrap();
    let bound = &running.bound()[0];
    let channel = Channel::to(Endpoint::of(&bound.netid, &bound.uaddr).unwrap());
    let client = nfs3::nfs_program::v3::Client::new(channel);
    let dir = nfs3::NfsFh3 {
        data: Bytes::from_static(b"root"),
    };
    let what = |name: &str| nfs3::Lookup3Args {
        what: nfs3::Diropargs3 {
            dir: dir.clone(),
            name: name.into(),
        },
    };
    client.null().await.unwrap();
    let found = client.lookup(&what("file")).await.unwrap();
    assert_eq!(found.status(), nfs3::Nfsstat3::Ok);
    let missing = client.lookup(&what("other")).await.unwrap();
    assert_eq!(missing.status(), nfs3::Nfsstat3::ErrNoent);
    let args = nfs3::Readdir3Args {
        dir,
        cookie: 0,
        cookieverf: [0; 8],
        count: 4096,
    };
    assert_eq!(client.readdir(&args).await.unwrap(), listing());
    // Of what it does not serve it says so.
    let handle = nfs3::NfsFh3 {
        data: Bytes::from_static(b"handle"),
    };
    let error = client
        .getattr(&nfs3::Getattr3Args { object: handle })
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server does not have the procedure (PROC_UNAVAIL)"
    );
    assert!(running.shutdown(Duration::from_secs(5)).await);
}
