import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../executor/src/config/config.ts";

// The manifests of deploy/kubernetes, by the schemas of the Kubernetes API.

const root = fileURLToPath(new URL("../deploy/kubernetes", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml"));
const read = (file: string): Manifest => parse(readFileSync(join(root, file), "utf8"), { version: "1.2" }) as Manifest;

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: object;
  readonly resources?: readonly string[];
}

/** The schemas by what the manifests name. The package's classes copy what they check; its functions look at it. */
const schemas: Readonly<Record<string, string>> = {
  "apps/v1 Deployment": "AppsV1Deployment",
  "v1 Service": "CoreV1Service",
  "v1 Pod": "CoreV1Pod",
  "networking.k8s.io/v1 NetworkPolicy": "NetworkingV1NetworkPolicy",
  "policy/v1 PodDisruptionBudget": "PolicyV1PodDisruptionBudget",
  "node.k8s.io/v1 RuntimeClass": "NodeV1RuntimeClass",
  "autoscaling/v2 HorizontalPodAutoscaler": "AutoscalingV2HorizontalPodAutoscaler",
};

interface Validate {
  (manifest: unknown): boolean;
  readonly errors: readonly { readonly instancePath: string }[] | null;
}

/** What the API would say to `manifest`: the places of wrong values, and of fields that it does not know. */
async function complaints(manifest: Manifest): Promise<string[]> {
  const name = schemas[`${manifest.apiVersion} ${manifest.kind}`];
  if (!name) throw new Error(`${manifest.kind} is in no table here`);
  const { validate } = (await import(`kubernetes-models/_schemas/IoK8sApi${name}`)) as { validate: Validate };
  const seen = new Set<string>();
  validate(recorded(manifest, "", seen));
  const wrong = (validate.errors ?? []).map(({ instancePath }) => instancePath);
  return [...wrong, ...[...paths(manifest)].filter((path) => !seen.has(path))]; // what no schema has read it does not know
}

/** Kustomize adds it to every selector. */
const selector = { matchLabels: { "app.kubernetes.io/name": "codemode-executor" } };

test.each(files.filter((file) => !file.endsWith("kustomization.yaml")))("%s is what the API takes", async (file) => {
  const manifest = read(file);
  if (manifest.kind === "Deployment") Object.assign(manifest.spec, { selector });
  expect(await complaints(manifest)).toEqual([]);
});

test("a field that the API does not know, and a value that it does not take, are seen", async () => {
  const manifest = read("base/service.yaml");
  const spec = { ...manifest.spec, portz: [], ports: "8001" };
  expect(await complaints({ ...manifest, spec })).toEqual(["/spec/ports", "/spec/portz"]);
});

test.each(files.filter((file) => file.endsWith("kustomization.yaml")))("%s names files that are there", (file) => {
  const folder = join(root, dirname(file));
  const { resources = [] } = read(file);
  expect(resources.filter((resource) => !existsSync(join(folder, resource)))).toEqual([]);
  const beside = readdirSync(folder).filter((name) => name !== "kustomization.yaml");
  expect(beside.filter((name) => !resources.includes(name))).toEqual([]);
});

test("the variables that the manifests set are those of the executor", () => {
  for (const file of files) {
    const text = readFileSync(join(root, file), "utf8");
    const pairs = [...text.matchAll(/name: (CODEMODE_EXECUTOR_\w+)\n\s+value: (\S+)/g)];
    const env = Object.fromEntries(pairs.map(([, name = "", value]) => [name, value]));
    delete env["CODEMODE_EXECUTOR_API_KEY_FILE"]; // which is not here
    delete env["CODEMODE_EXECUTOR_URL"]; // the app's
    const { warnings } = loadConfig([], { ...env, CODEMODE_EXECUTOR_API_KEY: "k".repeat(32) });
    expect({ file, warnings }).toEqual({ file, warnings: [] });
  }
});

/** `value`, telling `seen` what of it is looked at, by path. */
function recorded(value: unknown, at: string, seen: Set<string>): unknown {
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === "string") seen.add(`${at}/${key}`);
      return recorded(Reflect.get(target, key), `${at}/${String(key)}`, seen);
    },
  });
}

function* paths(value: unknown, at = ""): Iterable<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    yield `${at}/${key}`;
    yield* paths(inner, `${at}/${key}`);
  }
}
