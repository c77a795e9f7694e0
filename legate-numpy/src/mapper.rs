//! This library's own policy, on top of any mapper.
