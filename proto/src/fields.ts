import { BinaryReader } from "@bufbuild/protobuf/wire";

/** The fields of a message as they are encoded, one after the other, each a view of `bytes`. Throws for what is no message. */
export function* encodedFields(bytes: Uint8Array): Generator<Uint8Array> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < bytes.length) {
    const from = reader.pos;
    const [number, type] = reader.tag();
    reader.skip(type, number);
    yield bytes.subarray(from, reader.pos);
  }
}
