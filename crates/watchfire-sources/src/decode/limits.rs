//! How much of hostile input is taken: every limit of the decoders, with its reason.

/// The limits of reading one file. What is beyond a limit is rejected or reported with its place, and reading goes on
/// behind it where that is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Largest JSON document, XML event, line or event of an audit log, in bytes of its text. The text of a record and its tree are in memory at
    /// the same time; events of Windows have at most some hundred KiB.
    pub record_bytes: usize,
    /// Most values of one JSON document, row of a Zeek log, or lines and fields of an audit event. Sixteen MiB of `0,0,0` would be a tree of half a GiB.
    pub record_values: usize,
    /// Most events of an audit log that wait for more of their lines. Those of one event are a few dozens apart even
    /// on a machine with many processors; events of one line (logins, services) wait as long as two seconds of the log.
    pub audit_open_events: usize,
    /// Deepest nesting of a JSON document, and of arrays around documents. Elasticsearch takes 20 levels of objects.
    pub json_depth: usize,
    /// Deepest nesting of elements in an XML event.
    pub xml_depth: usize,
    /// Deepest nesting of archives and compressions: a zip of `tar.gz` of `json.gz` has four.
    pub archive_depth: usize,
    /// Most members that are read of all archives inside of one file. Each has a report that is kept until the file
    /// is done.
    pub archive_members: u64,
    /// Most bytes that decompression of one file gives, over all members and all layers. Evidence of hundreds of GiB
    /// is honest; a bomb is caught by its ratio long before.
    pub decompressed_bytes: u64,
    /// Most decompressed bytes for each byte of the file. Event logs as XML reach some hundred with a strong
    /// compressor; bombs reach thousands.
    pub decompression_ratio: u64,
    /// Decompressed bytes below which no ratio is too much: a small file cannot hurt.
    pub ratio_ignored_below: u64,
    /// Largest zip in a stream or in another archive. Its list of members is at its end, so it goes through a
    /// temporary file.
    pub spooled_bytes: u64,
    /// The largest window of a zstd stream as a power of two, which is what its decoder keeps in memory. 27 is what
    /// `zstd` itself takes without being told to.
    pub zstd_window_log: u32,
    /// Deepest nesting of folders.
    pub folder_depth: usize,
}

/// The largest window of a zstd stream inside of another one: all levels but the very highest stay within.
pub(super) const NESTED_ZSTD_WINDOW_LOG: u32 = 23;
/// Bytes that are looked at to find out what a file is.
pub(super) const RECOGNISED_BYTES: usize = 64 << 10;
/// Buffer of each layer of decompression.
pub(super) const BUFFER_BYTES: usize = 64 << 10;
/// Largest header of a tar archive that extends the one behind it: a long name, or the attributes of a member.
pub(super) const TAR_EXTENSION_BYTES: u64 = 1 << 20;
/// Longest name of a member that is kept; the rest is cut.
pub(super) const MEMBER_NAME_CHARACTERS: usize = 1_024;

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            record_bytes: 16 << 20,
            record_values: 100_000,
            audit_open_events: 256,
            json_depth: 64,
            xml_depth: 64,
            archive_depth: 6,
            archive_members: 100_000,
            decompressed_bytes: 1 << 40,
            decompression_ratio: 1_000,
            ratio_ignored_below: 64 << 20,
            spooled_bytes: 64 << 30,
            zstd_window_log: 27,
            folder_depth: 64,
        }
    }
}
