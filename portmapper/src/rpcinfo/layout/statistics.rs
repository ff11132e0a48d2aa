//! What GETSTAT tells, as `rpcinfo -m` lays it out.

use std::fmt::Write as _;

use oncrpc::proto::rpcb::{
    RPCB_HIGHPROC_2, RPCB_HIGHPROC_3, RPCB_HIGHPROC_4, RpcbStat, RpcbStatByvers,
};

use super::text::{printable, push_padded};
use crate::services::ProgramNames;

/// What rpcinfo calls the procedures of versions 3 and 4.
pub(super) const PROCEDURES: [&str; 13] = [
    "NULL", "SET", "UNSET", "GETADDR", "DUMP", "CALLIT", "TIME", "U2T", "T2U", "VERADDR",
    "INDRECT", "GETLIST", "GETSTAT",
];

/// What it calls those of version 2.
pub(super) const PROCEDURES_2: [&str; 6] = ["NULL", "SET", "UNSET", "GETPORT", "DUMP", "CALLIT"];

// Procedures that are counted in more ways than one, by their numbers.
const SET: usize = 1;
const UNSET: usize = 2;
const GETADDR: usize = 3;
const CALLIT: usize = 5;
const INDIRECT: usize = 10;
const GETADDRLIST: usize = 11;

/// The statistics of all versions.
pub fn statistics(versions: &RpcbStatByvers, names: &ProgramNames) -> String {
    let [version_2, version_3, version_4] = versions;
    let mut text = String::new();

    let stat = version_2;
    text.push_str("PORTMAP (version 2) statistics\n");
    push_counts(
        &mut text,
        &PROCEDURES_2[..],
        0..=RPCB_HIGHPROC_2,
        |procedure| counted(stat, procedure),
    );
    text.push('\n');
    if stat.info[CALLIT] != 0 {
        text.push_str("PMAP_RMTCALL call statistics\n");
        push_calls(&mut text, stat, false, names);
        text.push('\n');
    }
    if stat.info[GETADDR] != 0 {
        text.push_str("PMAP_GETPORT call statistics\n");
        push_look_ups(&mut text, stat, names);
        text.push('\n');
    }

    let stat = version_3;
    text.push_str("RPCBIND (version 3) statistics\n");
    push_counts(&mut text, &PROCEDURES, 0..=RPCB_HIGHPROC_3, |procedure| {
        counted(stat, procedure)
    });
    text.push('\n');
    if stat.info[CALLIT] != 0 {
        text.push_str("RPCB_RMTCALL (version 3) call statistics\n");
        push_calls(&mut text, stat, false, names);
        text.push('\n');
    }
    if stat.info[GETADDR] != 0 {
        text.push_str("RPCB_GETADDR (version 3) call statistics\n");
        push_look_ups(&mut text, stat, names);
        text.push('\n');
    }

    let stat = version_4;
    text.push_str("RPCBIND (version 4) statistics\n");
    let counted_4 = |procedure| match procedure {
        // rpcbind counts what GETADDRLIST finds among what GETADDR finds.
        GETADDR => {
            let asked = i64::from(stat.info[GETADDR]).saturating_add(stat.info[GETADDRLIST].into());
            format!("{}/{asked}", found(stat))
        }
        other => counted(stat, other),
    };
    push_counts(&mut text, &PROCEDURES, 0..=RPCB_HIGHPROC_3, counted_4);
    let rest = RPCB_HIGHPROC_3 + 1..=RPCB_HIGHPROC_4;
    push_counts(&mut text, &PROCEDURES, rest, counted_4);
    if stat.info[CALLIT] != 0 || stat.info[INDIRECT] != 0 {
        text.push_str("\nRPCB_RMTCALL (version 4) call statistics\n");
        push_calls(&mut text, stat, true, names);
    }
    if stat.info[GETADDR] != 0 {
        text.push_str("\nRPCB_GETADDR (version 4) call statistics\n");
        push_look_ups(&mut text, stat, names);
    }
    text
}

/// How often a procedure was called; before it, for some, how often it did what was asked.
fn counted(stat: &RpcbStat, procedure: usize) -> String {
    let calls = stat.info.get(procedure).copied().unwrap_or(0);
    match procedure {
        SET => format!("{}/{calls}", stat.setinfo),
        UNSET => format!("{}/{calls}", stat.unsetinfo),
        GETADDR => format!("{}/{calls}", found(stat)),
        CALLIT => {
            let succeeded = stat.rmtinfo.iter().map(|row| i64::from(row.success));
            format!("{}/{calls}", succeeded.sum::<i64>())
        }
        _ => calls.to_string(),
    }
}

/// Addresses that were asked for and found.
fn found(stat: &RpcbStat) -> i64 {
    stat.addrinfo.iter().map(|row| i64::from(row.success)).sum()
}

/// The names of procedures, and below them their counts, in columns of as many tab stops as the count needs.
fn push_counts(
    text: &mut String,
    names: &[&str],
    procedures: std::ops::RangeInclusive<u32>,
    count: impl Fn(usize) -> String,
) {
    let mut counts = String::new();
    for procedure in procedures {
        let procedure = procedure as usize;
        let count = count(procedure);
        let width = count.len().saturating_add(1).next_multiple_of(TAB_STOP);
        push_padded(text, names.get(procedure).unwrap_or(&""), width);
        push_padded(&mut counts, &count, width);
    }
    text.push('\n');
    text.push_str(&counts);
    text.push('\n');
}

