//! Tests of the whole program: the real `teu`, on the real kernel, seen as its user sees it. They are in `tests/it`.
