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

    /// A file with every kind of record.
    pub fn example() -> Vec<u8> {
        let mut events = version();
        events.extend(scalar("train/loss", 1, 2.5, 1.7e9));
        events.extend(tensor("epoch_loss", 2, f32::NAN, 1.7e9));
        events.extend(text("args/text_summary", r#"{"max_steps": 100, "seed": 3}"#));
        events.extend(start(2));
        events
    }

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

pub mod wandb {
    use super::{bytes, int};

    /// A file with every kind of record.
    pub fn example() -> Vec<u8> {
        let mut run = File::new();
        run.config(&[("training>mixture", r#"{"code": 1, "prose": 3}"#), ("seed", "5")]);
        run.output(1, "loss").output(0, "warning\n").output(1, " 2.5\n");
        run.define("*", "opt/steps").define("val/*", "epoch");
        run.history(0, &[("_step", "0"), ("_timestamp", "1.7e9"), ("loss", "NaN"), ("eval>code", "1.5")]);
        run.history(4, &[("nested", r#"{"a": {"b": 2}, "list": [1]}"#), ("image", r#"{"_type": "image"}"#)]);
        run.0
    }

    const BLOCK: usize = 32 << 10;

    /// A file under construction: knows where in its block it stands.
    pub struct File(pub Vec<u8>);

    impl File {
        pub fn new() -> Self {
            Self(vec![b':', b'W', b'&', b'B', 0xe1, 0xbe, 0])
        }

        /// Appends a record, in as many chunks as the blocks ask for.
        pub fn record(&mut self, mut data: &[u8]) -> &mut Self {
            let mut first = true;
            loop {
                let left = BLOCK - self.0.len() % BLOCK;
                if left < 7 {
                    self.0.extend(std::iter::repeat_n(0, left));
                    continue;
                }
                let length = data.len().min(left - 7);
                let kind = match (first, length == data.len()) {
                    (true, true) => 1,
                    (true, false) => 2,
                    (false, false) => 3,
                    (false, true) => 4,
                };
                let mut checked = vec![kind];
                checked.extend_from_slice(&data[..length]);
                self.0.extend(crc32fast::hash(&checked).to_le_bytes());
                self.0.extend((length as u16).to_le_bytes());
                self.0.extend(checked);
                data = &data[length..];
                first = false;
                if kind == 1 || kind == 4 {
                    return self;
                }
            }
        }

        pub fn history(&mut self, step: i64, items: &[(&str, &str)]) -> &mut Self {
            let (mut record, mut history, mut number) = (Vec::new(), Vec::new(), Vec::new());
            for (key, json) in items {
                bytes(&mut history, 1, &item(key, json));
            }
            if step != 0 {
                int(&mut number, 1, step);
            }
            bytes(&mut history, 2, &number);
            bytes(&mut record, 2, &history);
            self.record(&record)
        }

        /// What a metric, or those of a pattern, is drawn over.
        pub fn define(&mut self, metrics: &str, over: &str) -> &mut Self {
            let (mut record, mut metric) = (Vec::new(), Vec::new());
            bytes(&mut metric, if metrics.ends_with('*') { 2 } else { 1 }, metrics.as_bytes());
            bytes(&mut metric, 4, over.as_bytes());
            bytes(&mut record, 12, &metric);
            self.record(&record)
        }

        /// A sample of what the machine does, at so many seconds since 1970.
        pub fn sample(&mut self, seconds: i64, items: &[(&str, &str)]) -> &mut Self {
            let (mut record, mut stats, mut time) = (Vec::new(), Vec::new(), Vec::new());
            int(&mut time, 1, seconds);
            int(&mut time, 2, 500_000_000);
            bytes(&mut stats, 2, &time);
            for (key, json) in items {
                bytes(&mut stats, 3, &item(key, json));
            }
            bytes(&mut record, 7, &stats);
            self.record(&record)
        }

        /// As W&B wrote it when the step was only among the values.
        pub fn history_of_old(&mut self, items: &[(&str, &str)]) -> &mut Self {
            let (mut record, mut history) = (Vec::new(), Vec::new());
            for (key, json) in items {
                bytes(&mut history, 1, &item(key, json));
            }
            bytes(&mut record, 2, &history);
            self.record(&record)
        }

        pub fn config(&mut self, items: &[(&str, &str)]) -> &mut Self {
            self.configured(1, items)
        }

        /// Takes settings back; their values are empty.
        pub fn unset(&mut self, keys: &[&str]) -> &mut Self {
            self.configured(2, &keys.iter().map(|key| (*key, "")).collect::<Vec<_>>())
        }

        fn configured(&mut self, field: u32, items: &[(&str, &str)]) -> &mut Self {
            let (mut record, mut config) = (Vec::new(), Vec::new());
            for (key, json) in items {
                bytes(&mut config, field, &item(key, json));
            }
            bytes(&mut record, 5, &config);
            self.record(&record)
        }

        /// `stream`: 0 is standard error, 1 standard output.
        pub fn output(&mut self, stream: i64, text: &str) -> &mut Self {
            let (mut record, mut output) = (Vec::new(), Vec::new());
            int(&mut output, 1, stream);
            bytes(&mut output, 3, text.as_bytes());
            bytes(&mut record, 13, &output);
            self.record(&record)
        }
    }

    fn item(key: &str, json: &str) -> Vec<u8> {
        let mut item = Vec::new();
        if let Some((outer, inner)) = key.split_once('>') {
            bytes(&mut item, 2, outer.as_bytes());
            bytes(&mut item, 2, inner.as_bytes());
        } else {
            bytes(&mut item, 1, key.as_bytes());
        }
        bytes(&mut item, 16, json.as_bytes());
        item
    }
}

#[cfg(feature = "parquet")]
pub mod parquet_history {
    use parquet::data_type::{DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    /// A history of three records, of which one tells no loss.
    pub fn example() -> Vec<u8> {
        let schema = "message history { required int64 _step; optional double loss; }";
        let schema = Arc::new(parse_message_type(schema).expect("a schema"));
        let mut bytes = Vec::new();
        let properties = Arc::new(WriterProperties::default());
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("a table");
        let mut rows = writer.next_row_group().expect("a group of rows");
        let mut steps = rows.next_column().expect("readable").expect("the steps");
        steps.typed::<Int64Type>().write_batch(&[10, 20, 30], None, None).expect("steps");
        steps.close().expect("the steps' end");
        let mut losses = rows.next_column().expect("readable").expect("the losses");
        losses.typed::<DoubleType>().write_batch(&[2.5, 2.25], Some(&[1, 0, 1]), None).expect("losses");
        losses.close().expect("the losses' end");
        rows.close().expect("the rows' end");
        writer.close().expect("the table's end");
        bytes
    }
}
