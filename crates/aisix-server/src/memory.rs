//! How a process uses memory.

/// Asks the system for ordinary pages, so that memory is resident by 4 KiB and not by 2 MiB. A server of many
/// small connections touches a little of many places: with huge pages most of what is resident is never used.
/// To be called before anything else; where the system refuses, everything works as before.
pub fn avoid_huge_pages() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
