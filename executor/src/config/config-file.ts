import { resolve } from "node:path";
import { type Given, type Reading, unknownKey } from "./given.ts";
import { KEYS, type Name, settings } from "./settings.ts";
import type { YamlEntry, YamlFile } from "./yaml-file.ts";

/** Reads the settings of a configuration file. A key without a value counts as absent. */
export function readConfigFile(yaml: YamlFile): Reading {
  const written = yaml.entries().filter(({ key, value }) => key !== KEYS && value !== null);
  const [known, unknown] = [written.filter(isSetting), written.filter((entry) => !isSetting(entry))];
  return {
    given: known.map((entry) => givenBy(entry, yaml.folder)),
    problems: unknown.map(({ key, keyPlace }) => `${keyPlace}: ${key}: ${unknownKey(key)}`),
  };
}

function givenBy({ key: name, value, valuePlace, isLiteral }: YamlEntry & { key: Name }, folder: string): Given {
  const isFile = settings[name].holds === "a file" && typeof value === "string";
  return {
    name,
    written: isFile ? resolve(folder, value) : value,
    source: valuePlace,
    label: `${valuePlace}: ${name}`,
    isShown: isLiteral,
  };
}

function isSetting(entry: YamlEntry): entry is YamlEntry & { key: Name } {
  return Object.hasOwn(settings, entry.key);
}
