//! Executions as the audit daemon writes them: six lines an event, with what it knows of ids behind each.

use std::fmt::Write as _;

/// The lines of one event. Programs and users repeat as on a real machine; processes, times and files do not.
pub(super) fn event(number: usize) -> String {
    let stamp = format!("audit({}.{:03}:{})", 1_790_000_000 + number / 50, number % 1_000, 100_000 + number);
    let (pid, parent, session) = (1_000 + number % 30_000, 990 + number % 30_000, number % 90);
    let program = format!("tool{}", number % 40);
    let known = "AUID=\"ana\" UID=\"ana\" GID=\"ana\" EUID=\"ana\" SUID=\"ana\" FSUID=\"ana\" EGID=\"ana\" SGID=\"ana\" FSGID=\"ana\"";
    let mut lines = format!(
        "type=SYSCALL msg={stamp}: arch=c000003e syscall=59 success=yes exit=0 a0=55d0c2b5a0{:02x} a1=55d0c2b6f1{:02x} \
         a2=55d0c2b70e{:02x} a3=8 items=2 ppid={parent} pid={pid} auid=1001 uid=1001 gid=1001 euid=1001 suid=1001 \
         fsuid=1001 egid=1001 sgid=1001 fsgid=1001 tty=pts1 ses={session} comm=\"{program}\" exe=\"/usr/bin/{program}\" \
         subj=unconfined key=\"exec\"\u{1d}ARCH=x86_64 SYSCALL=execve {known}\n",
        number % 251,
        number % 241,
        number % 239,
    );
    let _ = writeln!(
        lines,
        "type=EXECVE msg={stamp}: argc=4 a0=\"{program}\" a1=\"--verbose\" a2=\"--file\" a3=\"/srv/data/file{number}.txt\""
    );
    let _ = writeln!(lines, "type=CWD msg={stamp}: cwd=\"/home/ana/work\"");
    let programs = [format!("/usr/bin/{program}"), "/lib64/ld-linux-x86-64.so.2".to_owned()];
    for (item, path) in programs.iter().enumerate() {
        let _ = writeln!(
            lines,
            "type=PATH msg={stamp}: item={item} name=\"{path}\" inode={} dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 \
             nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\u{1d}OUID=\"root\" OGID=\"root\"",
            10_000 + number % 40
        );
    }
    let _ = write!(lines, "type=PROCTITLE msg={stamp}: proctitle=");
    for byte in format!("{program}\0--verbose\0--file\0/srv/data").bytes() {
        let _ = write!(lines, "{byte:02X}");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_six_lines_of_one_serial() {
        let event = event(7);
        assert_eq!(event.lines().count(), 6);
        assert!(event.lines().all(|line| line.contains("msg=audit(1790000000.007:100007): ")));
    }
}