/// Calls that were made for somebody else.
fn push_calls(text: &mut String, stat: &RpcbStat, indirect: bool, names: &ProgramNames) {
    text.push_str(match indirect {
        true => "prog\t\tvers\tproc\tnetid\tindirect success failure\n",
        false => "prog\t\tvers\tproc\tnetid\tsuccess\tfailure\n",
    });
    for row in &stat.rmtinfo {
        push_program(text, row.prog, names);
        let _ = write!(
            text,
            "{}\t{}\t{}\t",
            row.vers,
            row.proc,
            printable(&row.netid)
        );
        if indirect {
            let _ = write!(text, "{}\t ", row.indirect);
        }
        let _ = writeln!(text, "{}\t{}", row.success, row.failure);
    }
}

/// Addresses that were asked for.
fn push_look_ups(text: &mut String, stat: &RpcbStat, names: &ProgramNames) {
    text.push_str("prog\t\tvers\tnetid\t  success\tfailure\n");
    for row in &stat.addrinfo {
        push_program(text, row.prog, names);
        let _ = write!(text, "{}\t{}\t  ", row.vers, printable(&row.netid));
        let _ = writeln!(text, "{:<12}\t{}", row.success, row.failure);
    }
}

fn push_program(text: &mut String, program: u32, names: &ProgramNames) {
    match names.name(program) {
        Some(name) => push_padded(text, name, 16),
        None => push_padded(text, &program.to_string(), 16),
    }
}

/// Columns from one tab stop to the next.
const TAB_STOP: usize = 8;

#[cfg(test)]
mod tests {
    use oncrpc::proto::rpcb::{RpcbsAddrlist, RpcbsRmtcalllist};

    use super::*;

    #[test]
    fn an_idle_rpcbind_has_three_tables() {
        let expected = "\
PORTMAP (version 2) statistics
NULL    SET     UNSET   GETPORT DUMP    CALLIT  
0       0/0     0/0     0/0     0       0/0     

RPCBIND (version 3) statistics
NULL    SET     UNSET   GETADDR DUMP    CALLIT  TIME    U2T     T2U     
0       0/0     0/0     0/0     0       0/0     0       0       0       

RPCBIND (version 4) statistics
NULL    SET     UNSET   GETADDR DUMP    CALLIT  TIME    U2T     T2U     
0       0/0     0/0     0/0     0       0/0     0       0       0       
VERADDR INDRECT GETLIST GETSTAT 
0       0       0       0       
";
        let names = ProgramNames::default();
        assert_eq!(statistics(&Default::default(), &names), expected);
    }

    /// What rpcinfo 1.2.6 prints of the same numbers (from a server that sends them, `-m` of both compared).
    #[test]
    fn every_table_has_its_rows() {
        let mut versions = RpcbStatByvers::default();
        for stat in &mut versions {
            stat.info = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12_345_678];
            stat.setinfo = 1_000_000;
            stat.addrinfo = vec![RpcbsAddrlist {
                prog: 100_000,
                vers: 2,
                success: 3,
                failure: 1,
                netid: "tcp6".into(),
            }];
            stat.rmtinfo = vec![RpcbsRmtcalllist {
                prog: 536_874_512,
                vers: 1,
                proc: 9,
                success: 2,
                failure: 4,
                indirect: 1,
                netid: "udp\n".into(),
            }];
        }
        let expected = "\
PORTMAP (version 2) statistics
NULL    SET             UNSET   GETPORT DUMP    CALLIT  
1       1000000/2       0/3     3/4     5       2/6     

PMAP_RMTCALL call statistics
prog\t\tvers\tproc\tnetid\tsuccess\tfailure
536874512       1\t9\tudp\\n\t2\t4

PMAP_GETPORT call statistics
prog\t\tvers\tnetid\t  success\tfailure
portmapper      2\ttcp6\t  3           \t1

RPCBIND (version 3) statistics
NULL    SET             UNSET   GETADDR DUMP    CALLIT  TIME    U2T     T2U     
1       1000000/2       0/3     3/4     5       2/6     7       8       9       

RPCB_RMTCALL (version 3) call statistics
prog\t\tvers\tproc\tnetid\tsuccess\tfailure
536874512       1\t9\tudp\\n\t2\t4

RPCB_GETADDR (version 3) call statistics
prog\t\tvers\tnetid\t  success\tfailure
portmapper      2\ttcp6\t  3           \t1

RPCBIND (version 4) statistics
NULL    SET             UNSET   GETADDR DUMP    CALLIT  TIME    U2T     T2U     
1       1000000/2       0/3     3/16    5       2/6     7       8       9       
VERADDR INDRECT GETLIST GETSTAT         
10      11      12      12345678        

RPCB_RMTCALL (version 4) call statistics
prog\t\tvers\tproc\tnetid\tindirect success failure
536874512       1\t9\tudp\\n\t1\t 2\t4

RPCB_GETADDR (version 4) call statistics
prog\t\tvers\tnetid\t  success\tfailure
portmapper      2\ttcp6\t  3           \t1
";
        let names = ProgramNames::parse("portmapper 100000");
        assert_eq!(statistics(&versions, &names), expected);
    }

    #[test]
    fn no_numbers_are_too_large_to_be_added() {
        let mut versions = RpcbStatByvers::default();
        let row = RpcbsAddrlist {
            success: i32::MAX,
            ..RpcbsAddrlist::default()
        };
        versions[2].addrinfo = vec![row; 3];
        versions[2].info = [i32::MAX; 13];
        let text = statistics(&versions, &ProgramNames::default());
        assert!(text.contains("6442450941/4294967294"), "{text}");
    }
}
