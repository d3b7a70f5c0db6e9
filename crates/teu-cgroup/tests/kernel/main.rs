//! Groups on the machine itself, whichever version it has: the same tests run on v1, v2 and both side
//! by side, and look at the files of the version that a controller has there.

mod devices;
mod felt;
mod groups;
mod limits;
mod place;
mod processes;
mod systemd;
