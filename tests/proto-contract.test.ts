import { execFileSync } from "node:child_process";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import { describe, expect, test } from "vitest";
import * as executor from "../proto/src/gen/codemode/v1/executor.ts";
import * as journal from "../proto/src/gen/codemode/v1/journal.ts";
import * as messages from "../proto/src/gen/codemode/v1/messages.ts";
import * as run from "../proto/src/gen/codemode/v1/run.ts";

// The generated code that we speak and the .proto files that everybody else reads, through a second implementation
// (protobufjs), must mean the same bytes.

interface Codec {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}
/** What buf makes of the .proto files: neither of the two implementations under test. */
interface Descriptor {
  readonly name: string;
  readonly field?: readonly Field[];
  readonly oneofDecl?: readonly { readonly name: string }[];
}
interface Field {
  readonly jsonName: string;
  readonly label: string;
  readonly type: string;
  readonly typeName?: string;
  readonly oneofIndex?: number;
  readonly proto3Optional?: boolean;
}
/** One message as ts-proto and as protobufjs write it down. */
interface Pair {
  readonly ours: unknown;
  readonly theirs: unknown;
}

const definitions = loadSync("codemode/v1/executor.proto", { includeDirs: ["proto"] });
const codecs = { ...executor, ...journal, ...messages, ...run } as unknown as Record<string, Codec>;
const image = JSON.parse(
  execFileSync("node_modules/.bin/buf", ["build", "--output", "-#format=json"], { encoding: "utf8" }),
);
const descriptors: readonly Descriptor[] = (image.file as { package: string; messageType?: Descriptor[] }[])
  .filter((file) => file.package === "codemode.v1")
  .flatMap((file) => file.messageType ?? []);
const names = descriptors.map(({ name }) => name);

describe.each(names)("%s", (name) => {
  test.each(variants(name))(
    "has the same bytes from ts-proto and from protobufjs (%s)",
    (_variant, { ours, theirs }) => {
      const bytes = Buffer.from(codec(name).encode(ours).finish());
      const { serialize, deserialize } = message(name);
      // ts-proto writes a oneof where its first member stands: of one with a later member, the order of fields is another.
      const others = serialize(theirs as object);
      if (!bytes.equals(others)) expect(bytes.toSorted()).toEqual(others.toSorted());
      expect(codec(name).decode(bytes)).toEqual(ours);
      expect(codec(name).decode(serialize(deserialize(bytes)))).toEqual(ours);
    },
  );
});

test("the messages of the contract are all compared, and none is compared empty by accident", () => {
  expect(names).toEqual(expect.arrayContaining(["ClientMessage", "ExecutorMessage", "Start", "Finished", "Journal"]));
  const empty = names.filter((name) =>
    variants(name).every(([, { ours }]) => codec(name).encode(ours).finish().length === 0),
  );
  expect(empty).toEqual(["ItemStream", "JournalWanted", "ManifestWanted", "GetInfoRequest"]);
});

/** The message with every field set, once for each member of its widest oneof. */
function variants(name: string): [string, Pair][] {
  const width = Math.max(1, ...oneofs(descriptor(name)).map(({ members }) => members.length));
  return Array.from({ length: width }, (_, choice) => [`variant ${choice + 1}`, filled(name, choice)]);
}

function oneofs({ field = [], oneofDecl = [] }: Descriptor): { name: string; members: Field[] }[] {
  return oneofDecl
    .map(({ name }, index) => ({
      name,
      members: field.filter((one) => one.oneofIndex === index && !one.proto3Optional),
    }))
    .filter(({ members }) => members.length > 0);
}

function filled(name: string, choice: number): Pair {
  const ours: Record<string, unknown> = {};
  const theirs: Record<string, unknown> = {};
  const { field = [] } = descriptor(name);
  field.forEach((member, index) => {
    const key = member.jsonName;
    const value = sample(member, index + 1, choice);
    const oneof = oneofs(descriptor(name)).find(({ members }) => members.includes(member));
    if (oneof === undefined) {
      ours[key] = value.ours;
      theirs[key] = value.theirs;
    } else if (oneof.members[choice % oneof.members.length] === member) {
      ours[oneof.name] = { $case: key, value: value.ours };
      theirs[key] = value.theirs;
    }
  });
  return { ours, theirs };
}

function sample(field: Field, salt: number, choice: number): Pair {
  const one = single(field, salt, choice);
  if (field.label !== "LABEL_REPEATED") return one;
  const two = single(field, salt + 100, choice + 1);
  return { ours: [one.ours, two.ours], theirs: [one.theirs, two.theirs] };
}

function both(value: unknown): Pair {
  return { ours: value, theirs: value };
}

function single({ type, typeName = "" }: Field, salt: number, choice: number): Pair {
  switch (type) {
    case "TYPE_STRING":
      return both(`text ${salt} ü 🚀`);
    case "TYPE_BYTES":
      return both(Buffer.from([salt, 0, 255]));
    case "TYPE_BOOL":
      return both(true);
    case "TYPE_DOUBLE":
      return both(salt + 0.5);
    case "TYPE_UINT32":
    case "TYPE_INT32":
      return both(2 ** 31 - salt);
    case "TYPE_ENUM":
      return both(1);
    case "TYPE_INT64":
    case "TYPE_UINT64": {
      const value = 2n ** 53n + BigInt(salt); // more than a double holds
      return { ours: value, theirs: String(value) };
    }
    case "TYPE_MESSAGE":
      return nested(typeName, salt, choice);
    default:
      throw new Error(`No sample for a field of type "${type}": add one here`);
  }
}

function nested(typeName: string, salt: number, choice: number): Pair {
  if (typeName === ".google.protobuf.Timestamp") {
    const seconds = 1_700_000_000 + salt;
    return { ours: new Date(seconds * 1000 + 250), theirs: { seconds: String(seconds), nanos: 250_000_000 } };
  }
  if (typeName === ".google.protobuf.Duration") {
    return { ours: { seconds: BigInt(salt), nanos: 5 }, theirs: { seconds: String(salt), nanos: 5 } };
  }
  return filled(typeName.replace(".codemode.v1.", ""), choice);
}

function message(name: string): MessageTypeDefinition<object, object> {
  return definitions[`codemode.v1.${name}`] as MessageTypeDefinition<object, object>;
}

function descriptor(name: string): Descriptor {
  const found = descriptors.find((one) => one.name === name);
  if (found === undefined) throw new Error(`No message "${name}" in codemode.v1`);
  return found;
}

function codec(name: string): Codec {
  const found = codecs[name];
  if (found === undefined) throw new Error(`ts-proto generated no "${name}"`);
  return found;
}
