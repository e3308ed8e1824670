//! Writers of the formats, from their specifications, for tests that must not depend on recorded files.
#![allow(dead_code)]

/// Protocol-buffer fields.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn int(out: &mut Vec<u8>, number: u32, value: i64) {
    varint(out, u64::from(number) << 3);
    varint(out, value as u64);
}

pub fn bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    varint(out, u64::from(number) << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

pub fn double(out: &mut Vec<u8>, number: u32, value: f64) {
    varint(out, u64::from(number) << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn float(out: &mut Vec<u8>, number: u32, value: f32) {
    varint(out, u64::from(number) << 3 | 5);
    out.extend_from_slice(&value.to_le_bytes());
}

pub mod tfevents {
    use super::{bytes, double, float, int};
    use mixlaw::ingest::formats::tfevents::masked_crc;

    pub fn record(data: &[u8]) -> Vec<u8> {
        let mut out = (data.len() as u64).to_le_bytes().to_vec();
        out.extend(masked_crc(&out).to_le_bytes());
        out.extend_from_slice(data);
        out.extend(masked_crc(data).to_le_bytes());
        out
    }

    pub fn version() -> Vec<u8> {
        let mut event = Vec::new();
        double(&mut event, 1, 1.7e9);
        bytes(&mut event, 3, b"brain.Event:2");
        record(&event)
    }

    pub fn scalar(tag: &str, step: i64, value: f32, wall: f64) -> Vec<u8> {
        let (mut event, mut summary, mut one) = (Vec::new(), Vec::new(), Vec::new());
        bytes(&mut one, 1, tag.as_bytes());
        float(&mut one, 2, value);
        bytes(&mut summary, 1, &one);
        double(&mut event, 1, wall);
        int(&mut event, 2, step);
        bytes(&mut event, 5, &summary);
        record(&event)
    }

    /// As Keras and TensorFlow 2 write it: a tensor of rank 0.
    pub fn tensor(tag: &str, step: i64, value: f32, wall: f64) -> Vec<u8> {
        let mut tensor = Vec::new();
        int(&mut tensor, 1, 1);
        bytes(&mut tensor, 2, &[]);
        bytes(&mut tensor, 4, &value.to_le_bytes());
        tensor_event(tag, step, wall, &tensor)
    }

    /// As `add_text` of PyTorch writes it.
    pub fn text(tag: &str, text: &str) -> Vec<u8> {
        let mut tensor = Vec::new();
        int(&mut tensor, 1, 7);
        bytes(&mut tensor, 2, &[0x12, 2, 0x08, 1]);
        bytes(&mut tensor, 8, text.as_bytes());
        tensor_event(tag, 0, 1.7e9, &tensor)
    }

    fn tensor_event(tag: &str, step: i64, wall: f64, tensor: &[u8]) -> Vec<u8> {
        let (mut event, mut summary, mut one) = (Vec::new(), Vec::new(), Vec::new());
        bytes(&mut one, 1, tag.as_bytes());
        bytes(&mut one, 8, tensor);
        bytes(&mut summary, 1, &one);
        double(&mut event, 1, wall);
        int(&mut event, 2, step);
        bytes(&mut event, 5, &summary);
        record(&event)
    }

    /// `SessionLog.START`.
    pub fn start(step: i64) -> Vec<u8> {
        let mut event = Vec::new();
        int(&mut event, 2, step);
        bytes(&mut event, 7, &[0x08, 1]);
        record(&event)
    }
}
